"""Admin API and console: the only program that people reach. Ends TLS itself and knows each person by certificate."""

from __future__ import annotations

from components.control_plane.pod_flows import METRICS, Program
from components.control_plane.pod_spec import Container, Port, Resources, SecretFile, health_probes
from components.control_plane.priority_classes import Priority
from components.control_plane.workload import WorkloadArgs
from components.control_plane.workloads.context import WorkloadContext, bus_files, service_url
from components.latency_budget import LatencyBudget
from components.network.flows import ADMIN_HTTPS, ADMIN_NODE_PORT

TLS = {
    part: SecretFile(secret="admin-tls", key=key)
    for part, key in (
        ("certificate_file", "tls.crt"),
        ("key_file", "tls.key"),
        ("client_authority_file", "client-ca.crt"),
    )
}


def admin(context: WorkloadContext) -> WorkloadArgs:
    program = Program.ADMIN
    config = context.configuration(
        program,
        https={"host": "0.0.0.0", "port": ADMIN_HTTPS, **{part: file.path for part, file in TLS.items()}},
        # probes and metrics apart: the kubelet has no client certificate
        health={"host": "0.0.0.0", "port": METRICS},
        nats=context.bus(program),
        cache=context.cache(program.value),
        oms_url=service_url(Program.OMS),
        risk_engine_url=service_url(Program.RISK_ENGINE),
        reference_data_url=service_url(Program.REFERENCE_DATA),
    )
    return context.workload(
        program,
        kind="deployment",
        latency=LatencyBudget(p99_us=250_000),
        container=Container(
            name=program.value,
            command=context.command(program),
            pool="system",
            priority_class=Priority.SUPPORT.value,
            resources=Resources(cpu_millicores=250, memory_mib=512),
            ports=(
                Port(name="https", number=ADMIN_HTTPS, node_port=ADMIN_NODE_PORT),
                Port(name="metrics", number=METRICS),
            ),
            **health_probes("metrics"),
            config=tuple(config),
            secret_files=(*bus_files(program), *TLS.values()),
            # longer than the load balancer takes to notice that the port is closed (twice 10 s)
            drain_s=25,
            stop_timeout_s=60,
        ),
        config=config,
        aws=(context.cache_right(program.value),),
    )
