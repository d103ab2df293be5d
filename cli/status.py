"""`status`: every service of the stack with its gates and where to reach it."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import urllib.error
import urllib.request
import xmlrpc.client
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from cli.console import console
from cli.pulumi import Stack
from components.local import servicectl
from components.unit import CommandReadiness, HttpReadiness, Unit


@dataclass(frozen=True)
class Gate:
    name: str
    ok: bool
    reason: str


@dataclass(frozen=True)
class ServiceView:
    """One service as seen from outside: what the supervisor says and what its own gates say."""

    name: str
    state: str
    pid: int | None
    uptime_s: int
    ready: bool
    gates: list[Gate]
    endpoint: str


def units(stack: Stack) -> list[Unit]:
    """Units applied on this machine, in the order in which they were applied."""
    files = sorted((stack.run_dir / "units").glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    return [Unit.model_validate_json(path.read_text()) for path in files]


def http_json(url: str, timeout_s: float = 2) -> tuple[int, Any]:
    """(status code, decoded body); code 0 and the reason when nothing answered."""
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        try:
            return error.code, json.load(error)
        except ValueError:
            return error.code, None
    except (OSError, ValueError) as error:
        return 0, str(error)


def _gates_from(body: Any, fallback: str) -> list[Gate]:
    if isinstance(body, dict) and isinstance(body.get("gates"), list):
        return [Gate(str(g["name"]), bool(g["ok"]), str(g.get("reason", ""))) for g in body["gates"]]
    return [Gate("health", False, fallback)]


def roles(stack: Stack) -> dict[str, Any]:
    """Status blocks of the hot-path roles in shared memory, by role; empty when the engine cannot tell."""
    config = stack.run_dir / "config" / "agent.json"
    unit = next((u for u in units(stack) if u.name == "agent"), None)
    if unit is None:
        return {}
    command = [unit.command[0], "status", "--config", str(config), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False, stdin=subprocess.DEVNULL)
    try:
        return {str(block["role"]): block for block in json.loads(done.stdout)}
    except (ValueError, KeyError, TypeError):
        return {}


def first_order_seen(stack: Stack) -> bool:
    """True once the venue has accepted an order of ours."""
    counters = roles(stack).get("order-router", {}).get("counters", {})
    return bool(counters.get("accepted", 0) > 0)


def collect(stack: Stack) -> list[ServiceView]:
    """Every service, whether it runs or not."""
    try:
        processes = {p["name"]: p for p in servicectl.connect(stack.run_dir).getAllProcessInfo()}
    except (OSError, xmlrpc.client.Error):
        processes = {}
    blocks = roles(stack)
    return [_view(unit, processes.get(unit.name), blocks) for unit in units(stack)]


def _view(unit: Unit, process: dict[str, Any] | None, blocks: dict[str, Any]) -> ServiceView:
    running = process is not None and process["statename"] == "RUNNING"
    gates: list[Gate]
    if not running:
        gates = [Gate("process", False, process["description"] if process else "supervisor does not run")]
    elif isinstance(unit.readiness, CommandReadiness):
        block = blocks.get(unit.name)
        gates = _gates_from(block, "no status block")
        if block and not block["ready"] and all(gate.ok for gate in gates):
            gates = [*gates, Gate("running", False, "; ".join(block["problems"]))]
    elif isinstance(unit.readiness, HttpReadiness):
        code, body = http_json(unit.readiness.url)
        gates = _gates_from(body, f"{unit.readiness.url}: {code or body}") if code != 200 or _has_gates(body) else []
    else:
        ok, seen = servicectl.probe(unit, 1)
        gates = [Gate("port", ok, seen)]
    now_s = process["now"] - process["start"] if process and running else 0
    pid = process["pid"] if process and running else None
    state = process["statename"] if process else "STOPPED"
    return ServiceView(unit.name, state, pid, now_s, running and all(g.ok for g in gates), gates, unit.endpoint)


def _has_gates(body: Any) -> bool:
    return isinstance(body, dict) and "gates" in body


def _duration(seconds: int) -> str:
    return f"{seconds}s" if seconds < 120 else f"{seconds // 60}m" if seconds < 7200 else f"{seconds // 3600}h"


def render_table(services: list[ServiceView]) -> Table:
    """The table that `up` ends with."""
    table = Table(box=None, pad_edge=False)
    for column in ("service", "state", "pid", "up", "gates", "reach it at"):
        table.add_column(column, overflow="fold")
    for service in services:
        closed = [gate for gate in service.gates if not gate.ok]
        if closed:
            shown = "[red]" + "; ".join(f"{gate.name}: {gate.reason}" for gate in closed) + "[/red]"
        else:
            shown = ", ".join(gate.name for gate in service.gates) or "healthy"
        state = "[green]ready[/green]" if service.ready else f"[red]{service.state.lower()}[/red]"
        pid = str(service.pid or "")
        table.add_row(service.name, state, pid, _duration(service.uptime_s), shown, service.endpoint)
    return table


def status(stack: Stack, args: argparse.Namespace) -> int:
    services = collect(stack)
    if args.json:
        json.dump({"stack": stack.name, "services": [asdict(s) for s in services]}, sys.stdout, indent=2)
        print()
    elif not services:
        print(f"nothing of stack {stack.name} is up; `make up` starts it")
    else:
        console.print(render_table(services))
    return 0 if services and all(s.ready for s in services) else 1
