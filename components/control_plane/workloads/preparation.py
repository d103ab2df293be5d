"""A Job that makes what others need before they start; done again, it changes nothing."""

from __future__ import annotations

from typing import Any

from components.control_plane.pod_flows import Program
from components.control_plane.pod_spec import Container, Resources, SecretFile
from components.control_plane.priority_classes import Priority
from components.control_plane.workload import WorkloadArgs
from components.control_plane.workloads.context import WorkloadContext
from components.inputs import Text
from components.latency_budget import LatencyBudget

_LIMIT_S = 900


def preparation(
    context: WorkloadContext,
    program: Program,
    config: dict[str, Text],
    *,
    arguments: tuple[str, ...] = (),
    secret_files: tuple[SecretFile, ...] = (),
    **more: Any,
) -> WorkloadArgs:
    """arguments: after the program's agreed command. more: what only this one has of WorkloadArgs."""
    return context.workload(
        program,
        kind="job",
        retries=6,
        deadline_s=_LIMIT_S,
        latency=LatencyBudget(p99_us=_LIMIT_S * 1_000_000),
        container=Container(
            name=program.value,
            command=(*context.command(program), *arguments),
            pool="system",
            priority_class=Priority.TRADING.value,
            resources=Resources(cpu_millicores=100, memory_mib=256),
            config=tuple(config),
            secret_files=secret_files,
        ),
        config=config,
        **more,
    )
