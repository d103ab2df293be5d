"""Tick to order over loopback: a venue with open-loop market data and an order port, and what it drives."""
