package ironlane.peers;

import com.lmax.disruptor.AlertException;
import com.lmax.disruptor.BusySpinWaitStrategy;
import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.Sequence;
import com.lmax.disruptor.SequenceBarrier;
import java.util.Map;

/** Two rings between two threads of this process: "ping", which measures, and "pong". */
public final class DisruptorRings implements Peer {
    private static final int WARM_UP_ROUNDS = 3;
    private static final int WARM_UP_MESSAGES = 1_000_000;

    /** With its header one cache line, as a slot of the others. */
    private static final class Slot {
        long number;
        long b, c, d, e, f; // the rest of the message
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
            buffer.get(sequence).number = number;
            buffer.publish(sequence);
        }

        long receive() throws Exception {
            long sequence = read.get() + 1;
            barrier.waitFor(sequence);
            long number = buffer.get(sequence).number;
            read.set(sequence);
            return number;
        }
    }

    private final boolean roundTrip;
    private final int count;
    private final Latencies latencies;
    private final Ring there;
    private final Ring back;
    private final Thread pong;

    private DisruptorRings(Opening opening) throws Exception {
        int slots = Integer.parseInt(opening.setting("slots"));
        roundTrip = opening.kind().equals("ring-round-trip");
        count = opening.count();
        latencies = new Latencies(Math.max(count, WARM_UP_MESSAGES), opening.quantiles());
        there = new Ring(slots);
        back = new Ring(slots);
        pong = new Thread(roundTrip ? this::echo : this::produce, "pong");
        pong.setDaemon(true);
        pong.start();
        for (int i = 0; i < WARM_UP_ROUNDS; i++) {
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
        return roundTrip ? ping(count) : null;
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
                good += back.buffer.get(next).number == expected++ ? 1 : 0;
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
