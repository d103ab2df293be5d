"""Every file that a trading host gets: settings, units, role configuration, check list; one document with one digest.

The document is what `python -m host_rollout configure` reads: JSON, text by path. No Pulumi import.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import PurePath

from pydantic import BaseModel, ConfigDict

from components.hot_path.cloud_init import apply_script
from components.hot_path.host.specification import HostSpecification
from components.hot_path.host_rollout.configure import APPLY
from components.hot_path.role_config import SECRETS, RoleInputs, composite_config, role_config
from components.hot_path.roles import DATA, ETC, RUN, SHM_PREFIX, credential, role_file
from components.hot_path.units import HostNetwork, composite_parts, unit_files

CHECK_LIST = str(ETC / "host-check.json")


class HostFiles(BaseModel):
    """Text by path."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    roles: tuple[str, ...]
    files: dict[str, str]

    @property
    def document(self) -> str:
        """Canonical: equal files give the same bytes."""
        return json.dumps(self.files, sort_keys=True, indent=1) + "\n"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.document.encode()).hexdigest()


def placed_inputs(inputs: RoleInputs) -> RoleInputs:
    """With the places that everything has on a host that systemd runs."""
    return inputs.model_copy(update={"shm_prefix": SHM_PREFIX, "run_dir": PurePath(RUN), "data": PurePath(DATA)})


def role_files(roles: tuple[str, ...], inputs: RoleInputs) -> dict[str, str]:
    """Configuration of every role that one of these units runs, by path."""
    parts = composite_parts(roles)
    documents = {"composite": composite_config({part: role_file(part) for part in parts}, inputs.idle)} if parts else {}
    for role in (*(role for role in roles if role != "composite"), *parts):
        unit = "composite" if role in parts else role
        secrets = {name: PurePath(credential(unit, name)) for name in SECRETS.get(role, ())}
        documents[role] = role_config(role, placed_inputs(inputs).model_copy(update={"secrets": secrets}))
    return {str(role_file(role)): json.dumps(document, indent=2) + "\n" for role, document in documents.items()}


def host_files(
    specification: HostSpecification, network: HostNetwork, started: tuple[str, ...], inputs: RoleInputs
) -> HostFiles:
    """started: roles that a boot starts. Raises ValueError for roles that do not fit, and for two texts of one file."""
    sources: tuple[Mapping[str, str], ...] = (
        specification.files(),
        {CHECK_LIST: specification.check_list()},
        unit_files(specification, network, started),
        role_files(specification.roles, inputs),
        {
            APPLY: apply_script(specification.enabled_units, specification.masked_units),
        },
    )
    files: dict[str, str] = {}
    for source in sources:
        twice = sorted(set(files) & set(source))
        if twice:
            raise ValueError(f"{', '.join(twice)}: rendered twice; a file has one owner")
        files |= source
    return HostFiles(roles=specification.roles, files=dict(sorted(files.items())))
