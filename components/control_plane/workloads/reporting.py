"""Reports of the day, after the close: from Postgres and ClickHouse, each trading day."""

from __future__ import annotations

from components.control_plane.pod_flows import Program
from components.control_plane.pod_spec import Container, Resources, SecretFile
from components.control_plane.priority_classes import Priority
from components.control_plane.workload import WorkloadArgs
from components.control_plane.workloads.context import WorkloadContext, clickhouse_url
from components.latency_budget import LatencyBudget

USER = "reporting"


def reporting(context: WorkloadContext, schedule: str) -> WorkloadArgs:
    program = Program.REPORTING
    password = SecretFile(secret="clickhouse-reporting", key="password")
    config = context.configuration(
        program,
        database=context.database(USER),
        clickhouse={"url": clickhouse_url(), "user": "reporting", "password_file": password.path},
    )
    return context.workload(
        program,
        kind="cronjob",
        schedule=schedule,
        deadline_s=3_600,
        latency=LatencyBudget(p99_us=3_600_000_000),
        container=Container(
            name=program.value,
            command=context.command(program),
            pool="observability",
            priority_class=Priority.BATCH.value,
            resources=Resources(cpu_millicores=1_000, memory_mib=4_096),
            config=tuple(config),
            secret_files=(password,),
        ),
        config=config,
        aws=(context.database_right(USER),),
    )
