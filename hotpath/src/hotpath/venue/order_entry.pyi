from hotpath.ipc.histogram import HistogramWriter
from hotpath.venue.market import Market
from hotpath.venue.soup_server import SoupServer

class OrderEntryServer(SoupServer):
    """OUCH 5.0 server; assembled by the venue. Raises OSError naming a taken port and its holder.

    Without a host it does not listen: its messages come from the same process.
    """

    def __init__(
        self,
        market: Market,
        session: bytes,
        tick: int,
        latency: HistogramWriter | None,
        host: str | None,
        port: int,
        heartbeat_ms: int,
        timeout_ms: int,
    ) -> None: ...
