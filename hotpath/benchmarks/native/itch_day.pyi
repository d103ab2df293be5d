class ItchDay:
    data: bytes
    messages: int
    peak_orders: int
    symbols: dict[int, str]
    expected: dict[str, int]
    statistics: dict[str, int | float]
    def __init__(self, messages: int, symbols: int, resting: int, seed: int = 1) -> None: ...
