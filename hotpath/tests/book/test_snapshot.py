"""Snapshots: the same state and the same future, and bytes that are not one are refused with nothing applied."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_matching_engine import OPERATIONS, Operation, apply_to_engine, random_operations

from hotpath.book import snapshot_file
from hotpath.book.matching_engine import EngineStatus, MatchingEngine
from hotpath.book.matching_engine import SelfMatchPrevention as Smp
from hotpath.book.order_book import OrderBook
from hotpath.book.snapshot import (
    HEADER_BYTES,
    MAGIC,
    TRAILER_BYTES,
    VERSION,
    SnapshotError,
    inspect,
    largest_snapshot,
    restore,
    snapshot,
)

# by hand: one resting bid of owner 2 (300 shares at 10.00 of 500), owner 2 cancels the newest, next match 8
GOLDEN = (
    # magic, version, kind engine, bytes of an order, bytes of the header, zero
    "49524f4e424f4f4b 0100 02 20 4000 0000"
    # symbol, orders, owner settings, position, next match number
    "49524f4e20202020 01000000 01000000 2a00000000000000 0800000000000000"
)
GOLDEN_ROWS = (
    # reference, price, shares, consumed, token, owner, zero, age
    "0500000000000000 a0860100 2c010000 c8000000 09000000 0200 0000 00000000"
    # owner, mode, zero
    "0200 01 00"
)


def golden_engine() -> MatchingEngine:
    engine = MatchingEngine(8, max_owners=4, first_match_number=7)
    engine.set_owner_self_match_prevention(2, Smp.SMP_CANCEL_NEWEST)
    apply_to_engine(engine, ("submit", 5, 2, "B", 100_000, 500, "0", False, 9))
    apply_to_engine(engine, ("submit", 6, 0, "S", 100_000, 200, "3", False, 0))
    return engine


def sealed(data: bytes) -> bytes:
    """With the checksum that belongs to it."""
    return data + zlib.crc32(data).to_bytes(4, "little")


def changed(data: bytes, at: int, value: bytes) -> bytes:
    body = data[:-TRAILER_BYTES]
    return sealed(body[:at] + value + body[at + len(value) :])


def test_golden() -> None:
    engine = golden_engine()
    data = snapshot(engine, symbol="IRON", position=42)
    digest = engine.digest().to_bytes(8, "little")
    assert data == sealed(bytes.fromhex(GOLDEN) + digest + bytes(8) + bytes.fromhex(GOLDEN_ROWS))
    info = inspect(data)
    assert (info.version, info.kind, info.symbol, info.position, info.orders, info.next_match_number) == (
        VERSION,
        "matching engine",
        "IRON",
        42,
        1,
        8,
    )
    assert info.digest == engine.digest()


# ---- the same state, the same future ---------------------------------------------------------------------------------


def copy_of(engine: MatchingEngine, **changes: int) -> MatchingEngine:
    fresh = MatchingEngine(engine.max_orders, engine.max_levels, **{"max_owners": 5, "event_capacity": 9, **changes})
    restore(fresh, snapshot(engine))
    return fresh


@settings(max_examples=120, deadline=None)
@given(
    operations=st.lists(OPERATIONS, max_size=40),
    cut=st.integers(0, 40),
    modes=st.tuples(*[st.sampled_from(list(Smp))] * 3),
    levels=st.sampled_from([4, 100]),
    ticks=st.tuples(*[st.sampled_from([1, 10, 100])] * 2),
)
def test_the_rest_of_the_stream_gives_the_same_events(
    operations: list[Operation], cut: int, modes: tuple[Smp, ...], levels: int, ticks: tuple[int, int]
) -> None:
    engine = MatchingEngine(100, levels, max_owners=5, tick=ticks[0])
    for owner, mode in enumerate(modes, start=1):
        engine.set_owner_self_match_prevention(owner, mode)
    for operation in operations[:cut]:
        apply_to_engine(engine, operation)
    restored = copy_of(engine, tick=ticks[1], first_match_number=77)
    restored.check_invariants()
    assert restored.orders() == engine.orders()
    for operation in operations[cut:]:
        assert apply_to_engine(restored, operation) == apply_to_engine(engine, operation)
        assert restored.digest() == engine.digest()
    restored.check_invariants()
    assert [restored.open_orders_of(owner) for owner in range(5)] == [engine.open_orders_of(o) for o in range(5)]


def test_a_long_stream_gives_the_same_digest_on_replay_and_after_every_restore() -> None:
    """Thousands of resting orders, several owners, prices that jump tenfold; restored again and again."""
    stream = random_operations(11, 6000)
    engine, replay = MatchingEngine(5000, max_owners=5), MatchingEngine(5000, max_owners=5, tick=1)
    for owner, mode in enumerate((Smp.SMP_CANCEL_OLDEST, Smp.SMP_CANCEL_NEWEST, Smp.SMP_DECREMENT_BOTH), start=1):
        engine.set_owner_self_match_prevention(owner, mode)
        replay.set_owner_self_match_prevention(owner, mode)
    restored = copy_of(engine)
    most = 0
    for step, operation in enumerate(stream):
        if step % 500 == 250:
            restored = copy_of(restored)
            restored.check_invariants()
        assert apply_to_engine(restored, operation) == apply_to_engine(engine, operation)
        most = max(most, len(engine))
    for operation in stream:
        apply_to_engine(replay, operation)
    assert restored.digest() == engine.digest() == replay.digest()
    assert restored.orders() == engine.orders()
    assert most > 200


def test_mass_cancel_after_a_restore_goes_by_the_age_of_the_orders() -> None:
    """The owner's own order of orders, which no queue holds: prices and sides alternate."""
    engine = MatchingEngine(100, max_owners=5)
    for reference in range(1, 21):
        side = "BS"[reference % 2]
        price = 1000 + reference * 37 % 10 if side == "S" else 900 - reference * 37 % 10
        apply_to_engine(engine, ("submit", reference, 1 + reference % 2, side, price, 5, "0", False, 0))
    events = apply_to_engine(copy_of(engine), ("mass_cancel", 1, "", "S"))
    assert [event.order_ref for event in events] == list(range(2, 21, 2))


@pytest.mark.parametrize("mode", Smp)
def test_owners_keep_their_self_match_prevention(mode: Smp) -> None:
    """Whatever the fresh engine was told before."""
    engine, fresh = MatchingEngine(8, max_owners=4), MatchingEngine(8, max_owners=4)
    engine.set_owner_self_match_prevention(2, mode)
    for owner in range(1, 4):
        fresh.set_owner_self_match_prevention(owner, Smp((mode + owner) % 4))
    apply_to_engine(engine, ("submit", 1, 1, "S", 100, 3, "0", False, 0))
    apply_to_engine(engine, ("submit", 2, 2, "S", 100, 3, "0", False, 0))
    restore(fresh, snapshot(engine))
    for operation in (("submit", 3, 1, "B", 100, 2, "3", False, 0), ("submit", 4, 2, "B", 100, 5, "3", False, 0)):
        assert apply_to_engine(fresh, operation) == apply_to_engine(engine, operation)


def feed_book(seed: int, messages: int) -> tuple[OrderBook, random.Random]:
    book, source = OrderBook(4096), random.Random(seed)
    for reference in range(1, messages):
        feed_step(book, source, reference)
    return book, source


def feed_step(book: OrderBook, source: random.Random, reference: int) -> object:
    earlier = source.randint(1, reference)
    shares, price = source.randint(1, 300), 100 * source.randint(9000, 9100)
    match source.randrange(6):
        case 0 | 1 | 2:
            return book.add_order(reference, source.choice("BS"), price, shares)
        case 3:
            return book.execute_order(earlier, shares)
        case 4:
            return book.replace_order(earlier, reference, price, shares)
        case _:
            return book.cancel_order(earlier, shares) if shares % 2 else book.delete_order(earlier)


@pytest.mark.parametrize("seed", range(5))
def test_a_feeds_book_goes_on_as_before(seed: int) -> None:
    """Which may be crossed, has no owners, and counts what did not fit from zero again."""
    book, source = feed_book(seed, 1500)
    assert len(book) > 200
    restored = OrderBook(4096, tick=1)
    info = restore(restored, snapshot(book, symbol="IRON", position=1499), symbol="IRON")
    assert (info.kind, info.position, info.orders) == ("order book", 1499, len(book))
    assert not any(restored.counts.values())
    again = random.Random()
    again.setstate(source.getstate())
    for reference in range(1500, 2500):
        assert feed_step(restored, again, reference) == feed_step(book, source, reference)
    assert restored.digest() == book.digest()
    restored.check_invariants()


def test_an_empty_book_and_a_full_one() -> None:
    for count in (0, 8):
        book = OrderBook(8, 8)
        for reference in range(count):
            book.add_order(reference, "BS"[reference % 2], 2_000_000_000 - reference, 2_147_483_647)
        data = snapshot(book)
        assert len(data) == HEADER_BYTES + count * 16 + TRAILER_BYTES
        restored = OrderBook(8, 8)
        restore(restored, data)
        assert restored.orders() == book.orders()
        assert len(data) <= largest_snapshot(book)
    assert len(data) == largest_snapshot(book)


# ---- refused, with nothing applied -----------------------------------------------------------------------------------


def usable(engine: MatchingEngine) -> bool:
    """As it was made: empty, its first match number, its owner's setting."""
    engine.check_invariants()
    if engine.orders():
        return False
    apply_to_engine(engine, ("submit", 1, 1, "S", 100, 1, "0", False, 0))
    events = apply_to_engine(engine, ("submit", 2, 0, "B", 100, 1, "3", False, 0))
    apply_to_engine(engine, ("submit", 3, 1, "S", 100, 1, "0", False, 0))
    decremented = apply_to_engine(engine, ("submit", 4, 1, "B", 100, 1, "3", False, 0))
    return [e.match_number for e in events] == [0, 5] and [e.prevented for e in decremented] == [0, 1, 1]


def refuses(data: bytes, text: str, *, orders: int = 8, owners: int = 4, symbol: str | None = None) -> None:
    engine = MatchingEngine(orders, max_owners=owners, first_match_number=5)
    engine.set_owner_self_match_prevention(1, Smp.SMP_DECREMENT_BOTH)
    with pytest.raises(SnapshotError, match=text):
        restore(engine, data, symbol=symbol)
    assert usable(engine)


@pytest.fixture
def data() -> bytes:
    """Two orders of an engine."""
    engine = golden_engine()
    apply_to_engine(engine, ("submit", 8, 1, "S", 200_000, 10, "0", False, 4))
    return snapshot(engine, symbol="IRON")


def test_cut_off_at_every_byte_and_too_long(data: bytes) -> None:
    for length in range(len(data)):
        refuses(data[:length], "cut off|less than the smallest")
    refuses(data + b"\0", "too long")
    refuses(b"", "less than the smallest")


def test_every_changed_bit_is_found(data: bytes) -> None:
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        refuses(bytes(damaged), ".")


ROW = HEADER_BYTES
SECOND = HEADER_BYTES + 32
SETTING = SECOND + 32


@pytest.mark.parametrize(
    ("at", "value", "text"),
    [
        (0, b"X", "this is no book snapshot"),
        (8, (VERSION + 1).to_bytes(2, "little"), f"version {VERSION + 1} is not known here, only {VERSION}"),
        (8, b"\0\0", "version 0 is not known"),
        (10, b"\x03", "kind 3 is not known"),
        (11, b"\x10", "contradicts itself"),
        (12, b"\x41", "contradicts itself"),
        (14, b"\x01", "contradicts itself"),
        (16, b"\xff", "contradicts itself"),
        (63, b"\x01", "contradicts itself"),
        (24, b"\xff\xff\xff\xff", "cut off"),
        (28, b"\xff\xff\xff\xff", "cut off"),
        (48, b"\x01\x02\x03", "digest of what was restored differs"),
        (40, b"\x09", "digest of what was restored differs"),
        (ROW + 8, bytes(4), "order 0: price"),
        (ROW + 8, (2_000_000_001).to_bytes(4, "little"), "order 0: price"),
        (ROW + 12, bytes(4), "order 0: price, shares"),
        (ROW + 12, b"\xff\xff\xff\xff", "order 0: price, shares"),
        (SECOND + 24, b"\x04\x00", "order 1: price, shares or owner"),
        (SECOND + 26, b"\x01", "order 1"),
        (SECOND, (5).to_bytes(8, "little"), "order 1: its reference or age is there already"),
        (SECOND + 28, b"\x00", "order 1: its reference or age is there already"),
        (SECOND + 28, b"\x02", "order 1: its reference or age is there already"),
        (ROW + 8, (0x80000000 | 100_000).to_bytes(4, "little"), "digest"),
        (SECOND + 8, (200_000).to_bytes(4, "little"), r"order 1: .* not the next of the book"),
        (SECOND + 8, (0x80000001).to_bytes(4, "little"), "digest"),
        (SETTING, b"\x00\x00", "owner settings"),
        (SETTING, b"\x04\x00", "owner settings"),
        (SETTING + 2, b"\x00", "owner settings"),
        (SETTING + 2, b"\x04", "owner settings"),
        (SETTING + 3, b"\x01", "owner settings"),
    ],
)
def test_contents_that_no_engine_writes(data: bytes, at: int, value: bytes, text: str) -> None:
    """With a checksum that is right."""
    refuses(changed(data, at, value), text)


def test_orders_out_of_place_are_refused() -> None:
    """Bids from the best down, asks from the best up, the older first: rows exchanged, with their own ages."""
    engine = MatchingEngine(8, max_owners=4)
    for reference, side, price in ((1, "B", 100), (2, "B", 100), (3, "B", 90), (4, "S", 200), (5, "S", 210)):
        apply_to_engine(engine, ("submit", reference, 1, side, price, 5, "0", False, 0))
    data = snapshot(engine)
    restore(MatchingEngine(8, max_owners=4), data)
    rows = [data[ROW + 32 * n : ROW + 32 * (n + 1)] for n in range(5)]
    for one, other in ((0, 1), (1, 2), (2, 3), (3, 4)):
        moved = rows.copy()
        moved[one], moved[other] = moved[other], moved[one]
        refuses(sealed(data[:ROW] + b"".join(moved)), f"order {other}: .* not the next of the book")


def mix(digest: int, *values: int) -> int:
    for value in values:
        digest = (digest ^ value) * 0x9E3779B97F4A7C15 % 2**64
        digest ^= digest >> 29
    return digest


def test_a_crossed_engine_is_refused_although_its_digest_is_right() -> None:
    crossed = OrderBook(8)
    crossed.add_order(1, "B", 200, 1)
    crossed.add_order(2, "S", 100, 1)
    restore(OrderBook(8), snapshot(crossed))  # a feed may tell of such a book
    donor = MatchingEngine(8)
    apply_to_engine(donor, ("submit", 1, 0, "B", 200, 1, "0", False, 0))
    apply_to_engine(donor, ("submit", 2, 0, "S", 300, 1, "0", False, 0))
    data = changed(snapshot(donor), SECOND + 8, (0x80000000 | 100).to_bytes(4, "little"))
    digest = mix(crossed.digest(), 1, *[0] * 6)  # next match number; owner, consumed and token of both orders
    assert mix(OrderBook(8).digest(), 1) == MatchingEngine(8).digest()
    refuses(changed(data, 48, digest.to_bytes(8, "little")), "best bid is not below its best ask")
    refuses(data, "digest")


def test_of_another_kind_or_symbol_or_size(data: bytes) -> None:
    refuses(snapshot(OrderBook(8)), "it is of an order book, and cannot become a MatchingEngine")
    with pytest.raises(SnapshotError, match="OrderBook"):
        restore(OrderBook(8), data)
    refuses(data, "it is of IRON, not of AAPL", symbol="AAPL")
    refuses(data, "holds 2 orders, this book at most 1", orders=1)
    refuses(data, r"owner is out of range \(owners here: below 2\)", owners=2)
    with pytest.raises(SnapshotError, match="at most 8 ASCII"):
        snapshot(OrderBook(8), symbol="NINECHARS")
    few = OrderBook(8, 1)
    two = OrderBook(8)
    two.add_order(1, "B", 100, 1)
    two.add_order(2, "B", 200, 1)
    with pytest.raises(SnapshotError, match=r"order 1: .* more than 1 price levels"):
        restore(few, snapshot(two))
    assert not few.orders()


def test_only_between_operations(data: bytes) -> None:
    engine = MatchingEngine(8, max_owners=4)
    engine.submit_order(1, "B", 100, 1)
    for attempt in (lambda: snapshot(engine), lambda: restore(engine, data)):
        with pytest.raises(SnapshotError, match=r"drain|not empty"):
            attempt()
    engine.drain_events()
    with pytest.raises(SnapshotError, match="not empty"):
        restore(engine, data)
    assert len(engine) == 1
    waiting = MatchingEngine(100, event_capacity=8)
    for reference in range(20):
        apply_to_engine(waiting, ("submit", reference, 0, "S", 100, 1, "0", False, 0))
    assert waiting.submit_order(99, "B", 100, 20) == EngineStatus.ENGINE_MORE
    waiting.drain_events()
    with pytest.raises(SnapshotError, match="under way"):
        snapshot(waiting)


# ---- files -----------------------------------------------------------------------------------------------------------


def test_a_file_holds_one_whole_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "book.snapshot"
    engine = golden_engine()
    size = snapshot_file.save(path, engine, symbol="IRON", position=3)
    assert path.stat().st_size == size
    first = path.read_bytes()
    restored = MatchingEngine(8, max_owners=4)
    assert snapshot_file.load(path, restored, symbol="IRON").position == 3
    assert restored.digest() == engine.digest()
    # power lost before the new one is on the disk: the old one stays
    apply_to_engine(engine, ("cancel", 5, 0, "U"))
    monkeypatch.setattr("os.fsync", failing("disk is full"))
    with pytest.raises(OSError, match="disk is full"):
        snapshot_file.save(path, engine)
    assert path.read_bytes() == first


def failing(text: str) -> Callable[[int], None]:
    def fail(_: int) -> None:
        raise OSError(text)

    return fail


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    path = tmp_path / "book.snapshot"
    with pytest.raises(FileNotFoundError):
        snapshot_file.load(path, OrderBook(8))
    path.write_bytes(snapshot(OrderBook(8))[:-1])
    with pytest.raises(SnapshotError, match=r"book\.snapshot: .*smallest"):
        snapshot_file.load(path, OrderBook(8))
    path.write_bytes(MAGIC + bytes(largest_snapshot(OrderBook(8))))
    with pytest.raises(SnapshotError, match=r"book\.snapshot: more than the \d+ bytes"):
        snapshot_file.load(path, OrderBook(8))
