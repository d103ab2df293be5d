"""Compares a running host with its specification. Standard library only: it ships in the engine bundle."""
