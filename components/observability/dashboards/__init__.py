"""Grafana dashboards as code, one module each; `model` makes the JSON."""
