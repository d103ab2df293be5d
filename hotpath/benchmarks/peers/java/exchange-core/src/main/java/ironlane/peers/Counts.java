package ironlane.peers;

import exchange.core2.core.common.L2MarketData;
import exchange.core2.core.common.MatcherEventType;
import exchange.core2.core.common.MatcherTradeEvent;
import java.util.LinkedHashMap;
import java.util.Map;

/** What a round did. */
final class Counts {
    long trades;
    long volume;
    long unknownCancels;

    void clear() {
        trades = 0;
        volume = 0;
        unknownCancels = 0;
    }

    void walk(MatcherTradeEvent first) {
        for (MatcherTradeEvent each = first; each != null; each = each.nextEvent) {
            if (each.eventType == MatcherEventType.TRADE) {
                trades++;
                volume += each.size;
            }
        }
    }

    Map<String, Long> observed(L2MarketData book) {
        Map<String, Long> found = new LinkedHashMap<>();
        found.put("trades", trades);
        found.put("volume", volume);
        found.put("unknown_cancels", unknownCancels);
        found.put("resting_orders", sum(book.bidOrders, book.bidSize) + sum(book.askOrders, book.askSize));
        found.put("best_bid", book.bidSize == 0 ? 0 : book.bidPrices[0]);
        found.put("best_ask", book.askSize == 0 ? 0 : book.askPrices[0]);
        return found;
    }

    private static long sum(long[] values, int size) {
        long total = 0;
        for (int i = 0; i < size; i++) {
            total += values[i];
        }
        return total;
    }
}
