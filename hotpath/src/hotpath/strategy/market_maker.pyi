from hotpath.strategy.base import Strategy

class MarketMaker(Strategy):
    """One post-only order a side around the mid, shifted against the inventory; none while the book is not good."""
