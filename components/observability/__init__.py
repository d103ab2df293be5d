"""Prometheus, alerts and dashboards of the cloud environments, on Kubernetes."""
