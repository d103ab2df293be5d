"""Feed handler, strategy and order router in one process, between scripted market data and a scripted order port."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from feed_support import LOCATE, OPENING, SYMBOL, TWO_SIDED
from feed_support import ScriptedVenue as MarketData
from router_support import FIRM, LIMITS, PASSWORD, USER, wait_for
from router_support import ScriptedVenue as OrderPort

from hotpath.ipc.segment import remove_segments
from hotpath.ipc.status import read_status
from hotpath.protocols import ouch

ROLES = ("feed-handler", "strategy", "order-router")
QUOTE = 200


class Host:
    """The three roles' files, what they talk to, and the process when it is started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.prefix = f"t-composite-{os.getpid()}-{secrets.token_hex(4)}"
        self.port = OrderPort()
        self.feed = MarketData()
        self.feed.messages = [*OPENING, *TWO_SIDED]
        self.process: subprocess.Popen[str] | None = None
        (folder / "password").write_text(PASSWORD + "\n")
        self._beating = True
        self._heart = threading.Thread(target=self._beat, daemon=True)
        self._heart.start()

    def _beat(self) -> None:
        while self._beating:
            self.feed.heartbeat()
            self.feed.serve()
            time.sleep(0.005)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._beating = False
        self._heart.join()
        self.feed.close()
        self.port.close()
        remove_segments(self.prefix)

    def role(self, name: str, **changes: Any) -> dict[str, Any]:
        data = self.folder / name
        runtime = {
            "host": "test", "environment": "test", "shm_prefix": self.prefix, "run_dir": str(self.folder),
            "data_dir": str(data),
        }  # fmt: skip
        common = {"runtime": runtime, "instrument": {"symbol": SYMBOL, "locate": LOCATE, "tick": 100}}
        own: dict[str, dict[str, Any]] = {
            "feed-handler": {
                "lines": [{"host": host, "port": port} for host, port in self.feed.lines],
                "rerequest": {"host": "127.0.0.1", "port": self.feed.rerequest.getsockname()[1]},
                "glimpse": {"host": "127.0.0.1", "port": self.feed.glimpse.getsockname()[1]},
                "max_orders": 4096,
            },
            "strategy": {"parameters": {"quote_size": QUOTE, "position_limit": 1000}, "timer_ms": 10},
            "order-router": {
                "order_entry": {"host": "127.0.0.1", "port": self.port.port},
                "account": {"username": USER, "password_file": str(self.folder / "password"), "firm": FIRM},
                "limits": LIMITS,
                "cancel_deadline_ms": 1000,
                "max_orders": 4096,
                "journal_segment_records": 8192,
            },
        }  # fmt: skip
        return {**common, **own[name], **changes}

    def write(self, changes: Mapping[str, Mapping[str, Any]] | None = None, parts: tuple[str, ...] = ROLES) -> Path:
        """Every role's file, and the composite's of `parts`."""
        for name in ROLES:
            (self.folder / name).mkdir(exist_ok=True)
            document = self.role(name, **(changes or {}).get(name, {}))
            (self.folder / f"{name}.json").write_text(json.dumps(document))
        config = self.folder / "composite.json"
        config.write_text(json.dumps({name.replace("-", "_"): str(self.folder / f"{name}.json") for name in parts}))
        return config

    def start(self, config: Path) -> None:
        with (self.folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "hotpath", "run", "composite", "--config", str(config)],
                stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        try:
            wait_for("every role ready", lambda: all(read_status(self.prefix, role)["ready"] for role in ROLES), 10.0)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{(self.folder / 'log').read_text()}") from None

    def counters(self, role: str) -> dict[str, int]:
        return read_status(self.prefix, role)["counters"]

    def quotes(self) -> list[dict[str, Any]]:
        """What rests at the venue."""
        with self.port.lock:
            return list(self.port.orders.values())

    def stop(self) -> tuple[int, str]:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=10)
        return self.process.returncode, out

    def proof(self, role: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.folder / role / "cancel-proof.json").read_text())
        return document


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    host.close()


def test_quotes_fills_and_proves_that_nothing_stays_open(host: Host) -> None:
    host.start(host.write())
    wait_for("both quotes at the venue", lambda: len(host.quotes()) == 2)
    assert {order["side"] for order in host.quotes()} == {"B", "S"}
    assert all(order["leaves"] == QUOTE for order in host.quotes())
    with host.port.lock:
        number = next(number for number, order in host.port.orders.items() if order["side"] == "B")
        host.port.fill(number, QUOTE, 1)
    wait_for("the fill in the strategy's position", lambda: host.counters("strategy")["position"] == QUOTE)
    assert {role: read_status(host.prefix, role)["pid"] for role in ROLES} == dict.fromkeys(ROLES, host.process.pid)  # type: ignore[union-attr]
    wait_for("a new pair of quotes", lambda: len(host.quotes()) == 2)
    code, out = host.stop()
    assert (code, host.quotes()) == (0, [])
    # the strategy drains first, with the router's answers; what it has settled the router need not
    strategy, router = host.proof("strategy"), host.proof("order-router")
    assert {order["outcome"] for order in strategy["orders"]} == {"cancelled"}, out
    assert router["unknown"] == 0
    assert any(isinstance(message, ouch.MassCancel) for message in host.port.inbound)


def test_the_risk_gate_stands_between_strategy_and_venue(host: Host) -> None:
    limits = {**LIMITS, "max_order_quantity": QUOTE - 1}
    host.start(host.write({"order-router": {"limits": limits}}))
    refused = "refused_max_order_size"
    wait_for("refusals", lambda: host.counters("order-router").get(refused, 0) >= 2)
    assert host.counters("strategy")["refused"] >= 2
    code, _ = host.stop()
    assert code == 0
    assert not any(isinstance(message, ouch.EnterOrder) for message in host.port.inbound)


def test_the_kill_file_takes_everything_off_and_lets_nothing_pass(host: Host) -> None:
    host.start(host.write())
    wait_for("both quotes at the venue", lambda: len(host.quotes()) == 2)
    (host.folder / "KILL").touch()
    wait_for("no quote left", lambda: host.quotes() == [])
    wait_for("new intents refused", lambda: host.counters("order-router")["refused_killed"] > 0)
    assert host.quotes() == []
    assert host.stop()[0] == 0


def test_a_venue_that_does_not_answer_leaves_orders_unknown(host: Host) -> None:
    changes = {"order-router": {"cancel_deadline_ms": 300}, "strategy": {"cancel_deadline_ms": 300}}
    host.start(host.write(changes))
    wait_for("both quotes at the venue", lambda: len(host.quotes()) == 2)
    host.port.deaf = True
    code, out = host.stop()
    assert code == 1
    assert host.proof("order-router")["unknown"] == 2, out


REFUSED = {
    "one part": ({}, ("strategy",), "at least two"),
    "another instrument": (
        {"strategy": {"instrument": {"symbol": "OTHER", "locate": LOCATE}}},
        ROLES,
        r"instrument\.symbol must be the same",
    ),
    "no wall in production": (None, ROLES, "in another process than the strategy"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_parts_that_do_not_belong_together_are_refused(host: Host, case: str) -> None:
    changes, parts, message = REFUSED[case]
    if changes is None:
        changes = {name: {"runtime": {**host.role(name)["runtime"], "environment": "prod"}} for name in ROLES}
    config = host.write(changes, parts)
    command = [sys.executable, "-m", "hotpath", "run", "composite", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 78
    assert re.search(message, done.stderr), done.stderr
    assert not (host.folder / "strategy" / "epoch").exists(), "nothing was started"
