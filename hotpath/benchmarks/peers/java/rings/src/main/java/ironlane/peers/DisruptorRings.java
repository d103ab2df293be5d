package ironlane.peers;

import com.lmax.disruptor.AlertException;
import com.lmax.disruptor.BusySpinWaitStrategy;
import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.Sequence;
import com.lmax.disruptor.SequenceBarrier;
import java.util.Map;

/** Two rings between two threads of this process: "ping", which measures, and "pong". */
public final class DisruptorRings implements Peer {
    private static final int WARM_UP_ROUNDS = 20;
    private static final int WARM_UP_MESSAGES = 50_000;
    private static final long WARM_UP_NS = 10_000_000_000L; // on a machine that has no two CPUs to spare

    /** A message of 64 bytes, all of them the number of the message. */
    private static final class Slot {
        private long a;
        private long b;
        private long c;
        private long d;
        private long e;
        private long f;
        private long g;
        private long h;

        void write(long number) {
            a = number;
            b = number;
            c = number;
            d = number;
            e = number;
            f = number;
            g = number;
            h = number;
        }

        /** -1: its bytes differ. */
        long read() {
            long number = a;
            long differences = (b ^ number) | (c ^ number) | (d ^ number) | (e ^ number);
            differences |= (f ^ number) | (g ^ number) | (h ^ number);
            return differences == 0 ? number : -1;
        }
    }

    /** One direction; the reader's position is its own sequence, which the writer waits for. */
    private static final class Ring {
        final RingBuffer<Slot> buffer;
        final SequenceBarrier barrier;
        final Sequence read = new Sequence(-1);

        Ring(int slots) {
            buffer = RingBuffer.createSingleProducer(Slot::new, slots, new BusySpinWaitStrategy());
            barrier = buffer.newBarrier();
            buffer.addGatingSequences(read);
        }

        void send(long number) {
            long sequence = buffer.next();
            buffer.get(sequence).write(number);
            buffer.publish(sequence);
        }

        long receive() throws Exception {
            long sequence = read.get() + 1;
            barrier.waitFor(sequence);
            return take(sequence);
        }

        private long take(long sequence) {
            long number = buffer.get(sequence).read();
            read.set(sequence);
            return number;
        }

        boolean ready() {
            return buffer.getCursor() > read.get();
        }
    }

    private final boolean roundTrip;
    private final int perSecond;
    private final int count;
    private final Latencies latencies;
    private final Ring there;
    private final Ring back;
    private final Thread pong;

    private DisruptorRings(Opening opening) throws Exception {
        int slots = Integer.parseInt(opening.setting("slots"));
        roundTrip = !opening.kind().equals("ring-one-way");
        perSecond = Integer.parseInt(opening.setting("per_second"));
        count = opening.count();
        latencies = new Latencies(Math.max(count, WARM_UP_MESSAGES), opening.quantiles());
        there = new Ring(slots);
        back = new Ring(slots);
        pong = new Thread(roundTrip ? this::echo : this::produce, "pong");
        pong.setDaemon(true);
        pong.start();
        long started = System.nanoTime();
        for (int i = 0; i < WARM_UP_ROUNDS && System.nanoTime() - started < WARM_UP_NS; i++) {
            if (roundTrip) {
                ping(WARM_UP_MESSAGES);
            } else {
                consume(WARM_UP_MESSAGES);
            }
        }
    }

    public static void main(String[] arguments) throws InterruptedException {
        Server.serve("ping", DisruptorRings::new);
    }

    @Override
    public Round throughput() throws Exception {
        return roundTrip ? null : consume(count);
    }

    @Override
    public Round latency() throws Exception {
        if (!roundTrip) {
            return null;
        }
        return perSecond == 0 ? ping(count) : pingPaced(count);
    }

    @Override
    public void close() throws InterruptedException {
        there.barrier.alert();
        pong.join(2000);
    }

    private Round ping(int messages) throws Exception {
        latencies.clear();
        long good = 0;
        for (int i = 0; i < messages; i++) {
            long before = System.nanoTime();
            there.send(i);
            long number = back.receive();
            latencies.record(System.nanoTime() - before);
            good += number == i ? 1 : 0;
        }
        return new Round(null, null, Map.of("messages", good), latencies.quantiles());
    }

    /** Open loop: every message has its time, and its latency counts from there whatever became of the earlier ones. */
    private Round pingPaced(int messages) throws Exception {
        latencies.clear();
        long good = 0;
        int sent = 0;
        int answered = 0;
        long gap = 1_000_000_000L / perSecond;
        long started = System.nanoTime() + gap;
        while (answered < messages) {
            if (sent < messages && System.nanoTime() >= started + sent * gap && there.buffer.hasAvailableCapacity(1)) {
                there.send(sent++);
            }
            if (back.ready()) {
                good += back.receive() == answered ? 1 : 0;
                latencies.record(System.nanoTime() - (started + answered++ * gap));
            }
        }
        return new Round(null, null, Map.of("messages", good), latencies.quantiles());
    }

    /** From the first message to the last; reads whatever is there in one go. */
    private Round consume(int messages) throws Exception {
        there.send(messages);
        long next = back.read.get() + 1;
        long last = next + messages - 1;
        long expected = 0;
        long good = 0;
        long started = 0;
        while (next <= last) {
            long available = back.barrier.waitFor(next);
            if (started == 0) {
                started = System.nanoTime();
            }
            for (; next <= available; next++) {
                good += back.buffer.get(next).read() == expected++ ? 1 : 0;
            }
            back.read.set(available);
        }
        return new Round(System.nanoTime() - started, null, Map.of("messages", good), null);
    }

    private void echo() {
        try {
            while (true) {
                back.send(there.receive());
            }
        } catch (AlertException ended) {
            // closed
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    }

    private void produce() {
        try {
            while (true) {
                long messages = there.receive();
                for (long i = 0; i < messages; i++) {
                    back.send(i);
                }
            }
        } catch (AlertException ended) {
            // closed
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    }
}
