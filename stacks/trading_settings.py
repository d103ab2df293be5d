"""What the trading hosts of a cloud environment trade, and where: `ironlane:trading` of a stack file."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from pathlib import PurePath
from typing import Annotated

from pydantic import BeforeValidator, Field

from components.hot_path.role_config import Endpoint, RoleInputs, VenueEndpoints
from components.network.flows import AGENT_HTTP, NATS_CLIENT, VenuePorts
from stacks.settings import Instrument, Limits, Strategy, price4
from stacks.stack_file import Settings

ANY_ADDRESS = "0.0.0.0"  # the security groups and the units say who may reach a port
UNPLACED = PurePath("/")  # host_files puts everything where a host has it


def _address(value: object) -> object:
    return IPv4Address(value) if isinstance(value, str) else value


Address = Annotated[IPv4Address, BeforeValidator(_address)]


class VenueAddresses(Settings):
    """Numeric: a role resolves no names, and its unit lets it reach no name server."""

    order_entry: Address
    snapshot: Address
    rerequest: Address

    def outside(self, prefixes: tuple[str, ...]) -> list[str]:
        """Keys of addresses that no prefix covers: units and security groups would keep the roles from them."""
        networks = [IPv4Network(prefix) for prefix in prefixes]
        return [f"{key} {address}" for key, address in self if not any(address in network for network in networks)]


class TradingSettings(Settings):
    instrument: Instrument = Instrument()
    strategy: Strategy = Strategy()
    limits: Limits = Limits()
    venue: VenueAddresses = Field(description="of the exchange")

    def inputs(self, host: str, environment: str, ports: VenuePorts) -> RoleInputs:
        """For `host_files`, which places it on the host."""

        def at(address: IPv4Address, port: int) -> Endpoint:
            return Endpoint(host=str(address), port=port)

        return RoleInputs(
            host=host,
            environment=environment,
            shm_prefix="",
            run_dir=UNPLACED,
            data=UNPLACED,
            idle="spin",
            symbol=self.instrument.symbol,
            tick=price4(self.instrument.tick),
            round_lot=self.instrument.round_lot,
            venue=VenueEndpoints(
                order_entry=at(self.venue.order_entry, ports.order_entry),
                glimpse=at(self.venue.snapshot, ports.snapshot),
                rerequest=at(self.venue.rerequest, ports.rerequest),
                lines=tuple(Endpoint(host=ANY_ADDRESS, port=port) for port in ports.lines),
            ),
            strategy_class=self.strategy.class_,
            strategy_parameters=self.strategy.parameters,
            limits=self.limits.pre_trade(),
            agent_http=Endpoint(host=ANY_ADDRESS, port=AGENT_HTTP),
            nats_urls=(f"nats://127.0.0.1:{NATS_CLIENT}",),
            nats_user=f"agent-{host}",
            secrets={},
        )
