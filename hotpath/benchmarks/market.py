"""The market builder as the benchmarks use it: sized for a feed, and summed up for the reference."""

from __future__ import annotations

from benchmarks.itch_feed import Feed
from hotpath.feed.market_builder import MarketBuilder


def market_for(feed: Feed, look_ahead: bool | None = None) -> MarketBuilder:
    """With room for a quarter more orders than ever rest at once."""
    orders = feed.peak_orders + feed.peak_orders // 4 + 16
    return MarketBuilder(len(feed.symbols), orders, prefault=True, look_ahead=look_ahead)


def market_counts(market: MarketBuilder, messages: int, inconsistent_before: int) -> dict[str, int]:
    tops = [market.top(locate) for locate in market.locates().values()]
    return {
        "messages": messages,
        "inconsistent": market.stats()["inconsistent"] - inconsistent_before,
        "resting_orders": len(market.store),
        "bid_prices": sum(top.bid_price for top in tops),
        "bid_shares": sum(top.bid_shares for top in tops),
        "ask_prices": sum(top.ask_price for top in tops),
        "ask_shares": sum(top.ask_shares for top in tops),
    }
