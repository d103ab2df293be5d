"""Journal: gapless, recovers after SIGKILL and torn records, bounded, one writer, tailing readers, retention."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotpath.ipc.journal import JournalError, JournalFull, JournalReader, JournalWriter

Start = Callable[..., subprocess.Popen[str]]
HEADER_SIZE = 4096
COMMIT_SIZE = 16
RECORD = 64


def record(sequence: int, size: int = RECORD) -> bytes:
    return struct.pack("<Q", sequence) * (size // 8)


def read_all(directory: str, sequence: int = 1, size: int = RECORD) -> list[int]:
    """All sequences from there on, each checked against its content."""
    reader = JournalReader(directory, size, sequence)
    found = []
    idle_since = None
    while idle_since is None or time.monotonic() - idle_since < 0.003:
        batch = reader.read()
        for number, data in batch:
            assert data == record(number, size)
            found.append(number)
        idle_since = None if batch else idle_since or time.monotonic()
    return found


def segment_files(directory: str) -> list[Path]:
    return sorted(Path(directory).glob("*.journal"))


def damage(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


@pytest.fixture
def directory(tmp_path: Path) -> str:
    return str(tmp_path / "journal")


@settings(max_examples=25, deadline=None)
@given(
    segment_records=st.integers(1, 5),
    steps=st.lists(st.one_of(st.integers(1, 9), st.sampled_from(["reopen", "prepare"])), max_size=12),
)
def test_survives_any_sequence_of_appends_and_reopens(segment_records: int, steps: list[int | str]) -> None:
    directory = tempfile.mkdtemp()
    try:
        writer = JournalWriter(directory, RECORD, segment_records, 200)
        written = 0
        for step in steps:
            if step == "reopen":
                writer.close()
                writer = JournalWriter(directory, RECORD, segment_records, 200)
            elif step == "prepare":
                writer.prepare()
            else:
                for _ in range(int(step)):
                    written += 1
                    assert writer.append_bytes(record(written)) == written
            assert writer.last_sequence == written
            assert writer.free == 200 * segment_records - written
            assert JournalReader(directory, RECORD).last_sequence() == written
        assert not writer.torn_record
        assert read_all(directory) == list(range(1, written + 1))
    finally:
        shutil.rmtree(directory)


@pytest.mark.parametrize("delay", [0.0, 0.004, 0.03])
def test_writer_killed_in_the_middle(directory: str, start_child: Start, delay: float) -> None:
    child = start_child("append_for_ever", directory, 256, 64, 4096)
    reader = JournalReader(directory, 256)
    seen = 0
    end = time.monotonic() + delay
    while time.monotonic() < end:
        for number, data in reader.read():
            assert data == record(number, 256)
            seen = number
    child.kill()
    child.wait(10)
    writer = JournalWriter(directory, 256, 64, 4096)
    assert writer.last_sequence >= seen, "what a reader saw is kept"
    kept = writer.last_sequence
    assert writer.append_bytes(record(kept + 1, 256)) == kept + 1
    assert read_all(directory, size=256) == list(range(1, kept + 2))


@pytest.mark.parametrize("marker", [b"", struct.pack("<QQ", 1234, 3)], ids=["no marker", "marker of a partial record"])
def test_torn_last_record_is_dropped(directory: str, marker: bytes) -> None:
    writer = JournalWriter(directory, RECORD, 4, 4)
    for number in (1, 2):
        writer.append_bytes(record(number))
    writer.close()
    file = segment_files(directory)[0]
    damage(file, HEADER_SIZE + 4 * COMMIT_SIZE + 2 * RECORD, b"half of a record")
    damage(file, HEADER_SIZE + 2 * COMMIT_SIZE, marker)
    writer = JournalWriter(directory, RECORD, 4, 4)
    assert (writer.torn_record, writer.last_sequence) == (True, 2)
    assert read_all(directory) == [1, 2]
    assert writer.append_bytes(record(3)) == 3
    assert read_all(directory) == [1, 2, 3]
    writer.close()
    assert not JournalWriter(directory, RECORD, 4, 4).torn_record


def test_damage_before_committed_records_is_refused(directory: str) -> None:
    writer = JournalWriter(directory, RECORD, 4, 4)
    for number in (1, 2, 3):
        writer.append_bytes(record(number))
    writer.close()
    damage(segment_files(directory)[0], HEADER_SIZE + 4 * COMMIT_SIZE + RECORD, b"flip")
    with pytest.raises(JournalError, match="record 2 is damaged but later ones are committed"):
        JournalWriter(directory, RECORD, 4, 4)
    reader = JournalReader(directory, RECORD)
    assert reader.next_record() == record(1)
    with pytest.raises(JournalError, match="record 2 is damaged"):
        reader.next_record()


def test_missing_segment_is_refused(directory: str) -> None:
    writer = JournalWriter(directory, RECORD, 2, 8)
    for number in range(1, 7):
        writer.append_bytes(record(number))
    writer.close()
    segment_files(directory)[1].unlink()
    with pytest.raises(JournalError, match="starts at sequence 5, the file before it ends at 2"):
        JournalWriter(directory, RECORD, 2, 8)
    reader = JournalReader(directory, RECORD)
    assert [number for number, _ in reader.read()] == [1, 2]
    time.sleep(0.002)
    with pytest.raises(JournalError, match="the file with record 3 is missing"):
        reader.next_record()


@pytest.mark.parametrize(
    ("offset", "data", "text"),
    [(0, b"NOTAJRNL", "magic"), (8, b"\x09", "version 9"), (12, b"\x80", "records of 128 bytes, expected 64")],
)
def test_foreign_header_is_refused(directory: str, offset: int, data: bytes, text: str) -> None:
    JournalWriter(directory, RECORD, 4, 4).close()
    damage(segment_files(directory)[0], offset, data)
    with pytest.raises(JournalError, match=text) as caught:
        JournalWriter(directory, RECORD, 4, 4)
    assert str(segment_files(directory)[0]) in str(caught.value)


def test_second_writer_is_refused_and_names_the_first(directory: str, start_child: Start) -> None:
    child = start_child("hold_journal", directory, RECORD)
    with pytest.raises(JournalError, match=f"process {child.pid} writes this journal"):
        JournalWriter(directory, RECORD, 8, 4)
    child.communicate("\n", timeout=10)
    JournalWriter(directory, RECORD, 8, 4)


def test_full_journal_says_so_before_and_then(directory: str) -> None:
    writer = JournalWriter(directory, RECORD, 4, 2)
    assert (writer.free, writer.prepared, writer.wants_prepare) == (8, 4, True)
    writer.prepare()
    assert (writer.free, writer.prepared, writer.wants_prepare) == (8, 8, False)
    for number in range(1, 9):
        assert writer.append_bytes(record(number)) == number
        assert writer.free == 8 - number
    with pytest.raises(JournalFull, match=r"all 2 segments of 4 records are in use.*journal_max_segments"):
        writer.append_bytes(record(9))
    assert writer.failure is not None
    writer.close()
    writer = JournalWriter(directory, RECORD, 4, 2)
    assert (writer.last_sequence, writer.free) == (8, 0)
    assert writer.release_before(6) == 1
    assert writer.failure is None
    assert writer.free == 4
    assert writer.append_bytes(record(9)) == 9
    assert read_all(directory, 5) == [5, 6, 7, 8, 9]


def test_full_disk_fails_early_and_clearly(directory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = JournalWriter(directory, RECORD, 4, 8)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(JournalError, match="cannot be reserved"):
        writer.prepare()
    assert writer.free == 4, "only what is certain counts once the disk has refused"
    for number in range(1, 5):
        writer.append_bytes(record(number))
    with pytest.raises(JournalError, match="No space left"):
        writer.append_bytes(record(5))
    monkeypatch.undo()
    assert writer.append_bytes(record(5)) == 5
    assert writer.failure is None
    assert not list(Path(directory).glob("*.tmp"))


def test_retention_deletes_whole_old_segments_only(directory: str) -> None:
    writer = JournalWriter(directory, RECORD, 3, 16)
    for number in range(1, 9):
        writer.append_bytes(record(number))
    early = JournalReader(directory, RECORD)
    assert early.next_record() == record(1)
    assert writer.release_before(3) == 0, "record 3 is still wanted"
    assert writer.release_before(4) == 1
    assert writer.first_sequence == 4
    writer.prepare()
    assert writer.release_before(10**9) == 1, "the segment in use stays"
    assert writer.first_sequence == 7
    assert [number for number, _ in early.read()] == [2, 3], "a reader inside a released file finishes it"
    time.sleep(0.002)
    with pytest.raises(JournalError, match="record 4 was released; the oldest kept is 7"):
        early.next_record()
    with pytest.raises(JournalError, match="record 2 was released"):
        JournalReader(directory, RECORD, 2).next_record()
    assert read_all(directory, 7) == [7, 8]
    writer.close()
    assert JournalWriter(directory, RECORD, 3, 16).first_sequence == 7


def test_reader_may_be_ahead_and_start_before_the_writer(directory: str) -> None:
    ahead = JournalReader(directory, RECORD, 6)
    assert ahead.next_record() is None
    assert ahead.last_sequence() == 0
    writer = JournalWriter(directory, RECORD, 2, 16)
    for number in range(1, 8):
        time.sleep(0.0015)
        assert ahead.next_record() is None or number > 6
        writer.append_bytes(record(number))
    found: list[int] = [6] if ahead.next_sequence == 7 else []
    time.sleep(0.002)
    found += [number for number, _ in ahead.read()]
    time.sleep(0.002)
    found += [number for number, _ in ahead.read()]
    assert found == [6, 7]


def test_segment_length_may_change_between_runs(directory: str) -> None:
    writer = JournalWriter(directory, RECORD, 2, 16)
    for number in range(1, 4):
        writer.append_bytes(record(number))
    writer.prepare()
    writer.close()
    writer = JournalWriter(directory, RECORD, 5, 16)
    assert writer.prepared == 1 + 2
    for number in range(4, 15):
        writer.append_bytes(record(number))
    assert read_all(directory) == list(range(1, 15))


def test_half_made_segment_file_is_ignored(directory: str) -> None:
    JournalWriter(directory, RECORD, 2, 16).close()
    leftover = Path(directory) / "00000000000000000003.journal.tmp"
    leftover.write_bytes(b"x")
    writer = JournalWriter(directory, RECORD, 2, 16)
    assert not leftover.exists()
    assert writer.append_bytes(record(1)) == 1


def test_closed_writer_appends_nothing(directory: str) -> None:
    writer = JournalWriter(directory, RECORD, 4, 4)
    writer.append_bytes(record(1))
    writer.sync()
    writer.close()
    with pytest.raises(JournalError, match="closed"):
        writer.append_bytes(record(2))
    assert writer.free == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((0, 4, 4), "record size 0"),
        ((12, 4, 4), "record size 12"),
        ((RECORD, 0, 4), "journal_segment_records: 0"),
        ((RECORD, 4, 1), "journal_max_segments: 1"),
    ],
)
def test_shape_is_checked(directory: str, arguments: tuple[int, int, int], text: str) -> None:
    with pytest.raises(JournalError, match=text):
        JournalWriter(directory, *arguments)
    with pytest.raises(ValueError, match="63 bytes"):
        JournalWriter(directory, RECORD, 4, 4).append_bytes(b"x" * 63)
    with pytest.raises(JournalError, match="sequences start at 1"):
        JournalReader(directory, RECORD, 0)
