from hotpath.feed.book_builder import BookBuilder

class BookEvents:
    """Which book events feed messages make; driven through its C methods."""

    def __init__(self, builder: BookBuilder) -> None: ...
