"""ITCH messages of one instrument into a book: every message that moves the book, prints, states and counters."""

from __future__ import annotations

import pytest
from feed_support import (
    LOCATE,
    OPENING,
    SYMBOL,
    TWO_SIDED,
    action,
    add,
    cancel,
    delete,
    directory,
    executed,
    executed_at,
    hidden_trade,
    replace,
    system,
)

from hotpath.feed.book_builder import BookBuilder
from hotpath.protocols import itch

BOOK, PRINT, STATE, INCONSISTENT, NOT_OURS = 1, 2, 4, 8, 16


@pytest.fixture
def builder() -> BookBuilder:
    builder = BookBuilder(SYMBOL, LOCATE, 64)
    for message in OPENING + TWO_SIDED:
        builder.apply_message(message)
    return builder


def top(builder: BookBuilder) -> tuple[object, ...]:
    v = builder.view()
    return v["bid_price"], v["bid_shares"], v["bid_orders"], v["ask_price"], v["ask_shares"], v["ask_orders"]


def last(builder: BookBuilder) -> tuple[object, object]:
    return builder.view()["last_price"], builder.view()["last_shares"]


def test_only_our_instrument_is_booked(builder: BookBuilder) -> None:
    assert builder.directory_problem() is None
    assert top(builder) == (999_900, 100, 1, 1_000_100, 200, 1)
    assert builder.apply_message(directory("OTHER", 9)) == 0
    assert builder.apply_message(add(50, "B", 100, 1_000_000, locate=9)) == 0
    assert builder.directory_problem() is None
    assert top(builder) == (999_900, 100, 1, 1_000_100, 200, 1)
    assert builder.stats()["other_instruments"] == 2


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (directory("AAPL"), f"stock directory: locate {LOCATE} is AAPL, this role trades {SYMBOL}"),
        (directory(locate=9), f"stock directory: {SYMBOL} has locate 9, instrument.locate is {LOCATE}"),
    ],
    ids=["symbol", "locate"],
)
def test_a_directory_that_contradicts_the_configuration_voids_the_book(
    builder: BookBuilder, entry: bytes, problem: str
) -> None:
    assert builder.apply_message(entry) == NOT_OURS
    assert builder.directory_problem() == problem
    for message in [*TWO_SIDED, directory(), action("T"), hidden_trade(70, 1_000_000)]:
        assert builder.apply_message(message) == 0
    assert top(builder) == (0, 0, 0, 0, 0, 0)
    assert last(builder) == (0, 0)
    assert builder.view()["trading_state"] == "H"
    assert builder.directory_problem() == problem  # one word of the day against another: stays closed


def test_the_directory_has_to_name_us_first() -> None:
    builder = BookBuilder(SYMBOL, LOCATE, 64)
    builder.apply_message(directory("OTHER", 9))
    assert builder.directory_problem() == f"stock directory: no entry for {SYMBOL} yet"
    builder.apply_message(directory())
    assert builder.directory_problem() is None


def test_cancel_delete_and_replace(builder: BookBuilder) -> None:
    assert builder.apply_message(cancel(1, 40)) == BOOK
    assert top(builder)[:3] == (999_900, 60, 1)
    assert builder.apply_message(replace(1, 11, 500, 999_950)) == BOOK
    assert top(builder)[:3] == (999_950, 500, 1)
    assert builder.apply_message(delete(11)) == BOOK
    assert top(builder)[:3] == (0, 0, 0)


def test_an_execution_prints_at_the_display_price(builder: BookBuilder) -> None:
    assert builder.apply_message(executed(2, 150)) == BOOK | PRINT
    assert top(builder)[3:] == (1_000_100, 50, 1)
    assert last(builder) == (1_000_100, 150)


def test_an_execution_with_price_prints_only_when_printable(builder: BookBuilder) -> None:
    assert builder.apply_message(executed_at(2, 50, 1_000_000)) == BOOK | PRINT
    assert last(builder) == (1_000_000, 50)
    assert builder.apply_message(executed_at(2, 50, 999_000, "N")) == BOOK
    assert last(builder) == (1_000_000, 50)
    assert top(builder)[3:] == (1_000_100, 100, 1)


def test_a_hidden_trade_never_touches_the_book(builder: BookBuilder) -> None:
    before = top(builder)
    assert builder.apply_message(hidden_trade(70, 1_000_000)) == PRINT
    assert (top(builder), last(builder)) == (before, (1_000_000, 70))


def test_a_cross_prints_unless_it_has_no_shares(builder: BookBuilder) -> None:
    assert builder.apply_message(itch.encode(itch.CrossTrade(LOCATE, 0, 1, 0, SYMBOL, 1, 5, "O"))) == 0
    assert builder.apply_message(itch.encode(itch.CrossTrade(LOCATE, 0, 1, 900, SYMBOL, 1_000_000, 5, "C"))) == PRINT
    assert last(builder) == (1_000_000, 900)


def test_trading_state() -> None:
    builder = BookBuilder(SYMBOL, LOCATE, 64)
    assert builder.view()["trading_state"] == "H"
    seen = []
    halt = [itch.encode(itch.OperationalHalt(LOCATE, 0, 1, SYMBOL, "Q", code)) for code in "HT"]
    elsewhere = itch.encode(itch.OperationalHalt(LOCATE, 0, 1, SYMBOL, "B", "H"))
    for message in [action("T"), action("P"), action("T"), elsewhere, halt[0], halt[1], system("M"), action("T")]:
        builder.apply_message(message)
        seen.append(builder.view()["trading_state"])
    assert seen == ["T", "P", "T", "T", "H", "T", "E", "E"]


@pytest.mark.parametrize(
    "message",
    [
        delete(99),
        cancel(99, 1),
        executed(99, 1),
        replace(99, 98, 1, 1_000_000),
        add(1, "B", 10, 999_000),
        executed(1, 101),
    ],
    ids=["delete", "cancel", "execute", "replace", "duplicate", "excess"],
)
def test_a_message_that_does_not_fit_is_reported(builder: BookBuilder, message: bytes) -> None:
    assert builder.apply_message(message) & INCONSISTENT
    assert builder.stats()["inconsistent"] == 1


def test_a_full_pool_is_reported() -> None:
    builder = BookBuilder(SYMBOL, LOCATE, 2)
    changes = [builder.apply_message(add(ref, "B", 1, 1_000 + ref)) for ref in range(1, 4)]
    assert [bool(c & INCONSISTENT) for c in changes] == [False, False, True]


def test_unknown_types_are_skipped_and_short_messages_are_not(builder: BookBuilder) -> None:
    assert builder.apply_message(b"?" + bytes(30)) == 0
    assert builder.apply_message(delete(1)[:-1]) == INCONSISTENT
    assert builder.apply_message(b"") == INCONSISTENT
    stats = builder.stats()
    assert (stats["unknown_types"], stats["truncated"]) == (1, 2)


def test_a_longer_message_than_its_layout_is_accepted(builder: BookBuilder) -> None:
    assert builder.apply_message(delete(1) + b"new") == BOOK


def test_a_broken_trade_changes_statistics_only(builder: BookBuilder) -> None:
    before = builder.view()
    assert builder.apply_message(itch.encode(itch.BrokenTrade(LOCATE, 0, 1, 9))) == 0
    assert builder.view() == before
    assert builder.stats()["broken_trades"] == 1


@pytest.mark.parametrize(("symbol", "locate"), [("", 1), ("TOOLONGNAME", 1), (SYMBOL, 0), (SYMBOL, 65_536)])
def test_settings_that_itch_cannot_carry_are_refused(symbol: str, locate: int) -> None:
    with pytest.raises(ValueError, match="instrument"):
        BookBuilder(symbol, locate, 16)
