"""Rendering of units into systemd service files (systemd.service(5), systemd.exec(5), systemd.resource-control(5)).

Everything is refused that a role does not need. What stays open, and why:
- /dev/shm: the rings. So no RemoveIPC: it would delete the segments that a stopped role leaves for its readers.
- other processes' /proc/PID/stat: a consumer tells from its start time whether a ring's producer is still the same.
SCHED_FIFO, mbind and sched_setaffinity are refused: systemd pins and binds before the role starts.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.unit import BAD_CONFIGURATION_EXIT, Unit

RESTART_DELAY_S = 1
START_LIMIT_INTERVAL_S = 300
_LOOPBACK = "localhost"  # systemd's own name for 127.0.0.0/8 and ::1/128


class Network(BaseModel):
    """Whom a service may exchange packets with. `none`: no network at all, not even loopback."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reach: Literal["none", "listed"]
    loopback: bool = False
    addresses: tuple[str, ...] = ()  # prefixes, in CIDR notation

    @model_validator(mode="after")
    def _none_is_none(self) -> Network:
        if self.reach == "none" and (self.loopback or self.addresses):
            raise ValueError('reach "none": neither loopback nor addresses can be reached; use "listed"')
        return self


class SystemdService(BaseModel):
    """A unit and what only systemd can do with it.

    watchdog_s: killed and restarted when the role has not fed the watchdog for so long. credentials: name to file,
    readable by root alone. wants_after: units that are started before this one when they are started at all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: Unit
    group: str
    slice: str
    watchdog_s: int = Field(ge=1, le=600)
    cancel_deadline_ms: int = Field(0, ge=0)
    start_timeout_s: int = Field(ge=1, le=3600)
    requires: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    part_of: str
    network: Network
    credentials: dict[str, str] = {}
    state_directory: str
    writable: tuple[str, ...] = ()
    lock_memory: bool = False
    oom_score_adjust: int = Field(0, ge=-1000, le=1000)

    @model_validator(mode="after")
    def _stops_in_time(self) -> SystemdService:
        deadline_ms = self.cancel_deadline_ms
        if self.unit.stop_timeout_s * 1000 <= deadline_ms:
            raise ValueError(
                f"{self.unit.name}: stop_timeout_s {self.unit.stop_timeout_s} is not above the cancel deadline of"
                f" {deadline_ms} ms; systemd would kill the role before it has proven its cancels"
            )
        if self.watchdog_s * 1000 <= deadline_ms:
            raise ValueError(
                f"{self.unit.name}: watchdog_s {self.watchdog_s} is not above the cancel deadline of {deadline_ms} ms;"
                " the watchdog would kill a role that drains"
            )
        if not self.unit.user or self.unit.user == "root":
            raise ValueError(f"{self.unit.name}: user {self.unit.user!r}: a role runs as a user of its own")
        return self


def escape(text: str) -> str:
    """For any value: % introduces a specifier."""
    return text.replace("%", "%%")


def _word(word: str) -> str:
    """One word of a command line."""
    plain = escape(word).replace("\\", "\\\\").replace("$", "$$").replace('"', '\\"')
    return plain if plain and all(c.isalnum() or c in "-_./:=,+@%" for c in plain) else f'"{plain}"'


def sandbox(network: Network) -> list[str]:
    """Lines of [Service] that every service of ours has, whatever it does."""
    lines = [
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "AmbientCapabilities=",
        "PrivateDevices=yes",
        "DevicePolicy=closed",
        "PrivateIPC=yes",
        "PrivateMounts=yes",
        "PrivateTmp=yes",
        "PrivateUsers=yes",
        "ProtectClock=yes",
        "ProtectControlGroups=yes",
        "ProtectHome=yes",
        "ProtectHostname=yes",
        "ProtectKernelLogs=yes",
        "ProtectKernelModules=yes",
        "ProtectKernelTunables=yes",
        "ProtectSystem=strict",
        "KeyringMode=private",
        "LockPersonality=yes",
        "MemoryDenyWriteExecute=yes",
        "RestrictNamespaces=yes",
        "RestrictRealtime=yes",
        "RestrictSUIDSGID=yes",
        "SystemCallArchitectures=native",
        "SystemCallErrorNumber=EPERM",
        "SystemCallFilter=@system-service",
        "SystemCallFilter=~@privileged @resources",
    ]
    if network.reach == "none":
        # AF_UNIX: the notify socket, the log
        return [*lines, "PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX", "IPAddressDeny=any"]
    allowed = [*([_LOOPBACK] if network.loopback else []), *network.addresses]
    lines += ["RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6", "IPAddressDeny=any"]
    return [*lines, f"IPAddressAllow={' '.join(allowed)}"] if allowed else lines


def render_service(service: SystemdService) -> str:
    """The text of `<name>.service`."""
    unit = service.unit
    never = [str(code) for code in unit.restart.never_after_exit if code] or [str(BAD_CONFIGURATION_EXIT)]
    head = [
        "[Unit]",
        f"Description={escape(unit.description)}",
        *([f"Requires={' '.join(service.requires)}"] if service.requires else []),
        *([f"After={' '.join((*service.requires, *service.after))}"] if service.requires or service.after else []),
        *([f"Conflicts={' '.join(service.conflicts)}"] if service.conflicts else []),
        f"PartOf={service.part_of}",
        f"StartLimitIntervalSec={START_LIMIT_INTERVAL_S}",
        f"StartLimitBurst={unit.restart.start_limit}",
    ]
    run = [
        "[Service]",
        "Type=notify",
        "NotifyAccess=main",
        f"ExecStart={' '.join(map(_word, unit.command))}",
        f"WorkingDirectory={escape(unit.working_directory)}",
        f"User={unit.user}",
        f"Group={service.group}",
        "UMask=0007",
        *(f"Environment={_word(f'{key}={value}')}" for key, value in sorted(unit.environment.items())),
        *(f"LoadCredential={name}:{escape(path)}" for name, path in sorted(service.credentials.items())),
        f"StateDirectory={service.state_directory}",
        "StateDirectoryMode=0750",
        *([f"ReadWritePaths={' '.join(map(escape, service.writable))}"] if service.writable else []),
    ]
    life = [
        f"TimeoutStartSec={service.start_timeout_s}",
        f"TimeoutStopSec={unit.stop_timeout_s}",
        f"WatchdogSec={service.watchdog_s}",
        f"KillSignal=SIG{unit.stop_signal}",
        "KillMode=mixed",
        "Restart=on-failure",
        f"RestartSec={RESTART_DELAY_S}",
        f"RestartPreventExitStatus={' '.join(never)}",
    ]
    place = [
        f"Slice={service.slice}",
        *([f"CPUAffinity={' '.join(map(str, unit.cpus))}"] if unit.cpus else []),
        *([] if unit.numa_node is None else ["NUMAPolicy=bind", f"NUMAMask={unit.numa_node}"]),
        *(["LimitMEMLOCK=infinity"] if service.lock_memory else []),
        "LimitRTPRIO=0",
        "LimitNOFILE=4096",
        "LimitCORE=0",  # a core would hold credentials, and a restart would wait for gigabytes of it
        f"OOMScoreAdjust={service.oom_score_adjust}",
        "MemorySwapMax=0",
    ]
    blocks = (head, [*run, "", *life, "", *place, "", *sandbox(service.network)])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"
