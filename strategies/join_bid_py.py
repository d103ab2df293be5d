import msgspec

from hotpath.ipc.layouts import BookEvent, OrderState
from hotpath.strategy.python_base import PythonStrategy


class JoinBidParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    size: int = 100
    target: int = 500


class PythonJoinBid(PythonStrategy):
    Parameters = JoinBidParameters

    def setup(self) -> None:
        self.order_id = 0

    def on_book(self, event: BookEvent) -> None:
        desk, p = self.desk, self.parameters
        order = desk.latest_order(self.order_id)
        if order is not None and not order["open"]:
            order = None
        if not desk.quotable or desk.position + p.size > p.target:
            if order is not None and desk.order_entry_open:
                desk.send_cancel(order["order_id"])
        elif order is None:
            self.order_id = desk.send_buy(event.bid_price, p.size, post_only=True)
        elif order["state"] == OrderState.ORDER_LIVE and order["price"] != event.bid_price:
            desk.send_replace(order["order_id"], event.bid_price, order["filled"] + p.size)
