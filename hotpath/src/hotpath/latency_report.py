"""Latency of every stage of a host, from the histograms in shared memory; over a stretch of time when asked."""

from __future__ import annotations

import sys
from typing import TypedDict

from hotpath.ipc.histogram import HistogramReader, HistogramSnapshot
from hotpath.ipc.segment import SegmentError

ROLES = ("venue", "feed-handler", "strategy", "order-router")


class StageLatency(TypedDict):
    """One stage, ns. `whole` is false when its role was restarted during the stretch: then it counts from there."""

    role: str
    stage: str
    count: int
    p50: int | None
    p99: int | None
    p999: int | None
    maximum: int | None
    whole: bool


def _snapshots(shm_prefix: str) -> dict[tuple[str, str], HistogramSnapshot]:
    found: dict[tuple[str, str], HistogramSnapshot] = {}
    for role in ROLES:
        try:
            snapshots = HistogramReader(shm_prefix, f"latency.{role}").snapshots()
        except SegmentError:
            continue
        found |= {(role, stage): snapshot for stage, snapshot in snapshots.items()}
    return found


def report(shm_prefix: str, until_eof: bool) -> list[StageLatency]:
    """Everything recorded so far, or what was recorded between now and the end of standard input."""
    base: dict[tuple[str, str], HistogramSnapshot] = {}
    if until_eof:
        base = _snapshots(shm_prefix)
        print("counting", flush=True)
        sys.stdin.read()
    rows: list[StageLatency] = []
    for (role, stage), now in _snapshots(shm_prefix).items():
        before = base.get((role, stage))
        delta = now.since(before)
        rows.append(
            StageLatency(
                role=role,
                stage=stage,
                count=delta.count,
                p50=delta.percentile(50),
                p99=delta.percentile(99),
                p999=delta.percentile(99.9),
                maximum=delta.maximum,
                whole=before is None or before.instance == now.instance,
            )
        )
    return rows


def as_text(rows: list[StageLatency]) -> str:
    """A table in microseconds."""
    lines = [f"{'role':13} {'stage':17} {'count':>10} {'P50 us':>9} {'P99 us':>9} {'P99.9 us':>9}"]
    for row in rows:
        figures = [f"{v / 1000:9.1f}" if v is not None else f"{'-':>9}" for v in (row["p50"], row["p99"], row["p999"])]
        note = "" if row["whole"] else "  (since its restart)"
        lines.append(f"{row['role']:13} {row['stage']:17} {row['count']:>10} {' '.join(figures)}{note}")
    return "\n".join(lines)
