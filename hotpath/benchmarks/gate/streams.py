"""Runs every core operation stream twice, N and 2N operations long, with a mark before and after each.

`python -m benchmarks.gate.streams LIBRARIES`, under callgrind. Prints one JSON object: stream → N. Of the four marks
of a stream, the second and the fourth end what counts.
"""

from __future__ import annotations

import itertools
import json
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.build import GATE_MODULES, use

MARKS = 4
COUNTS = {
    "matching-a": 10_000,
    "matching-b": 10_000,
    "book-building": 10_000,
    "book-look-ahead": 10_000,
    "itch-decode": 10_000,
    "ouch-encode": 10_000,
    "ring": 10_000,
    "risk-gate": 10_000,
}
_SYMBOLS, _RESTING, _BATCH_BYTES = 20, 2_000, 1 << 16
_SLOT_BYTES, _SLOTS = 64, 1024
Run = Callable[[], object]


def _makers() -> Mapping[str, Callable[[int], Run]]:
    """From a number of operations to something that does them and can be repeated."""
    from benchmarks.itch_feed import synthetic_feed
    from benchmarks.market import market_for
    from benchmarks.native.feed import BuildRun, DecodeRun
    from benchmarks.native.gate_loops import check_orders, publish_poll
    from benchmarks.native.matching import MatchingRun
    from benchmarks.native.order_entry import EnterOrderRun
    from benchmarks.native.order_flow import OrderFlow
    from benchmarks.native.samples import Samples
    from hotpath.ipc.ring import RingConsumer, RingProducer
    from hotpath.router.risk_gate import RiskGate

    none = Samples(1)

    def matching(mix: str, count: int) -> Run:
        run = MatchingRun(OrderFlow(mix, count), none)
        return lambda: run.round(False)

    def book(count: int, look_ahead: bool) -> Run:
        feed = synthetic_feed(count, _SYMBOLS, _RESTING)
        run = BuildRun(market_for(feed, look_ahead), none)
        return lambda: run.batch(feed.data, _BATCH_BYTES)

    def decode(count: int) -> Run:
        data, run = synthetic_feed(count, _SYMBOLS, _RESTING).data, DecodeRun()
        return lambda: run.round(data)

    def encode(count: int) -> Run:
        run = EnterOrderRun(none)
        return lambda: run.round(count, False)

    def ring(count: int) -> Run:
        prefix = f"ironlane-gate-{os.getpid()}-{secrets.token_hex(3)}"
        out = RingProducer(prefix, "ring.gate", _SLOT_BYTES, _SLOTS)
        inbound = RingConsumer(prefix, "ring.gate", _SLOT_BYTES, "head")
        # mapped until they are dropped; without a name nothing is left behind whatever happens
        for file in Path("/dev/shm").glob(f"{prefix}.*"):
            file.unlink()
        return lambda: _all(publish_poll(out, inbound, count), count)

    gate, hours = RiskGate(1, 100), itertools.count(1, 3_600_000_000_000)
    gate.configure(
        max_order_quantity=1_000,
        max_notional=10**12,
        max_position=10**6,
        collar_bps=500,
        max_messages_per_second=1_000_000,
        max_open_orders=64,
    )
    return {
        "matching-a": lambda count: matching("A", count),
        "matching-b": lambda count: matching("B", count),
        "book-building": lambda count: book(count, look_ahead=False),
        "book-look-ahead": lambda count: book(count, look_ahead=True),
        "itch-decode": decode,
        "ouch-encode": encode,
        "ring": ring,
        "risk-gate": lambda count: lambda: _all(check_orders(gate, count, next(hours)), count),
    }


def _all(done: int, count: int) -> None:
    if done != count:
        raise RuntimeError(f"{done} of {count} operations went through")


def main(libraries: Path) -> None:
    use(libraries, GATE_MODULES)
    from benchmarks.native.gate_loops import mark

    for name, make in _makers().items():
        for count in (COUNTS[name], 2 * COUNTS[name]):
            run = make(count)
            run()  # what happens once does not count
            mark()
            run()
            mark()
    print(json.dumps(COUNTS), flush=True)
    # the rest of the interpreter's life is of no interest, and slow under callgrind
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
