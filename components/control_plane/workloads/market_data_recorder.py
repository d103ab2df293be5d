"""Writes what the bus carries of the market to a volume of its own, and in batches to ClickHouse.

Three replicas in three zones record the same: a gap of one is filled from another.
"""

from __future__ import annotations

from components.control_plane.pod_flows import METRICS, Program
from components.control_plane.pod_spec import Container, Port, Resources, SecretFile, VolumeClaim, health_probes
from components.control_plane.priority_classes import Priority
from components.control_plane.workload import WorkloadArgs
from components.control_plane.workloads.context import WorkloadContext, bus_files, clickhouse_url
from components.latency_budget import LatencyBudget

FOLDER = "/var/lib/ironlane"


def market_data_recorder(context: WorkloadContext, gib: int) -> WorkloadArgs:
    program = Program.MARKET_DATA_RECORDER
    password = SecretFile(secret="clickhouse-recorder", key="password")
    config = context.configuration(
        program,
        metrics={"host": "0.0.0.0", "port": METRICS},
        nats=context.bus(program),
        folder=FOLDER,
        clickhouse={"url": clickhouse_url(), "user": "recorder", "password_file": password.path},
    )
    return context.workload(
        program,
        kind="statefulset",
        latency=LatencyBudget(p99_us=100_000),
        container=Container(
            name=program.value,
            command=context.command(program),
            pool="observability",
            priority_class=Priority.SUPPORT.value,
            resources=Resources(cpu_millicores=1_000, memory_mib=4_096),
            ports=(Port(name="metrics", number=METRICS),),
            **health_probes("metrics"),
            config=tuple(config),
            secret_files=(*bus_files(program), password),
            volumes=(VolumeClaim(name="recording", path=FOLDER, gib=gib),),
            stop_timeout_s=60,
        ),
        config=config,
    )
