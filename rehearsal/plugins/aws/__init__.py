"""Stand-in for provider plugin `aws`: changes as the real one would make them, and no cloud behind them."""
