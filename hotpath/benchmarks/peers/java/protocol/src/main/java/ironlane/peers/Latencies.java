package ironlane.peers;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** Preallocated samples in ns. */
public final class Latencies {
    private final long[] values;
    private final Map<String, Double> quantiles;
    private int count;

    public Latencies(int capacity, Map<String, Double> quantiles) {
        this.values = new long[capacity];
        this.quantiles = quantiles;
    }

    public void clear() {
        count = 0;
    }

    public void record(long ns) {
        values[count++] = ns;
    }

    /** Nearest rank; sorts the samples. */
    public Map<String, Long> quantiles() {
        if (count == 0) {
            return null;
        }
        Arrays.sort(values, 0, count);
        Map<String, Long> found = new LinkedHashMap<>();
        quantiles.forEach((name, rank) -> found.put(name, values[Math.min(count - 1, (int) (rank * count))]));
        return found;
    }
}
