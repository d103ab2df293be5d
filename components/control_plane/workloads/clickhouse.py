"""ClickHouse: recorded market data and the audit trail, for reports and backtests. One server, no replica.

The upstream release, mirrored into our registry. Its whole configuration is ours, nothing of the image's defaults.
Passwords are SHA-256 digests in the Secret `clickhouse-users`.
"""

from __future__ import annotations

from components.control_plane.pod_flows import CLICKHOUSE_HTTP, CLICKHOUSE_METRICS, Program
from components.control_plane.pod_spec import (
    CONFIG_FOLDER,
    Container,
    Port,
    Probe,
    Resources,
    SecretVariable,
    VolumeClaim,
)
from components.control_plane.priority_classes import Priority
from components.control_plane.workload import WorkloadArgs
from components.control_plane.workloads.context import WorkloadContext
from components.latency_budget import LatencyBudget

DATA = "/var/lib/clickhouse"
_USER = 101  # of the upstream image
# user → what it may do, and nothing else
GRANTS = {
    "recorder": "GRANT SELECT, INSERT, CREATE TABLE ON market_data.*",
    "audit": "GRANT SELECT, INSERT, CREATE TABLE ON audit.*",
    "reporting": "GRANT SELECT ON *.*",
    "backtest": "GRANT SELECT ON market_data.*",
}


def _variable(user: str) -> str:
    return f"{user.upper()}_PASSWORD_SHA256"


def server_configuration() -> str:
    """clickhouse.xml"""
    return f"""<clickhouse>
    <logger><level>information</level><console>1</console></logger>
    <listen_host>0.0.0.0</listen_host>
    <http_port>{CLICKHOUSE_HTTP}</http_port>
    <path>{DATA}/</path>
    <tmp_path>{DATA}/tmp/</tmp_path>
    <user_files_path>{DATA}/user_files/</user_files_path>
    <format_schema_path>{DATA}/format_schemas/</format_schema_path>
    <max_server_memory_usage_to_ram_ratio>0.8</max_server_memory_usage_to_ram_ratio>
    <mark_cache_size>1073741824</mark_cache_size>
    <default_profile>default</default_profile>
    <default_database>default</default_database>
    <timezone>UTC</timezone>
    <user_directories><users_xml><path>{CONFIG_FOLDER}/users.xml</path></users_xml></user_directories>
    <prometheus>
        <endpoint>/metrics</endpoint>
        <port>{CLICKHOUSE_METRICS}</port>
        <metrics>true</metrics>
        <events>true</events>
        <asynchronous_metrics>true</asynchronous_metrics>
    </prometheus>
</clickhouse>
"""


def users_configuration() -> str:
    """users.xml: no user without a password, none that manages others."""
    users = "".join(
        f"""        <{user}>
            <password_sha256_hex from_env="{_variable(user)}"/>
            <networks><ip>::/0</ip></networks>
            <profile>default</profile>
            <quota>default</quota>
            <grants><query>{grant}</query></grants>
        </{user}>
"""
        for user, grant in GRANTS.items()
    )
    return f"""<clickhouse>
    <profiles>
        <default>
            <max_memory_usage>8589934592</max_memory_usage>
            <max_execution_time>300</max_execution_time>
        </default>
    </profiles>
    <quotas><default><interval><duration>3600</duration></interval></default></quotas>
    <users>
{users}    </users>
</clickhouse>
"""


def clickhouse(context: WorkloadContext, gib: int) -> WorkloadArgs:
    program = Program.CLICKHOUSE
    config = {"clickhouse.xml": server_configuration(), "users.xml": users_configuration()}
    return context.workload(
        program,
        kind="statefulset",
        latency=LatencyBudget(p99_us=1_000_000),
        container=Container(
            name=program.value,
            command=context.command(program),
            pool="observability",
            priority_class=Priority.SUPPORT.value,
            resources=Resources(cpu_millicores=4_000, memory_mib=16_384),
            ports=(Port(name="http", number=CLICKHOUSE_HTTP), Port(name="metrics", number=CLICKHOUSE_METRICS)),
            startup=Probe(port="http", path="/ping", failures=60),
            liveness=Probe(port="http", path="/ping", period_s=10, failures=6),
            readiness=Probe(port="http", path="/ping"),
            config=tuple(config),
            secret_variables=tuple(
                SecretVariable(variable=_variable(user), secret="clickhouse-users", key=user) for user in GRANTS
            ),
            volumes=(VolumeClaim(name="data", path=DATA, gib=gib),),
            user=_USER,
            stop_timeout_s=120,
            single_zone=True,
        ),
        config=config,
    )
