"""The programs on Kubernetes: their agreed command lines, and which of them exist. No Pulumi import."""

from __future__ import annotations

from collections.abc import Mapping

from components.control_plane.pod_flows import Program
from components.control_plane.pod_spec import CONFIG_FOLDER

CONFIG_FILE = "config.json"


def _python(module: str) -> tuple[str, ...]:
    return ("python", "-m", module, "--config", f"{CONFIG_FOLDER}/{CONFIG_FILE}")


COMMANDS: Mapping[Program, tuple[str, ...]] = {
    Program.BUS_STREAMS: ("python", "-m", "wire.declare"),
    Program.DATABASE_USERS: _python("controlplane.database_users"),
    Program.OMS: _python("controlplane.oms"),
    Program.RISK_ENGINE: _python("controlplane.risk"),
    Program.MARKET_DATA_RECORDER: _python("controlplane.recorder"),
    Program.REFERENCE_DATA: _python("controlplane.refdata"),
    Program.CLICKHOUSE: ("clickhouse-server", f"--config-file={CONFIG_FOLDER}/clickhouse.xml"),
    Program.ADMIN: _python("controlplane.admin"),
    Program.AUDIT_INGEST: _python("controlplane.audit"),
    Program.REPORTING: _python("controlplane.reporting"),
    Program.BACKTEST: _python("controlplane.backtest"),
}

# the others get all their objects and no pod; a test compares this with the sources
BUILT = frozenset({Program.BUS_STREAMS, Program.DATABASE_USERS, Program.OMS, Program.CLICKHOUSE})

# image repositories: ours, and the upstream release of ClickHouse, mirrored
REPOSITORIES = ("controlplane", "backtest", "clickhouse")
