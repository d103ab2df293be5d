"""`session`: one recorded (or generated) session through the whole chain, and what came of it.

The figures are the OMS database's (differences between the end and the start), so restarts in between lose nothing;
market-data counts are the venue's and the feed handler's; latency comes from the engine's own histograms.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import urllib.request
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cli import platform
from cli.console import console
from cli.platform import PlatformError
from cli.pulumi import Stack
from cli.status import collect, http_json, roles
from stacks.settings import LocalSettings, from_file

READY_PATIENCE_S = 30
SETTLE_PATIENCE_S = 120
POLL_S = 0.25
PRICE_UNITS = 10_000
GAP_COUNTERS = (
    "gap_opened", "gap_closed_by_line", "gap_closed_by_rerequest", "gap_closed_by_snapshot", "gap_declared",
    "gap_messages_requested",
)  # fmt: skip


@dataclass(frozen=True)
class Snapshot:
    """What is compared between the start and the end of a session."""

    counts: dict[str, int]
    refusals: dict[str, int]
    position: dict[str, Any]
    feed: dict[str, int]
    venue: dict[str, int]


@dataclass(frozen=True)
class Report:
    """Money in dollars, latency in ns."""

    flow: str
    symbol: str
    seconds: float
    rows_replayed: int
    bad_rows: int
    feed_messages: int
    orders: int
    fills: int
    cancels: int
    refusals: dict[str, int]
    position: int
    realised: float
    unrealised: float | None
    gaps: dict[str, int]
    dropped: dict[str, int]
    latency: list[dict[str, Any]]


class _Platform:
    """The running services, by their HTTP sides."""

    def __init__(self, stack: Stack, settings: LocalSettings) -> None:
        self.stack = stack
        ports = settings.ports
        self.symbol = settings.symbol
        self.venue = f"http://127.0.0.1:{ports.venue_admin}"
        self.agent = f"http://127.0.0.1:{ports.agent}"
        self.oms = f"http://127.0.0.1:{ports.oms}"

    def get(self, url: str) -> Any:
        """Body of a 200 answer; None while nobody answers."""
        code, body = http_json(url, timeout_s=5)
        return body if code == 200 else None

    def snapshot(self) -> Snapshot:
        """Raises PlatformError when a service does not answer in time."""
        deadline = time.monotonic() + READY_PATIENCE_S
        while True:
            status, held = self.get(f"{self.oms}/status"), self.get(f"{self.oms}/positions?symbol={self.symbol}")
            venue, blocks = self.get(f"{self.venue}/status"), roles(self.stack)
            if status and held is not None and venue and "feed-handler" in blocks:
                return Snapshot(
                    counts=status["counts"],
                    refusals=status["refusals"],
                    position=held[0] if held else {"quantity": 0, "realised_raw": 0, "cost_raw": 0},
                    feed=blocks["feed-handler"]["counters"],
                    venue=venue["counters"],
                )
            if time.monotonic() > deadline:
                raise PlatformError("OMS, venue or feed handler does not answer; see `make status`")
            time.sleep(POLL_S)


def _overrides(args: argparse.Namespace) -> platform.Overrides:
    speed: object = args.speed if args.speed == "max" else _number(args.speed)
    replay: dict[str, Any] = {
        "speed": speed,
        "start": "on_request",
        "flow_id": f"session-{datetime.now(UTC):%Y%m%dT%H%M%S}",
    }
    if args.replay:
        replay["file"] = str(Path(args.replay).resolve())
    else:
        replay |= {"file": None, "rows": args.rows}
    return {"replay": replay}


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text  # the settings say what is wrong with it


def session(stack: Stack, args: argparse.Namespace) -> int:
    if args.json:
        console.file = sys.stderr  # standard output is the report alone
    platform.apply(stack, _overrides(args))
    services = _Platform(stack, from_file(stack.rendered_file))
    _wait_ready(stack)
    before = services.snapshot()
    latency = _count_latency(stack)
    began = time.monotonic()
    urllib.request.urlopen(urllib.request.Request(f"{services.venue}/flow/start", method="POST"), timeout=5).close()
    venue = _follow(services, began + args.timeout)
    _settle(services)
    seconds = time.monotonic() - began
    stages = json.loads(latency.communicate(timeout=30)[0].split("\n", 1)[1] or "[]")
    report = _report(services, before, services.snapshot(), venue, seconds, stages)
    if args.json:
        json.dump(asdict(report), sys.stdout, indent=2)
        print()
    else:
        _print(report)
    return 0


def _wait_ready(stack: Stack) -> None:
    deadline = time.monotonic() + READY_PATIENCE_S
    late: list[str] = []
    while time.monotonic() < deadline:
        late = [
            f"{service.name} ({'; '.join(f'{g.name}: {g.reason}' for g in service.gates if not g.ok)})"
            for service in collect(stack)
            # a strategy waits for a book, and there is none before the flow starts
            if not service.ready and service.name not in ("strategy", "agent", "feed-handler")
        ]
        if not late:
            return
        time.sleep(POLL_S)
    raise PlatformError(f"not ready for a session: {', '.join(late)}")


def _count_latency(stack: Stack) -> subprocess.Popen[str]:
    config = str(stack.run_dir / "config" / "agent.json")
    command = [str(platform.engine_program(stack.layout)), "latency", "--config", config, "--until-eof", "--json"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _follow(services: _Platform, deadline: float) -> dict[str, Any]:
    """Show progress until the flow is done. Returns the venue's last status."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=False) as progress:
        task = progress.add_task("rows replayed", total=None)
        while True:
            status: dict[str, Any] | None = services.get(f"{services.venue}/status")
            if status is not None:
                flow = status["flow"]
                total = flow["rows_total"] if flow["rows_total"] > 0 else None
                progress.update(task, completed=flow["rows_replayed"], total=total)
                if flow["state"] == "done":
                    return status
            if time.monotonic() > deadline:
                raise PlatformError(
                    "the session did not end in time; `make status` and `make logs` show where it hangs"
                )
            time.sleep(POLL_S)


def _settle(services: _Platform) -> None:
    """Wait until nothing is open and the database holds every event."""
    deadline = time.monotonic() + SETTLE_PATIENCE_S
    why = "services do not answer"
    quiet_since: int | None = None
    while time.monotonic() < deadline:
        router = roles(services.stack).get("order-router")
        status = services.get(f"{services.oms}/status")
        if router and status:
            events, open_orders = router["counters"]["events"], router["counters"]["open_orders"]
            applied = max((s["applied_sequence"] for s in status["sources"]), default=0)
            written = _journal_written(services)
            why = f"{open_orders} orders open, {written - applied if written is not None else '?'} events on their way"
            if open_orders == 0 and written == applied and quiet_since == events:
                return
            quiet_since = events
        time.sleep(POLL_S)
    raise PlatformError(f"the session did not settle in {SETTLE_PATIENCE_S} s: {why}")


def _journal_written(services: _Platform) -> int | None:
    status = services.get(f"{services.agent}/status")
    return int(status["journal"]["written"]) if status else None


def _delta(after: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    """Counter differences; a counter that fell was restarted and counts from there."""
    return {k: v - before.get(k, 0) if v >= before.get(k, 0) else v for k, v in after.items()}


def _report(
    services: _Platform,
    before: Snapshot,
    after: Snapshot,
    venue: dict[str, Any],
    seconds: float,
    stages: list[dict[str, Any]],
) -> Report:
    counts, feed = _delta(after.counts, before.counts), _delta(after.feed, before.feed)
    venue_counts = _delta(after.venue, before.venue)
    mark = (services.get(f"{services.agent}/status") or {}).get("mark")
    quantity, cost = after.position["quantity"], after.position["cost_raw"]
    value = (
        None
        if mark is None and quantity
        else (quantity * (mark or 0) - (cost if quantity > 0 else -cost)) / PRICE_UNITS
    )
    return Report(
        flow=venue["flow"]["source"],
        symbol=services.symbol,
        seconds=seconds,
        rows_replayed=venue["flow"]["rows_replayed"],
        bad_rows=venue["flow"]["bad_rows"],
        feed_messages=feed["itch_messages"],
        orders=counts["orders"] - counts["refused"],
        fills=counts["fills"],
        cancels=counts["canceled"],
        refusals={reason: n for reason, n in _delta(after.refusals, before.refusals).items() if n},
        position=quantity,
        realised=(after.position["realised_raw"] - before.position["realised_raw"]) / PRICE_UNITS,
        unrealised=value,
        gaps={name.removeprefix("gap_"): feed[name] for name in GAP_COUNTERS},
        dropped={
            "kernel, line A": feed["line_a_kernel_drops"],
            "kernel, line B": feed["line_b_kernel_drops"],
            "venue could not send": venue_counts["feed_send_failures"],
            "lost for good": feed["gap_declared"],
        },
        latency=stages,
    )


def _print(report: Report) -> None:
    console.print(f"\nsession of {report.symbol}: {report.flow}, {report.seconds:.1f} s")
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    rows_per_second = report.rows_replayed / report.seconds if report.seconds else 0
    refused = ", ".join(f"{reason} {n}" for reason, n in report.refusals.items()) or "none"
    gaps = ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in report.gaps.items() if n) or "none"
    dropped = ", ".join(f"{where} {n}" for where, n in report.dropped.items() if n) or "nothing"
    unrealised = f"{report.unrealised:+,.2f}" if report.unrealised is not None else "unknown (no price)"
    for name, value in (
        (
            "rows replayed",
            f"{report.rows_replayed:,} ({rows_per_second:,.0f} a second, {report.bad_rows} bad ones skipped)",
        ),
        ("feed messages", f"{report.feed_messages:,}"),
        ("our orders", f"{report.orders:,}"),
        ("fills", f"{report.fills:,}"),
        ("cancels", f"{report.cancels:,}"),
        ("refusals", refused),
        ("position", f"{report.position:+,} shares"),
        ("P&L", f"{report.realised:+,.2f} realised, {unrealised} unrealised"),
        ("gaps", gaps),
        ("dropped", dropped),
    ):
        table.add_row(name, value)
    console.print(table)
    stages = Table(box=None, pad_edge=False)
    for column in ("role", "stage", "count", "P50 µs", "P99 µs", "P99.9 µs"):
        stages.add_column(column, justify="left" if column in ("role", "stage") else "right")
    for row in report.latency:
        if not row["count"]:
            continue
        stage = row["stage"] + (" (end to end)" if row["stage"] == "tick_to_order" else "")
        note = "" if row["whole"] else " since restart"
        figures = [f"{row[key] / 1000:,.1f}" for key in ("p50", "p99", "p999")]
        stages.add_row(row["role"], stage + note, f"{row['count']:,}", *figures)
    console.print()
    console.print(stages)
    console.print(
        "\n`make reconcile` compares the venue's ledger with the database; `make up` returns to the generated flow."
    )
