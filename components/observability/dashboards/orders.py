"""Orders, positions and limits, and how far the record follows."""

from __future__ import annotations

from components.observability.dashboards.model import Dashboard, Panel, Query

_HERE = 'host=~"$host"'
_ROUTER = f'{_HERE},role="order-router"'


def _router(events: str) -> list[Query]:
    return [
        Query(
            f'rate(ironlane_role_events_total{{{_ROUTER},event=~"{events}"}}[$__rate_interval])', "{{host}} {{event}}"
        )
    ]


DASHBOARD = Dashboard(
    uid="ironlane-orders",
    title="Ironlane: orders",
    targets="ironlane-agent",
    rows=[
        (
            "At the venue",
            [
                Panel("Sent", _router("sent_new|sent_replace|sent_cancel"), unit="ops"),
                Panel("Answered", _router("accepted|replaced|canceled|fills"), unit="ops"),
                Panel("Rejected by the venue", _router("rejected"), unit="ops"),
                Panel("Refused by the risk gate", _router("refused_.+"), unit="ops"),
            ],
        ),
        (
            "Position and limits",
            [
                Panel(
                    "Position, shares",
                    [
                        Query(f"ironlane_position_shares{{{_HERE}}}"),
                        Query(f'ironlane_limit{{{_HERE},limit="max_position"}}', "{{host}} limit"),
                        Query(f'-ironlane_limit{{{_HERE},limit="max_position"}}', "{{host}} limit, short"),
                    ],
                ),
                Panel(
                    "Open orders",
                    [
                        Query(f"ironlane_open_orders{{{_HERE}}}"),
                        Query(f'ironlane_limit{{{_HERE},limit="max_open_orders"}}', "{{host}} limit"),
                    ],
                ),
                Panel(
                    "Marked profit of the strategy, Price(4) x shares",
                    [Query(f'ironlane_role_level{{{_HERE},role="strategy",level="marked_pnl"}}')],
                ),
                Panel(
                    "Commands",
                    [
                        Query(
                            f'rate(ironlane_agent_events_total{{{_HERE},event=~"commands_.+"}}[$__rate_interval])',
                            "{{host}} {{event}}",
                        )
                    ],
                ),
            ],
        ),
        (
            "The record",
            [
                Panel(
                    "Journal to stream",
                    [
                        Query(
                            f'ironlane_journal_sequence{{{_HERE},point="written"}}'
                            f' - ignoring (point) ironlane_journal_sequence{{{_HERE},point="acknowledged"}}'
                        )
                    ],
                    description="events that the stream has not acknowledged",
                ),
                Panel("Stream to database", [Query("ironlane_oms_consumer_lag", "{{pod}}")]),
                Panel(
                    "Events applied",
                    [Query("rate(ironlane_oms_applied_events_total[$__rate_interval])", "{{pod}}")],
                    unit="ops",
                ),
                Panel("Length of a transaction", [Query("ironlane_oms_last_batch_seconds", "{{pod}}")], unit="s"),
            ],
        ),
        (
            "What must stay at zero",
            [
                Panel("Held behind a gap", [Query("sum(ironlane_oms_held_events)", "")], kind="stat", red_from=1),
                Panel("Incidents open", [Query("ironlane_oms_incidents_open", "")], kind="stat", red_from=1),
                Panel(
                    "Position mismatches today",
                    [Query("sum(increase(ironlane_oms_position_mismatches_total[1d]))", "")],
                    kind="stat",
                    red_from=1,
                ),
                Panel(
                    "OMS gates shut", [Query("count(ironlane_oms_gate == 0) or vector(0)", "")], kind="stat", red_from=1
                ),
            ],
        ),
    ],
)
