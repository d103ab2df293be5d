"""The NATS cluster: servers, streams and consumers."""

from __future__ import annotations

from components.observability.dashboards.model import Dashboard, Panel, Query

_HERE = 'host=~"$host"'


def _rate(metric: str, legend: str = "{{host}}") -> Query:
    return Query(f"rate({metric}{{{_HERE}}}[$__rate_interval])", legend)


DASHBOARD = Dashboard(
    uid="ironlane-bus",
    title="Ironlane: bus",
    targets="ironlane-nats",
    rows=[
        (
            "Servers",
            [
                Panel("Healthy", [Query(f"nats_healthy{{{_HERE}}}")], kind="stat", red_below=1),
                Panel("Leader of JetStream", [Query(f"nats_meta_leader{{{_HERE}}} == 1")], kind="stat", red_below=1),
                Panel("Servers lost", [Query("max(nats_meta_peers_lost)", "")], kind="stat", red_from=1),
                Panel("Leaf nodes", [Query("sum(nats_leaf_nodes)", "")], kind="stat", red_below=1),
            ],
        ),
        (
            "Traffic",
            [
                Panel(
                    "Messages",
                    [
                        _rate("nats_received_messages_total", "{{host}} in"),
                        _rate("nats_sent_messages_total", "{{host}} out"),
                    ],
                    unit="mps",
                ),
                Panel(
                    "Bytes",
                    [_rate("nats_received_bytes_total", "{{host}} in"), _rate("nats_sent_bytes_total", "{{host}} out")],
                    unit="Bps",
                ),
                Panel("Connections", [Query(f"nats_connections{{{_HERE}}}")]),
                Panel("Slow consumers cut", [_rate("nats_slow_consumers_total")]),
            ],
        ),
        (
            "Streams",
            [
                Panel("Messages kept", [Query("nats_stream_messages", "{{stream}}")]),
                Panel(
                    "Part full",
                    [Query("nats_stream_bytes / nats_stream_limit_bytes", "{{stream}}")],
                    unit="percentunit",
                ),
                Panel("Copies lost", [Query("nats_stream_replicas_lost", "{{stream}}")]),
                Panel(
                    "Storage, part full",
                    [Query(f"nats_jetstream_storage_bytes{{{_HERE}}} / nats_jetstream_storage_limit_bytes{{{_HERE}}}")],
                    unit="percentunit",
                ),
            ],
        ),
        (
            "Consumers",
            [
                Panel("Not delivered yet", [Query("nats_consumer_pending_messages", "{{stream}}/{{consumer}}")]),
                Panel("Not acknowledged", [Query("nats_consumer_unacknowledged_messages", "{{stream}}/{{consumer}}")]),
                Panel("Delivered again", [Query("nats_consumer_redelivered_messages", "{{stream}}/{{consumer}}")]),
                Panel("Memory of the servers", [Query(f"nats_memory_bytes{{{_HERE}}}")], unit="bytes"),
            ],
        ),
    ],
)
