"""Backtests: the same bytes every time, both twins alike, money as counted by hand, and errors that help."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotpath import cli
from hotpath.backtest import plot
from hotpath.backtest.report import Report
from hotpath.backtest.session import run
from hotpath.backtest.settings import Backtest, parse_parameters

CYTHON = "hotpath.strategy.market_maker:MarketMaker"
PYTHON = "hotpath.strategy.python_market_maker:PythonMarketMaker"
QUOTES = {"spread_ticks": 2, "requote_ms": 0}
HOP = 1_000
T0 = 34_200_000_000_000
FILES = ("orders.csv", "fills.csv", "equity.csv", "summary.json")


@pytest.fixture(autouse=True)
def _own_strategies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_flow(path: Path, *lines: tuple[str, int, int, int, int, int]) -> Path:
    path.write_text("".join(",".join(map(str, line)) + "\n" for line in lines))
    return path


# time, type, order id, size, price, direction: 99.80 / 100.20, then trades through 99.90 and 100.10
MARKET = (
    ("34200.0", 1, 1, 500, 998_000, 1),
    ("34200.0", 1, 2, 500, 1_002_000, -1),
    ("34200.5", 1, 3, 100, 997_000, 1),
    ("34201.0", 1, 4, 60, 999_000, -1),  # sells 60 to our bid at 99.90
    ("34201.5", 1, 5, 40, 999_000, -1),  # and 40 more
    ("34202.0", 1, 6, 100, 997_000, 1),
    ("34203.0", 1, 7, 70, 1_001_000, 1),  # buys 70 of our offer at 100.10
    ("34204.0", 1, 8, 100, 997_000, 1),
)


def test_profit_of_a_round_trip_counted_by_hand(tmp_path: Path) -> None:
    flow = write_flow(tmp_path / "flow.csv", *MARKET)
    out = tmp_path / "out"
    summary = run(Backtest(strategy="backtest_strategies:RoundTrip", replay=flow), out)
    fills = rows(out / "fills.csv")
    assert [(f["side"], int(f["price"]), int(f["quantity"])) for f in fills] == [
        ("B", 999_000, 60),
        ("B", 999_000, 40),
        ("S", 1_001_000, 70),
    ]
    # sold 70 of 100 at 100.10 that had cost 99.90; 30 are left, and the mid is (99.80 + 100.20) / 2
    assert summary["profit_units"] == {"realised": 70 * 2_000, "unrealised": 30 * 1_000, "total": 170_000}
    assert summary["profit_dollars"] == {"realised": 14.0, "unrealised": 3.0, "total": 17.0}
    assert (summary["position"], summary["bought"], summary["sold"]) == (30, 100, 70)
    assert [int(f["realised"]) for f in fills] == [0, 0, 140_000]
    last = rows(out / "equity.csv")[-1]
    assert (last["position"], last["mid"], last["total"]) == ("30", "1000000", "170000")
    assert summary["cancels"] == {"E": 1}  # the venue takes back at the close what was left
    assert summary["orders"]["open_at_end"] == 0


def test_latency_is_one_way_and_exact(tmp_path: Path) -> None:
    flow = write_flow(tmp_path / "flow.csv", *MARKET)
    settings_ = Backtest(
        strategy="backtest_strategies:RoundTrip",
        replay=flow,
        market_data_latency_us=300,
        order_latency_us=70,
    )
    run(settings_, tmp_path / "out")
    events = {row["event"]: row for row in reversed(rows(tmp_path / "out" / "orders.csv")) if row["order_id"] == "1"}
    sent = T0 + 300_000 + HOP
    assert int(events["new_sent"]["time_ns"]) == sent
    assert int(events["accepted"]["venue_ns"]) == sent + 70_000
    assert int(events["accepted"]["time_ns"]) == sent + 140_000
    assert int(events["executed"]["venue_ns"]) == T0 + 1_000_000_000
    assert int(events["executed"]["time_ns"]) == T0 + 1_000_070_000


def test_an_order_that_arrives_late_trades_late(tmp_path: Path) -> None:
    flow = write_flow(tmp_path / "flow.csv", *MARKET)
    strategy = "backtest_strategies:RoundTrip"
    run(Backtest(strategy=strategy, replay=flow, order_latency_us=1_600_000), tmp_path / "late")
    events = [row for row in rows(tmp_path / "late" / "orders.csv") if row["order_id"] == "1"]
    fills = [row for row in events if row["event"] == "executed"]
    # both sellers rest at 99.90 by then
    assert [int(row["last_quantity"]) for row in fills] == [60, 40]
    # sent when the top of book has changed for the first time: order entry opens a hop after the first event
    assert {int(row["venue_ns"]) for row in fills} == {T0 + 1_000_000_000 + HOP + 1_600_000_000}


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    settings_ = Backtest(strategy=CYTHON, parameters=dict(QUOTES), rows=3_000, seed=7, order_latency_us=40)
    first = run(settings_, tmp_path / "a")
    second = run(settings_, tmp_path / "b")
    assert first == second
    assert first["fills"] > 5
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert first["digest"] == hashlib.sha256((tmp_path / "a" / "orders.csv").read_bytes()).hexdigest()


def test_another_process_gives_the_same_digest(tmp_path: Path) -> None:
    arguments = ["--strategy", CYTHON, "--rows", "1000", "--seed", "5", "--latency-us", "20", "--no-plot", "--json"]
    command = [sys.executable, "-m", "hotpath", "backtest", *arguments, "--out"]
    digests = set()
    for name in ("a", "b"):
        done = subprocess.run([*command, str(tmp_path / name)], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        digests.add(json.loads(done.stdout)["digest"])
    assert len(digests) == 1


def test_seed_and_latency_change_the_orders(tmp_path: Path) -> None:
    settings_ = Backtest(strategy=CYTHON, rows=800, seed=1)
    others = [
        settings_,
        msgspec.structs.replace(settings_, seed=2),
        msgspec.structs.replace(settings_, order_latency_us=9),
    ]
    assert len({run(each, tmp_path / str(i))["digest"] for i, each in enumerate(others)}) == 3


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    latency=st.sampled_from([0, 1, 50, 5_000]),
    spread=st.integers(1, 6),
    skew=st.integers(0, 8),
    size=st.integers(1, 300),
    requote=st.sampled_from([0, 5, 100]),
)
def test_the_twins_give_identical_orders(
    tmp_path_factory: pytest.TempPathFactory, seed: int, latency: int, spread: int, skew: int, size: int, requote: int
) -> None:
    folder = tmp_path_factory.mktemp("twins")
    parameters = {"spread_ticks": spread, "skew_ticks": skew, "quote_size": size, "requote_ms": requote}
    logs = []
    for name in (CYTHON, PYTHON):
        settings_ = Backtest(
            strategy=name,
            parameters=parameters,
            rows=600,
            seed=seed,
            market_data_latency_us=latency,
            order_latency_us=latency,
        )
        summary = run(settings_, folder / name.partition(":")[2])
        logs.append((folder / name.partition(":")[2] / "orders.csv").read_bytes())
        assert summary["orders"]["open_at_end"] == 0
        assert summary["bought"] - summary["sold"] == summary["position"]
    assert logs[0] == logs[1]
    assert logs[0].count(b"\n") > 5


def test_refusals_are_counted_by_reason(tmp_path: Path) -> None:
    summary = run(Backtest(strategy="backtest_strategies:TooLarge", rows=800), tmp_path)
    assert summary["refusals"] == {"max_order_size": 1}
    assert summary["orders"]["sent"] == 0


def test_cash_and_average_cost_agree(tmp_path: Path) -> None:
    summary = run(Backtest(strategy=CYTHON, parameters=dict(QUOTES), rows=4_000, seed=11), tmp_path)
    cash = sum(
        int(f["price"]) * int(f["quantity"]) * (1 if f["side"] == "S" else -1) for f in rows(tmp_path / "fills.csv")
    )
    value = summary["position"] * summary["last_mid"] * 10_000
    assert summary["fills"] > 5
    assert summary["profit_units"]["total"] == pytest.approx(cash + value, abs=1)


def test_samples_fall_between_the_fills_around_them(tmp_path: Path) -> None:
    def sample(time_ns: int, events: int) -> tuple[int, int, int, int, int]:
        return (time_ns, 0, 0, 2_000_000, events)

    def fill(sequence: int) -> Any:
        return (
            sequence,
            sequence,
            "executed",
            1,
            0,
            1,
            "live",
            "B",
            "0",
            0,
            1,
            9,
            9,
            9,
            999_000,
            1,
            1,
            "",
            0,
            sequence,
        )

    with Report(tmp_path) as report:
        report.add([fill(1), fill(2), fill(3)], [sample(10, 0), sample(20, 2), sample(30, 3)])
    assert [row["position"] for row in rows(tmp_path / "equity.csv")] == ["0", "2", "3"]


def call(capsys: pytest.CaptureFixture[str], out: Path, *arguments: str) -> tuple[int, str]:
    code = cli.main(["backtest", "--out", str(out), "--no-plot", *arguments])
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--strategy", "nowhere:Class", "--rows", "10"), "module 'nowhere' cannot be imported"),
        (("--strategy", "hotpath.strategy.market_maker", "--rows", "10"), "must be module:Class"),
        (("--strategy", CYTHON, "--rows", "10", "--parameters", "sprad=1"), "unknown sprad; the valid ones are"),
        (("--strategy", CYTHON, "--rows", "10", "--parameters", "quote_size=0"), "quote_size"),
        (("--strategy", CYTHON, "--rows", "10", "--parameters", "missing.json"), "give name=value or a JSON file"),
        (("--strategy", CYTHON, "--rows", "0"), "flow.rows: 0 must be 1 to"),
        (("--strategy", CYTHON, "--replay", "missing.csv"), "missing.csv"),
        (("--strategy", CYTHON, "--rows", "10", "--latency-us", "-1"), "latency_us"),
        (("--strategy", CYTHON, "--rows", "10", "--limit", "max_ordr=1"), "unknown limit; the valid ones are"),
        (("--strategy", CYTHON, "--rows", "10", "--limit", "max_position=many"), "must be a whole number"),
        (("--strategy", CYTHON, "--rows", "10", "--tick", "0.00001"), "--tick 0.00001: must be dollars"),
        (("--strategy", CYTHON, "--rows", "10", "--symbol", "MUCHTOOLONG"), "symbol"),
    ],
)
def test_what_cannot_be_used_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], expected: str
) -> None:
    code, error = call(capsys, tmp_path / "out", *arguments)
    assert code == cli.EXIT_CONFIG
    assert expected in error


def test_a_bad_row_is_named_by_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flow = tmp_path / "flow.csv"
    flow.write_text("34200.0,1,1,100,998000,1\n34200.1,1,2,-5,998000,1\n")
    code, error = call(capsys, tmp_path / "out", "--strategy", CYTHON, "--replay", str(flow))
    assert code == cli.EXIT_CONFIG
    assert "flow.csv" in error
    assert "2" in error


def test_a_callback_that_raises_ends_the_run_with_its_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, error = call(capsys, tmp_path / "out", "--strategy", "backtest_strategies:Raises", "--rows", "100")
    assert code == 1
    assert "RuntimeError: no idea what to do" in error
    assert not (tmp_path / "out" / "summary.json").exists()


def test_an_output_folder_that_cannot_be_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    code, error = call(capsys, tmp_path / "file", "--strategy", CYTHON, "--rows", "10")
    assert code == 1
    assert f"--out {tmp_path / 'file'}" in error


def test_parameters_from_file_and_command_line(tmp_path: Path) -> None:
    file = tmp_path / "parameters.json"
    file.write_text('{"quote_size": 5, "spread_bps": 1.5}')
    assert parse_parameters([str(file), "quote_size=7", "x=true", "y=word"]) == {
        "quote_size": 7,
        "spread_bps": 1.5,
        "x": True,
        "y": "word",
    }


def test_without_matplotlib_the_files_are_there_and_the_message_says_how(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("matplotlib", "matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, name, None)
    code = cli.main(["backtest", "--out", str(tmp_path), "--strategy", CYTHON, "--rows", "100"])
    shown = capsys.readouterr()
    assert code == 0
    assert "ironlane-hotpath[plot]" in shown.err
    assert all((tmp_path / name).exists() for name in FILES)
    assert not (tmp_path / plot.PLOT_FILE).exists()


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra `plot` is not installed")
    run(Backtest(strategy=CYTHON, parameters=dict(QUOTES), rows=1_000), tmp_path)
    drawn = plot.draw(tmp_path, "test")
    assert drawn is not None
    assert drawn.read_bytes().startswith(b"\x89PNG")
