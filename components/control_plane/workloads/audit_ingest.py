"""Every order event and every command of a person, from the bus into an audit trail that is only added to."""

from __future__ import annotations

from components.control_plane.pod_flows import METRICS, Program
from components.control_plane.pod_spec import Container, Port, Resources, SecretFile, health_probes
from components.control_plane.priority_classes import Priority
from components.control_plane.workload import WorkloadArgs
from components.control_plane.workloads.context import WorkloadContext, bus_files, clickhouse_url
from components.latency_budget import LatencyBudget


def audit_ingest(context: WorkloadContext) -> WorkloadArgs:
    program = Program.AUDIT_INGEST
    password = SecretFile(secret="clickhouse-audit", key="password")
    config = context.configuration(
        program,
        metrics={"host": "0.0.0.0", "port": METRICS},
        nats=context.bus(program),
        clickhouse={"url": clickhouse_url(), "user": "audit", "password_file": password.path},
    )
    return context.workload(
        program,
        kind="deployment",
        latency=LatencyBudget(p99_us=1_000_000),
        container=Container(
            name=program.value,
            command=context.command(program),
            pool="observability",
            priority_class=Priority.SUPPORT.value,
            resources=Resources(cpu_millicores=500, memory_mib=1_024),
            ports=(Port(name="metrics", number=METRICS),),
            **health_probes("metrics"),
            config=tuple(config),
            secret_files=(*bus_files(program), password),
        ),
        config=config,
    )
