from _typeshed import ReadableBuffer

STATE_NAMES: tuple[str, ...]
SOURCE_NAMES: tuple[str, ...]

class Arbitrator:
    """Line arbitration: one gapless sequence from lossy, reordered lines (MoldUDP64 1.00).

    Times are ns of one monotonic clock. store_messages is a power of two. Raises ValueError for limits out of range.
    """

    def __init__(
        self,
        *,
        gap_timeout_ns: int,
        rerequest_timeout_ns: int,
        rerequest_retries: int,
        store_messages: int = 65_536,
        max_request_messages: int = 1024,
        max_gap_messages: int = 16_384,
        snapshot_on_join: bool = False,
    ) -> None: ...
    def feed(self, source: int, packet: ReadableBuffer, now_ns: int) -> list[tuple[int, bytes]]: ...
    def due_request(self, now_ns: int) -> tuple[int, int] | None: ...
    def resume_at(self, sequence: int, now_ns: int) -> list[tuple[int, bytes]]: ...
    def is_overdue(self, now_ns: int) -> bool: ...
    @property
    def state_name(self) -> str: ...
    @property
    def next_sequence(self) -> int: ...
    @property
    def session_id(self) -> bytes: ...
    def source_stats(self, source: int) -> dict[str, int]: ...
    def gap_stats(self) -> dict[str, int]: ...
