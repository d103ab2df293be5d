package ironlane.peers;

import java.util.Map;

/**
 * Answer to one request; null for what was not measured.
 *
 * @param ns wall time of the work's operations
 * @param cpu_ns CPU time over the same stretch
 * @param latency ns by the name of the quantile
 */
public record Round(Long ns, Long cpu_ns, Map<String, Long> observed, Map<String, Long> latency) {}
