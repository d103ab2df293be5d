from hotpath.book.matching_engine import MatchingEngine
from hotpath.ipc.histogram import HistogramWriter
from hotpath.ipc.idle import IdleStrategy
from hotpath.ipc.status import StatusWriter
from hotpath.venue.execution_reports import ExecutionReports
from hotpath.venue.flow import FlowSource
from hotpath.venue.glimpse import GlimpseServer
from hotpath.venue.market_data import MarketData
from hotpath.venue.order_entry import OrderEntryServer
from hotpath.venue.progress import FlowProgress

COUNTERS: tuple[str, ...]
GATES: tuple[str, ...]

class Venue:
    """Assembled simulator. `run` holds no GIL; the properties and `snapshot` may be read from another thread."""

    def __init__(
        self,
        feed: MarketData,
        engine: MatchingEngine,
        reports: ExecutionReports,
        source: FlowSource,
        progress: FlowProgress,
        idle: IdleStrategy,
        status: StatusWriter,
        latency: HistogramWriter,
        speed: float,
        max_rows_per_second: int,
    ) -> None: ...
    def rebuild(self) -> None:
        """Bring source and book to the durable position without publishing anything."""
    def serve_on(self, entry: OrderEntryServer, glimpse: GlimpseServer) -> None: ...
    def open(self, session: bytes, start_flow: bool) -> None: ...
    def roll_session(self, session: bytes) -> None: ...
    def start_flow(self) -> bool: ...
    def run(self, duration_ms: int) -> None: ...
    def shut_down(self, drain_ms: int) -> bool: ...
    def snapshot(self) -> dict[str, object]: ...
    @property
    def flow_state(self) -> str: ...
    @property
    def timestamp_ns(self) -> int: ...
    @property
    def feed_sequence(self) -> int: ...

def make_entry(
    venue: Venue, session: bytes, tick: int, host: str, port: int, heartbeat_ms: int, timeout_ms: int
) -> OrderEntryServer: ...
def make_glimpse(venue: Venue, host: str, port: int, heartbeat_ms: int, timeout_ms: int) -> GlimpseServer: ...
