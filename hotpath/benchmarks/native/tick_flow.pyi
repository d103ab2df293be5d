SYMBOL: str
LOCATE: int
TICK_SIZE: int
MESSAGES_PER_TRIGGER: int

class TickFlow:
    """One session's messages, made batch by batch. Raises ValueError, MemoryError."""

    capacity: int
    count: int
    def __init__(self, capacity: int) -> None: ...
    def opening(self) -> list[bytes]: ...
    def make(self, count: int) -> None: ...
    def messages(self) -> list[bytes]: ...
