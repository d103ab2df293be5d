"""Peers in Python, each run by `python -m benchmarks.peers.python NAME` in an environment of their own."""
