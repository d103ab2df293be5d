"""Order events to orders, fills and positions. Pure: works on a set of rows that the caller loaded and stores.

Events of one source must come in sequence order. What the venue said once is applied once: a message of the venue
that an order has already seen (same or lower venue sequence) changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from wire.average_cost import AverageCost
from wire.messages import OrderEventKind, OrderEventMessage, OrderState

NumberKey = tuple[str, str, int]  # host, session, user_ref_num
IdKey = tuple[str, int, int]  # host, strategy_epoch, order_id
FillKey = tuple[str, str, int, int]  # host, session, user_ref_num, match_number
PositionKey = tuple[str, str]  # host, symbol

OPEN_STATES: Final = ("PENDING_NEW", "LIVE", "PENDING_REPLACE", "PENDING_CANCEL", "UNKNOWN")
LAPSED: Final = "LAPSED"  # a replace that ended with its original, or an order that never reached the venue

ORDER_KINDS: Final = frozenset(
    {
        OrderEventKind.NEW_SENT,
        OrderEventKind.ACCEPTED,
        OrderEventKind.REJECTED,
        OrderEventKind.REPLACE_SENT,
        OrderEventKind.REPLACED,
        OrderEventKind.CANCEL_SENT,
        OrderEventKind.CANCELED,
        OrderEventKind.EXECUTED,
        OrderEventKind.BROKEN,
        OrderEventKind.ORDER_UNKNOWN,
    }
)


@dataclass(slots=True)
class Order:
    """One row of `orders`; the columns are described in the migration."""

    host: str
    session: str
    user_ref_num: int
    strategy_epoch: int
    order_id: int
    first_sequence: int
    created_ns: int
    orig_user_ref_num: int = 0
    replaced_by: int = 0
    cl_ord_id: str = ""
    order_reference_number: int = 0
    symbol: str = ""
    side: str = ""
    time_in_force: str = ""
    flags: int = 0
    price: int = 0
    quantity: int = 0
    leaves: int = 0
    filled: int = 0
    executed: int = 0
    executed_notional: int = 0
    canceled: int = 0
    state: str = "NONE"
    accepted: bool = False
    reason: str = ""
    last_epoch: int = 0
    last_sequence: int = 0
    last_venue_sequence: int = 0
    updated_ns: int = 0

    @property
    def number_key(self) -> NumberKey:
        return (self.host, self.session, self.user_ref_num)


@dataclass(slots=True)
class Fill:
    """One row of `fills`."""

    host: str
    session: str
    user_ref_num: int
    match_number: int
    symbol: str
    side: str
    price: int
    quantity: int
    realised: int
    venue_ns: int
    wall_ns: int
    epoch: int
    sequence: int
    broken: bool = False

    @property
    def key(self) -> FillKey:
        return (self.host, self.session, self.user_ref_num, self.match_number)


@dataclass(slots=True)
class Position:
    """One row of `positions`."""

    host: str
    symbol: str
    fills: int = 0
    updated_ns: int = 0
    cost: AverageCost = field(default_factory=AverageCost)


@dataclass(slots=True)
class WorkingSet:
    """The rows a batch may touch. `history` holds every fill, in order, of the positions in which a trade is broken."""

    orders: dict[NumberKey, Order] = field(default_factory=dict)
    refused: dict[IdKey, Order] = field(default_factory=dict)
    by_id: dict[IdKey, Order] = field(default_factory=dict)  # orders that a person vouched to be gone
    known_ids: set[IdKey] = field(default_factory=set)
    fills: dict[FillKey, Fill] = field(default_factory=dict)
    positions: dict[PositionKey, Position] = field(default_factory=dict)
    history: dict[PositionKey, list[Fill]] = field(default_factory=dict)
    dirty_orders: dict[int, Order] = field(default_factory=dict)
    new_fills: list[Fill] = field(default_factory=list)
    dirty_fills: dict[FillKey, Fill] = field(default_factory=dict)
    dirty_positions: dict[PositionKey, Position] = field(default_factory=dict)
    position_mismatches: dict[tuple[str, str], int] = field(default_factory=dict)
    repeated: int = 0  # venue messages that had been applied before
    problems: list[tuple[OrderEventMessage, str]] = field(default_factory=list)

    def _touch(self, order: Order, event: OrderEventMessage) -> None:
        order.last_epoch = event.epoch
        order.last_sequence = event.sequence
        order.updated_ns = event.wall_ns
        self.dirty_orders[id(order)] = order

    def apply(self, event: OrderEventMessage) -> None:
        """One event; the next of its source."""
        if event.kind is OrderEventKind.REFUSED:
            self._refused(event)
        elif vouched_gone(event):
            self._vouched_gone(event)
        elif event.kind in ORDER_KINDS and event.user_ref_num > 0:
            self._order_event(event)

    def _refused(self, event: OrderEventMessage) -> None:
        # a refused cancel or replace of a live order, or a repeated id, changes no order
        key = (event.host, event.strategy_epoch, event.order_id)
        if event.state is not OrderState.REFUSED or event.user_ref_num or not event.order_id or key in self.known_ids:
            return
        order = _create(event)
        order.session = ""
        _describe(order, event)
        order.leaves = 0
        order.reason = event.reason
        self.refused[key] = order
        self.known_ids.add(key)
        self._touch(order, event)

    def _vouched_gone(self, event: OrderEventMessage) -> None:
        key = (event.host, event.strategy_epoch, event.order_id)
        order = self.by_id.get(key) or next(
            (each for each in self.orders.values() if (each.host, each.strategy_epoch, each.order_id) == key), None
        )
        if order is None:
            self.problems.append((event, f"order {event.order_id} of an earlier venue session is not known"))
            return
        order = self.orders.setdefault(order.number_key, order)
        order.canceled += order.leaves
        order.leaves = 0
        order.state = "CANCELED"
        order.reason = event.reason
        self._touch(order, event)

    def _order_event(self, event: OrderEventMessage) -> None:
        key = (event.host, event.session, event.user_ref_num)
        order = self.orders.get(key)
        if order is None:
            order = self.orders[key] = _create(event)
            self.known_ids.add((event.host, event.strategy_epoch, event.order_id))
        elif event.venue_sequence and event.venue_sequence <= order.last_venue_sequence:
            self.repeated += 1
            return
        order.last_venue_sequence = max(order.last_venue_sequence, event.venue_sequence)
        _describe(order, event)
        self._touch(order, event)
        match event.kind:
            case OrderEventKind.ACCEPTED | OrderEventKind.REPLACED:
                order.accepted = True
                if event.kind is OrderEventKind.REPLACED:
                    self._supersede(event)
                if order.state == "CANCELED":  # accepted dead
                    order.canceled = order.quantity - order.filled
            case OrderEventKind.REJECTED:
                order.reason = event.reason if event.reason_code else LAPSED
            case OrderEventKind.CANCELED:
                order.canceled += event.last_quantity
                order.reason = event.reason
            case OrderEventKind.EXECUTED:
                self._executed(order, event)
            case OrderEventKind.BROKEN:
                self._broken(order, event)
            case _:
                pass

    def _supersede(self, event: OrderEventMessage) -> None:
        original = self.orders.get((event.host, event.session, event.orig_user_ref_num))
        if original is None:
            self.problems.append((event, f"replaces order {event.orig_user_ref_num}, of which no event came"))
            return
        original.state = "REPLACED"
        original.leaves = 0
        original.replaced_by = event.user_ref_num
        self._touch(original, event)

    def _position(self, event: OrderEventMessage) -> Position:
        key = (event.host, event.symbol)
        position = self.positions.get(key)
        if position is None:
            position = self.positions[key] = Position(event.host, event.symbol)
        self.dirty_positions[key] = position
        position.updated_ns = event.wall_ns
        return position

    def _executed(self, order: Order, event: OrderEventMessage) -> None:
        key = (event.host, event.session, event.user_ref_num, event.match_number)
        if key in self.fills:
            self.repeated += 1
            return
        if event.side not in ("B", "S") or event.last_quantity <= 0:
            self.problems.append((event, f"execution with side {event.side!r} and {event.last_quantity} shares"))
            return
        position = self._position(event)
        profit = position.cost.apply(event.side, event.last_price, event.last_quantity)
        position.fills += 1
        order.executed += event.last_quantity
        order.executed_notional += event.last_price * event.last_quantity
        fill = Fill(
            host=event.host,
            session=event.session,
            user_ref_num=event.user_ref_num,
            match_number=event.match_number,
            symbol=event.symbol,
            side=event.side,
            price=event.last_price,
            quantity=event.last_quantity,
            realised=profit,
            venue_ns=event.venue_ns,
            wall_ns=event.wall_ns,
            epoch=event.epoch,
            sequence=event.sequence,
        )
        self.fills[key] = fill
        self.new_fills.append(fill)
        history = self.history.get((event.host, event.symbol))
        if history is not None:
            history.append(fill)
        self._check_position(position, event)

    def _broken(self, order: Order, event: OrderEventMessage) -> None:
        fill = self.fills.get((event.host, event.session, event.user_ref_num, event.match_number))
        if fill is None or fill.broken:
            self.problems.append((event, f"breaks trade {event.match_number}, which is not a standing fill"))
            return
        fill.broken = True
        self.dirty_fills[fill.key] = fill
        order.executed -= fill.quantity
        order.executed_notional -= fill.price * fill.quantity
        follower = self.orders.get((order.host, order.session, order.replaced_by)) if order.replaced_by else None
        while follower is not None:  # filled counts the whole chain
            follower.filled -= fill.quantity
            self._touch(follower, event)
            follower = self.orders.get((order.host, order.session, follower.replaced_by))
        position = self._position(event)
        position.cost = AverageCost()
        position.fills = 0
        for each in self.history[event.host, event.symbol]:
            profit = 0 if each.broken else position.cost.apply(each.side, each.price, each.quantity)
            position.fills += not each.broken
            if profit != each.realised:
                each.realised = profit
                self.dirty_fills[each.key] = each
        self._check_position(position, event)

    def _check_position(self, position: Position, event: OrderEventMessage) -> None:
        if position.cost.quantity != event.position:
            source = (event.host, event.role)
            self.position_mismatches[source] = self.position_mismatches.get(source, 0) + 1


def vouched_gone(event: OrderEventMessage) -> bool:
    """A cancel that no venue sent: a person says that an order of an earlier venue session is gone.

    The event carries the session of its own time, so its order is found by the strategy's id.
    """
    return event.kind is OrderEventKind.CANCELED and event.venue_sequence == 0


def _create(event: OrderEventMessage) -> Order:
    return Order(
        host=event.host,
        session=event.session,
        user_ref_num=event.user_ref_num,
        strategy_epoch=event.strategy_epoch,
        order_id=event.order_id,
        first_sequence=event.sequence,
        created_ns=event.wall_ns,
    )


def _describe(order: Order, event: OrderEventMessage) -> None:
    order.state = str(event.state)
    order.price = event.price
    order.quantity = event.quantity
    order.leaves = event.leaves
    order.filled = event.filled
    order.flags = event.flags
    order.orig_user_ref_num = event.orig_user_ref_num or order.orig_user_ref_num
    order.side = event.side or order.side
    order.time_in_force = event.time_in_force or order.time_in_force
    order.symbol = event.symbol or order.symbol
    order.cl_ord_id = event.cl_ord_id or order.cl_ord_id
    order.order_reference_number = event.order_reference_number or order.order_reference_number
