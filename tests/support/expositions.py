"""What each of our programs answers on /metrics, from its own code: the names that rules and dashboards may use."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import generate_latest

from controlplane.oms.config import Readiness
from controlplane.oms.ingest import IngestState
from controlplane.oms.metrics import registry
from hotpath import config
from hotpath.agent.metrics import exposition
from hotpath.agent.observer import Observer
from hotpath.agent.role import Agent
from hotpath.feed import handler as feed
from hotpath.ipc.histogram import HistogramWriter
from hotpath.ipc.layouts import (
    BOOK_EVENT_SIZE,
    INTENT_SIZE,
    ORDER_EVENT_SIZE,
    POSITION_BLOCK_SIZE,
    PositionBlock,
    encode_position_block,
)
from hotpath.ipc.ring import RingProducer
from hotpath.ipc.segment import remove_segments
from hotpath.ipc.seqlock import SeqlockWriter
from hotpath.ipc.status import StatusWriter
from hotpath.process import RoleLog
from hotpath.router import engine
from hotpath.router import role as router
from hotpath.strategy import runner as strategy
from wire.client import BusState

LIMITS = config.Limits(
    max_order_quantity=100,
    max_notional=10**9,
    max_position=500,
    collar_bps=500,
    max_messages_per_second=50,
    max_open_orders=4,
)
ROLES: dict[str, tuple[Iterable[str], Iterable[str], Iterable[str]]] = {
    feed.ROLE: (feed.GATES, feed.COUNTERS, feed.LATENCIES),
    strategy.ROLE: (strategy.GATES, strategy.COUNTERS, strategy.LATENCIES),
    router.ROLE: (engine.GATES, engine.COUNTERS, engine.LATENCIES),
}


def agent(folder: Path) -> str:
    """The agent beside the blocks and rings of every role, with the names that the roles' modules give them."""
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    (folder / "password").write_text("secret")
    settings = config.AgentConfig(
        runtime=config.Runtime(
            host="hot-a", environment="test", shm_prefix=prefix, run_dir=str(folder), data_dir=str(folder / "data")
        ),
        instrument=config.Instrument(symbol="IRON"),
        http=config.Endpoint(host="127.0.0.1", port=1),
        nats=config.Nats(servers=["nats://127.0.0.1:1"], user="agent", password_file=str(folder / "password")),
        limits=LIMITS,
        roles=list(ROLES),
        journal_dir=str(folder / "journal"),
    )
    kept: list[object] = []
    try:
        for role, (gates, counters, latencies) in ROLES.items():
            status = StatusWriter(prefix, role, 7, tuple(gates), tuple(counters))
            status.beat()
            histogram = HistogramWriter(prefix, f"latency.{role}", tuple(latencies))
            histogram.record_ns(0, 1500)
            kept += [status, histogram]
        for name, size in (("book", BOOK_EVENT_SIZE), ("intents", INTENT_SIZE), ("orders", ORDER_EVENT_SIZE)):
            ring = RingProducer(prefix, f"ring.{name}", size, 8, symbol="IRON")
            assert ring.publish_bytes(bytes(size))
            kept.append(ring)
        block = encode_position_block(PositionBlock(sequence=1, position=-40, open_orders=2))
        kept.append(SeqlockWriter(prefix, "position", POSITION_BLOCK_SIZE, initial=block, symbol="IRON"))
        observer = Observer(prefix, settings.roles, settings.instrument.symbol)
        return exposition(observer, Agent(settings, RoleLog("agent")).view)().decode()
    finally:
        remove_segments(prefix)


def oms() -> str:
    """The OMS as it knows one source."""
    state = IngestState(
        lag=0,
        incidents_open=0,
        sources=(
            {
                "host": "hot-a",
                "role": router.ROLE,
                "applied_sequence": 5,
                "highest_sequence": 5,
                "held": 0,
                "position_mismatches": 0,
            },
        ),
    )
    return generate_latest(registry(state, BusState(), Readiness())).decode()
