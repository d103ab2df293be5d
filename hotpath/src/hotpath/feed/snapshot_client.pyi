class SnapshotClient:
    """GLIMPSE 5.0 snapshot client, driven by FeedHandler through its C methods. Raises ValueError for a bad address."""

    def __init__(self, host: str, port: int, *, timeout_ns: int = 2_000_000_000) -> None: ...
