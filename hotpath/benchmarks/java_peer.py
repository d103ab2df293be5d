"""Peers in Java: the virtual machine's command line, a class path per Maven module (peers/java)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.contender import QUANTILES, Machine
from benchmarks.peer_process import PeerProcess, PeerSession

_LANGUAGE = "java"
# no output of its own between the answers; a heap that is there before the first message
_FLAGS = ("-XX:+DisplayVMOutputToStderr", "-XX:+AlwaysPreTouch")


def missing(machine: Machine) -> str | None:
    if (machine.peers / _LANGUAGE / ".complete").exists():
        return None
    return "not installed; `make bench PEERS=1` installs it"


def java_session(
    machine: Machine,
    opening: Mapping[str, Any],
    *,
    module: str,
    main: str,
    flags: Sequence[str],
    cpus: set[int] | None,
    threads: Mapping[str, int | None] | None = None,
    settings: Mapping[str, str] | None = None,
) -> PeerSession:
    """The main class of a module, opened and warm. threads: name → CPU it is pinned to afterwards; settings: of the
    contender. Raises PeerError."""
    classes = machine.peers / _LANGUAGE / "lib" / module
    command = ["java", *_FLAGS, *flags, "-cp", str(classes / "*"), f"ironlane.peers.{main}"]
    process = PeerProcess(command, machine.scratch / f"{main}.log", cpus)
    ask = {**opening, "quantiles": dict(QUANTILES), "settings": dict(settings or {})}
    return PeerSession(process, ask, threads)


def all_cpus(machine: Machine) -> set[int] | None:
    """Both CPUs of the machine, as far as it lets us choose."""
    return {each for each in (machine.cpu, machine.peer_cpu) if each is not None} or None


def one_cpu(machine: Machine) -> set[int] | None:
    return None if machine.cpu is None else {machine.cpu}
