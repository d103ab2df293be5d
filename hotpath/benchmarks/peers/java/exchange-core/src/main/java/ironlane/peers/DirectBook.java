package ironlane.peers;

import exchange.core2.collections.objpool.ObjectsPool;
import exchange.core2.core.common.MatcherTradeEvent;
import exchange.core2.core.common.OrderAction;
import exchange.core2.core.common.OrderType;
import exchange.core2.core.common.cmd.CommandResultCode;
import exchange.core2.core.common.cmd.OrderCommand;
import exchange.core2.core.common.cmd.OrderCommandType;
import exchange.core2.core.common.config.LoggingConfiguration;
import exchange.core2.core.orderbook.IOrderBook;
import exchange.core2.core.orderbook.OrderBookDirectImpl;
import exchange.core2.core.orderbook.OrderBookEventsHelper;
import java.io.IOException;
import java.util.Map;

/** The matching core alone: one thread, one command object reused, every event read; no risk engine. */
public final class DirectBook implements Peer {
    private static final int WARM_UP_ROUNDS = 3;

    private final Flow flow;
    private final Latencies latencies;
    // as the library's own matching thread sizes it; kept over the rounds, so that its objects are warm
    private final ObjectsPool pool = new ObjectsPool(Map.of(
            ObjectsPool.DIRECT_ORDER, 1024 * 1024,
            ObjectsPool.DIRECT_BUCKET, 1024 * 64,
            ObjectsPool.ART_NODE_4, 1024 * 32,
            ObjectsPool.ART_NODE_16, 1024 * 16,
            ObjectsPool.ART_NODE_48, 1024 * 8,
            ObjectsPool.ART_NODE_256, 1024 * 4));
    private final OrderBookEventsHelper events = new OrderBookEventsHelper(MatcherTradeEvent::new);
    private final OrderCommand command = new OrderCommand();
    private final Counts counts = new Counts();
    private IOrderBook book;

    private DirectBook(Opening opening) throws IOException {
        flow = new Flow(opening);
        latencies = new Latencies(opening.count(), opening.quantiles());
        for (int i = 0; i < WARM_UP_ROUNDS; i++) {
            throughput();
            latency();
        }
    }

    public static void main(String[] arguments) throws InterruptedException {
        Server.serve("matching", DirectBook::new);
    }

    @Override
    public Round throughput() {
        fresh();
        long cpu = CpuTime.ns();
        long started = System.nanoTime();
        run(flow.prefill, flow.count);
        long ns = System.nanoTime() - started;
        return new Round(ns, CpuTime.ns() - cpu, observed(), null);
    }

    @Override
    public Round latency() {
        fresh();
        latencies.clear();
        runTimed(flow.prefill, flow.count);
        return new Round(null, null, observed(), latencies.quantiles());
    }

    @Override
    public void close() {}

    private void fresh() {
        counts.clear();
        book = new OrderBookDirectImpl(Instrument.SPECIFICATION, pool, events, LoggingConfiguration.DEFAULT);
        run(0, flow.prefill);
    }

    private Map<String, Long> observed() {
        return counts.observed(book.getL2MarketDataSnapshot(Instrument.WHOLE_BOOK));
    }

    private void run(int first, int last) {
        for (int i = first; i < last; i++) {
            execute(i);
        }
    }

    private void runTimed(int first, int last) {
        for (int i = first; i < last; i++) {
            long before = System.nanoTime();
            execute(i);
            latencies.record(System.nanoTime() - before);
        }
    }

    private void execute(int i) {
        OrderCommand next = command;
        next.matcherEvent = null;
        next.orderId = flow.orderId[i];
        next.uid = flow.owner[i];
        byte kind = flow.kind[i];
        if (kind == Flow.MOVE) {
            next.command = OrderCommandType.MOVE_ORDER;
            next.price = flow.price[i];
            book.moveOrder(next);
        } else if (kind == Flow.CANCEL) {
            next.command = OrderCommandType.CANCEL_ORDER;
            if (book.cancelOrder(next) != CommandResultCode.SUCCESS) {
                counts.unknownCancels++;
            }
        } else {
            next.command = OrderCommandType.PLACE_ORDER;
            next.orderType = kind == Flow.IOC ? OrderType.IOC : OrderType.GTC;
            next.action = flow.buy[i] ? OrderAction.BID : OrderAction.ASK;
            next.price = flow.price[i];
            next.reserveBidPrice = Flow.HIGHEST_PRICE; // an order may move up to there
            next.size = flow.quantity[i];
            book.newOrder(next);
        }
        counts.walk(next.matcherEvent);
    }
}
