"""Risk over all hosts: positions against limits, and the limits and kills that go to the trading hosts by the bus.

The check before each order is not here: it is the gate inside the order router, on the hot path.
"""

from __future__ import annotations

from components.control_plane.pod_flows import HTTP, Program
from components.control_plane.pod_spec import Container, Port, Resources, health_probes
from components.control_plane.priority_classes import Priority
from components.control_plane.workload import Autoscaling, WorkloadArgs
from components.control_plane.workloads.context import WorkloadContext, bus_files, service_url
from components.latency_budget import LatencyBudget


def risk_engine(context: WorkloadContext, autoscaling: Autoscaling) -> WorkloadArgs:
    program = Program.RISK_ENGINE
    config = context.configuration(
        program,
        http={"host": "0.0.0.0", "port": HTTP},
        nats=context.bus(program),
        cache=context.cache(program.value),
        oms_url=service_url(Program.OMS),
        reference_data_url=service_url(Program.REFERENCE_DATA),
    )
    return context.workload(
        program,
        kind="deployment",
        latency=LatencyBudget(p99_us=20_000),
        autoscaling=autoscaling,
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
            drain_s=5,
        ),
        config=config,
        aws=(context.cache_right(program.value),),
    )
