from benchmarks.native.samples import Samples

SYMBOL: str
LOCATE: int

class SyntheticFeed:
    data: bytes
    messages: int
    expected: dict[str, int]
    statistics: dict[str, int | float]
    def __init__(self, count: int, live: int, seed: int = 1) -> None: ...

class DecodeRun:
    def round(self, data: bytes) -> tuple[int, dict[str, int], int]: ...

class BuildRun:
    def __init__(self, symbol: str, locate: int, max_orders: int, samples: Samples) -> None: ...
    def round(self, data: bytes, timed: bool) -> tuple[int, dict[str, int]]: ...
