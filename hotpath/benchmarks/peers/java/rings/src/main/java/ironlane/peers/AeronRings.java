package ironlane.peers;

import io.aeron.Aeron;
import io.aeron.ExclusivePublication;
import io.aeron.Image;
import io.aeron.Publication;
import io.aeron.Subscription;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import io.aeron.logbuffer.BufferClaim;
import io.aeron.logbuffer.FragmentHandler;
import io.aeron.logbuffer.Header;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.agrona.DirectBuffer;
import org.agrona.MutableDirectBuffer;
import org.agrona.concurrent.BackoffIdleStrategy;

/**
 * Aeron IPC between two processes. This one measures and holds the media driver (one thread, which backs off); the other
 * one, started from here with the same class path and flags, is `AeronRings pong FOLDER echo|produce CHANNEL`.
 */
public final class AeronRings implements Peer {
    private static final int WARM_UP_ROUNDS = 20;
    private static final int WARM_UP_MESSAGES = 50_000;
    private static final long WARM_UP_NS = 10_000_000_000L; // on a machine that has no two CPUs to spare
    private static final int MESSAGE_BYTES = 64;
    private static final int THERE = 1;
    private static final int BACK = 2;
    // both processes are stopped between rounds, and must not be taken for dead meanwhile
    private static final long PATIENCE_S = 24 * 3600;

    private final boolean roundTrip;
    private final int perSecond;
    private final int count;
    private final Latencies latencies;
    private final MediaDriver driver;
    private final Aeron aeron;
    private final Out out;
    private final In in;
    private final Process pong;
    private volatile boolean closing;

    private AeronRings(Opening opening) throws Exception {
        roundTrip = !opening.kind().equals("ring-one-way");
        perSecond = Integer.parseInt(opening.setting("per_second"));
        count = opening.count();
        latencies = new Latencies(Math.max(count, WARM_UP_MESSAGES), opening.quantiles());
        String folder = opening.setting("folder");
        String channel = "aeron:ipc?term-length=" + opening.setting("term_bytes");
        driver = MediaDriver.launch(new MediaDriver.Context()
                .aeronDirectoryName(folder)
                .dirDeleteOnStart(true)
                .dirDeleteOnShutdown(true)
                .threadingMode(ThreadingMode.SHARED)
                .sharedIdleStrategy(new BackoffIdleStrategy())
                .clientLivenessTimeoutNs(PATIENCE_S * 1_000_000_000L)
                .publicationUnblockTimeoutNs((PATIENCE_S + 1) * 1_000_000_000L)
                .warnIfDirectoryExists(false));
        aeron = Aeron.connect(context(folder));
        pong = start(List.of("pong", folder, roundTrip ? "echo" : "produce", channel));
        pong.onExit().thenAccept(this::ended);
        out = new Out(aeron, channel, THERE);
        in = new In(aeron, channel, BACK);
        long started = System.nanoTime();
        for (int i = 0; i < WARM_UP_ROUNDS && System.nanoTime() - started < WARM_UP_NS; i++) {
            if (roundTrip) {
                ping(WARM_UP_MESSAGES);
            } else {
                consume(WARM_UP_MESSAGES);
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length == 4 && arguments[0].equals("pong")) {
            Thread thread = new Thread(() -> pong(arguments), "pong");
            thread.setDaemon(true);
            thread.start();
            while (System.in.read() >= 0) {
                // ends with the process that started this one
            }
            return;
        }
        Server.serve("ping", AeronRings::new);
    }

    private static Aeron.Context context(String folder) {
        return new Aeron.Context().aeronDirectoryName(folder).driverTimeoutMs(PATIENCE_S * 1000);
    }

    private static Process start(List<String> arguments) throws Exception {
        List<String> command = new ArrayList<>();
        command.add(ProcessHandle.current().info().command().orElse("java"));
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), AeronRings.class.getName()));
        command.addAll(arguments);
        return new ProcessBuilder(command)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    /** One direction, this end writes. */
    private static final class Out {
        private final ExclusivePublication publication;
        private final BufferClaim claim = new BufferClaim();

        Out(Aeron aeron, String channel, int stream) throws InterruptedException {
            publication = aeron.addExclusivePublication(channel, stream);
            while (!publication.isConnected()) {
                Thread.sleep(1);
            }
        }

        void send(long number) {
            while (!trySend(number)) {
                Thread.onSpinWait();
            }
        }

        boolean trySend(long number) {
            long position = publication.tryClaim(MESSAGE_BYTES, claim);
            if (position < 0) {
                if (position == Publication.CLOSED || position == Publication.NOT_CONNECTED) {
                    throw new IllegalStateException("publication: " + position);
                }
                return false;
            }
            MutableDirectBuffer buffer = claim.buffer();
            int offset = claim.offset();
            for (int i = 0; i < MESSAGE_BYTES; i += Long.BYTES) {
                buffer.putLong(offset + i, number);
            }
            claim.commit();
            return true;
        }
    }

    /** The number that all bytes of the message are, -1 when they differ. */
    private static long read(DirectBuffer buffer, int offset) {
        long number = buffer.getLong(offset);
        long differences = 0;
        for (int i = Long.BYTES; i < MESSAGE_BYTES; i += Long.BYTES) {
            differences |= buffer.getLong(offset + i) ^ number;
        }
        return differences == 0 ? number : -1;
    }

    /** One direction, this end reads. */
    private static final class In implements FragmentHandler {
        private static final int FRAGMENTS = 256;
        private final Image image;
        long number;

        In(Aeron aeron, String channel, int stream) throws InterruptedException {
            Subscription subscription = aeron.addSubscription(channel, stream);
            while (subscription.imageCount() == 0) {
                Thread.sleep(1);
            }
            image = subscription.imageAtIndex(0);
        }

        @Override
        public void onFragment(DirectBuffer buffer, int offset, int length, Header header) {
            number = read(buffer, offset);
        }

        long receive() {
            while (image.poll(this, 1) == 0) {
                if (image.isClosed()) {
                    throw new IllegalStateException("the other end is gone");
                }
                Thread.onSpinWait();
            }
            return number;
        }

        int poll(FragmentHandler handler) {
            int read = image.poll(handler, FRAGMENTS);
            if (read == 0) {
                if (image.isClosed()) {
                    throw new IllegalStateException("the other end is gone");
                }
                Thread.onSpinWait();
            }
            return read;
        }
    }

    /** Counts the messages that come in order. */
    private static final class InOrder implements FragmentHandler {
        long expected;
        long good;

        @Override
        public void onFragment(DirectBuffer buffer, int offset, int length, Header header) {
            good += read(buffer, offset) == expected++ ? 1 : 0;
        }
    }

    private static void pong(String[] arguments) {
        try (Aeron aeron = Aeron.connect(context(arguments[1]))) {
            String channel = arguments[3];
            // the other end waits for this subscription, then for the publication
            In in = new In(aeron, channel, THERE);
            Out out = new Out(aeron, channel, BACK);
            boolean roundTrip = arguments[2].equals("echo");
            while (true) {
                long number = in.receive();
                if (roundTrip) {
                    out.send(number);
                } else {
                    for (long i = 0; i < number; i++) {
                        out.send(i);
                    }
                }
            }
        } catch (Exception error) {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
        }
    }

    @Override
    public Round throughput() {
        return roundTrip ? null : consume(count);
    }

    @Override
    public Round latency() {
        if (!roundTrip) {
            return null;
        }
        return perSecond == 0 ? ping(count) : pingPaced(count);
    }

    /** Nothing else would notice for a day. */
    private void ended(Process process) {
        if (!closing) {
            System.err.println("the pong process ended with " + process.exitValue());
            Runtime.getRuntime().halt(1);
        }
    }

    @Override
    public void close() {
        closing = true;
        pong.destroyForcibly();
        aeron.close();
        driver.close();
    }

    private Round ping(int messages) {
        latencies.clear();
        long good = 0;
        for (int i = 0; i < messages; i++) {
            long before = System.nanoTime();
            out.send(i);
            long number = in.receive();
            latencies.record(System.nanoTime() - before);
            good += number == i ? 1 : 0;
        }
        return new Round(null, null, Map.of("messages", good), latencies.quantiles());
    }

    /** Open loop: every message has its time, and its latency counts from there whatever became of the earlier ones. */
    private Round pingPaced(int messages) {
        latencies.clear();
        long good = 0;
        int sent = 0;
        int answered = 0;
        long gap = 1_000_000_000L / perSecond;
        long started = System.nanoTime() + gap;
        while (answered < messages) {
            if (sent < messages && System.nanoTime() >= started + sent * gap && out.trySend(sent)) {
                sent++;
            }
            if (in.image.poll(in, 1) > 0) {
                good += in.number == answered ? 1 : 0;
                latencies.record(System.nanoTime() - (started + answered++ * gap));
            }
        }
        return new Round(null, null, Map.of("messages", good), latencies.quantiles());
    }

    /** From the first message to the last. */
    private Round consume(int messages) {
        InOrder reading = new InOrder();
        out.send(messages);
        while (in.poll(reading) == 0) {
            // the first ones
        }
        long started = System.nanoTime();
        while (reading.expected < messages) {
            in.poll(reading);
        }
        return new Round(System.nanoTime() - started, null, Map.of("messages", reading.good), null);
    }
}
