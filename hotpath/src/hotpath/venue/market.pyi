class Market:
    """Matching and publication; assembled by the venue."""
