FlowRowTuple = tuple[int, int, int, int, int, str, bool]

class FlowError(Exception): ...

class FlowSource:
    name: str
    symbol: str
    position: int
    total: int
    bad_rows: int

    def take(self, count: int) -> list[FlowRowTuple]:
        """Consume up to `count` rows: (time_ns, kind, order_id, size, price, side, before_open)."""
