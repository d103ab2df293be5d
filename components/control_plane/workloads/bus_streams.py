"""Makes the streams and buckets of the bus before the programs that need them start. Done again, it changes nothing."""

from __future__ import annotations

from components.control_plane.pod_flows import Program
from components.control_plane.pod_spec import CONFIG_FOLDER, Container, Resources
from components.control_plane.priority_classes import Priority
from components.control_plane.workload import WorkloadArgs
from components.control_plane.workloads.context import WorkloadContext, bus_files, bus_user
from components.latency_budget import LatencyBudget

LIMITS_FILE = "limits.json"


def bus_streams(context: WorkloadContext) -> WorkloadArgs:
    program = Program.BUS_STREAMS
    ca, certificate, key = bus_files(program)
    servers = (word for url in context.bus_urls for word in ("--server", url))
    arguments = (
        "--environment", context.environment, *servers, "--user", bus_user(program),
        "--ca", ca.path, "--cert", certificate.path, "--key", key.path, "--limits", f"{CONFIG_FOLDER}/{LIMITS_FILE}",
    )  # fmt: skip
    return context.workload(
        program,
        kind="job",
        retries=6,
        deadline_s=900,
        latency=LatencyBudget(p99_us=900_000_000),
        container=Container(
            name=program.value,
            command=(*context.command(program), *arguments),
            pool="system",
            priority_class=Priority.TRADING.value,
            resources=Resources(cpu_millicores=100, memory_mib=256),
            config=(LIMITS_FILE,),
            secret_files=bus_files(program),
        ),
        config={LIMITS_FILE: context.stream_limits},
    )
