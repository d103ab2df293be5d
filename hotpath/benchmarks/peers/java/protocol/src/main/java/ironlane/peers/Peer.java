package ironlane.peers;

/** One contender at one piece of work, warm after it was opened. */
public interface Peer extends AutoCloseable {
    /** null: no such round. */
    Round throughput() throws Exception;

    /** null: no such round. */
    Round latency() throws Exception;

    @Override
    void close() throws Exception;
}
