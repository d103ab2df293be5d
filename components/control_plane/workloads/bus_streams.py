"""Makes the streams and buckets of the bus."""

from __future__ import annotations

from components.control_plane.pod_flows import Program
from components.control_plane.pod_spec import CONFIG_FOLDER
from components.control_plane.workload import WorkloadArgs
from components.control_plane.workloads.context import WorkloadContext, bus_files, bus_user
from components.control_plane.workloads.preparation import preparation
from components.inputs import Text

LIMITS_FILE = "limits.json"


def bus_streams(context: WorkloadContext) -> WorkloadArgs:
    program = Program.BUS_STREAMS
    ca, certificate, key = bus_files(program)
    servers = (word for url in context.bus_urls for word in ("--server", url))
    arguments = (
        "--environment", context.environment, *servers, "--user", bus_user(program),
        "--ca", ca.path, "--cert", certificate.path, "--key", key.path, "--limits", f"{CONFIG_FOLDER}/{LIMITS_FILE}",
    )  # fmt: skip
    config: dict[str, Text] = {LIMITS_FILE: context.stream_limits}
    return preparation(context, program, config, arguments=arguments, secret_files=bus_files(program))
