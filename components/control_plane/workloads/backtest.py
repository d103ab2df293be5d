"""A strategy over recorded market data, by the engine's own code. Suspended until a person starts it."""

from __future__ import annotations

from components.control_plane.pod_flows import Program
from components.control_plane.pod_spec import Container, Resources, Scratch, SecretFile
from components.control_plane.priority_classes import Priority
from components.control_plane.workload import WorkloadArgs
from components.control_plane.workloads.context import WorkloadContext, clickhouse_url
from components.latency_budget import LatencyBudget

_WORK = "/var/lib/ironlane"


def backtest(context: WorkloadContext, strategy: str) -> WorkloadArgs:
    program = Program.BACKTEST
    password = SecretFile(secret="clickhouse-backtest", key="password")
    config = context.configuration(
        program,
        strategy=strategy,
        folder=_WORK,
        clickhouse={"url": clickhouse_url(), "user": "backtest", "password_file": password.path},
    )
    return context.workload(
        program,
        kind="job",
        suspended=True,
        deadline_s=12 * 3_600,
        retries=0,
        latency=LatencyBudget(p99_us=12 * 3_600_000_000),
        container=Container(
            name=program.value,
            command=context.command(program),
            pool="observability",
            priority_class=Priority.BATCH.value,
            resources=Resources(cpu_millicores=4_000, memory_mib=16_384),
            config=tuple(config),
            secret_files=(password,),
            scratch=(Scratch(name="work", path=_WORK, mib=51_200),),
        ),
        config=config,
    )
