package ironlane.peers;

import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.List;

/** CPU time of the calling thread and of the collector's pauses, which stop it. */
public final class CpuTime {
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
    private static final List<GarbageCollectorMXBean> COLLECTORS = ManagementFactory.getGarbageCollectorMXBeans();

    private CpuTime() {}

    public static long ns() {
        long total = THREADS.getCurrentThreadCpuTime();
        for (GarbageCollectorMXBean each : COLLECTORS) {
            total += Math.max(0, each.getCollectionTime()) * 1_000_000L;
        }
        return total;
    }
}
