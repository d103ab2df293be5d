"""Tick to order on nautilus_trader: a TradingNode with data and execution clients for the benchmark's venue.

ITCH -> OrderBookDeltas -> LiveDataEngine (queue, managed L3 book) -> MessageBus -> Strategy -> LiveRiskEngine ->
LiveExecutionEngine -> execution client -> OUCH. As its own adapters do it; logging off, rate limits out of the way.
"""

from __future__ import annotations

import asyncio
import sys
from decimal import Decimal
from typing import Any, ClassVar, cast

from nautilus_trader.common.providers import InstrumentProvider
from nautilus_trader.config import (
    CacheConfig,
    LiveDataClientConfig,
    LiveDataEngineConfig,
    LiveExecClientConfig,
    LiveExecEngineConfig,
    LiveRiskEngineConfig,
    LoggingConfig,
    RoutingConfig,
    StrategyConfig,
    TradingNodeConfig,
)
from nautilus_trader.live.data_client import LiveMarketDataClient
from nautilus_trader.live.execution_client import LiveExecutionClient
from nautilus_trader.live.factories import LiveDataClientFactory, LiveExecClientFactory
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import BookOrder, OrderBookDelta, OrderBookDeltas
from nautilus_trader.model.enums import AccountType, BookAction, BookType, OmsType, OrderSide, RecordFlag, TimeInForce
from nautilus_trader.model.identifiers import AccountId, ClientId, InstrumentId, Symbol, Venue, VenueOrderId
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import AccountBalance, Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

from benchmarks.peers.python import tick_wire as wire

VENUE = Venue("TICK")
INSTRUMENT = Equity(
    instrument_id=InstrumentId(Symbol("IRON"), VENUE),
    raw_symbol=Symbol("IRON"),
    currency=USD,
    price_precision=2,
    price_increment=Price.from_str("0.01"),
    lot_size=Quantity.from_int(1),
    ts_event=0,
    ts_init=0,
)
SIDES = {b"B": OrderSide.BUY, b"S": OrderSide.SELL}


class Shared:
    """What the factories hand to the clients; they take no arguments of ours."""

    request: ClassVar[dict[str, Any]] = {}
    logged_in: asyncio.Event


class TickData(LiveMarketDataClient):
    """Both lines into order book deltas, one OrderBookDeltas a packet."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._id = INSTRUMENT.id
        self._orders: dict[int, BookOrder] = {}
        self._prices: dict[int, Price] = {}
        self._deltas: list[OrderBookDelta] = []
        self._sequence = 0

    async def _connect(self) -> None:
        first = 1
        for message in wire.messages(Shared.request["opening"]):
            self._apply(message)
            first += 1
        self._feed = wire.Feed(first, self._apply, self._publish)
        for endpoint in wire.listen(self._loop, self._feed, Shared.request["lines"]):
            await endpoint

    async def _disconnect(self) -> None:
        pass

    async def _subscribe_order_book_deltas(self, command: Any) -> None:
        self._publish()  # the opening

    async def _unsubscribe_order_book_deltas(self, command: Any) -> None:
        pass

    def _price(self, price: int) -> Price:
        found = self._prices.get(price)
        if found is None:
            found = self._prices[price] = Price(price / 10_000, 2)
        return found

    def _delta(self, action: BookAction, order: BookOrder) -> None:
        self._sequence += 1
        now = self._clock.timestamp_ns()
        self._deltas.append(OrderBookDelta(self._id, action, order, RecordFlag.F_LAST, self._sequence, now, now))

    def _apply(self, message: bytes) -> None:
        kind = message[:1]
        if kind == b"A":
            _, _, _, _, reference, side, shares, _, price = wire.ADD.unpack(message)
            self._add(reference, SIDES[side], self._price(price), shares)
        elif kind == b"D":
            self._take(wire.DELETE.unpack(message)[4], None)
        elif kind == b"X":
            fields = wire.CANCEL.unpack(message)
            self._take(fields[4], fields[5])
        elif kind == b"E":
            fields = wire.EXECUTED.unpack(message)
            self._take(fields[4], fields[5])
        elif kind == b"U":
            _, _, _, _, old, new, shares, price = wire.REPLACE.unpack(message)
            order = self._orders.get(old)
            if order is not None:
                self._take(old, None)
                self._add(new, order.side, self._price(price), shares)

    def _add(self, reference: int, side: OrderSide, price: Price, shares: int) -> None:
        order = BookOrder(side, price, Quantity.from_int(shares), reference)
        self._orders[reference] = order
        self._delta(BookAction.ADD, order)

    def _take(self, reference: int, shares: int | None) -> None:
        order = self._orders.get(reference)
        if order is None:
            return
        left = 0 if shares is None else int(order.size) - shares
        if left <= 0:
            del self._orders[reference]
            self._delta(BookAction.DELETE, order)
        else:
            order = self._orders[reference] = BookOrder(order.side, order.price, Quantity.from_int(left), reference)
            self._delta(BookAction.UPDATE, order)

    def _publish(self) -> None:
        if self._deltas:
            deltas, self._deltas = self._deltas, []
            self._handle_data(OrderBookDeltas(self._id, deltas))


class TickExecution(LiveExecutionClient, asyncio.Protocol):
    """OUCH over SoupBinTCP."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._number = 0
        self._sent: dict[int, Any] = {}
        self._replies = wire.Replies()
        self._transport: asyncio.Transport | None = None
        self._set_account_id(AccountId("TICK-1"))

    async def _connect(self) -> None:
        await self._loop.create_connection(lambda: self, "127.0.0.1", Shared.request["order_entry"])
        await asyncio.wait_for(Shared.logged_in.wait(), wire.LOGIN_S)
        balance = AccountBalance(Money(10**9, USD), Money(0, USD), Money(10**9, USD))
        self.generate_account_state([balance], [], True, self._clock.timestamp_ns())

    async def _disconnect(self) -> None:
        pass

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(wire.login())

    def data_received(self, data: bytes) -> None:
        Shared.logged_in.set()
        for message in self._replies.feed(data):
            kind, _, number = wire.REPLY_HEAD.unpack_from(message)
            order = self._sent.get(number)
            if order is None:
                continue
            now = self._clock.timestamp_ns()
            names = (order.strategy_id, order.instrument_id, order.client_order_id, VenueOrderId(str(number)), now)
            if kind == b"A":
                self.generate_order_accepted(*names)
            elif kind == b"C":
                del self._sent[number]
                self.generate_order_canceled(*names)

    async def _submit_order(self, command: Any) -> None:
        order = command.order
        self._number += 1
        self._sent[self._number] = order
        price = round(Decimal(str(order.price)) * 10_000)
        side = b"B" if order.side == OrderSide.BUY else b"S"
        now = self._clock.timestamp_ns()
        self.generate_order_submitted(order.strategy_id, order.instrument_id, order.client_order_id, now)
        assert self._transport is not None
        self._transport.write(wire.enter_order(self._number, side, int(order.quantity), b"IRON    ", price))

    async def generate_order_status_reports(self, command: Any) -> list[Any]:
        return []

    async def generate_fill_reports(self, command: Any) -> list[Any]:
        return []

    async def generate_position_status_reports(self, command: Any) -> list[Any]:
        return []


class TickTakerConfig(StrategyConfig, frozen=True):
    pass


class TickTaker(Strategy):
    """One IOC buy for each improvement of the best bid, with as many shares as the best bid has."""

    def __init__(self, config: TickTakerConfig) -> None:
        super().__init__(config)
        self.bid = 0.0
        self.subscribed = asyncio.Event()

    def on_start(self) -> None:
        self.subscribe_order_book_deltas(INSTRUMENT.id, BookType.L3_MBO)

    def on_order_book_deltas(self, deltas: OrderBookDeltas) -> None:
        book = self.cache.order_book(INSTRUMENT.id)
        bid, ask = book.best_bid_price(), book.best_ask_price()
        if bid is None or ask is None:
            return
        before, self.bid = self.bid, bid
        self.subscribed.set()
        if before and bid > before and ask > bid:
            order = self.order_factory.limit(
                INSTRUMENT.id, OrderSide.BUY, book.best_bid_size(), ask, time_in_force=TimeInForce.IOC
            )
            self.submit_order(order)


class TickDataFactory(LiveDataClientFactory):
    @staticmethod
    def create(loop: Any, name: str, config: Any, msgbus: Any, cache: Any, clock: Any) -> TickData:
        provider = InstrumentProvider()
        provider.add(INSTRUMENT)
        cache.add_instrument(INSTRUMENT)
        return TickData(loop, ClientId(name), VENUE, msgbus, cache, clock, provider)


class TickExecutionFactory(LiveExecClientFactory):
    @staticmethod
    def create(loop: Any, name: str, config: Any, msgbus: Any, cache: Any, clock: Any) -> TickExecution:
        provider = InstrumentProvider()
        provider.add(INSTRUMENT)
        return TickExecution(
            loop, ClientId(name), VENUE, OmsType.NETTING, AccountType.MARGIN, USD, provider, msgbus, cache, clock
        )


async def main(request: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    Shared.request = request
    Shared.logged_in = asyncio.Event()
    config = TradingNodeConfig(
        trader_id="BENCH-001",
        logging=LoggingConfig(log_level="ERROR"),
        cache=CacheConfig(),
        data_engine=LiveDataEngineConfig(),
        risk_engine=LiveRiskEngineConfig(
            max_order_submit_rate="1000000/00:00:01", max_order_modify_rate="1000000/00:00:01"
        ),
        exec_engine=LiveExecEngineConfig(reconciliation=False, inflight_check_interval_ms=0),
        data_clients={"TICK": LiveDataClientConfig(routing=RoutingConfig(default=True))},
        exec_clients={"TICK": LiveExecClientConfig(routing=RoutingConfig(default=True))},
    )
    node = TradingNode(config, loop=loop)
    strategy = TickTaker(TickTakerConfig(log_events=False, log_commands=False))
    node.trader.add_strategy(strategy)
    node.add_data_client_factory("TICK", TickDataFactory)
    node.add_exec_client_factory("TICK", TickExecutionFactory)
    node.build()
    running = asyncio.ensure_future(node.run_async())
    await asyncio.wait_for(strategy.subscribed.wait(), 60)
    wire.answer({"ready": True, "loop": type(loop).__module__})
    await wire.until_input_ends(loop)
    running.cancel()


if __name__ == "__main__":
    opened = wire.opening()
    import uvloop

    uvloop.run(main(opened))
    sys.exit(0)
