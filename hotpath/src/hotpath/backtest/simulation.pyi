from hotpath.backtest.rows import EventRow, SampleRow
from hotpath.config import Instrument, Limits
from hotpath.strategy.base import Strategy
from hotpath.venue.flow import FlowSource

EVENT_COLUMNS: tuple[str, ...]
HOP: int

class Simulation:
    """One session on simulated time. Latencies are one way, in ns. ValueError: no rows, or a negative latency."""

    strategy: Strategy
    def __init__(
        self,
        source: FlowSource,
        strategy: Strategy,
        instrument: Instrument,
        limits: Limits,
        *,
        market_data_latency_ns: int,
        order_latency_ns: int,
        timer_ns: int,
        sample_ns: int,
    ) -> None: ...
    def run(self, steps: int) -> bool: ...
    def take_events(self) -> list[EventRow]: ...
    def take_samples(self) -> list[SampleRow]: ...
    def problem(self) -> str | None: ...
    def view(self) -> dict[str, object]: ...
