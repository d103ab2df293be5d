"""Seqlock: no torn read across processes, versions, bounded reads, replacement."""

from __future__ import annotations

import struct
import subprocess
import time
from collections.abc import Callable

import pytest

from hotpath.ipc.segment import ProducerState, SegmentError
from hotpath.ipc.seqlock import SeqlockReader, SeqlockWriter

Start = Callable[..., subprocess.Popen[str]]


def test_no_torn_read_across_processes(prefix: str, start_child: Start) -> None:
    size = 4096
    child = start_child("write_seqlock", prefix, "block", size, 0.6)
    reader = SeqlockReader(prefix, "block", size)
    reads = 0
    values = set()
    while child.poll() is None and reader.liveness() is not ProducerState.CLOSED:
        data = reader.read_bytes()
        if data is None:
            continue
        words = set(struct.unpack(f"<{size // 8}Q", data))
        assert len(words) == 1, f"torn read: {words}"
        values |= words
        reads += 1
    assert child.wait(10) == 0
    assert reads > 100
    assert len(values) > 5, "the reader must have raced with writes"
    assert reader.writes > 1000


def test_versions_count_writes(prefix: str) -> None:
    writer = SeqlockWriter(prefix, "block", 24, epoch=5)
    reader = SeqlockReader(prefix, "block", 24)
    assert (reader.read_bytes(), reader.writes, reader.writer_epoch) == (None, 0, 5)
    for n in range(1, 4):
        writer.write_bytes(bytes([n]) * 24)
        assert (reader.read_bytes(), reader.writes) == (bytes([n]) * 24, n)


def test_initial_payload_is_there_from_the_first_moment(prefix: str) -> None:
    SeqlockWriter(prefix, "block", 8, initial=b"12345678")
    assert SeqlockReader(prefix, "block", 8).read_bytes() == b"12345678"


def test_write_cut_short_is_unknown_not_a_mix(prefix: str, start_child: Start) -> None:
    child = start_child("die_in_seqlock_write", prefix, "block", 64)
    reader = SeqlockReader(prefix, "block", 64)
    reader.segment.probe_interval_ns = 0
    child.communicate("\n", timeout=10)
    start = time.monotonic()
    assert reader.read_bytes() is None
    assert time.monotonic() - start < 1.0, "reads are bounded"
    assert reader.liveness() is ProducerState.DEAD
    SeqlockWriter(prefix, "block", 64, epoch=2, initial=b"n" * 64)
    assert reader.is_superseded
    assert reader.reattach()
    assert (reader.read_bytes(), reader.writer_epoch) == (b"n" * 64, 2)


def test_shape_is_checked(prefix: str) -> None:
    for size in (0, 7, 65_544):
        with pytest.raises(SegmentError, match=f"payload of {size} bytes"):
            SeqlockWriter(prefix, "block", size)
    writer = SeqlockWriter(prefix, "block", 16)
    with pytest.raises(ValueError, match="15 bytes for a block of 16"):
        writer.write_bytes(b"x" * 15)
    with pytest.raises(ValueError, match="initial payload of 8"):
        SeqlockWriter(prefix, "other", 16, initial=b"12345678")
    with pytest.raises(SegmentError, match="slot size 16, expected 8"):
        SeqlockReader(prefix, "block", 8)
