"""A market's ITCH messages into a book per stock locate, against naive books and the single-instrument builder."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from feed_support import action, add, delete, directory, mold, system
from hypothesis import given, settings
from hypothesis import strategies as st

from hotpath.book.limit_order_book import LevelRow
from hotpath.book.order_book import ApplyStatus
from hotpath.feed.book_builder import BookBuilder
from hotpath.feed.market_builder import InstrumentRow, MarketBuilder, TopRow
from hotpath.protocols import itch
from hotpath.protocols.errors import CodecError, TruncatedError, UnknownTypeError

BOOK, PRINT, STATE, INCONSISTENT, NOT_OURS = 1, 2, 4, 8, 16
SYMBOLS = {3: "AAA", 7: "BBB", 65_535: "CCCCCCCC"}
UNLISTED = 9
MAX_ORDERS = 64
KINDS = (
    "unknown_execute",
    "unknown_execute_with_price",
    "unknown_cancel",
    "unknown_delete",
    "unknown_replace",
    "duplicate_order",
    "invalid",
    "excess_shares",
    "pool_exhausted",
)


@dataclass
class Resting:
    locate: int
    reference: int
    side: str
    price: int
    shares: int


@dataclass
class NaiveMarket:
    """Every order of the market in one list, in the order in which they were queued."""

    resting: list[Resting] = field(default_factory=list)
    prints: dict[int, tuple[int, int]] = field(default_factory=lambda: dict.fromkeys(SYMBOLS, (0, 0)))
    states: dict[int, str] = field(default_factory=lambda: dict.fromkeys(SYMBOLS, "H"))
    halted: set[int] = field(default_factory=set)
    over: bool = False
    wrong: Counter[str] = field(default_factory=Counter)
    other: int = 0

    def find(self, reference: int) -> Resting | None:
        return next((order for order in self.resting if order.reference == reference), None)

    def enter(self, locate: int, reference: int, side: str, price: int, shares: int) -> None:
        if side not in "BS" or not 1 <= price <= 2_000_000_000 or not 1 <= shares <= 2**31 - 1:
            self.wrong["invalid"] += 1
        elif self.find(reference):
            self.wrong["duplicate_order"] += 1
        else:
            self.resting.append(Resting(locate, reference, side, price, shares))

    def reduce(self, locate: int, reference: int, shares: int | None, kind: str) -> Resting | None:
        """By all shares for None. The order if it was there and had that many."""
        order = self.find(reference)
        if order is None or order.locate != locate:
            self.wrong[f"unknown_{kind}"] += 1
            return None
        excess = shares is not None and shares > order.shares
        self.wrong["excess_shares"] += excess
        order.shares -= order.shares if shares is None else min(shares, order.shares)
        if order.shares == 0:
            self.resting.remove(order)
        return None if excess else order

    def take(self, message: itch.Message) -> None:
        locate = message.stock_locate
        if isinstance(message, itch.SystemEvent):
            self.over = message.event_code in "MEC"
            return
        if locate not in SYMBOLS:
            self.other += 1
            return
        match message:
            case itch.AddOrder() | itch.AddOrderAttributed() as m:
                self.enter(locate, m.order_ref, m.side, m.price, m.shares)
            case itch.OrderExecuted() as m:
                if order := self.reduce(locate, m.order_ref, m.executed_shares, "execute"):
                    self.prints[locate] = order.price, m.executed_shares
            case itch.OrderExecutedWithPrice() as m:
                self.reduce(locate, m.order_ref, m.executed_shares, "execute_with_price")
                if m.printable == "Y":
                    self.prints[locate] = m.execution_price, m.executed_shares
            case itch.OrderCancel() as m:
                self.reduce(locate, m.order_ref, m.cancelled_shares, "cancel")
            case itch.OrderDelete() as m:
                self.reduce(locate, m.order_ref, None, "delete")
            case itch.OrderReplace() as m:
                if order := self.reduce(locate, m.original_order_ref, None, "replace"):
                    self.enter(locate, m.new_order_ref, order.side, m.price, m.shares)
            case itch.Trade() as m:
                self.prints[locate] = m.price, m.shares
            case itch.CrossTrade(shares=shares) as m if shares:
                self.prints[locate] = m.cross_price, shares
            case itch.StockTradingAction() as m:
                self.states[locate] = m.trading_state
            case itch.OperationalHalt(market_code="Q") as m:
                (self.halted.add if m.action == "H" else self.halted.discard)(locate)

    def side(self, locate: int, side: str) -> list[Resting]:
        """Best price first, then the earliest: sorted() keeps the order of equals."""
        sign = -1 if side == "B" else 1
        mine = [order for order in self.resting if (order.locate, order.side) == (locate, side)]
        return sorted(mine, key=lambda order: sign * order.price)

    def orders(self, locate: int) -> list[tuple[int, str, int, int]]:
        both = self.side(locate, "B") + self.side(locate, "S")
        return [(order.reference, order.side, order.price, order.shares) for order in both]

    def levels(self, locate: int, side: str) -> list[LevelRow]:
        sizes: dict[int, list[int]] = {}
        for order in self.side(locate, side):
            sizes.setdefault(order.price, []).append(order.shares)
        return [LevelRow(price, sum(each), len(each)) for price, each in sizes.items()]

    def state(self, locate: int) -> str:
        return "E" if self.over else "H" if locate in self.halted else self.states[locate]


REFERENCES = st.integers(1, 12) | st.just(2**64 - 1)
PRICES = st.sampled_from([100, 200, 300, 6_400, 6_500, 1_000_000, 1_000_050, 2_000_000_000, 0, 2_000_000_001])
SHARES = st.sampled_from([1, 2, 3, 100, 0, 2**31])
LOCATES = st.sampled_from([*SYMBOLS, *SYMBOLS, UNLISTED, 0])
HEAD = st.tuples(LOCATES, st.just(0), st.integers(0, 2**48 - 1))


def messages_of(kind: type[itch.Message], *fields: st.SearchStrategy[object]) -> st.SearchStrategy[itch.Message]:
    return st.tuples(HEAD, st.tuples(*fields)).map(lambda parts: kind(*parts[0], *parts[1]))


SIDES = st.sampled_from("BSBSBSX")
TEXT = st.just("AAA")
MESSAGES = st.one_of(
    messages_of(itch.AddOrder, REFERENCES, SIDES, SHARES, TEXT, PRICES),
    messages_of(itch.AddOrder, REFERENCES, SIDES, SHARES, TEXT, PRICES),
    messages_of(itch.AddOrderAttributed, REFERENCES, SIDES, SHARES, TEXT, PRICES, st.just("MPID")),
    messages_of(itch.OrderExecuted, REFERENCES, SHARES, st.just(1)),
    messages_of(itch.OrderExecutedWithPrice, REFERENCES, SHARES, st.just(1), st.sampled_from("YN"), PRICES),
    messages_of(itch.OrderCancel, REFERENCES, SHARES),
    messages_of(itch.OrderDelete, REFERENCES),
    messages_of(itch.OrderReplace, REFERENCES, REFERENCES, SHARES, PRICES),
    messages_of(itch.Trade, st.just(0), st.just("B"), SHARES, TEXT, PRICES, st.just(1)),
    messages_of(itch.CrossTrade, SHARES, TEXT, PRICES, st.just(1), st.just("O")),
    messages_of(itch.StockTradingAction, TEXT, st.sampled_from("HPQT"), st.just(" "), st.just("")),
    messages_of(itch.OperationalHalt, TEXT, st.sampled_from("QBX"), st.sampled_from("HT")),
    messages_of(itch.BrokenTrade, st.just(1)),
    st.sampled_from("OSQMEC").map(lambda code: itch.SystemEvent(0, 0, 5, code)),
)
NOISE = st.sampled_from([b"", b"?", b"?" + bytes(40), b"A" + bytes(20), delete(1, 3)[:-1], b"D"])
WIRE = st.lists(MESSAGES.map(itch.encode) | NOISE, max_size=60)


def framed(messages: Sequence[bytes]) -> bytes:
    return b"".join(struct.pack(">H", len(each)) + each for each in messages)


def listed_market(look_ahead: bool | None = None) -> MarketBuilder:
    market = MarketBuilder(len(SYMBOLS), MAX_ORDERS, look_ahead=look_ahead)
    for locate, symbol in SYMBOLS.items():
        assert market.apply_message(directory(symbol, locate)) == 0
    return market


def call(market: MarketBuilder, wire: bytes) -> None:
    """As a direct call where the message has one."""
    try:
        message = itch.decode(wire)
    except CodecError:
        market.apply_message(wire)
        return
    locate = message.stock_locate
    if locate not in SYMBOLS:
        market.apply_message(wire)
        return
    match message:
        case itch.AddOrder() | itch.AddOrderAttributed():
            market.add(locate, message.order_ref, message.side, message.price, message.shares)
        case itch.OrderExecuted():
            market.execute(locate, message.order_ref, message.executed_shares)
        case itch.OrderExecutedWithPrice():
            printable = message.printable == "Y"
            price, shares = message.execution_price, message.executed_shares
            market.execute_with_price(locate, message.order_ref, shares, price, printable)
        case itch.OrderCancel():
            market.cancel(locate, message.order_ref, message.cancelled_shares)
        case itch.OrderDelete():
            market.delete(locate, message.order_ref)
        case itch.OrderReplace():
            refs = message.original_order_ref, message.new_order_ref
            market.replace(locate, *refs, message.price, message.shares)
        case _:
            market.apply_message(wire)


@settings(deadline=None)
@given(WIRE, st.integers(1, 400))
def test_every_way_in_makes_the_naive_books(wire: list[bytes], chunk: int) -> None:
    batches = {"batch": False, "batch, ahead": True, "pieces": True, "packets": True}
    markets = {name: listed_market(batches.get(name)) for name in ("messages", "calls", *batches)}
    naive = NaiveMarket()
    short = unknown = 0
    for each in wire:
        try:
            naive.take(itch.decode(each))
        except UnknownTypeError:
            unknown += 1
        except TruncatedError:
            short += 1
        markets["messages"].apply_message(each)
        call(markets["calls"], each)
    data = framed(wire)
    assert markets["batch"].apply(data) == markets["batch, ahead"].apply(data)
    rest = b""
    for at in range(0, len(data), chunk):
        rest += data[at : at + chunk]
        rest = rest[markets["pieces"].apply(rest).consumed :]
    assert rest == b""
    for at in range(0, len(wire), 7):
        packet = mold(b"IRONMD0001", at + 1, wire[at : at + 7])
        assert markets["packets"].apply_packet(packet).messages == len(wire[at : at + 7])
    assert len({market.digest() for market in markets.values()}) == 1

    for name, market in markets.items():
        stats = market.stats()
        for locate, symbol in SYMBOLS.items():
            assert [row[:4] for row in market.orders(locate)] == naive.orders(locate)
            assert market.levels(locate, "B", 100) == naive.levels(locate, "B")
            assert market.levels(locate, "S", 100) == naive.levels(locate, "S")
            row = market.instrument(locate)
            assert (row.symbol, row.trading_state) == (symbol, naive.state(locate))
            assert (row.last_price, row.last_shares) == naive.prints[locate]
            market.book(locate).check_invariants()
        market.store.check_invariants()
        assert {kind: stats[kind] for kind in KINDS} == {kind: naive.wrong[kind] for kind in KINDS}, name
        assert stats["inconsistent"] == naive.wrong.total()
        assert (stats["unknown_types"], stats["truncated"]) == (unknown, short)
        assert stats["other_instruments"] == naive.other


def added(message: bytes) -> list[bytes]:
    """References that a message gives to a new order."""
    at = {b"A": 11, b"F": 11, b"U": 19}.get(message[:1])
    return [] if at is None or len(message) < at + 8 else [message[at : at + 8]]


@settings(deadline=None, max_examples=50)
@given(WIRE)
def test_a_symbol_alone_is_the_same_in_the_single_instrument_builder(wire: list[bytes]) -> None:
    # messages about the whole market only of the kind that a market has: an order has a locate
    wire = [each for each in wire if len(each) < 3 or each[:1] == b"S" or each[1:3] != b"\0\0"]
    # a reference names one order of the whole market, which the single builder cannot know
    owners: dict[bytes, bytes] = {}
    wire = [each for each in wire if all(owners.setdefault(ref, each[1:3]) == each[1:3] for ref in added(each))]
    market = listed_market()
    builder = BookBuilder("BBB", 7, MAX_ORDERS)
    builder.apply_message(directory("BBB", 7))
    for each in wire:
        builder.apply_message(each)
        market.apply_message(each)
    single, row, top = builder.view(), market.instrument(7), market.top(7)
    for name in TopRow._fields:
        assert single[name] == getattr(top, name)
    for name in ("trading_state", "last_price", "last_shares", "exchange_ns"):
        assert single[name] == getattr(row, name)


def test_rows_and_lookups() -> None:
    market = listed_market()
    orders = [add(1, "B", 100, 999_900, 7), add(2, "S", 200, 1_000_100, 7, 55)]
    market.apply(framed([system("O"), action("T", 7), *orders]))
    assert market.locates() == {symbol: locate for locate, symbol in SYMBOLS.items()}
    assert market.top(7) == TopRow(999_900, 100, 1, 1_000_100, 200, 1)
    assert market.top(3) == TopRow(0, 0, 0, 0, 0, 0)
    assert market.instrument(7) == InstrumentRow(7, "BBB", "T", 0, 0, 55)
    assert market.add(7, 3, "B", 999_900, 5) == 0
    assert market.delete(7, 4) == ApplyStatus.APPLY_UNKNOWN_ORDER
    assert market.delete(3, 3) == ApplyStatus.APPLY_UNKNOWN_ORDER  # it is the order of another locate
    assert market.add(3, 3, "B", 999_900, 5) == ApplyStatus.APPLY_DUPLICATE_ORDER
    assert [row.reference for row in market.orders(7)] == [1, 3, 2]
    assert len(market.store) == 3


@pytest.mark.parametrize("locate", [0, UNLISTED])
def test_a_locate_that_is_not_listed_has_no_book(locate: int) -> None:
    market = listed_market()
    assert market.apply_message(add(1, "B", 1, 100, locate)) == 0
    assert market.stats()["other_instruments"] == 1
    for ask in (market.book, market.top, market.orders, market.instrument):
        with pytest.raises(LookupError, match=f"locate {locate}"):
            ask(locate)
    with pytest.raises(LookupError, match=f"locate {locate}"):
        market.add(locate, 1, "B", 100, 1)


def test_a_symbol_listed_under_two_locates_voids_both() -> None:
    market = listed_market()
    market.add(3, 1, "B", 100, 1)
    market.add(7, 2, "B", 100, 1)
    assert market.apply_message(directory("AAA", UNLISTED)) == NOT_OURS
    assert market.conflicts() == [3, UNLISTED]
    assert (len(market.store), market.stats()["conflicts"]) == (1, 1)
    assert market.apply_message(add(5, "B", 1, 100, 3)) == 0
    assert market.apply_message(directory("AAA", 3)) == 0  # one word of the day against another: stays closed
    assert market.locates() == {"BBB": 7, "CCCCCCCC": 65_535}


def test_a_locate_listed_with_two_symbols_voids_it_and_both_symbols() -> None:
    market = MarketBuilder(4, MAX_ORDERS)
    market.apply_message(directory("AAA", 3))
    assert market.apply_message(directory("BBB", 3)) == NOT_OURS
    assert market.apply_message(directory("AAA", 4)) == NOT_OURS
    assert market.apply_message(directory("BBB", 5)) == NOT_OURS
    assert market.conflicts() == [3, 4, 5]
    market.reset()
    assert (market.conflicts(), market.locates()) == ([], {})
    market.list_symbol(4, "AAA")
    assert market.locates() == {"AAA": 4}


def test_no_book_is_left_for_one_symbol_more() -> None:
    market = listed_market()
    assert market.apply_message(directory("MORE", UNLISTED)) == 0
    assert market.apply_message(add(1, "B", 1, 100, UNLISTED)) == 0
    stats = market.stats()
    assert (stats["without_book"], stats["other_instruments"]) == (1, 1)
    assert "MORE" not in market.locates()
    with pytest.raises(ValueError, match="all 3 books are taken"):
        market.list_symbol(10, "MORE2")


@pytest.mark.parametrize(
    ("locate", "symbol", "reason"),
    [
        (0, "X", "must be"),
        (1, "", "must be"),
        (1, "NINECHARS", "must be"),
        (3, "X", "contradicts"),
        (1, "AAA", "contradicts"),
    ],
)
def test_a_listing_that_cannot_be_is_refused(locate: int, symbol: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        listed_market().list_symbol(locate, symbol)


def test_a_session_that_is_over_is_over_for_a_late_listing() -> None:
    market = MarketBuilder(1, MAX_ORDERS)
    market.apply_message(system("M"))
    market.list_symbol(3, "AAA")
    assert market.instrument(3).trading_state == "E"
    market.reset()
    market.list_symbol(3, "AAA")
    assert market.instrument(3).trading_state == "H"


def test_a_message_that_is_not_whole_stays() -> None:
    market = listed_market()
    data = framed([add(1, "B", 1, 100, 3), add(2, "B", 1, 100, 3)])
    for cut in range(len(data)):
        part = MarketBuilder(len(SYMBOLS), MAX_ORDERS)
        for locate, symbol in SYMBOLS.items():
            part.list_symbol(locate, symbol)
        assert part.apply(data[:cut]).consumed == (0 if cut < 38 else 38)
    assert market.apply(b"").consumed == 0
    assert market.apply(data) == (76, 2, 2, 0, 0, 0, 0)


def test_nothing_of_a_malformed_packet_is_applied() -> None:
    market = listed_market()
    packet = mold(b"IRONMD0001", 1, [add(1, "B", 1, 100, 3)])
    for bad in (packet[:-1], packet + b"x", packet[:10], b""):
        with pytest.raises(CodecError):
            market.apply_packet(bad)
    assert (len(market.store), market.stats()["messages"]) == (0, len(SYMBOLS))
    assert market.apply_packet(mold(b"IRONMD0001", 1, [])).messages == 0
    assert market.apply_packet(packet).messages == 1


def test_a_full_store_is_reported() -> None:
    market = MarketBuilder(1, 2)
    market.list_symbol(3, "AAA")
    assert [market.add(3, ref, "B", 100 * ref, 1) for ref in (1, 2, 3)] == [0, 0, ApplyStatus.APPLY_POOL_EXHAUSTED]
    assert market.stats()["pool_exhausted"] == market.stats()["inconsistent"] == 1


@pytest.mark.parametrize(
    ("sizes", "reason"), [((0, 1), "max_symbols=0"), ((65_536, 70_000), "max_symbols=65536"), ((1, 0), "max_orders=0")]
)
def test_sizes_out_of_range_are_refused(sizes: tuple[int, int], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        MarketBuilder(*sizes)


def test_arguments_out_of_range_are_refused() -> None:
    market = listed_market()
    with pytest.raises(OverflowError):
        market.add(3, -1, "B", 100, 1)
    with pytest.raises(OverflowError):
        market.delete(65_536, 1)
    with pytest.raises(TypeError):
        market.apply_message(bytearray(delete(1)))  # type: ignore[arg-type]
    assert market.add(3, 1, "é", 100, 1) == ApplyStatus.APPLY_INVALID
