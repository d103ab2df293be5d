from hotpath.venue.soup_server import SoupServer

class GlimpseServer(SoupServer):
    """Snapshot server; assembled by the exchange."""
