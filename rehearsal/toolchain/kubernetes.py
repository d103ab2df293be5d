"""The cluster that a rehearsal stands on: kube-apiserver and etcd built from their Go modules, and kinds of charts.

Standard library only.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from cli.paths import Layout
from rehearsal.toolchain.go_program import GoProgram, Runner, compile_programs, fetched_module
from rehearsal.toolchain.versions import KUBERNETES

API_SERVER = "kube-apiserver"
ETCD = "etcd"
MODULES = ("kubernetes", "etcd", "definitions")
"""Folders below `go/` that pin them."""
_OPERATOR = "github.com/prometheus-operator/prometheus-operator"
_OPERATOR_DEFINITIONS = "example/prometheus-operator-crd"  # one file a kind, as the operator itself ships them

# what upstream's release build links in, as far as the server tells it to anybody
_VERSION_VARIABLES = ("k8s.io/component-base/version.gitVersion", "k8s.io/client-go/pkg/version.gitVersion")
_PROGRAMS = (
    # published modules have no main of etcd: the one that is compiled is ours, three lines long
    GoProgram("etcd", ".", ETCD, {}),
    GoProgram(
        "kubernetes",
        "k8s.io/kubernetes/cmd/kube-apiserver",
        API_SERVER,
        dict.fromkeys(_VERSION_VARIABLES, f"v{KUBERNETES}"),
    ),
)


def outputs(layout: Layout) -> tuple[Path, ...]:
    return *(layout.toolchain_bin / program.executable for program in _PROGRAMS), layout.kubernetes_definitions


def is_built(layout: Layout) -> bool:
    return all(path.exists() for path in outputs(layout))


def build(layout: Layout, run: Runner, say: Callable[[str], None], env: Mapping[str, str]) -> None:
    """Builds both into toolchain/bin and lays the definitions beside. Raises what `run` raises, and OSError."""
    say("fetching definitions of the kinds that charts bring")
    sources = fetched_module(layout, "definitions", _OPERATOR, run, env) / _OPERATOR_DEFINITIONS
    draft = layout.toolchain / f".definitions.{os.getpid()}"
    try:
        draft.mkdir(parents=True)
        for file in sources.glob("*_*.yaml"):
            shutil.copyfile(file, draft / file.name)
        shutil.rmtree(layout.kubernetes_definitions, ignore_errors=True)
        draft.replace(layout.kubernetes_definitions)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    compile_programs(layout, _PROGRAMS, run, say, env)
