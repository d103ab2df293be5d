"""The market maker of market_maker.pyx in pure Python: the same intents for the same events, on the slow path."""

from __future__ import annotations

from dataclasses import dataclass

from hotpath.ipc.layouts import BookEvent, OrderEvent, OrderEventKind, OrderState
from hotpath.strategy.market_maker_parameters import NS_PER_MS, MarketMakerParameters
from hotpath.strategy.python_base import PythonStrategy

HUNDREDTHS_PER_UNIT = 1_000_000  # hundredths of a basis point in 1
USER_REQUESTED = ord("U")  # OUCH cancel reason


@dataclass
class Quote:
    """One side's working order and its pace."""

    order_id: int = 0
    not_before_ns: int = 0
    cancel_not_before_ns: int = 0


class PythonMarketMaker(PythonStrategy):
    """One post-only order a side around the mid, shifted against the inventory; none while the book is not good."""

    Parameters = MarketMakerParameters
    CANCEL_WHEN_STALE = False  # does it itself, quote by quote, as for every other reason not to quote
    parameters: MarketMakerParameters

    def setup(self) -> None:
        self.spread_hundredths = self.parameters.spread_hundredths_of_bps
        self.requote_ns = self.parameters.requote_ms * NS_PER_MS
        self.cool_down_ns = self.parameters.cool_down_ms * NS_PER_MS
        self.bid, self.ask = Quote(), Quote()
        self.outside_bid = self.outside_ask = 0

    def on_book(self, event: BookEvent) -> None:
        self._see_outside(event)
        self._work()

    def on_order_event(self, event: OrderEvent) -> None:
        desk = self.desk
        quote = self.bid if event.side == "B" else self.ask
        ours = event.strategy_epoch == desk.strategy_epoch and desk.order_view(event.order_id) is not None
        # a rejected replace with reason 0 has only shared its original's fate
        unwanted = (
            event.kind == OrderEventKind.EVENT_REFUSED
            or (event.kind == OrderEventKind.EVENT_REJECTED and event.reason)
            or (event.kind == OrderEventKind.EVENT_CANCELED and event.reason != USER_REQUESTED)
        )
        if ours and unwanted:
            quote.not_before_ns = desk.now_ns + self.cool_down_ns
        self._work()

    def on_timer(self, now_ns: int) -> None:
        self._work()

    def _see_outside(self, event: BookEvent) -> None:
        """Quoting around a mid that our own quotes moved would chase itself: look past levels that are all ours."""
        desk = self.desk
        if not desk.book_fresh:
            self.outside_bid = self.outside_ask = 0
            return
        if event.bid_price == 0:
            self.outside_bid = 0
        elif event.bid_orders > desk.own_at("B", event.bid_price):
            self.outside_bid = event.bid_price
        else:  # what is below our own best bid is not shown
            self.outside_bid = min(self.outside_bid, event.bid_price)
        if event.ask_price == 0:
            self.outside_ask = 0
        elif event.ask_orders > desk.own_at("S", event.ask_price):
            self.outside_ask = event.ask_price
        elif self.outside_ask:
            self.outside_ask = max(self.outside_ask, event.ask_price)

    def _targets(self) -> tuple[int, int]:
        desk, p = self.desk, self.parameters
        if not desk.quotable or self.outside_bid == 0 or self.outside_ask <= self.outside_bid:
            return 0, 0
        mid = self.outside_bid + self.outside_ask  # all of these are twice the price, so that halves are exact
        spread = max(2 * p.spread_ticks * desk.tick, mid * self.spread_hundredths // HUNDREDTHS_PER_UNIT)
        shift = 2 * p.skew_ticks * desk.tick * abs(desk.position) // p.position_limit
        center = mid - (shift if desk.position >= 0 else -shift)
        # post-only: stay a tick outside whatever is on the other side
        bid = min(desk.down_to_tick((center - spread // 2) // 2), self.outside_ask - desk.tick)
        ask = max(desk.up_to_tick((center + spread // 2 + 1) // 2), self.outside_bid + desk.tick)
        return (bid if bid >= desk.tick else 0), ask

    def _work(self) -> None:
        desk, p = self.desk, self.parameters
        if desk.draining:
            return
        bid, ask = self._targets()
        own_ask = desk.best_own_price("S")
        if bid and own_ask:
            bid = min(bid, own_ask - desk.tick)
        self._work_side(self.bid, "B", bid, min(p.quote_size, p.position_limit - desk.position))
        own_bid = desk.best_own_price("B")
        if ask and own_bid:
            ask = max(ask, own_bid + desk.tick)
        self._work_side(self.ask, "S", ask, min(p.quote_size, p.position_limit + desk.position))

    def _work_side(self, quote: Quote, side: str, target: int, size: int) -> None:
        desk = self.desk
        order = desk.latest_order(quote.order_id)
        quote.order_id = order["order_id"] if order is not None and order["open"] else 0
        if order is not None and quote.order_id and (order["state"] != OrderState.ORDER_LIVE or order["replaced_by"]):
            return  # an answer is on its way
        if target == 0 or size < 1:
            # taking risk off does not wait for the pace of quoting, only for its own
            due = quote.order_id and desk.order_entry_open and desk.now_ns >= quote.cancel_not_before_ns
            if due and desk.send_cancel(quote.order_id):
                quote.cancel_not_before_ns = desk.now_ns + self.cool_down_ns
            return
        if desk.now_ns < quote.not_before_ns:
            return
        if order is None or quote.order_id == 0:
            send = desk.send_buy if side == "B" else desk.send_sell
            quote.order_id = send(target, size, post_only=True)
        else:
            off = abs(target - order["price"])
            if off < self.parameters.refresh_ticks * desk.tick and order["leaves"] <= size:
                return
            desk.send_replace(quote.order_id, target, order["filled"] + size)
        quote.not_before_ns = desk.now_ns + self.requote_ns
