from pathlib import Path

from hotpath.venue.flow import FlowSource

MAX_ROWS: int

class RecordedFlow(FlowSource):
    """The rows of one LOBSTER message file, in memory."""

    first_time_ns: int
    last_time_ns: int

def read_lobster(path: str | Path, on_bad_row: str = "stop") -> RecordedFlow:
    """Load a LOBSTER message file, plain or .gz.

    Columns: time (s since midnight), type (1..7), order id, size (shares), price (1/10,000 $), direction (1 buy, -1
    sell). Each row is checked: field count and ranges, time not running back, an order id added only once.
    `on_bad_row` is "stop" or "skip" (counted in `bad_rows`).
    Raises FlowError naming the file, and for a corrupt row also its line, content and reason.
    """
