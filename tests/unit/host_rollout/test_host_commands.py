"""The commands on a trading host: real files below a temporary root, and a `systemctl` that keeps units in files."""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.hot_path.host_rollout import installed
from components.hot_path.host_rollout.command import main
from components.hot_path.host_rollout.errors import Exit

NEW, OLD = "ab" * 32, "cd" * 32
APPLY = "/usr/local/lib/ironlane/apply-host"
ROLES = "feed-handler,order-router,strategy,agent"

# a unit is a folder: one file for each property, and what happens when it is stopped or started
SYSTEMCTL = """\
#!/bin/sh
echo "$@" >> "$UNITS/calls"
word=$1; shift
case $word in
show)
    names=${1#--property=}; unit="$UNITS/$2"
    for name in $(echo "$names" | tr ',' ' '); do echo "$name=$(cat "$unit/$name" 2>/dev/null)"; done ;;
stop)
    for name in "$@"; do
        unit="$UNITS/$name"
        if [ -e "$unit/on_stop" ]; then . "$unit/on_stop"; fi
        echo inactive > "$unit/ActiveState"
    done ;;
start)
    for name in "$@"; do
        unit="$UNITS/$name"
        if [ -e "$unit/refuses" ]; then echo "Job for $name failed." >&2; failed=1; continue; fi
        echo active > "$unit/ActiveState"
    done
    exit ${failed:-0} ;;
esac
"""
HOTPATH = """\
#!/bin/sh
echo "$@" >> "$UNITS/ready"
if [ -e "$UNITS/closed" ]; then echo "  FAIL $(cat "$UNITS/closed")"; exit 1; fi
echo "$2: ACTIVE ready=yes"
"""


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Host:
    """One host with two engines and four roles, all running."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.units = root / "root", root / "units"
        self._capsys = capsys
        commands = root / "bin"
        commands.mkdir()
        self.units.mkdir()
        self._program(commands / "systemctl", SYSTEMCTL)
        monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
        monkeypatch.setenv("UNITS", str(self.units))
        for role in ROLES.split(","):
            data = f"/var/lib/ironlane/{role}"
            self.write(f"/etc/ironlane/roles/{role}.json", json.dumps({"runtime": {"data_dir": data}}))
            (self.root / data[1:]).mkdir(parents=True)
            self.unit(role, ActiveState="active", Result="success", ExecMainStatus=0, started_s=60)
        self.unit("composite", ActiveState="inactive", Result="success", ExecMainStatus=0, started_s=0)
        for role in ("strategy", "order-router"):
            self.on_stop(role, self.proof(role, [{"order_id": 1, "outcome": "cancelled"}]))
        self.engine(OLD)
        self.engine(NEW)
        (self.root / "opt/ironlane/current").symlink_to(f"engines/{OLD}")

    @staticmethod
    def _program(file: Path, text: str) -> None:
        file.write_text(text)
        file.chmod(0o755)

    def write(self, path: str, text: str) -> Path:
        file = self.root / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def engine(self, sha256: str) -> Path:
        home = self.root / "opt/ironlane/engines" / sha256
        (home / "bin").mkdir(parents=True)
        self._program(home / "bin" / "hotpath", HOTPATH)
        installed.write_record(home, sha256, "0.1.0")
        return home

    def unit(self, role: str, started_s: float | None = None, **properties: object) -> None:
        """started_s: seconds ago, 0 for never in this boot."""
        folder = self.units / f"ironlane-{role}.service"
        folder.mkdir(exist_ok=True)
        for name, value in properties.items():
            (folder / name).write_text(f"{value}\n")
        if started_s is not None:
            microseconds = int((time.monotonic() - started_s) * 1e6) if started_s else 0
            (folder / "ExecMainStartTimestampMonotonic").write_text(f"{microseconds}\n")

    def on_stop(self, role: str, shell: str) -> None:
        (self.units / f"ironlane-{role}.service" / "on_stop").write_text(shell)

    def proof(self, role: str, orders: list[dict[str, Any]]) -> str:
        """What a role does when it is stopped, for the shell."""
        file = self.root / f"var/lib/ironlane/{role}/cancel-proof.json"
        return f"cat > {file} <<'END'\n{json.dumps({'orders': orders})}\nEND\n"

    def is_active(self, role: str) -> bool:
        return (self.units / f"ironlane-{role}.service" / "ActiveState").read_text().strip() == "active"

    @property
    def calls(self) -> list[str]:
        """Of systemctl, without the looking."""
        lines = (self.units / "calls").read_text().splitlines()
        return [line for line in lines if not line.startswith("show")]

    @property
    def current(self) -> str:
        return os.readlink(self.root / "opt/ironlane/current")

    def run(self, *words: str) -> tuple[int, str]:
        code = main(["--root", str(self.root), *words])
        captured = self._capsys.readouterr()
        return code, captured.out + captured.err

    def run_with_input(self, text: str, *words: str) -> tuple[int, str]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
            return self.run(*words)


@pytest.fixture
def host(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, capsys, monkeypatch)


# ---- drain


def test_a_drain_stops_the_strategy_before_the_router_and_accounts_for_every_order(host: Host) -> None:
    orders = [{"outcome": "cancelled"}, {"outcome": "filled"}, {"outcome": "replaced"}]
    host.on_stop("order-router", host.proof("order-router", orders))
    code, text = host.run("drain", "--roles", ROLES)
    assert code == Exit.DONE
    assert "order-router: 3 orders open at the signal: 1 cancelled, 1 filled, 1 replaced" in text
    assert host.calls == ["stop ironlane-strategy.service", "stop ironlane-order-router.service"]
    assert host.is_active("feed-handler"), "only what has orders"
    code, again = host.run("drain", "--roles", ROLES)
    assert (code, again) == (Exit.DONE, text)
    assert len(host.calls) == 2


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda host: host.on_stop("order-router", ""), "it left no proof"),
        (
            lambda host: host.on_stop("order-router", host.proof("order-router", [{"outcome": "unknown", "n": 7}])),
            '1 orders are unknown:\n  {"n": 7, "outcome": "unknown"}',
        ),
        # written by a newer engine than this program knows
        (lambda host: host.on_stop("order-router", host.proof("order-router", [{"outcome": "moved"}])), "1 orders are"),
        (lambda host: host.on_stop("order-router", "echo half > $UNITS/x; exit 1"), "exited 1"),
        (
            lambda host: host.unit("order-router", Result="timeout", ExecMainStatus=9),
            "it ended with timeout, exit status 9",
        ),
    ],
)
def test_a_drain_without_a_proof_is_not_done(host: Host, spoil: Callable[[Host], None], told: str) -> None:
    spoil(host)
    code, text = host.run("drain", "--roles", ROLES)
    assert code in (Exit.UNKNOWN, Exit.REFUSED)
    assert told in text
    code, text = host.run("switch", "--sha256", NEW, "--roles", ROLES)
    assert (code == Exit.DONE) is not host.is_active("order-router")


def test_a_standby_has_nothing_to_drain_but_what_ran_there_is_looked_at(host: Host) -> None:
    roles = "strategy,order-router,composite"
    for role in ("strategy", "order-router"):
        (host.root / f"etc/ironlane/roles/{role}.json").unlink()
        host.unit(role, ActiveState="inactive", started_s=0)
    host.unit("composite", ActiveState="inactive", Result="success", ExecMainStatus=0, started_s=0)
    assert host.run("drain", "--roles", roles) == (Exit.DONE, "no role of this host has orders\n")
    host.unit("order-router", ActiveState="active", started_s=60)
    code, text = host.run("drain", "--roles", roles)
    assert code == Exit.REFUSED
    assert "order-router.json: cannot be read" in text, "something trades here and nobody knows where its proof is"


def test_the_router_is_drained_even_when_the_strategy_did_not_come_through(host: Host) -> None:
    host.on_stop("strategy", "")
    code, text = host.run("drain", "--roles", ROLES)
    assert code == Exit.UNKNOWN
    assert "strategy: not proven that no order is open" in text
    assert "order-router: 1 orders open at the signal: 1 cancelled" in text
    assert not host.is_active("order-router")


def test_the_proof_of_an_earlier_run_proves_nothing(host: Host) -> None:
    proof = host.root / "var/lib/ironlane/order-router/cancel-proof.json"
    proof.write_text('{"orders": []}')
    os.utime(proof, (time.time() - 3600, time.time() - 3600))
    host.on_stop("order-router", "")  # killed: it leaves nothing
    code, text = host.run("drain", "--roles", ROLES)
    assert code == Exit.UNKNOWN
    assert "its proof is of an earlier run; the last one ended without" in text
    assert "Ask the venue" in text


def test_after_a_restart_of_the_host_only_a_proof_of_the_last_run_counts(host: Host) -> None:
    folder = host.root / "var/lib/ironlane/order-router"
    host.unit("order-router", ActiveState="inactive", started_s=0)
    assert "order-router: never ran on this host" in host.run("drain", "--roles", ROLES)[1]
    (folder / "journal").write_text("events")
    assert host.run("drain", "--roles", ROLES)[0] == Exit.UNKNOWN
    (folder / "cancel-proof.json").write_text('{"orders": []}')
    assert host.run("drain", "--roles", ROLES)[0] == Exit.DONE
    later = time.time() + 60
    os.utime(folder / "journal", (later, later))
    code, text = host.run("drain", "--roles", ROLES)
    assert code == Exit.UNKNOWN
    assert "it ran before the host was restarted" in text


def test_a_drain_that_nothing_follows_stops_nothing(host: Host) -> None:
    """The same command again, as when only the way to the host changed: a trading host must not notice."""
    files = json.dumps({"/etc/ironlane/x": "1\n"})
    assert host.run_with_input(files, "configure")[0] == Exit.DONE
    words = ["drain", "--roles", ROLES, "--sha256", OLD, "--specification"]
    code, text = host.run(*words, digest(files))
    assert code == Exit.DONE
    assert "nothing to drain for" in text
    assert host.is_active("order-router")
    host.run(*words, digest("{}"))
    assert not host.is_active("order-router")


def test_a_composite_is_drained_by_the_proofs_of_what_is_in_it(host: Host) -> None:
    names = {"strategy": "strategy", "order_router": "order-router"}
    parts = {key: f"/etc/ironlane/roles/{role}.json" for key, role in names.items()}
    host.write("/etc/ironlane/roles/composite.json", json.dumps(parts))
    host.unit("composite", ActiveState="active", Result="success", ExecMainStatus=0, started_s=60)
    host.on_stop("composite", host.proof("strategy", []))
    code, text = host.run("drain", "--roles", "feed-handler,composite,agent")
    assert code == Exit.UNKNOWN
    assert "order-router: not proven" in text
    host.unit("composite", ActiveState="active", started_s=60)
    host.on_stop("composite", host.proof("strategy", []) + host.proof("order-router", []))
    assert host.run("drain", "--roles", "feed-handler,composite,agent")[0] == Exit.DONE
    assert host.run("reconcile", "--sha256", OLD, "--roles", "feed-handler,composite,agent")[0] == Exit.DONE
    asked = [line.split()[1] for line in (host.units / "ready").read_text().splitlines()]
    assert asked == ["feed-handler", "order-router", "strategy", "agent"]


# ---- switch, rollback


def test_an_engine_is_not_exchanged_under_a_role_with_orders(host: Host) -> None:
    code, text = host.run("switch", "--sha256", NEW, "--roles", ROLES)
    assert code == Exit.REFUSED
    assert "ironlane-strategy.service, ironlane-order-router.service: active; drain this host" in text
    assert host.current == f"engines/{OLD}"
    assert host.is_active("feed-handler")


def test_switch_and_the_way_back(host: Host) -> None:
    host.run("drain", "--roles", ROLES)
    code, text = host.run("switch", "--sha256", NEW, "--roles", ROLES)
    assert code == Exit.DONE, text
    assert host.current == f"engines/{NEW}"
    assert not host.is_active("feed-handler"), "it would run on, on the engine of before"
    assert "is the current one already" in host.run("switch", "--sha256", NEW, "--roles", ROLES)[1]
    assert host.run("rollback", "--roles", ROLES)[0] == Exit.DONE
    assert host.current == f"engines/{OLD}"
    assert host.run("rollback", "--roles", ROLES)[0] == Exit.DONE
    assert host.current == f"engines/{NEW}"


def test_a_changed_file_is_never_switched_to(host: Host) -> None:
    host.run("drain", "--roles", ROLES)
    program = host.root / f"opt/ironlane/engines/{NEW}/bin/hotpath"
    program.write_text("#!/bin/sh\n")
    (program.parent / "more").write_text("")
    code, text = host.run("switch", "--sha256", NEW, "--roles", ROLES)
    assert code == Exit.REFUSED
    assert f"{program}: changed since it was installed" in text
    assert f"{program.parent}/more: not of the bundle" in text
    assert host.current == f"engines/{OLD}"
    assert host.run("switch", "--sha256", "ef" * 32, "--roles", ROLES)[0] == Exit.REFUSED


def test_without_an_engine_of_before_there_is_no_way_back(host: Host) -> None:
    host.run("drain", "--roles", ROLES)
    code, text = host.run("rollback", "--roles", ROLES)
    assert code == Exit.REFUSED
    assert "names no engine that ran before" in text


# ---- reconcile


def test_reconcile_starts_the_roles_and_waits_for_their_gates(host: Host) -> None:
    host.run("drain", "--roles", ROLES)
    host.run("switch", "--sha256", NEW, "--roles", ROLES)
    code, text = host.run("reconcile", "--sha256", NEW, "--roles", ROLES, "--except", "strategy/book", "--limit", "5")
    assert code == Exit.DONE, text
    assert all(host.is_active(role) for role in ROLES.split(","))
    asked = [line.split() for line in (host.units / "ready").read_text().splitlines()]
    assert [words[1] for words in asked] == ROLES.split(",")
    assert [words[words.index("--except") + 1] for words in asked if "--except" in words] == ["book"]


def test_a_gate_that_stays_closed_is_named(host: Host) -> None:
    (host.units / "closed").write_text("reconciled: 2 breaks")
    code, text = host.run("reconcile", "--sha256", OLD, "--roles", ROLES, "--limit", "1")
    assert code == Exit.REFUSED
    assert "feed-handler: not ready" in text
    assert "FAIL reconciled: 2 breaks" in text


def test_a_unit_that_does_not_start_is_named(host: Host) -> None:
    host.unit("order-router", ActiveState="failed", refuses="")
    code, text = host.run("reconcile", "--sha256", OLD, "--roles", ROLES)
    assert code == Exit.REFUSED
    assert "did not start: ironlane-order-router.service; `journalctl -u NAME` says why" in text


def test_nothing_is_started_on_another_engine(host: Host) -> None:
    code, text = host.run("reconcile", "--sha256", NEW, "--roles", ROLES)
    assert code == Exit.REFUSED
    assert f"names {OLD}, not {NEW}; switch first" in text


# ---- configure


def test_only_files_that_differ_are_written_and_what_they_need_is_done(host: Host) -> None:
    kept = host.write("/etc/ironlane/same", "x\n")
    before = kept.stat().st_mtime_ns
    files = {
        "/etc/ironlane/same": "x\n",
        "/etc/ironlane/new": "y\n",
        APPLY: f'echo "applied to $1" | tee {host.units}/x\n',
    }
    document = json.dumps(files)
    code, text = host.run_with_input(document, "configure", "--specification", digest(document))
    applied = f"applied to {host.root}\n"
    assert (code, text) == (Exit.DONE, f"changed: /etc/ironlane/new\nchanged: {APPLY}\n{applied}")
    assert kept.stat().st_mtime_ns == before
    code, text = host.run_with_input(document, "configure")
    assert (code, text) == (Exit.DONE, f"every file is as specified\n{applied}")


def test_files_that_could_not_be_applied_do_not_count_as_there(host: Host) -> None:
    document = json.dumps({APPLY: "echo no grubby >&2; exit 1\n"})
    code, text = host.run_with_input(document, "configure")
    assert code == Exit.REFUSED
    assert "no grubby" in text
    assert not (host.root / "var/lib/ironlane/specification.sha256").exists()


def test_another_document_than_the_expected_one_writes_nothing(host: Host) -> None:
    code, text = host.run_with_input('{"/etc/ironlane/x": "1"}', "configure", "--specification", digest("{}"))
    assert code == Exit.REFUSED
    assert "nothing was written" in text
    assert not (host.root / "etc/ironlane/x").exists()


@pytest.mark.parametrize("path", ["/usr/bin/sudo", "/etc/../usr/bin/x", "/etc//x", "etc/x", "/etc/"])
def test_nothing_outside_of_its_places_is_written(host: Host, path: str) -> None:
    files = json.dumps({"/etc/ironlane/good": "1", path: "1"})
    code, text = host.run_with_input(files, "configure")
    assert code == Exit.REFUSED
    assert "nothing was written" in text
    assert not (host.root / "etc/ironlane/good").exists()


@pytest.mark.parametrize("text", ["", "[]", '{"/etc/x": 1}'])
def test_input_that_is_no_files_is_refused(host: Host, text: str) -> None:
    code, told = host.run_with_input(text, "configure")
    assert code == Exit.REFUSED
    assert "standard input" in told


# ---- limits, one at a time


def test_a_command_that_takes_too_long_is_ended_and_said(host: Host) -> None:
    host.on_stop("strategy", "sleep 30")
    began = time.monotonic()
    code, text = host.run("drain", "--roles", ROLES, "--limit", "0.3")
    assert code == Exit.TIME_LIMIT
    assert "did not end within" in text
    assert time.monotonic() - began < 10


def test_usage(host: Host) -> None:
    for words in (
        ["drain"],
        ["drain", "--roles", "order-routr"],
        ["switch", "--roles", ROLES],
        ["reconcile", "--sha256", NEW, "--roles", ROLES, "--except", "x"],
    ):
        with pytest.raises(SystemExit) as left:
            host.run(*words)
        assert left.value.code == Exit.USAGE
