"""The host specification: machine, roles, core map and every setting, from which files and check list are made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from components.hot_path.host import kernel_arguments
from components.hot_path.host.core_map import CoreLayout, CoreMap, core_map, default_layout
from components.hot_path.host.machines import Machine, machine
from components.hot_path.host.setting import FilePiece, KernelArgument, Setting
from components.hot_path.host_check.check_list import CheckList, checks_as_data, dump

KERNEL_ARGUMENTS_FILE = "/etc/ironlane/kernel-arguments"
Distribution = Literal["amazon-linux-2023", "debian"]


class HostTuning(BaseModel):
    """What an environment may choose; the defaults are for trading hosts.

    clock: None = PTP where the machine has it. mitigations: None = the kernel's default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    distribution: Distribution = "amazon-linux-2023"
    smt: bool = False
    mitigations: str | None = Field(None, pattern=r"^[a-z,]+$")


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
        return " ".join(piece.argument for piece in self._pieces() if isinstance(piece, KernelArgument))

    def files(self) -> dict[str, str]:
        """Text of every file of the host by path, but for the roles' units and the check list itself."""
        texts: dict[str, str] = {KERNEL_ARGUMENTS_FILE: self.kernel_command_line + "\n"}
        for piece in self._pieces():
            if isinstance(piece, FilePiece):
                texts[piece.path] = texts.get(piece.path, "") + piece.text
        return dict(sorted(texts.items()))

    @property
    def enabled_units(self) -> tuple[str, ...]:
        """systemd units out of `files()` that must be enabled."""
        return ()

    @property
    def masked_units(self) -> tuple[str, ...]:
        """systemd units of the distribution that must not run."""
        return ()

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

    def _pieces(self) -> Iterable[KernelArgument | FilePiece]:
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
    settings = (*kernel_arguments.kernel_arguments(host, cores, smt=smt, mitigations=chosen.mitigations),)
    return HostSpecification(machine=host, roles=tuple(roles), core_map=cores, tuning=chosen, settings=settings)
