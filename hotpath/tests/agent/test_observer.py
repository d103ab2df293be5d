"""What the agent reports from shared memory: its own instrument's position and prices, or nothing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from hotpath.agent.observer import Observer
from hotpath.ipc.layouts import (
    BOOK_EVENT_SIZE,
    POSITION_BLOCK_SIZE,
    BookEvent,
    BookEventKind,
    PositionBlock,
    encode_book_event,
    encode_position_block,
)
from hotpath.ipc.segment import remove_segments
from hotpath.ipc.seqlock import SeqlockWriter


@pytest.fixture
def prefix() -> Iterator[str]:
    name = f"test-{uuid.uuid4().hex[:12]}"
    yield name
    remove_segments(name)


def publish(prefix: str, symbol: str, position: int) -> list[SeqlockWriter]:
    book = encode_book_event(BookEvent(kind=BookEventKind.BOOK_UPDATE, bid_price=100, ask_price=300))
    block = encode_position_block(PositionBlock(sequence=1, position=position))
    return [
        SeqlockWriter(prefix, "position", POSITION_BLOCK_SIZE, initial=block, symbol=symbol),
        SeqlockWriter(prefix, "top", BOOK_EVENT_SIZE, initial=book, symbol=symbol),
    ]


def test_the_position_of_another_instrument_is_never_reported_as_ours(prefix: str) -> None:
    observer = Observer(prefix, (), "IRON")
    assert (observer.position(), observer.mark(), observer.instrument_problem()) == (None, None, "")
    publish(prefix, "AAPL", -762)
    assert (observer.position(), observer.mark()) == (None, None)
    reason = "position is for AAPL, this role trades IRON; top is for AAPL, this role trades IRON"
    assert observer.instrument_problem() == reason
    publish(prefix, "IRON", 40)
    held = observer.position()
    assert held is not None
    assert (held.position, observer.mark(), observer.instrument_problem()) == (40, 200, "")
    publish(prefix, "AAPL", -762)  # while attached
    assert (observer.position(), observer.mark()) == (None, None)
    assert observer.instrument_problem() == reason
