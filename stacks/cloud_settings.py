"""Typed settings of the cloud environments, `dev` and `prod`. What is pinned is pinned here, by id or digest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from components.control_plane.addons import AddonVersions
from components.control_plane.kube_proxy import Mode
from components.control_plane.node_groups import NodePool
from components.control_plane.platform_settings import PlatformSettings
from components.control_plane.pools import Pool
from components.hot_path.hosts import CpuOptions
from components.latency_budget import LatencyBudget, role_budgets
from components.network.flows import VenuePorts
from components.observability.settings import ObservabilitySettings
from stacks.stack_file import Settings, read_stack_file, validate


def _sequence(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_sequence)]


class Aws(Settings):
    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")
    account_id: str = Field(pattern=r"^\d{12}$")
    zones: Texts


class NetworkSettings(Settings):
    vpc_cidr: str
    venue_cidrs: Texts
    operator_cidrs: Texts
    administrator_cidrs: Texts
    transit_gateway_id: str | None = None
    venue: Annotated[VenuePorts, Field(strict=False)]


class Host(Settings):
    name: str
    role: Literal["active", "standby"]


class HotPathSettings(Settings):
    zone: str
    instance_type: str
    cpu_options: CpuOptions | None = None
    ami_id: str
    volume_gib: int = 100
    reserved: int | None = None
    hosts: Annotated[tuple[Host, ...], BeforeValidator(_sequence)]
    deploy_public_key: str = Field(pattern=r"^ssh-ed25519 [A-Za-z0-9+/=]+( .*)?$", description="of the rollout's key")
    latency: dict[str, LatencyBudget] = Field(default_factory=dict, description="of roles, where not the usual one")

    @field_validator("latency")
    @classmethod
    def _kept_there(cls, latency: dict[str, LatencyBudget]) -> dict[str, LatencyBudget]:
        role_budgets(latency)
        return latency


class EksSettings(Settings):
    version: str
    node_release: str
    kube_proxy_mode: Mode = "nftables"
    public_endpoint: bool = False
    administrators: Texts
    viewers: Texts = ()
    addons: AddonVersions
    pools: dict[Pool, NodePool]


def _flag(value: object) -> object:
    # the engine hands on a YAML boolean as text
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


class CloudSettings(Settings):
    """protect: what `prod` keeps from a slip; False is the first of the two updates that take it down."""

    environment: Literal["dev", "prod"]
    protect: Annotated[bool | None, BeforeValidator(_flag)] = None
    aws: Aws
    network: NetworkSettings
    hot_path: HotPathSettings
    eks: EksSettings
    platform: PlatformSettings
    observability: ObservabilitySettings

    @property
    def protected(self) -> bool:
        """Whether hosts, keys and data can be stopped, replaced or deleted at all."""
        return self.environment == "prod" if self.protect is None else self.protect

    @model_validator(mode="after")
    def _prod_has_a_standby(self) -> CloudSettings:
        if self.environment == "prod" and [host.role for host in self.hot_path.hosts].count("standby") < 1:
            raise ValueError("hot_path.hosts: prod needs a standby; a rollout changes it before the active host")
        return self


def parse(raw: Mapping[str, Any], source: str) -> CloudSettings:
    """Raises SettingsError with every error."""
    return validate(CloudSettings, raw, source)


def from_file(path: Path) -> CloudSettings:
    """Raises SettingsError."""
    return parse(read_stack_file(path), path.name)
