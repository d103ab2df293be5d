from hotpath.ipc.histogram import HistogramWriter
from hotpath.venue.market import Market
from hotpath.venue.soup_server import SoupServer

class OrderEntryServer(SoupServer):
    """OUCH 5.0 server; assembled by the venue. Raises OSError naming a taken port and its holder."""

    def __init__(
        self,
        market: Market,
        session: bytes,
        tick: int,
        latency: HistogramWriter,
        host: str,
        port: int,
        heartbeat_ms: int,
        timeout_ms: int,
    ) -> None: ...
