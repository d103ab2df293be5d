"""Segment header: identity, refusal of what does not fit, replacement, removal."""

from __future__ import annotations

import os
import stat
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hotpath.ipc.histogram import HistogramWriter
from hotpath.ipc.ring import ConsumerState, RingConsumer, RingProducer
from hotpath.ipc.segment import (
    ProducerState,
    SegmentError,
    SegmentMissing,
    WrongInstrument,
    is_process_alive,
    list_segments,
    process_start_ticks,
    remove_segments,
    segment_path,
)
from hotpath.ipc.seqlock import SeqlockReader, SeqlockWriter
from hotpath.ipc.status import StatusWriter

HEADER = {"magic": (0, "<Q"), "version": (8, "<I"), "kind": (12, "<I"), "slot_size": (16, "<I"), "size": (32, "<Q")}


def patch(path: str, field: str, value: int) -> None:
    offset, layout = HEADER[field]
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(struct.pack(layout, value))


def test_header_names_this_process(prefix: str) -> None:
    segment = RingProducer(prefix, "ring.x", 64, 8, epoch=9).segment
    assert segment.producer_pid == os.getpid()
    fields = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
    assert segment.producer_start_ticks == process_start_ticks(os.getpid()) == int(fields[19])
    assert (segment.epoch, segment.capacity, segment.slot_size) == (9, 8, 64)


def test_only_rings_can_be_written_by_roles_of_other_users(prefix: str) -> None:
    before = os.umask(0o007)  # as the units have it: one group, a user per role
    try:
        segments = [
            RingProducer(prefix, "ring.x", 64, 8).segment,
            SeqlockWriter(prefix, "control", 64).segment,
            StatusWriter(prefix, "order-router").segment,
            HistogramWriter(prefix, "latency.order-router", ["a"], 1).segment,
        ]
    finally:
        os.umask(before)
    assert [oct(stat.S_IMODE(os.stat(segment.path).st_mode)) for segment in segments] == ["0o660", *["0o640"] * 3]


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("magic", 1, "magic 0x0000000000000001"),
        ("version", 99, "layout version 99, this build reads 3"),
        ("kind", 2, "a seqlock, expected a ring"),
        ("slot_size", 192, "slot size 192, expected 64"),
        ("size", 12, "its header says 12"),
    ],
)
def test_consumer_refuses_a_foreign_header(prefix: str, field: str, value: int, text: str) -> None:
    producer = RingProducer(prefix, "ring.x", 64, 8)
    patch(producer.segment.path, field, value)
    with pytest.raises(SegmentError, match=text) as caught:
        RingConsumer(prefix, "ring.x", 64)
    assert not isinstance(caught.value, SegmentMissing)
    assert producer.segment.path in str(caught.value)


def test_consumer_refuses_another_slot_size(prefix: str) -> None:
    RingProducer(prefix, "ring.x", 64, 8)
    with pytest.raises(SegmentError, match="slot size 64, expected 128"):
        RingConsumer(prefix, "ring.x", 128)


def test_short_file_is_refused(prefix: str) -> None:
    Path(segment_path(prefix, "ring.x")).write_bytes(b"short")
    with pytest.raises(SegmentError, match="5 bytes, too short"):
        RingConsumer(prefix, "ring.x", 64)


def test_truncated_file_is_refused(prefix: str) -> None:
    path = RingProducer(prefix, "ring.x", 64, 8).segment.path
    os.truncate(path, 4096 + 64)
    with pytest.raises(SegmentError, match=f"{path}: file is 4160 bytes, its header says 5120"):
        RingConsumer(prefix, "ring.x", 64)


def test_symbolic_link_is_not_followed(prefix: str, tmp_path: Path) -> None:
    target = tmp_path / "victim"
    target.write_bytes(b"\0" * 8192)
    os.symlink(target, segment_path(prefix, "ring.x"))
    with pytest.raises(SegmentError, match="cannot be opened"):
        RingConsumer(prefix, "ring.x", 64)
    with pytest.raises(SegmentError, match="cannot be replaced"):
        RingProducer(prefix, "ring.x", 64, 8)
    assert target.read_bytes() == b"\0" * 8192


def test_missing_is_told_from_unusable(prefix: str) -> None:
    with pytest.raises(SegmentMissing, match="has not started"):
        RingConsumer(prefix, "ring.x", 64)


def test_superseded_without_successor_is_missing(prefix: str) -> None:
    """A producer that died between the two steps of its takeover leaves no usable segment."""
    producer = RingProducer(prefix, "ring.x", 64, 8)
    kept = Path(producer.segment.path + ".kept")
    os.link(producer.segment.path, kept)
    successor = RingProducer(prefix, "ring.x", 64, 8)
    os.rename(kept, producer.segment.path)
    with pytest.raises(SegmentMissing, match="being replaced"):
        RingConsumer(prefix, "ring.x", 64)
    assert producer.is_superseded
    assert not successor.is_superseded


@pytest.mark.parametrize("name", ["", "a/b", "../a", "a b", ".hidden"])
def test_names_stay_in_the_folder(prefix: str, name: str) -> None:
    with pytest.raises(SegmentError, match="not usable"):
        segment_path(prefix, name)


@pytest.mark.parametrize("bad", ["", "a.b", "a/b", "x" * 65])
def test_prefix_cannot_match_another_stack(bad: str) -> None:
    with pytest.raises(SegmentError, match=r"runtime\.shm_prefix"):
        segment_path(bad, "x")


def test_list_and_remove_only_their_prefix(prefix: str) -> None:
    other = prefix + "-2"
    try:
        RingProducer(prefix, "ring.x", 64, 8)
        SeqlockWriter(prefix, "control", 64)
        RingProducer(other, "ring.x", 64, 8)
        unfinished = Path(segment_path(prefix, "ring.y") + ".tmp.1")
        unfinished.touch()
        expected = sorted([segment_path(prefix, "ring.x"), segment_path(prefix, "control"), str(unfinished)])
        assert list_segments(prefix) == expected
        assert remove_segments(prefix) == expected
        assert list_segments(prefix) == []
        assert len(list_segments(other)) == 1
    finally:
        remove_segments(other)


def test_creation_leaves_no_temporary_file(prefix: str) -> None:
    RingProducer(prefix, "ring.x", 64, 8)
    assert list_segments(prefix) == [segment_path(prefix, "ring.x")]


def test_full_shm_is_an_error_not_a_signal(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reserved = []

    def refuse(_: int, offset: int, size: int) -> None:
        reserved.append((offset, size))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(SegmentError, match=r"5120 bytes cannot be reserved \(No space left on device\); free space"):
        RingProducer(prefix, "ring.x", 64, 8)
    assert reserved == [(0, 4096 + 8 * 128)]
    assert list_segments(prefix) == []


def test_process_identity_is_more_than_the_pid() -> None:
    me, ticks = os.getpid(), process_start_ticks(os.getpid())
    assert is_process_alive(me, ticks)
    assert not is_process_alive(me, ticks + 1), "another process with the same pid"
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_process_alive(child.pid), "a zombie does no work"
    child.wait()
    assert not is_process_alive(child.pid)


def test_states_of_a_producer(
    prefix: str, start_child: Callable[..., subprocess.Popen[str]], eventually: Callable[..., None]
) -> None:
    child = start_child("hold_producer", prefix, "ring.x", 8, 0, 1)
    consumer = RingConsumer(prefix, "ring.x", 64)
    consumer.segment.probe_interval_ns = 0
    consumer.segment.silent_after_ns = 60_000_000_000
    assert consumer.liveness() is ProducerState.ALIVE
    consumer.segment.silent_after_ns = 1
    assert consumer.liveness() is ProducerState.SILENT
    child.kill()
    eventually(lambda: consumer.liveness() is ProducerState.DEAD, "the killed producer is seen")
    RingProducer(prefix, "ring.x", 64, 8, epoch=2)
    assert consumer.liveness() is ProducerState.SUPERSEDED


def test_orderly_close_is_not_death(prefix: str, start_child: Callable[..., subprocess.Popen[str]]) -> None:
    child = start_child("hold_producer", prefix, "ring.x", 8, 0, 1)
    consumer = RingConsumer(prefix, "ring.x", 64)
    child.communicate("\n", timeout=10)
    assert consumer.liveness() is ProducerState.CLOSED


def test_close_never_hides_a_successor(prefix: str) -> None:
    old = RingProducer(prefix, "ring.x", 64, 8)
    consumer = RingConsumer(prefix, "ring.x", 64)
    RingProducer(prefix, "ring.x", 64, 8)
    old.close()
    assert consumer.liveness() is ProducerState.SUPERSEDED


def test_only_the_producer_beats(prefix: str) -> None:
    producer = RingProducer(prefix, "ring.x", 64, 8)
    consumer = RingConsumer(prefix, "ring.x", 64)
    before = producer.segment.heartbeat_ns
    producer.beat()
    assert consumer.segment.heartbeat_ns > before
    with pytest.raises(SegmentError, match="only its producer"):
        consumer.segment.beat()


def test_a_segment_of_another_instrument_is_not_there(prefix: str) -> None:
    """Two roles of one name and one locate but of two instruments must never meet, whoever came first."""
    ring = RingProducer(prefix, "ring.book", 64, 8, symbol="AAPL")
    SeqlockWriter(prefix, "position", 64, initial=bytes(64), symbol="AAPL")
    assert ring.segment.symbol == "AAPL"
    with pytest.raises(WrongInstrument, match=r"^ring\.book is for AAPL, this role trades IRON$"):
        RingConsumer(prefix, "ring.book", 64, symbol="IRON")
    with pytest.raises(WrongInstrument, match=r"^position is for AAPL, this role trades IRON$"):
        SeqlockReader(prefix, "position", 64, "IRON")
    with pytest.raises(WrongInstrument):
        RingConsumer(prefix, "ring.book", 64)  # who names no instrument gets no instrument's ring
    assert ring.consumer_liveness() == ConsumerState.NONE
    assert RingConsumer(prefix, "ring.book", 64, symbol="AAPL").symbol == "AAPL"
    assert SeqlockReader(prefix, "position", 64, "AAPL").read_bytes() == bytes(64)


def test_a_successor_of_another_instrument_is_refused_until_the_own_one_comes(prefix: str) -> None:
    RingProducer(prefix, "ring.book", 64, 8, symbol="AAPL")
    SeqlockWriter(prefix, "top", 64, symbol="AAPL")
    ring, top = RingConsumer(prefix, "ring.book", 64, symbol="AAPL"), SeqlockReader(prefix, "top", 64, "AAPL")
    other = RingProducer(prefix, "ring.book", 64, 8, symbol="IRON")
    SeqlockWriter(prefix, "top", 64, symbol="IRON")
    for reattach in (ring.reattach, top.reattach):
        with pytest.raises(WrongInstrument, match="is for IRON, this role trades AAPL"):
            reattach()
    assert other.consumer_liveness() == ConsumerState.NONE
    assert ring.is_superseded
    RingProducer(prefix, "ring.book", 64, 8, symbol="AAPL")
    assert ring.reattach()


def test_a_symbol_that_the_header_cannot_carry_leaves_nothing(prefix: str) -> None:
    with pytest.raises(ValueError, match=r"instrument\.symbol 'TOOLONGNAME' has more than 8 characters"):
        RingProducer(prefix, "ring.book", 64, 8, symbol="TOOLONGNAME")
    assert list_segments(prefix) == []


def test_a_segment_of_an_older_layout_is_superseded(prefix: str) -> None:
    """A role of an older build that still reads the old segment must see that it was replaced."""
    old = RingProducer(prefix, "ring.x", 64, 8)
    patch(old.segment.path, "version", 1)
    RingProducer(prefix, "ring.x", 64, 8)
    assert old.is_superseded
