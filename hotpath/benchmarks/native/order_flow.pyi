MIXES: tuple[str, ...]

class OrderFlow:
    """Seeded commands of flow A or B with reference counts. Raises ValueError, MemoryError."""

    mix: str
    prefill: int
    count: int
    def __init__(self, mix: str, count: int, seed: int = 1) -> None: ...
    @property
    def expected(self) -> dict[str, int]: ...
    @property
    def statistics(self) -> dict[str, int | float]: ...
    def commands_bytes(self) -> bytes: ...
