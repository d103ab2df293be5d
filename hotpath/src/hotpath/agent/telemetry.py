"""Status, position and latency summaries on the bus: numbered, at most once, never in the way of order events."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator

from hotpath.agent.observer import Observer
from wire.client import BusClient, BusError
from wire.messages import Gate, LatencySummary, PositionMessage, RoleState, RoleStatus, encode
from wire.messages import Telemetry as TelemetryMessage
from wire.subjects import ORDER_ROUTER, Subjects

PERIOD_S = 1.0


class Telemetry:
    """Publishes once a second while connected; what falls into an outage is not sent later."""

    def __init__(self, observer: Observer, bus: BusClient, host: str, environment: str, symbol: str) -> None:
        self._observer = observer
        self._bus = bus
        self._subjects = Subjects(environment)
        self._host = host
        self._symbol = symbol
        self._epoch = time.time_ns()  # of this publisher: numbering starts again with each
        self._sequence: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.published = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(PERIOD_S)
            for message in self._messages():
                try:
                    await self._bus.publish(self._subjects.for_event(message), encode(message))
                except BusError:
                    break
                self.published += 1

    def _header(self, role: str, kind: str) -> dict[str, object]:
        self._sequence[role, kind] += 1
        return {
            "host": self._host,
            "role": role,
            "environment": self._subjects.environment,
            "epoch": self._epoch,
            "sequence": self._sequence[role, kind],
            "wall_ns": time.time_ns(),
        }

    def _messages(self) -> Iterator[TelemetryMessage]:
        for role in self._observer.roles:
            status = self._observer.status(role)
            if status is not None:
                yield RoleStatus(
                    **self._header(role, "status"),  # type: ignore[arg-type]
                    state=RoleState[status["state"]],
                    ready=status["ready"],
                    pid=status["pid"],
                    heartbeat_age_ns=-1 if status["heartbeat_age_ns"] is None else status["heartbeat_age_ns"],
                    gates=tuple(Gate(name=g["name"], ok=g["ok"], reason=g["reason"]) for g in status["gates"]),
                    counters=status["counters"],
                )
            for stage, snapshot in self._observer.latency(role).items():
                if not snapshot.count:
                    continue
                yield LatencySummary(
                    **self._header(role, f"latency-{stage}"),  # type: ignore[arg-type]
                    stage=stage,
                    count=snapshot.count,
                    since_wall_ns=0,
                    min_ns=snapshot.minimum or 0,
                    mean_ns=round(snapshot.mean or 0),
                    p50_ns=snapshot.percentile(50) or 0,
                    p90_ns=snapshot.percentile(90) or 0,
                    p99_ns=snapshot.percentile(99) or 0,
                    p999_ns=snapshot.percentile(99.9) or 0,
                    max_ns=snapshot.maximum or 0,
                )
        position = self._observer.position()
        if position is not None:
            yield PositionMessage(
                **self._header(ORDER_ROUTER, "position"),  # type: ignore[arg-type]
                symbol=self._symbol,
                event_sequence=position.sequence,
                position=position.position,
                bought=position.bought,
                sold=position.sold,
                bought_notional=position.bought_notional,
                sold_notional=position.sold_notional,
                open_buy=position.open_buy,
                open_sell=position.open_sell,
                open_orders=position.open_orders,
            )
