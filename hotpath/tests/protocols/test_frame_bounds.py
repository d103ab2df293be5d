"""Frames that end where the process may read no further: one byte too many would end it by a signal.

In a process of its own. What takes only `bytes` is held to its frame by the sanitized fuzzing and debug tests instead.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROBE = """
import ctypes, mmap, random, struct, sys
sys.path[:0] = sys.argv[1:]
from codec_vectors import ITCH, PUBLISHED_PACKET
from hotpath.book.matching_engine import MatchingEngine
from hotpath.book.snapshot import SnapshotError, restore, snapshot
from hotpath.feed.arbitrator import Arbitrator
from hotpath.feed.book_builder import BookBuilder

page = mmap.PAGESIZE
area = mmap.mmap(-1, 3 * page, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE)
base = ctypes.addressof(ctypes.c_char.from_buffer(area))
libc = ctypes.CDLL(None, use_errno=True)
if libc.mprotect(ctypes.c_void_p(base + 2 * page), ctypes.c_size_t(page), 0) != 0:
    sys.exit("mprotect failed")
readable = memoryview(area)[: 2 * page]

def at_the_end(frame):
    readable[2 * page - len(frame) :] = frame
    return readable[2 * page - len(frame) :]

if sys.argv[-1] == "beyond":
    ctypes.string_at(base + 2 * page, 1)

def arbitrator():
    return Arbitrator(gap_timeout_ns=1, rerequest_timeout_ns=1, rerequest_retries=1, store_messages=16)

source = random.Random(5)
counts = dict.fromkeys(("packets", "malformed", "messages", "truncated", "unknown", "snapshots", "refused"), 0)

def packet(frame):
    counts["packets"] += 1
    line = arbitrator()
    line.feed(0, at_the_end(frame), 0)
    counts["malformed"] += line.source_stats(0)["malformed"]

def message(frame):
    counts["messages"] += 1
    builder = BookBuilder("AAPL", 42, 64)
    builder.apply_message(at_the_end(frame))
    stats = builder.stats()
    counts["truncated"] += stats["truncated"]
    counts["unknown"] += stats["unknown_types"]

whole = bytes.fromhex(PUBLISHED_PACKET)
whole = whole[:10] + struct.pack(">Q", 1) + whole[18:]
for length in range(len(whole)):
    packet(whole[:length])
cut = counts["malformed"]
for count in (0, 1, 2, 3, 0xFFFE, 0xFFFF):
    for sizes in ((0, 0), (1, 0), (0xFFFF, 1), (12, 0xFFFF)):
        packet(whole[:18] + struct.pack(">HHH", count, *sizes) + whole[22:])
        packet(whole[:18] + struct.pack(">HHH", count, *sizes))
for _ in range(3000):
    packet(whole[: source.randrange(20, 40)] + source.randbytes(source.randrange(80)))
for wire, _ in ITCH:
    wire = bytes.fromhex(wire)
    for length in range(len(wire) + 1):
        message(wire[:length])
    message(wire + bytes(300))
for _ in range(3000):
    message(source.randbytes(source.randrange(60)))
engine = MatchingEngine(64)
for reference in range(1, 9):
    engine.submit_order(reference, "B", 100 + reference, 5)
engine.drain_events()
data = snapshot(engine)
for length in range(len(data) + 1):
    counts["snapshots"] += 1
    try:
        restore(MatchingEngine(64), at_the_end(data[:length]))
    except SnapshotError:
        counts["refused"] += 1
assert cut == len(whole), cut  # each cut packet is counted, the empty one too
assert counts["refused"] == counts["snapshots"] - 1
assert counts["malformed"] > 1000 and counts["truncated"] > 500 and counts["unknown"] > 500, counts
print("unharmed", *counts.values())
"""


def run(*more: str) -> subprocess.CompletedProcess[str]:
    here = Path(__file__).resolve().parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    command = [sys.executable, "-c", PROBE, str(here), *more]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_nothing_is_read_past_a_frame_and_what_is_refused_is_counted() -> None:
    done = run()
    assert done.stdout.startswith("unharmed"), (done.returncode, done.stderr[-2000:])


def test_the_probe_ends_by_a_signal_when_one_byte_too_many_is_read() -> None:
    assert run("beyond").returncode < 0
