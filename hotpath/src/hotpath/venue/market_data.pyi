class PacketSink:
    """Takes the packets of one line in place of the sockets."""

class MarketData:
    """Feed publisher; driven from Cython. Raises OSError naming the port when the re-request port is taken.

    With a sink there are no sockets: `lines` is empty and `rerequest` None.
    """

    def __init__(
        self,
        symbol: str,
        locate: int,
        round_lot: int,
        lines: list[tuple[str, int]],
        rerequest: tuple[str, int] | None,
        window: int,
        heartbeat_ms: int,
        sink: PacketSink | None = None,
    ) -> None: ...
    def close(self) -> None: ...
