"""The base class through its Python desk: own orders, position and P&L, limits, failures."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from strategy_support import CYTHON, EPOCH, INSTRUMENT, MS, PYTHON, ROUTER_EPOCH, FakeOrder, FakeRouter, book

from hotpath.config import ConfigError
from hotpath.ipc.layouts import (
    BookEvent,
    BookEventKind,
    Intent,
    IntentKind,
    OrderEvent,
    OrderEventKind,
    OrderState,
    PositionBlock,
    decode_intent,
    encode_book_event,
)
from hotpath.strategy.base import NoParameters, Strategy
from hotpath.strategy.loading import bind_parameters, load_class, make_strategy
from hotpath.strategy.market_maker_parameters import MarketMakerParameters
from hotpath.strategy.python_base import PythonDesk, PythonStrategy


class Recorder(PythonStrategy):
    """Keeps what it was called with."""

    def setup(self) -> None:
        self.calls: list[Any] = []

    def on_book(self, event: BookEvent) -> None:
        self.calls.append(event)

    def on_order_event(self, event: OrderEvent) -> None:
        self.calls.append(event)

    def on_timer(self, now_ns: int) -> None:
        self.calls.append(now_ns)


class Rig:
    def __init__(self, kind: type[PythonStrategy] = Recorder) -> None:
        self.desk = PythonDesk(NoParameters(), INSTRUMENT, EPOCH, kind)
        self.router = FakeRouter()
        self.desk.open_entry(ROUTER_EPOCH, MS)

    def take(self) -> list[Intent]:
        return [decode_intent(data) for data in self.desk.take_intents()]

    def send(self) -> list[Intent]:
        """Pass all intents to the venue, answers included."""
        intents = self.take()
        for intent in intents:
            self.deliver(self.router.sent(intent) + self.router.acknowledged(intent))
        return intents

    def deliver(self, events: list[bytes], now: int = 2 * MS) -> None:
        for event in events:
            self.desk.feed_order(event, now)

    def state(self, order_id: int) -> int:
        view = self.desk.order_view(order_id)
        assert view is not None
        return view["state"]


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_python_callbacks_get_the_decoded_events(rig: Rig) -> None:
    event = BookEvent(kind=1, trading_state="T", locate=1, bid_price=100, ask_price=300, bid_orders=2, received_ns=5)
    rig.desk.feed_book(encode_book_event(event), 42)
    assert rig.desk.now_ns == 42
    rig.deliver([rig.router.plain(OrderEventKind.EVENT_SESSION_UP)])
    rig.desk.feed_timer(77)
    assert isinstance(rig.desk.strategy, Recorder)
    opened, seen, session, timer = rig.desk.strategy.calls
    assert (opened, timer) == (MS, 77)
    assert seen == event
    assert session.kind == OrderEventKind.EVENT_SESSION_UP


def test_the_life_of_an_order(rig: Rig) -> None:
    order_id = rig.desk.send_buy(1_000, 300, post_only=True, time_in_force="3")
    (intent,) = rig.take()
    assert (intent.kind, intent.order_id, intent.side, intent.price, intent.quantity) == (1, 1, "B", 1_000, 300)
    assert (intent.time_in_force, intent.flags, intent.strategy_epoch) == ("3", 1, EPOCH)
    assert rig.state(order_id) == OrderState.ORDER_PENDING_NEW
    rig.deliver(rig.router.sent(intent) + rig.router.accept(1))
    assert rig.state(1) == OrderState.ORDER_LIVE
    rig.deliver(rig.router.fill(1, 100))
    view = rig.desk.order_view(1)
    assert view is not None
    assert (view["filled"], view["leaves"], view["state"]) == (100, 200, OrderState.ORDER_LIVE)
    assert rig.desk.position == 100
    rig.deliver(rig.router.fill(1, 200))
    assert rig.state(1) == OrderState.ORDER_FILLED
    assert (rig.desk.open_orders, rig.desk.open_order_ids()) == (0, [])
    assert rig.desk.stats()["fills"] == 2


def test_position_cash_and_marked_pnl(rig: Rig) -> None:
    rig.desk.send_buy(1_000, 100)
    rig.desk.send_sell(1_200, 40)
    rig.send()
    rig.deliver(rig.router.fill(1, 100) + rig.router.fill(2, 40))
    assert (rig.desk.position, rig.desk.cash) == (60, -100_000 + 48_000)
    rig.desk.feed_book(book(1_000, 1_100), 3 * MS)
    assert rig.desk.pnl == -52_000 + 60 * 1_050
    rig.desk.feed_book(book(0, 0, kind=3), 4 * MS)  # stale: the last mid still marks
    assert rig.desk.pnl == -52_000 + 60 * 1_050
    rig.router.position = 100
    broken = rig.router.event(OrderEventKind.EVENT_BROKEN, rig.router.orders[2], last_price=1_200, last_quantity=40)
    rig.deliver([broken])
    assert (rig.desk.position, rig.desk.cash) == (100, -100_000)


def test_fills_of_an_earlier_strategy_move_the_position_but_no_order(rig: Rig) -> None:
    rig.desk.send_buy(1_000, 100)
    rig.send()
    rig.router.strategy_epoch = EPOCH - 1
    rig.router.orders[1].filled = 0
    rig.deliver(rig.router.fill(1, 100))
    assert rig.desk.position == 100
    assert rig.state(1) == OrderState.ORDER_LIVE
    assert rig.desk.stats()["foreign_events"] == 1


def test_a_replace_takes_over_the_chain(rig: Rig) -> None:
    rig.desk.send_sell(1_000, 300)
    rig.send()
    rig.deliver(rig.router.fill(1, 100))
    new_id = rig.desk.send_replace(1, 900, 300)
    (intent,) = rig.take()
    assert (intent.kind, intent.order_id, intent.new_order_id, intent.price, intent.quantity) == (
        2,
        1,
        new_id,
        900,
        300,
    )
    assert rig.desk.send_replace(1, 800, 300) == 0  # one at a time
    rig.deliver(rig.router.sent(intent))
    rig.deliver(rig.router.fill(1, 50))  # the original may trade until the venue has answered
    rig.deliver(rig.router.replaced(new_id))
    assert rig.state(1) == OrderState.ORDER_REPLACED
    latest = rig.desk.latest_order(1)
    assert latest is not None
    assert (latest["order_id"], latest["price"], latest["filled"], latest["leaves"], latest["open"]) == (
        2,
        900,
        150,
        150,
        True,
    )
    assert rig.desk.open_order_ids() == [2]
    assert rig.desk.best_own_price("S") == 900


def test_a_lapsed_replace_ends_with_its_original(rig: Rig) -> None:
    rig.desk.send_sell(1_000, 300)
    rig.send()
    rig.desk.send_replace(1, 900, 300)
    (intent,) = rig.take()
    rig.deliver(rig.router.sent(intent) + rig.router.fill(1, 300))
    assert [rig.state(1), rig.state(2)] == [OrderState.ORDER_FILLED, OrderState.ORDER_REJECTED]
    assert rig.desk.open_orders == 0


def test_a_rejected_replace_frees_the_original_for_another(rig: Rig) -> None:
    rig.desk.send_sell(1_000, 300)
    rig.send()
    rig.desk.send_replace(1, 900, 300)
    (intent,) = rig.take()
    rig.deliver(rig.router.sent(intent))
    replacement = rig.router.orders[2]
    replacement.state = OrderState.ORDER_REJECTED
    rig.deliver([rig.router.event(OrderEventKind.EVENT_REJECTED, replacement, reason=21)])
    assert rig.state(1) == OrderState.ORDER_LIVE
    assert rig.desk.send_replace(1, 800, 300) == 3


def test_an_earlier_answer_does_not_undo_a_cancel_under_way(rig: Rig) -> None:
    rig.desk.send_buy(1_000, 100)
    (new,) = rig.take()
    assert rig.desk.send_cancel(1)
    assert not rig.desk.send_cancel(1)
    rig.deliver(rig.router.sent(new) + rig.router.accept(1))
    assert rig.state(1) == OrderState.ORDER_PENDING_CANCEL
    rig.send()
    assert rig.state(1) == OrderState.ORDER_CANCELED


def test_a_refused_cancel_leaves_the_order_live(rig: Rig) -> None:
    rig.desk.send_buy(1_000, 100)
    rig.send()
    rig.desk.send_cancel(1)
    (cancel,) = rig.take()
    rig.deliver([rig.router.refused(cancel, 11)])
    assert rig.state(1) == OrderState.ORDER_LIVE
    assert rig.desk.send_cancel(1)


def test_cancel_all_marks_everything(rig: Rig) -> None:
    for price in (1_000, 900):
        rig.desk.send_buy(price, 10)
    rig.send()
    assert rig.desk.send_cancel_all()
    (intent,) = rig.take()
    assert intent.kind == IntentKind.INTENT_MASS_CANCEL
    assert {rig.state(1), rig.state(2)} == {OrderState.ORDER_PENDING_CANCEL}
    rig.deliver(rig.router.sent(intent) + rig.router.acknowledged(intent))
    assert rig.desk.open_orders == 0


def cancels(rig: Rig) -> int:
    intents = rig.take()
    assert {intent.kind for intent in intents} <= {IntentKind.INTENT_MASS_CANCEL}
    return len(intents)


@pytest.mark.parametrize("kind", [BookEventKind.BOOK_STALE, BookEventKind.BOOK_RESET])
def test_orders_do_not_outlive_the_prices(rig: Rig, kind: int) -> None:
    rig.desk.feed_book(book(1_000, 1_100), 3 * MS)
    rig.desk.send_buy(1_000, 10)
    rig.send()
    rig.desk.send_sell(1_100, 10)
    (unanswered,) = rig.take()
    rig.desk.feed_book(book(0, 0, kind=kind), 4 * MS)
    (intent,) = rig.take()
    assert intent.kind == IntentKind.INTENT_MASS_CANCEL
    assert {rig.state(1), rig.state(2)} == {OrderState.ORDER_PENDING_CANCEL}
    rig.desk.feed_timer(500 * MS)
    assert cancels(rig) == 0  # everything is being cancelled
    rig.deliver(rig.router.sent(unanswered) + rig.router.acknowledged(unanswered))
    rig.deliver(rig.router.sent(intent) + rig.router.acknowledged(intent))
    assert rig.desk.open_orders == 0

    # an order that comes to rest meanwhile is taken at the next look, and a new book ends the cancelling
    rig.desk.send_buy(900, 10)
    rig.send()
    rig.desk.feed_timer(600 * MS)
    assert cancels(rig) == 1
    rig.desk.send_buy(800, 10)
    rig.take()
    rig.desk.feed_timer(699 * MS)
    assert cancels(rig) == 0
    rig.desk.feed_timer(700 * MS)
    assert cancels(rig) == 1
    rig.desk.send_buy(700, 10)
    rig.take()
    rig.desk.feed_book(book(1_000, 1_100, kind=BookEventKind.BOOK_RECOVERED), 900 * MS)
    rig.desk.feed_timer(999 * MS)
    assert cancels(rig) == 0


def test_without_a_router_that_takes_orders_stale_prices_write_nothing_until_it_does(rig: Rig) -> None:
    rig.desk.feed_book(book(1_000, 1_100), 3 * MS)
    rig.desk.send_buy(1_000, 10)
    rig.send()
    rig.desk.close_entry(4 * MS)
    rig.desk.feed_book(book(0, 0, kind=BookEventKind.BOOK_STALE), 5 * MS)
    assert cancels(rig) == 0
    rig.desk.open_entry(ROUTER_EPOCH + 1, 6 * MS)
    assert cancels(rig) == 1


def test_a_strategy_may_keep_its_orders_without_prices() -> None:
    class Keeper(Recorder):
        CANCEL_WHEN_STALE = False

    rig = Rig(Keeper)
    rig.desk.feed_book(book(1_000, 1_100), 3 * MS)
    rig.desk.send_buy(1_000, 10)
    rig.send()
    rig.desk.feed_book(book(0, 0, kind=BookEventKind.BOOK_STALE), 4 * MS)
    rig.desk.feed_timer(500 * MS)
    assert rig.take() == []
    assert rig.state(1) == OrderState.ORDER_LIVE


@pytest.mark.parametrize("name", [CYTHON, PYTHON])
def test_the_market_maker_does_its_own_cancelling(name: str) -> None:
    assert load_class(name).CANCEL_WHEN_STALE is False
    assert Strategy.CANCEL_WHEN_STALE is PythonStrategy.CANCEL_WHEN_STALE is True


def test_nothing_is_written_while_order_entry_is_closed(rig: Rig) -> None:
    rig.desk.close_entry(5 * MS)
    assert rig.desk.send_buy(1_000, 10) == 0
    assert rig.take() == []
    assert rig.desk.stats()["closed_entry"] == 1


def test_the_outbox_is_bounded_and_dropped_intents_end_their_orders(rig: Rig) -> None:
    ids = [rig.desk.send_buy(1_000, 10) for _ in range(70)]
    assert ids[63] == 64
    assert set(ids[64:]) == {0}
    assert rig.desk.stats()["outbox_full"] == 6
    assert rig.desk.drop_unsent() == 64
    assert rig.desk.open_orders == 0
    assert rig.state(1) == OrderState.ORDER_REFUSED


def test_a_dropped_replace_frees_its_original(rig: Rig) -> None:
    rig.desk.send_buy(1_000, 10)
    rig.send()
    rig.desk.send_replace(1, 900, 10)
    rig.desk.drop_unsent()
    assert rig.state(1) == OrderState.ORDER_LIVE
    assert rig.desk.send_replace(1, 800, 10) == 3


def test_the_table_is_bounded_and_ids_keep_rising_past_old_open_orders(rig: Rig) -> None:
    rig.desk.send_buy(500, 1)  # stays open all the time
    rig.send()
    for _ in range(1_100):
        order_id = rig.desk.send_buy(1_000, 1)
        assert order_id
        rig.send()
        rig.deliver(rig.router.cancelled(order_id))
    assert rig.desk.open_order_ids() == [1]
    assert rig.desk.order_view(2) is None
    last = order_id
    while rig.desk.open_orders < 1_024:
        order_id = rig.desk.send_buy(1_000, 1)
        assert order_id > last
        last = order_id
        rig.send()
    assert rig.desk.send_buy(1_000, 1) == 0
    assert rig.desk.stats()["table_full"] == 1


def test_an_order_known_only_from_its_events_is_adopted(rig: Rig) -> None:
    rig.desk.send_buy(1_000, 10)
    (_intent,) = rig.take()
    rig.desk.drop_unsent()
    rig.desk.send_buy(900, 10)
    rig.desk.drop_unsent()  # we think it never left, but it did
    rig.router.strategy_epoch = EPOCH
    rig.router.orders[2] = FakeOrder(2, "B", 900, 10, 0, leaves=10)
    rig.deliver(rig.router.accept(2))
    assert rig.state(2) == OrderState.ORDER_LIVE
    assert set(rig.desk.open_order_ids()) == {1, 2}
    assert rig.desk.stats()["adopted_orders"] == 1


def test_own_orders_at_a_level_include_those_that_just_ended(rig: Rig) -> None:
    rig.desk.send_buy(1_000, 10)
    rig.send()
    assert (rig.desk.own_at("B", 1_000), rig.desk.own_at("S", 1_000), rig.desk.own_at("B", 900)) == (1, 0, 0)
    rig.deliver(rig.router.cancelled(1), now=10 * MS)
    rig.desk.feed_timer(59 * MS)
    assert rig.desk.own_at("B", 1_000) == 1
    rig.desk.feed_timer(60 * MS)
    assert rig.desk.own_at("B", 1_000) == 0


@pytest.mark.parametrize(
    ("price", "down", "up"), [(1_000, 1_000, 1_000), (1_001, 1_000, 1_100), (-1, -100, 0), (0, 0, 0)]
)
def test_tick_rounding(rig: Rig, price: int, down: int, up: int) -> None:
    assert (rig.desk.down_to_tick(price), rig.desk.up_to_tick(price)) == (down, up)


def test_an_exception_in_a_callback_stops_the_strategy(rig: Rig) -> None:
    class Broken(PythonStrategy):
        def on_book(self, event: BookEvent) -> None:
            self.desk.send_buy(event.bid_price, 1)
            raise RuntimeError("boom")

    rig = Rig(Broken)
    rig.desk.feed_book(book(1_000, 1_100), MS)
    assert isinstance(rig.desk.failure, RuntimeError)
    assert rig.desk.draining
    rig.desk.feed_book(book(1_000, 1_100), MS)
    assert len(rig.take()) == 1


@pytest.mark.parametrize("call", ["feed_book", "feed_order"])
def test_events_of_another_size_are_refused(rig: Rig, call: str) -> None:
    with pytest.raises(ValueError, match="bytes are not a"):
        getattr(rig.desk, call)(b"short", 0)


# ---- loading


def test_a_strategy_is_loaded_by_name() -> None:
    strategy, is_python = make_strategy(CYTHON, {"quote_size": 50}, INSTRUMENT, EPOCH)
    assert isinstance(strategy, Strategy)
    assert (strategy.parameters.quote_size, strategy.strategy_epoch, is_python) == (50, EPOCH, False)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hotpath.strategy.market_maker", "must be module:Class"),
        ("no.such.module:X", "module 'no.such.module' cannot be imported"),
        ("hotpath.strategy.market_maker:Nope", "has no 'Nope'"),
        ("hotpath.config:Idle", "must extend hotpath.strategy.base.Strategy"),
        ("hotpath.strategy.loading:load_class", "must extend"),
    ],
)
def test_a_class_that_cannot_be_used_is_explained(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_class(name)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"quote_sise": 1, "skeew": 2}, "unknown quote_sise, skeew; the valid ones are: quote_size, position_limit"),
        ({"quote_size": "many"}, r"Expected `int`, got `str` - at `\$.quote_size`"),
        ({"quote_size": 0}, r">= 1 - at `\$.quote_size`"),
        ({"spread_ticks": 0}, "set at least one"),
        ({"position_limit": 1.5}, "position_limit"),
    ],
)
def test_parameters_that_cannot_be_used_are_explained(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        bind_parameters(MarketMakerParameters, values)


def test_a_strategy_may_refuse_its_parameters() -> None:
    class Picky(PythonStrategy):
        def setup(self) -> None:
            raise ValueError("a and b cannot be equal")

    with pytest.raises(ValueError, match="a and b"):
        Rig(Picky)
    assert msgspec.structs.fields(NoParameters) == ()
    assert PositionBlock(sequence=1).epoch == 0
