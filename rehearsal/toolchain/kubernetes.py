"""kube-apiserver and etcd, built from their Go modules: the cluster that a rehearsal stands on. Standard library only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from cli.paths import Layout
from rehearsal.toolchain.go_program import GoProgram, Runner, compile_programs
from rehearsal.toolchain.versions import KUBERNETES

API_SERVER = "kube-apiserver"
ETCD = "etcd"
MODULES = ("kubernetes", "etcd")
"""Folders below `go/` that pin them."""

# what upstream's release build links in, as far as the server tells it to anybody
_VERSION_VARIABLES = ("k8s.io/component-base/version.gitVersion", "k8s.io/client-go/pkg/version.gitVersion")
_PROGRAMS = (
    # published modules have no main of etcd: the one that is compiled is ours, three lines long
    GoProgram("etcd", ".", ETCD, {}),
    GoProgram(
        "kubernetes",
        "k8s.io/kubernetes/cmd/kube-apiserver",
        API_SERVER,
        {name: f"v{KUBERNETES}" for name in _VERSION_VARIABLES},
    ),
)


def executables(layout: Layout) -> tuple[Path, ...]:
    return tuple(layout.toolchain_bin / program.executable for program in _PROGRAMS)


def is_built(layout: Layout) -> bool:
    return all(executable.exists() for executable in executables(layout))


def build(layout: Layout, run: Runner, say: Callable[[str], None], env: Mapping[str, str]) -> None:
    """Builds both into toolchain/bin. Raises what `run` raises."""
    compile_programs(layout, _PROGRAMS, run, say, env)
