"""The host specification: machine, roles, core map and every setting, from which files and check list are made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from components.hot_path.host.clock import EC2_NTP, ClockSource, clock
from components.hot_path.host.core_map import CoreLayout, CoreMap, core_map, default_layout
from components.hot_path.host.distribution import Distribution
from components.hot_path.host.hardware import hardware
from components.hot_path.host.hugepages import HugePages, hugepages
from components.hot_path.host.interrupts import InterruptPlacement, interrupts
from components.hot_path.host.kernel_arguments import kernel_arguments
from components.hot_path.host.machines import Machine, machine
from components.hot_path.host.network_card import NetworkCard, network_card
from components.hot_path.host.partition import partition
from components.hot_path.host.setting import EnabledUnit, FilePiece, KernelArgument, MaskedUnit, Render, Setting
from components.hot_path.host.sysctls import sysctls
from components.hot_path.host_check.check_list import CheckList, checks_as_data, dump

KERNEL_ARGUMENTS_FILE = "/etc/ironlane/kernel-arguments"


def _sequence(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


class HostTuning(BaseModel):
    """What an environment may choose; the defaults are for trading hosts.

    mitigations: None = the kernel's default. sysctls: other values than those of sysctls.py.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    distribution: Distribution = "amazon-linux-2023"
    smt: bool = False
    mitigations: str | None = Field(None, pattern=r"^[a-z,]+$")
    clock: ClockSource = "ntp"
    ntp_server: str = Field(EC2_NTP, pattern=r"^[0-9A-Za-z.:-]+$")
    interrupts: InterruptPlacement = "fixed"
    network_card: NetworkCard = NetworkCard()
    hugepages: Annotated[tuple[HugePages, ...], BeforeValidator(_sequence)] = ()
    sysctls: dict[str, int] = {}


class HostSpecification(BaseModel):
    """All that a host is meant to be. Equal specifications give the same bytes in every file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    machine: Machine
    roles: tuple[str, ...]
    core_map: CoreMap
    tuning: HostTuning
    settings: tuple[Setting, ...]

    @property
    def kernel_command_line(self) -> str:
        """Arguments to add to the distribution's own, in the order of the settings."""
        return " ".join(piece.argument for piece in self._rendered() if isinstance(piece, KernelArgument))

    def files(self) -> dict[str, str]:
        """Text of every file of the host by path, but for the roles' units and the check list itself."""
        texts: dict[str, str] = {KERNEL_ARGUMENTS_FILE: self.kernel_command_line + "\n"}
        for piece in self._rendered():
            if isinstance(piece, FilePiece):
                texts[piece.path] = texts.get(piece.path, "") + piece.text
        return dict(sorted(texts.items()))

    @property
    def enabled_units(self) -> tuple[str, ...]:
        """systemd units that must be started at boot, besides the roles' own."""
        return tuple(piece.name for piece in self._rendered() if isinstance(piece, EnabledUnit))

    @property
    def masked_units(self) -> tuple[str, ...]:
        """systemd units of the distribution that must not run."""
        return tuple(piece.name for piece in self._rendered() if isinstance(piece, MaskedUnit))

    @property
    def digest(self) -> str:
        """sha256 in hex of what the host is given and what is asked of it."""
        document: dict[str, Any] = {
            "machine": self.machine.name,
            "roles": self.roles,
            "core_map": self.core_map.model_dump(mode="json"),
            "files": self.files(),
            "enabled": self.enabled_units,
            "masked": self.masked_units,
            "checks": checks_as_data(setting.check() for setting in self.settings),
        }
        canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def check_list(self) -> str:
        """The file that `python -m host_check --specification` reads."""
        checks = tuple(setting.check() for setting in self.settings)
        return dump(CheckList(machine=self.machine.name, digest=self.digest, checks=checks))

    def _rendered(self) -> Iterable[Render]:
        return (piece for setting in self.settings for piece in setting.render)


def host_specification(
    instance_type: str,
    roles: tuple[str, ...],
    *,
    layout: CoreLayout | None = None,
    core_count: int | None = None,
    threads_per_core: int | None = None,
    tuning: HostTuning | None = None,
) -> HostSpecification:
    """layout: None = one that fits. core_count, threads_per_core: of a virtual instance.

    Raises ValueError (CoreMapError for the layout) with every problem and its fix.
    """
    chosen = tuning or HostTuning()
    host = machine(instance_type, core_count, threads_per_core)
    smt = chosen.smt and host.topology.has_smt
    wanted = layout or default_layout(host.topology, roles, smt=smt)
    cores = core_map(host.topology, wanted, roles, smt=smt)
    settings = (
        *hardware(host, cores),
        *kernel_arguments(host, cores, smt=smt, mitigations=chosen.mitigations),
        *hugepages(host.topology, chosen.hugepages),
        *sysctls(chosen.sysctls),
        *network_card(host, cores, chosen.network_card),
        *interrupts(host.driver, cores, placement=chosen.interrupts, distribution=chosen.distribution),
        *clock(host, chosen.clock, ntp_server=chosen.ntp_server, distribution=chosen.distribution),
        *partition(cores),
    )
    return HostSpecification(machine=host, roles=tuple(roles), core_map=cores, tuning=chosen, settings=settings)
