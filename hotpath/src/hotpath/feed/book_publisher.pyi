from hotpath.feed.book_builder import BookBuilder
from hotpath.feed.book_events import BookEvents
from hotpath.ipc.histogram import HistogramWriter
from hotpath.ipc.ring import RingProducer
from hotpath.ipc.seqlock import SeqlockWriter

class BookPublisher(BookEvents):
    """Book events into a ring and a seqlock block, driven by FeedHandler through its C methods."""

    def __init__(
        self, builder: BookBuilder, ring: RingProducer, top: SeqlockWriter, histogram: HistogramWriter
    ) -> None: ...
