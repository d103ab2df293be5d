"""Readiness, market data, latencies, rings and kill state of the trading hosts."""

from __future__ import annotations

from components.observability.dashboards.model import Dashboard, Panel, Query

_HERE = 'host=~"$host"'


def _quantiles(role: str, stage: str) -> list[Query]:
    rate = f'rate(ironlane_latency_seconds_bucket{{{_HERE},role="{role}",stage="{stage}"}}[$__rate_interval])'
    return [
        Query(f"histogram_quantile({quantile}, sum by (host, le) ({rate}))", f"{{{{host}}}} P{percent}")
        for quantile, percent in ((0.5, "50"), (0.99, "99"), (0.999, "99.9"))
    ]


def _events(role: str, *events: str) -> list[Query]:
    names = "|".join(events)
    return [
        Query(
            f'rate(ironlane_role_events_total{{{_HERE},role="{role}",event=~"{names}"}}[$__rate_interval])',
            "{{host}} {{event}}",
        )
    ]


DASHBOARD = Dashboard(
    uid="ironlane-hot-path",
    title="Ironlane: hot path",
    targets="ironlane-agent",
    rows=[
        (
            "Ready to trade",
            [
                Panel(
                    "Host ready",
                    [
                        Query(
                            f'min by (host, duty) (ironlane_role_ready{{{_HERE},role!="agent"}})', "{{host}} ({{duty}})"
                        )
                    ],
                    kind="stat",
                    red_below=1,
                ),
                Panel(
                    "Gates shut",
                    [Query(f"ironlane_gate_open{{{_HERE}}} == 0", "{{host}} {{role}}/{{gate}}")],
                    kind="stat",
                    red_below=1,
                    description="docs/operations.md says of each gate when it is shut and what to do",
                ),
                Panel("Kill latch", [Query(f"ironlane_control_killed{{{_HERE}}}")], kind="stat", red_from=1),
                Panel(
                    "Mode of the router",
                    [Query(f'ironlane_role_level{{{_HERE},role="order-router",level="mode"}}')],
                    kind="stat",
                    red_below=2,
                    description="0 halted, 1 reducing, 2 active",
                ),
            ],
        ),
        (
            "Latency",
            [
                Panel("Wire to book", _quantiles("feed-handler", "wire_to_book"), unit="s"),
                Panel("Book to intent", _quantiles("strategy", "book_to_intent"), unit="s"),
                Panel("Tick to order", _quantiles("order-router", "tick_to_order"), unit="s"),
                Panel("Order to acknowledgement", _quantiles("order-router", "order_to_ack"), unit="s"),
            ],
        ),
        (
            "Market data",
            [
                Panel(
                    "Messages of each line", _events("feed-handler", "line_a_messages", "line_b_messages"), unit="mps"
                ),
                Panel(
                    "Gaps",
                    _events(
                        "feed-handler", "gap_opened", "gap_closed_by_line", "gap_closed_by_rerequest", "gap_declared"
                    ),
                ),
                Panel("Dropped by the kernel", _events("feed-handler", "line_a_kernel_drops", "line_b_kernel_drops")),
                Panel(
                    "Lines live",
                    [Query(f'ironlane_role_level{{{_HERE},role="feed-handler",level="lines_live"}}')],
                    kind="stat",
                    red_below=2,
                ),
            ],
        ),
        (
            "Between the processes",
            [
                Panel(
                    "Rings, part full",
                    [
                        Query(
                            f"ironlane_ring_unread_messages{{{_HERE}}} / ironlane_ring_capacity_messages{{{_HERE}}}",
                            "{{host}} {{ring}}",
                        )
                    ],
                    unit="percentunit",
                ),
                Panel(
                    "Age of the heartbeats",
                    [Query(f"ironlane_role_heartbeat_age_seconds{{{_HERE}}}", "{{host}} {{role}}")],
                    unit="s",
                ),
                Panel(
                    "Conflated, stalled",
                    _events("feed-handler", "events_conflated") + _events("order-router", "ring_stalls"),
                ),
                Panel(
                    "Role started",
                    [Query(f"ironlane_role_start_time_seconds{{{_HERE}}} * 1000", "{{host}} {{role}}")],
                    unit="dateTimeAsIso",
                    kind="stat",
                ),
            ],
        ),
    ],
)
