"""What must hold before anything starts: settings, replay file, ports, cpus. All errors are reported at once."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil

from cli import engine as engines
from cli.paths import Layout
from components.local import servicectl
from stacks import local
from stacks.settings import HOT_PATH_ROLES, LocalSettings


class PreflightError(Exception):
    """The machine or the input does not allow a start; one line per finding, each with its fix."""


def required_ports(settings: LocalSettings) -> Iterator[tuple[str, int, int]]:
    """(service, socket type, port) for every port the stack binds."""
    ports = settings.ports
    tcp, udp = socket.SOCK_STREAM, socket.SOCK_DGRAM
    yield "venue order entry", tcp, ports.venue_order_entry
    yield "venue GLIMPSE", tcp, ports.venue_glimpse
    yield "venue re-request", udp, ports.venue_rerequest
    yield "venue admin", tcp, ports.venue_admin
    for line, port in zip("AB", ports.feed_lines, strict=True):
        yield f"feed line {line}", udp, port
    yield "agent", tcp, ports.agent
    yield "OMS", tcp, ports.oms
    yield "Postgres", tcp, ports.postgres
    for number, trio in enumerate(zip(ports.nats_client, ports.nats_cluster, ports.nats_monitor, strict=True), 1):
        for use, port in zip(("client", "cluster", "monitor"), trio, strict=True):
            yield f"NATS server {number} {use}", tcp, port


def _bindable(kind: int, port: int) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _holder(kind: int, port: int) -> int | None:
    for connection in psutil.net_connections("tcp" if kind == socket.SOCK_STREAM else "udp"):
        if connection.laddr and connection.laddr.port == port and connection.pid:
            return int(connection.pid)
    return None


def _is_ours(pid: int, supervisor: int | None) -> bool:
    try:
        return supervisor is not None and any(parent.pid == supervisor for parent in psutil.Process(pid).parents())
    except psutil.NoSuchProcess:
        return False


def _name(pid: int) -> str:
    try:
        return f"pid {pid} ({' '.join(psutil.Process(pid).cmdline())[:80] or psutil.Process(pid).name()})"
    except psutil.Error:
        return f"pid {pid}"


def taken_ports(settings: LocalSettings, run_dir: Path, stack_file: str) -> list[str]:
    """One finding per port held by somebody else."""
    supervisor = servicectl.supervisor_pid(run_dir)
    findings = []
    for service, kind, port in required_ports(settings):
        if _bindable(kind, port):
            continue
        pid = _holder(kind, port)
        if pid is not None and _is_ours(pid, supervisor):
            continue
        by = _name(pid) if pid is not None else "a process that this user may not see"
        findings.append(
            f"{stack_file}: ironlane:ports.base = {settings.ports.base}: port {port} ({service}) is held by {by};"
            " stop it or choose another base"
        )
    return findings


def bad_replay(settings: LocalSettings, repository: Path, engine: Path, stack_file: str) -> list[str]:
    """Findings about the replay file: absent, unreadable, or with a corrupt row when rows may not be skipped."""
    path = local.replay_file(settings, repository)
    if path is None:
        return []
    key = f"{stack_file}: ironlane:replay.file = {settings.replay.file!r}"
    if not path.is_file():
        return [
            f"{key}: {path} does not exist; give a LOBSTER message file (.csv or .csv.gz), or null for the generator"
        ]
    command = [str(engine), "check-flow", str(path), "--on-bad-row", settings.replay.on_bad_row]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return [] if done.returncode == 0 else [f"{key}: {(done.stderr or done.stdout).strip()}"]


def missing_cpus(settings: LocalSettings, stack_file: str) -> list[str]:
    """Findings about cpus that this machine does not offer, and tools that placing needs."""
    offered = os.sched_getaffinity(0)
    findings = []
    for role in HOT_PATH_ROLES:
        place = settings.placement.of(role)
        key = f"{stack_file}: ironlane:placement.{role.replace('-', '_')}"
        absent = sorted(set(place.cpus) - offered)
        if absent:
            findings.append(
                f"{key}.cpus = {list(place.cpus)}: this machine has no cpu {absent}; it offers {sorted(offered)}"
            )
        if place.numa_node is not None and shutil.which("numactl") is None:
            findings.append(f"{key}.numa_node = {place.numa_node}: needs numactl; install the package numactl")
    if shutil.which("setpriv") is None or shutil.which("taskset") is None:
        findings.append("setpriv and taskset are missing; install the package util-linux")
    return findings


def changed_engine(layout: Layout) -> list[str]:
    """Findings about files of the installed engine that are not those of the pinned wheel."""
    pin = engines.read_manifest(layout)
    problems = engines.verify_engine(layout, pin.sha256) if pin is not None else ["no engine has been built"]
    return [f"engine: {problem}; delete {layout.engines} and run this again" for problem in problems]


def check(settings: LocalSettings, layout: Layout, run_dir: Path, engine: Path, stack_file: str) -> None:
    """Raises PreflightError with every finding."""
    findings = [
        *changed_engine(layout),
        *bad_replay(settings, layout.root, engine, stack_file),
        *missing_cpus(settings, stack_file),
        *taken_ports(settings, run_dir, stack_file),
    ]
    if findings:
        raise PreflightError("\n".join(findings))
