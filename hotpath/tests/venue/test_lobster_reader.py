from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from hotpath.venue.flow import FlowError
from hotpath.venue.lobster import read_lobster

RECORDED = (
    Path(__file__).resolve().parents[4] / "shared/data/lobster/AAPL_2012-06-21_34200000_37800000_message_50.csv.gz"
)
GOOD = "34200.004241176,1,16113575,18,5853300,1\n34200.5,4,16113575,8,5853300,1\n34201,3,77,100,5859100,-1\n"


def test_rows_are_read_with_units_and_sides(tmp_path: Path) -> None:
    path = tmp_path / "MSFT_2012-06-21_34200000_57600000_message_10.csv"
    path.write_text(GOOD)
    flow = read_lobster(path)
    assert (flow.symbol, flow.total, flow.bad_rows) == ("MSFT", 3, 0)
    assert (flow.first_time_ns, flow.last_time_ns) == (34_200_004_241_176, 34_201_000_000_000)
    assert flow.take(10) == [
        (34_200_004_241_176, 1, 16113575, 18, 5853300, "B", False),
        (34_200_500_000_000, 4, 16113575, 8, 5853300, "B", False),
        (34_201_000_000_000, 3, 77, 100, 5859100, "S", True),  # never added: from before the recording
    ]
    assert flow.take(1) == []


def test_gzip_carriage_returns_and_missing_last_newline(tmp_path: Path) -> None:
    path = tmp_path / "other-name.csv.gz"
    path.write_bytes(gzip.compress(GOOD.strip().replace("\n", "\r\n").encode()))
    flow = read_lobster(path)
    assert (flow.symbol, flow.total) == ("", 3)


def test_time_is_rounded_to_nanoseconds(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("35821.088778456504,5,0,1,1,1\n35821.9999999995,5,0,1,1,1\n")
    assert [row[0] for row in read_lobster(path).take(2)] == [35_821_088_778_457, 35_822_000_000_000]


def test_halt_and_cross_rows(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("34200,6,-1,0,5850000,-1\n34201,7,0,0,-1,-1\n34202,7,0,0,0,-1\n34203,7,0,0,1,-1\n")
    assert [(row[1], row[4]) for row in read_lobster(path).take(9)] == [(6, 5850000), (7, -1), (7, 0), (7, 1)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("34202,1,5,100,1000000", "6 columns"),
        ("34202,1,5,100,1000000,1,9", "6 columns"),
        ("", "6 columns"),
        ("nine,1,5,100,1000000,1", "time must"),
        ("86400.0,1,5,100,1000000,1", "time must"),
        ("34202.,1,5,100,1000000,1", "time must"),
        ("34200.9,1,5,100,1000000,1", "earlier"),
        ("34202,8,5,100,1000000,1", "type must"),
        ("34202,1,-5,100,1000000,1", "order id must"),
        ("34202,1,4611686018427387904,100,1000000,1", "order id must"),
        ("34202,1,5,0,1000000,1", "size must"),
        ("34202,1,5,1e3,1000000,1", "size must"),
        ("34202,1,5,100,0,1", "price must"),
        ("34202,1,5,100,2000000001,1", "price must"),
        ("34202,7,0,0,2,-1", "price must"),
        ("34202,1,5,100,1000000,0", "direction must"),
        ("34202,1,16113575,100,1000000,1", "added before"),
    ],
)
def test_corrupt_row_is_named_or_skipped(tmp_path: Path, row: str, reason: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(GOOD + row + "\n34203,5,0,1,1,1\n")
    with pytest.raises(FlowError) as failure:
        read_lobster(path)
    text = str(failure.value)
    assert str(path) in text
    assert "line 4" in text
    assert repr(row) in text
    assert reason in text
    skipped = read_lobster(path, "skip")
    assert (skipped.total, skipped.bad_rows) == (4, 1)


def test_unusable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match=r"missing\.csv: no such replay file"):
        read_lobster(tmp_path / "missing.csv")
    empty = tmp_path / "empty.csv"
    empty.touch()
    with pytest.raises(FlowError, match=r"empty\.csv: no usable row"):
        read_lobster(empty)
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress(GOOD.encode() * 50)[:-12])
    with pytest.raises(FlowError, match=r"cut\.csv\.gz: damaged gzip"):
        read_lobster(cut)
    plain = tmp_path / "plain.csv.gz"
    plain.write_text(GOOD)
    with pytest.raises(FlowError, match=r"plain\.csv\.gz: damaged gzip"):
        read_lobster(plain)
    endless = tmp_path / "endless.csv"
    endless.write_bytes(b"1" * 3_000_000)
    with pytest.raises(FlowError, match="line 1"):
        read_lobster(endless)
    with pytest.raises(FlowError, match="on_bad_row"):
        read_lobster(empty, "ignore")


@pytest.mark.skipif(not RECORDED.exists(), reason=f"recorded flow {RECORDED.name} is not on this machine")
def test_recorded_hour_is_read_whole() -> None:
    flow = read_lobster(RECORDED)
    assert (flow.symbol, flow.total, flow.bad_rows) == ("AAPL", 91_997, 0)
    rows = flow.take(flow.total)
    assert sum(row[1] == 1 for row in rows) == 44_256
    assert sum(row[6] for row in rows) == 84  # 72 deletes and 12 executions of orders the file never adds
