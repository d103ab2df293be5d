from typing import final

from benchmarks.native.samples import Samples

@final
class ScaleFlow:
    """Messages for a book of about `orders` resting orders. Raises ValueError, MemoryError."""

    orders: int
    count: int
    ages: str
    def __init__(self, orders: int, count: int, ages: str, seed: int = 1) -> None: ...
    @property
    def expected(self) -> dict[str, int]: ...
    @property
    def statistics(self) -> dict[str, int | float]: ...

@final
class ScaleRun:
    def __init__(self, flow: ScaleFlow, samples: Samples, look_ahead: bool) -> None: ...
    def round(self, timed: bool) -> tuple[int, dict[str, int], dict[str, float]]: ...
