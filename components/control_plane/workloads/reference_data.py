"""Instruments, ticks, lots, calendars: kept in Postgres, served over HTTP, changes told on the bus."""

from __future__ import annotations

from components.control_plane.pod_flows import HTTP, Program
from components.control_plane.pod_spec import Container, Port, Resources, health_probes
from components.control_plane.priority_classes import Priority
from components.control_plane.workload import WorkloadArgs
from components.control_plane.workloads.context import WorkloadContext, bus_files
from components.latency_budget import LatencyBudget

USER = "reference_data"


def reference_data(context: WorkloadContext) -> WorkloadArgs:
    program = Program.REFERENCE_DATA
    config = context.configuration(
        program,
        http={"host": "0.0.0.0", "port": HTTP},
        database=context.database(USER),
        nats=context.bus(program),
    )
    return context.workload(
        program,
        kind="deployment",
        latency=LatencyBudget(p99_us=250_000),
        container=Container(
            name=program.value,
            command=context.command(program),
            pool="observability",
            priority_class=Priority.SUPPORT.value,
            resources=Resources(cpu_millicores=500, memory_mib=1_024),
            ports=(Port(name="http", number=HTTP),),
            **health_probes("http"),
            config=tuple(config),
            secret_files=bus_files(program),
            drain_s=5,
        ),
        config=config,
        aws=(context.database_right(USER),),
    )
