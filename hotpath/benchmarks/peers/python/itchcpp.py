"""itchcpp: ITCH in C++, called from Python: a whole buffer into the books of all symbols, one call per message, or
message objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from itchcpp.book import BookManager
from itchcpp.parser import MessageParser

from benchmarks.peers.python.itch_input import each_frame, frames
from benchmarks.peers.python.itchfeed import Decoding
from benchmarks.peers.python.measuring import Answer, Stopwatch, each, each_timed, latency, throughput


def _symbols(messages: Iterable[bytes]) -> set[str]:
    found = {message[26:34] for message in messages if message[2:3] in (b"A", b"F")}
    return {symbol.decode("ascii").rstrip() for symbol in found}


def _observed(books: Any, symbols: set[str]) -> dict[str, int]:
    """It can tell neither the number of orders nor that of messages; its prices are dollars."""
    sums = {"bid_prices": 0, "bid_shares": 0, "ask_prices": 0, "ask_shares": 0}
    for symbol in symbols:
        book = books.book_for_symbol(symbol)
        if book is None:
            continue
        best = book.bbo()
        if best.has_bid:
            sums["bid_prices"] += round(best.bid_price * 10_000)
            sums["bid_shares"] += best.bid_shares
        if best.has_ask:
            sums["ask_prices"] += round(best.ask_price * 10_000)
            sums["ask_shares"] += best.ask_shares
    return sums


class _WholeBuffer:
    def __init__(self, opening: Mapping[str, Any]) -> None:
        file = Path(opening["file"])
        self._data = file.read_bytes()
        self._symbols = _symbols(each_frame(file))

    def throughput(self) -> Answer:
        books = BookManager()
        watch = Stopwatch()
        books.process_stream(self._data)
        return throughput(watch.stop(), _observed(books, self._symbols))

    def latency(self) -> None:
        return None  # one call for all messages


class _PerMessage:
    def __init__(self, opening: Mapping[str, Any]) -> None:
        self._messages = frames(Path(opening["file"]))
        self._symbols = _symbols(self._messages)

    def throughput(self) -> Answer:
        books = BookManager()
        return throughput(each(books.process_stream, self._messages), _observed(books, self._symbols))

    def latency(self) -> Answer:
        books = BookManager()
        return latency(each_timed(books.process_stream, self._messages), _observed(books, self._symbols))


def open_session(opening: Mapping[str, Any]) -> _WholeBuffer | _PerMessage | Decoding:
    if opening["kind"] == "itch-decoding":
        return Decoding(opening, MessageParser())
    return _PerMessage(opening) if opening["kind"] == "book-per-message" else _WholeBuffer(opening)
