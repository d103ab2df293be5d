package ironlane.peers;

import exchange.core2.core.ExchangeApi;
import exchange.core2.core.ExchangeCore;
import exchange.core2.core.common.CoreWaitStrategy;
import exchange.core2.core.common.OrderAction;
import exchange.core2.core.common.OrderType;
import exchange.core2.core.common.api.ApiAddUser;
import exchange.core2.core.common.api.ApiAdjustUserBalance;
import exchange.core2.core.common.api.ApiCancelOrder;
import exchange.core2.core.common.api.ApiCommand;
import exchange.core2.core.common.api.ApiMoveOrder;
import exchange.core2.core.common.api.ApiNop;
import exchange.core2.core.common.api.ApiPlaceOrder;
import exchange.core2.core.common.api.ApiReset;
import exchange.core2.core.common.api.binary.BatchAddSymbolsCommand;
import exchange.core2.core.common.cmd.CommandResultCode;
import exchange.core2.core.common.cmd.OrderCommand;
import exchange.core2.core.common.cmd.OrderCommandType;
import exchange.core2.core.common.config.ExchangeConfiguration;
import exchange.core2.core.common.config.PerformanceConfiguration;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The whole library: API, grouping, risk engine (every account checked), matching engine, risk release, results. Four
 * threads of its own beside the one that submits.
 */
public final class Pipeline implements Peer {
    private static final int WARM_UP_ROUNDS = 6;
    private static final long WARM_UP_NS = 20_000_000_000L; // its threads are more than two CPUs: a round may take long
    private static final long BALANCE = 1L << 50;
    private static final long ANSWER_S = 60;

    private final Opening opening;
    private final ApiCommand[] commands;
    private final Counts counts = new Counts();
    private final ExchangeCore core;
    private final ExchangeApi api;

    private Pipeline(Opening opening) throws Exception {
        this.opening = opening;
        commands = commands(new Flow(opening));
        core = ExchangeCore.builder()
                .resultsConsumer((command, sequence) -> take(command))
                .exchangeConfiguration(ExchangeConfiguration.defaultBuilder()
                        .performanceCfg(performance(Integer.parseInt(opening.setting("ring"))))
                        .build())
                .build();
        core.startup();
        api = core.getApi();
        long started = System.nanoTime();
        for (int i = 0; i < WARM_UP_ROUNDS && System.nanoTime() - started < WARM_UP_NS; i++) {
            throughput();
        }
    }

    public static void main(String[] arguments) throws InterruptedException {
        Server.serve("submitting", Pipeline::new);
    }

    private static PerformanceConfiguration performance(int ring) {
        // its latency settings; the threads are left to the scheduler, there are more of them than CPUs
        return PerformanceConfiguration.latencyPerformanceBuilder()
                .ringBufferSize(ring)
                .threadFactory(Thread::new)
                .waitStrategy(CoreWaitStrategy.YIELDING)
                .build();
    }

    private static ApiCommand[] commands(Flow flow) {
        ApiCommand[] made = new ApiCommand[flow.count];
        for (int i = 0; i < made.length; i++) {
            made[i] = switch (flow.kind[i]) {
                case Flow.MOVE -> new ApiMoveOrder(flow.orderId[i], flow.price[i], flow.owner[i], Instrument.SYMBOL);
                case Flow.CANCEL -> new ApiCancelOrder(flow.orderId[i], flow.owner[i], Instrument.SYMBOL);
                default -> ApiPlaceOrder.builder()
                        .price(flow.price[i])
                        .reservePrice(flow.buy[i] ? Flow.HIGHEST_PRICE : 0)
                        .size(flow.quantity[i])
                        .orderId(flow.orderId[i])
                        .action(flow.buy[i] ? OrderAction.BID : OrderAction.ASK)
                        .orderType(flow.kind[i] == Flow.IOC ? OrderType.IOC : OrderType.GTC)
                        .uid(flow.owner[i])
                        .symbol(Instrument.SYMBOL)
                        .build();
            };
        }
        return made;
    }

    /** On the results thread. */
    private void take(OrderCommand command) {
        if (command.command == OrderCommandType.CANCEL_ORDER && command.resultCode != CommandResultCode.SUCCESS) {
            counts.unknownCancels++;
        }
        if (command.command != OrderCommandType.BINARY_DATA_COMMAND) {
            counts.walk(command.matcherEvent);
        }
    }

    @Override
    public Round throughput() throws Exception {
        fresh();
        long started = System.nanoTime();
        for (int i = opening.prefill(); i < commands.length; i++) {
            api.submitCommand(commands[i]);
        }
        settle();
        long ns = System.nanoTime() - started;
        return new Round(ns, null, observed(), null);
    }

    /** With more threads than CPUs it would be the scheduler's latency. */
    @Override
    public Round latency() {
        return null;
    }

    @Override
    public void close() {
        core.shutdown(2, TimeUnit.SECONDS);
    }

    private void fresh() throws Exception {
        answered(ApiReset.builder().build());
        CommandResultCode added = api.submitBinaryDataAsync(new BatchAddSymbolsCommand(Instrument.SPECIFICATION))
                .get(ANSWER_S, TimeUnit.SECONDS);
        require(added, CommandResultCode.SUCCESS);
        for (int owner = 1; owner <= Flow.OWNERS; owner++) {
            api.submitCommand(ApiAddUser.builder().uid(owner).build());
            for (int currency : new int[] {Instrument.BASE, Instrument.QUOTE}) {
                api.submitCommand(ApiAdjustUserBalance.builder()
                        .uid(owner)
                        .currency(currency)
                        .amount(BALANCE)
                        .transactionId(currency)
                        .build());
            }
        }
        settle();
        counts.clear();
        for (int i = 0; i < opening.prefill(); i++) {
            api.submitCommand(commands[i]);
        }
        settle();
    }

    /** Until everything submitted has been through all stages. */
    private void settle() throws Exception {
        answered(ApiNop.builder().build());
    }

    private void answered(ApiCommand command) throws Exception {
        require(api.submitCommandAsync(command).get(ANSWER_S, TimeUnit.SECONDS), CommandResultCode.SUCCESS);
    }

    private static void require(CommandResultCode got, CommandResultCode wanted) throws IOException {
        if (got != wanted) {
            throw new IOException("the exchange answered " + got);
        }
    }

    private Map<String, Long> observed() throws Exception {
        return counts.observed(
                api.requestOrderBookAsync(Instrument.SYMBOL, Instrument.WHOLE_BOOK).get(ANSWER_S, TimeUnit.SECONDS));
    }
}
