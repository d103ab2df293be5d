"""The metrics exporter beside each NATS server: one file for the system's Python, and its unit."""

from __future__ import annotations

import inspect
import shlex

import pulumi
from pulumi_command import remote
from pydantic import BaseModel, ConfigDict, Field

from components.bus import nats_exporter
from components.network.flows import NATS_METRICS
from components.options import child_options

PROGRAM = "/opt/ironlane/bus/nats_exporter.py"
UNIT = "ironlane-nats-exporter.service"
_MEMORY_MIB = 64


class ExporterHost(BaseModel):
    """address: where Prometheus comes. connection: by which the host is changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    name: str
    address: str = Field(pattern=r"^\d{1,3}(\.\d{1,3}){3}$")
    connection: remote.ConnectionArgs


class ExportersArgs(BaseModel):
    """monitor: the server's monitoring address on its own machine."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    hosts: tuple[ExporterHost, ...] = Field(min_length=1)
    monitor: str = "http://127.0.0.1:8222"


def unit(address: str, monitor: str) -> str:
    """Runs as nobody in particular, sees nothing but its own port and the server's."""
    return "\n".join(
        (
            "# generated",
            "[Unit]",
            "Description=Metrics of the NATS server",
            "Wants=network-online.target",
            "After=network-online.target",
            "",
            "[Service]",
            "Type=exec",
            f"ExecStart=/usr/bin/python3 -I {PROGRAM} --monitor {monitor} --listen {address}:{NATS_METRICS}",
            "Restart=always",
            "RestartSec=2",
            f"MemoryMax={_MEMORY_MIB}M",
            "DynamicUser=true",
            "CapabilityBoundingSet=",
            "NoNewPrivileges=true",
            "LockPersonality=true",
            "MemoryDenyWriteExecute=true",
            "PrivateDevices=true",
            "PrivateIPC=true",
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
            "RestrictAddressFamilies=AF_INET",
            "RestrictNamespaces=true",
            "RestrictRealtime=true",
            "RestrictSUIDSGID=true",
            "SystemCallArchitectures=native",
            "SystemCallFilter=@system-service",
            "SystemCallFilter=~@privileged @resources",
            "UMask=0077",
            "",
            "[Install]",
            "WantedBy=multi-user.target",
            "",
        )
    )


def unit_command() -> str:
    """Reads the unit on stdin."""
    return " && ".join(
        (
            f"sudo install -m 0644 /dev/stdin /etc/systemd/system/{UNIT}",
            "sudo systemctl daemon-reload",
            f"sudo systemctl enable {UNIT}",
            f"sudo systemctl restart {UNIT}",
        )
    )


class Exporters(pulumi.ComponentResource):
    """Changing one touches no server."""

    def __init__(self, name: str, args: ExportersArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:bus:Exporters", name, {}, opts)
        source = inspect.getsource(nats_exporter)
        for host in args.hosts:
            program = remote.Command(
                f"{name}-{host.name}-program",
                connection=host.connection,
                create=f"sudo install -D -m 0755 /dev/stdin {shlex.quote(PROGRAM)}",
                stdin=source,
                add_previous_output_in_env=False,
                opts=child_options(self, opts),
            )
            remote.Command(
                f"{name}-{host.name}-unit",
                connection=host.connection,
                create=unit_command(),
                stdin=unit(host.address, args.monitor),
                # a new program is run only after a restart
                triggers=[program.stdin],
                add_previous_output_in_env=False,
                opts=child_options(self, opts, [program]),
            )
        self.register_outputs({"hosts": [host.name for host in args.hosts]})
