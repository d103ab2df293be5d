"""What the peers in Python are fed with, and what they answer."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from benchmarks.contender import QUANTILES
from benchmarks.peers.python.__main__ import answer
from benchmarks.peers.python.itch_input import Action, Change, Orders, frames, level_changes, order_changes
from benchmarks.peers.python.matching import CANCEL, IOC, MOVE, NEW, MatchingSession, read_commands
from benchmarks.peers.python.measuring import Session, percentiles
from hypothesis import given
from hypothesis import strategies as st

from hotpath.protocols import itch
from hotpath.protocols.itch_types import AddOrder, OrderCancel, OrderDelete, OrderExecuted, OrderReplace

_HEAD = (13, 0, 34_200_000_000_000)


def _frame(message: itch.Message) -> bytes:
    wire = itch.encode(message)
    return len(wire).to_bytes(2, "big") + wire


def _add(reference: int, side: str, shares: int, price: int) -> bytes:
    return _frame(AddOrder(*_HEAD, reference, side, shares, "IRON", price))


def test_messages_become_changes_of_single_orders() -> None:
    orders = Orders()
    messages = [
        _add(1, "B", 100, 10_000),
        _frame(OrderExecuted(*_HEAD, 1, 30, 7)),
        _frame(OrderCancel(*_HEAD, 1, 20)),
        _frame(OrderReplace(*_HEAD, 1, 2, 60, 10_100)),
        _frame(OrderExecuted(*_HEAD, 2, 60, 8)),
        _add(3, "S", 5, 10_200),
        _frame(OrderDelete(*_HEAD, 3)),
        _frame(OrderDelete(*_HEAD, 99)),
    ]
    assert order_changes(messages, orders) == [
        Change(Action.ADD, 1, True, 10_000, 100),
        Change(Action.UPDATE, 1, True, 10_000, 70),
        Change(Action.UPDATE, 1, True, 10_000, 50),
        Change(Action.DELETE, 1, True, 10_000, 50),
        Change(Action.ADD, 2, True, 10_100, 60),
        Change(Action.DELETE, 2, True, 10_100, 60),
        Change(Action.ADD, 3, False, 10_200, 5),
        Change(Action.DELETE, 3, False, 10_200, 5),
    ]
    assert orders.unknown == 1


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 11), st.integers(1, 9), st.integers(1, 4)), max_size=80))
def test_levels_are_the_sums_of_their_orders(steps: list[tuple[int, int, int, int]]) -> None:
    """The levels that a peer is told of are those of a plain list of orders."""
    book: dict[int, list[int]] = {}
    changes: list[Change] = []
    for number, (what, pick, shares, price) in enumerate(steps):
        if what < 2 or not book:
            book[number] = [what == 0, price * 100, shares]
            changes.append(Change(Action.ADD, number, what == 0, price * 100, shares))
            continue
        reference = sorted(book)[pick % len(book)]
        is_buy, at, left = book[reference]
        if left > shares:
            book[reference][2] = left - shares
            changes.append(Change(Action.UPDATE, reference, bool(is_buy), at, left - shares))
        else:
            del book[reference]
            changes.append(Change(Action.DELETE, reference, bool(is_buy), at, left))
    told = {(change.is_buy, change.price): change.shares for change in level_changes(changes)}
    sums: dict[tuple[bool, int], int] = {}
    for is_buy, at, left in book.values():
        sums[(bool(is_buy), at)] = sums.get((bool(is_buy), at), 0) + left
    assert {level: shares for level, shares in told.items() if shares} == sums


def test_a_cut_off_message_is_named(tmp_path: Path) -> None:
    file = tmp_path / "feed"
    whole = _add(1, "B", 100, 10_000)
    file.write_bytes(whole + whole[:-1])
    with pytest.raises(ValueError, match="message at byte 38 is cut off"):
        frames(file)
    assert frames(file, 1) == [whole]
    with pytest.raises(ValueError, match="cut off"):
        frames(file, 2)


def _command(kind: int, order_id: int, side: str, price: int, quantity: int) -> bytes:
    return struct.pack("<QQqIIHBBI", order_id, 0, price, order_id, quantity, 1, kind, ord(side), 0)


class _Engine:
    """Keeps what it was asked."""

    asked: list[tuple[object, ...]]

    def __init__(self) -> None:
        self.asked = []
        _Engine.last = self

    last: _Engine

    def enter(self, order_id: int, is_buy: bool, price: int, quantity: int, ioc: bool) -> None:
        self.asked.append(("enter", order_id, is_buy, price, quantity, ioc))

    def cancel(self, order_id: int) -> bool:
        self.asked.append(("cancel", order_id))
        return order_id != 9

    def left(self, order_id: int) -> int:
        return 4

    def observed(self) -> dict[str, int]:
        return {"trades": 0}


def test_an_order_flow_reaches_the_engine_as_its_calls(tmp_path: Path) -> None:
    file = tmp_path / "flow"
    flow = [(NEW, 1, "B", 500, 10), (MOVE, 1, "B", 600, 10), (IOC, 2, "S", 700, 3), (CANCEL, 9, "B", 0, 0)]
    file.write_bytes(b"".join(_command(*each) for each in [*flow, (NEW, 3, "S", 900, 1)]))
    session = MatchingSession({"file": str(file), "prefill": 1, "operations": 3}, _Engine)
    done = session.throughput()
    assert _Engine.last.asked == [
        ("enter", 1, True, 500, 10, False),
        ("cancel", 1),
        ("enter", 1, True, 600, 4, False),
        ("enter", 2, False, 700, 3, True),
        ("cancel", 9),
    ]
    assert done["observed"] == {"trades": 0, "unknown_cancels": 1}
    assert done["operations"] == 3
    with pytest.raises(ValueError, match="expected 6 commands"):
        read_commands(file, 6)


def test_percentiles_have_every_name_and_the_nearest_rank() -> None:
    found = percentiles(list(range(1000, 0, -1)))
    assert list(found) == list(QUANTILES)
    assert (found["p50"], found["p99"], found["max"]) == (501, 991, 1000)
    with pytest.raises(ValueError, match="no latency"):
        percentiles([])


def test_what_cannot_be_done_is_said() -> None:
    sessions: list[Session] = []
    assert answer({"do": "latency"}, "matching", sessions) == {"error": "latency before open"}
    with pytest.raises(ModuleNotFoundError):
        answer({"do": "open"}, "no_such_peer", sessions)
