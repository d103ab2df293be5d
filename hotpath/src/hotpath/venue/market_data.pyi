class MarketData:
    """Feed publisher; driven from Cython. Raises OSError naming the port when the re-request port is taken."""

    def __init__(
        self,
        symbol: str,
        locate: int,
        round_lot: int,
        lines: list[tuple[str, int]],
        rerequest: tuple[str, int],
        window: int,
        heartbeat_ms: int,
    ) -> None: ...
    def close(self) -> None: ...
