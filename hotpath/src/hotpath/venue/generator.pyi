from hotpath.venue.flow import FlowSource

OPEN_NS: int
STATISTICS: dict[str, float]

class GeneratedFlow(FlowSource):
    """Seeded order flow, endless or `rows` long. The same seed, rate, price and tick give the same rows for ever."""

    def __init__(
        self, seed: int, rows_per_second: float, reference_price: int, tick: int, rows: int | None = None
    ) -> None:
        """`reference_price` and `tick` are Price(4). Raises FlowError naming the setting that is out of range."""

    def skip_to(self, position: int) -> None:
        """Consume rows up to `position` (forward only)."""

    def save(self) -> bytes:
        """The whole state, for `restore` on a generator built with the same arguments."""

    def restore(self, data: bytes) -> None:
        """Raises FlowError when `data` was not saved by such a generator."""

    def live_orders(self) -> list[tuple[int, str, int, int]]:
        """Orders the generated flow has resting: (order_id, side, price, size), oldest first."""
