"""Order management: every router's order events into Postgres, orders, fills and positions over HTTP.

One replica: its consumer is one, and what it has not acknowledged is delivered again. Its state is in Postgres; the
volume takes what support asks for (core dumps, exports) and outlives the pod.
"""

from __future__ import annotations

from components.control_plane.pod_flows import HTTP, Program
from components.control_plane.pod_spec import Container, Port, Resources, VolumeClaim, health_probes
from components.control_plane.priority_classes import Priority
from components.control_plane.workload import WorkloadArgs
from components.control_plane.workloads.context import WorkloadContext, bus_files
from components.latency_budget import LatencyBudget

USER = "oms"


def oms(context: WorkloadContext) -> WorkloadArgs:
    program = Program.OMS
    config = context.configuration(
        program,
        http={"host": "0.0.0.0", "port": HTTP},
        database=context.database(USER),
        nats=context.bus(program),
    )
    return context.workload(
        program,
        kind="statefulset",
        latency=LatencyBudget(p99_us=100_000),
        container=Container(
            name=program.value,
            command=context.command(program),
            pool="trading",
            priority_class=Priority.TRADING.value,
            resources=Resources(cpu_millicores=2_000, memory_mib=4_096, guaranteed=True),
            ports=(Port(name="http", number=HTTP),),
            **health_probes("http"),
            config=tuple(config),
            secret_files=bus_files(program),
            volumes=(VolumeClaim(name="support", path="/var/lib/ironlane", gib=20),),
            stop_timeout_s=40,  # above the two times ten seconds that it stops its parts in
        ),
        config=config,
        aws=(context.database_right(USER),),
    )
