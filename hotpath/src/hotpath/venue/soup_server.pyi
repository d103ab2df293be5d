class SoupServer:
    """SoupBinTCP server base; driven from Cython. Raises OSError naming the port and its holder when it is taken."""

    def __init__(
        self, what: str, host: str, port: int, output_bytes: int, heartbeat_ms: int, timeout_ms: int
    ) -> None: ...
    def close(self) -> None: ...
