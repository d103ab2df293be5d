package ironlane.peers;

import java.util.Map;

/**
 * What the peer is opened with.
 *
 * @param kind which work
 * @param count operations in a round
 * @param prefill commands before the timed ones
 * @param file input, null for work without
 * @param quantiles name to rank, 0..1
 * @param settings of this contender
 */
public record Opening(
        String kind, int count, int prefill, String file, Map<String, Double> quantiles, Map<String, String> settings) {

    public String setting(String name) {
        String value = settings == null ? null : settings.get(name);
        if (value == null) {
            throw new IllegalArgumentException("setting " + name + " is missing");
        }
        return value;
    }
}
