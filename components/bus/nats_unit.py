"""The systemd unit of a NATS server: a member of the cluster, or a leaf node on a trading host.

Pure. Directives and their meaning: systemd.exec(5), systemd.service(5), systemd.resource-control(5).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

AbsolutePath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9/_.-]+$")]

_LAME_DUCK_MARGIN_S = 30


class NatsUnit(BaseModel):
    """config_dir: working directory, so that paths in nats.conf are relative to it. cpus: None = all of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = Field(pattern=r"^[\x20-\x7e]{1,80}$")
    account: str = Field(pattern=r"^[a-z][a-z0-9-]{0,30}$", description="user and group that it runs as")
    program: AbsolutePath
    config_dir: AbsolutePath
    state_dir: AbsolutePath | None = None
    memory_limit_mib: int = Field(ge=32, description="what Go's collector keeps the heap below")
    lame_duck_s: int = Field(ge=30)
    file_limit: int = Field(ge=1024)
    cpus: tuple[int, ...] | None = None


def render(unit: NatsUnit) -> str:
    # no ExecStop: systemd follows one with KillSignal at once, which would cut the lame duck short
    lines = [
        "# generated",
        "[Unit]",
        f"Description={unit.description}",
        "Documentation=https://docs.nats.io/running-a-nats-service/configuration",
        "Wants=network-online.target",
        "After=network-online.target",
        "StartLimitIntervalSec=300",
        "StartLimitBurst=5",
        *([f"RequiresMountsFor={unit.state_dir}"] if unit.state_dir else []),
        "",
        "[Service]",
        "Type=exec",
        f"ExecStart={unit.program} --config {unit.config_dir}/nats.conf",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "KillSignal=SIGUSR2",
        f"TimeoutStopSec={unit.lame_duck_s + _LAME_DUCK_MARGIN_S}",
        "Restart=on-failure",
        "RestartSec=2",
        f"User={unit.account}",
        f"Group={unit.account}",
        f"WorkingDirectory={unit.config_dir}",
        f"Environment=GOMEMLIMIT={unit.memory_limit_mib}MiB",
        *([f"CPUAffinity={' '.join(map(str, unit.cpus))}"] if unit.cpus is not None else []),
        f"LimitNOFILE={unit.file_limit}",
        "LimitCORE=0",
        "UMask=0077",
        *([f"ReadWritePaths={unit.state_dir}"] if unit.state_dir else []),
        "",
        "CapabilityBoundingSet=",
        "AmbientCapabilities=",
        "NoNewPrivileges=true",
        "LockPersonality=true",
        "MemoryDenyWriteExecute=true",
        "PrivateDevices=true",
        "PrivateIPC=true",
        "PrivateTmp=true",
        "PrivateUsers=true",
        "ProcSubset=pid",
        "ProtectProc=invisible",
        "ProtectClock=true",
        "ProtectControlGroups=true",
        "ProtectHome=true",
        "ProtectHostname=true",
        "ProtectKernelLogs=true",
        "ProtectKernelModules=true",
        "ProtectKernelTunables=true",
        "ProtectSystem=strict",
        "RemoveIPC=true",
        "RestrictAddressFamilies=AF_INET AF_INET6",
        "RestrictNamespaces=true",
        "RestrictRealtime=true",
        "RestrictSUIDSGID=true",
        "SystemCallArchitectures=native",
        "SystemCallFilter=@system-service",
        "SystemCallFilter=~@privileged @resources",
        "SystemCallErrorNumber=EPERM",
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "\n".join(lines) + "\n"
