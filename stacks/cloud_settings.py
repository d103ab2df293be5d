"""Typed settings of the cloud environments, `dev` and `prod`. What is pinned is pinned here, by id or digest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from components.bus.capacity import Load, Volume
from components.bus.nats_config import Limits
from components.bus.server_change import Release
from components.control_plane.addons import AddonVersions
from components.control_plane.kube_proxy import Mode
from components.control_plane.node_groups import NodePool
from components.control_plane.platform_settings import PlatformSettings
from components.control_plane.pools import Pool
from components.hot_path.bundle_pin import BundlePin
from components.hot_path.host.core_map import CoreLayout, CoreMapError
from components.hot_path.host.machines import machine
from components.hot_path.host.roles import known_roles
from components.hot_path.host.specification import HostSpecification, HostTuning, host_specification
from components.hot_path.hosts import CpuOptions
from components.hot_path.launch_rules import is_metal
from components.latency_budget import LatencyBudget, role_budgets
from components.network.flows import VenuePorts
from components.observability.settings import ObservabilitySettings
from stacks.stack_file import Settings, SettingsError, read_stack_file, validate
from stacks.trading_settings import TradingSettings


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
    """roles: of the engine, that run on it. cores: which CPU each has, None = a layout that fits."""

    name: str
    role: Literal["active", "standby"]
    roles: Texts
    cores: CoreLayout | None = None


class HotPathSettings(Settings):
    zone: str
    instance_type: str
    cpu_options: CpuOptions | None = None
    ami_id: str
    volume_gib: int = 100
    placement_group: str | None = Field(None, pattern=r"^[A-Za-z0-9._-]{1,255}$", description="name; None = made up")
    reserved: int | None = None
    hosts: Annotated[tuple[Host, ...], BeforeValidator(_sequence)]
    deploy_public_key: str = Field(pattern=r"^ssh-ed25519 [A-Za-z0-9+/=]+( .*)?$", description="of the rollout's key")
    tuning: HostTuning = HostTuning()
    latency: dict[str, LatencyBudget] = Field(default_factory=dict, description="of roles, where not the usual one")

    @field_validator("latency")
    @classmethod
    def _kept_there(cls, latency: dict[str, LatencyBudget]) -> dict[str, LatencyBudget]:
        role_budgets(latency)
        return latency

    def specification(self, host: Host) -> HostSpecification:
        """What that host must be."""
        cores, threads = self._cpu_options()
        return host_specification(
            self.instance_type,
            host.roles,
            layout=host.cores,
            core_count=cores,
            threads_per_core=threads,
            tuning=self.tuning,
        )

    def _cpu_options(self) -> tuple[int | None, int | None]:
        """Cores and threads per core of a virtual instance."""
        # that metal takes no CPU options is a rule of the launch, and told there
        if self.cpu_options is None or is_metal(self.instance_type):
            return None, None
        return self.cpu_options.core_count, self.cpu_options.threads_per_core

    @model_validator(mode="after")
    def _hosts_can_be_specified(self) -> HotPathSettings:
        problems = list(self._unspecifiable())
        if problems:
            raise ValueError("\n".join(dict.fromkeys(problems)))
        return self

    def _unspecifiable(self) -> Iterator[str]:
        """Problems, each with the rest of its key before it."""
        try:
            machine(self.instance_type, *self._cpu_options())
        except ValueError as error:
            yield f".instance_type: {error}"
            return
        for number, host in enumerate(self.hosts):
            try:
                known_roles(host.roles)
            except ValueError as error:
                yield f".hosts.{number}.{error}"
                continue
            try:
                self.specification(host)
            except CoreMapError as error:
                yield from (f".hosts.{number}.cores: {line}" for line in str(error).splitlines())
            except ValueError as error:
                yield f".tuning: {error}"


class EngineSettings(Settings):
    """pin: what runs. kept: earlier ones that stay in the storage for the way back."""

    pin: BundlePin
    kept: Annotated[tuple[BundlePin, ...], BeforeValidator(_sequence)] = ()


class RolloutSettings(Settings):
    """How the deployment runner reaches the hosts, and what they need not wait for.

    private_key_file: without it the key is with the runner's SSH agent. host_keys: by host, as ssh-keyscan prints them.
    """

    user: str = "ec2-user"
    python: str = Field("python3.11", description="of the hosts' image, as the engine was built for")
    private_key_file: str | None = None
    host_keys: dict[str, str] = Field(default_factory=dict)
    gates_that_may_stay_closed: Texts = ()


class BusSettings(Settings):
    """One server in each of aws.zones. load: the average that three times must fit.

    host_keys: of SSH, by server (`nats-1`), as ssh-keyscan prints them; a server without one is taken at its word.
    """

    instance_type: str
    ami_id: str
    release: Release
    volume: Volume
    load: Load
    limits: Limits = Limits()
    host_keys: dict[str, str] = Field(default_factory=dict)


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
    """protect: what `prod` keeps from a slip; False is the first of the two updates that take it down.

    rehearsal: set by the command line, never in a stack file.
    """

    environment: Literal["dev", "prod"]
    protect: Annotated[bool | None, BeforeValidator(_flag)] = None
    aws: Aws
    network: NetworkSettings
    hot_path: HotPathSettings
    trading: TradingSettings
    engine: EngineSettings
    rollout: RolloutSettings = RolloutSettings()
    bus: BusSettings
    eks: EksSettings
    rehearsal: Annotated[bool, BeforeValidator(_flag)] = False
    platform: PlatformSettings
    observability: ObservabilitySettings

    @property
    def protected(self) -> bool:
        """Whether hosts, keys and data can be stopped, replaced or deleted at all."""
        return self.environment == "prod" if self.protect is None else self.protect

    @property
    def not_filled_in(self) -> tuple[str, ...]:
        """What an example cannot hold and `up` on a real account cannot do without, each as `key: where to get it`."""
        if self.bus.release.filled_in:
            return ()
        return (f"bus.release.sha256: take the line of {self.bus.release.file} from SHA256SUMS of the NATS release",)

    @model_validator(mode="after")
    def _venue_is_where_the_network_lets_the_roles_go(self) -> CloudSettings:
        outside = self.trading.venue.outside(self.network.venue_cidrs)
        if outside:
            raise ValueError(
                f"trading.venue: {', '.join(outside)}: outside of network.venue_cidrs"
                f" {', '.join(self.network.venue_cidrs)}, which is all that the hosts can reach; correct one of them"
            )
        return self

    @model_validator(mode="after")
    def _host_keys_are_of_hosts(self) -> CloudSettings:
        strangers = sorted(set(self.rollout.host_keys) - {host.name for host in self.hot_path.hosts})
        if strangers:
            raise ValueError(f"rollout.host_keys: {', '.join(strangers)}: no such host in hot_path.hosts")
        return self

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
    raw = read_stack_file(path)
    if "rehearsal" in raw:
        raise SettingsError(f"{path.name}: ironlane:rehearsal: only `make rehearse` sets it; remove it")
    return parse(raw, path.name)
