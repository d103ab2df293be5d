"""Puts an engine onto a trading host: install, prove, drain, switch, reconcile. Standard library only: it ships in the
engine bundle."""
