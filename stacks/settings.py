"""Typed settings of the `local` environment: one frozen model, unknown keys refused, all errors at once."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from components.hot_path.role_config import PreTradeLimits
from stacks.stack_file import Settings, read_stack_file, unprefixed, validate

PRICE_UNITS_PER_DOLLAR = 10_000
HOT_PATH_ROLES = ("venue", "feed-handler", "strategy", "order-router", "agent")


def _decimal(value: object) -> object:
    # YAML gives 0.01 as a float; its shortest text is what the author wrote
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return value
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise ValueError("must be a number") from None


Dollars = Annotated[
    Decimal, BeforeValidator(_decimal), Field(gt=0, le=Decimal("100000000000"), max_digits=18, decimal_places=4)
]
Cpus = Annotated[tuple[int, ...], BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v)]


def price4(dollars: Decimal) -> int:
    """Dollars as a Price(4) integer (1/10,000 dollar)."""
    return int(dollars * PRICE_UNITS_PER_DOLLAR)


class Instrument(Settings):
    symbol: str = Field("IRON", pattern=r"^[A-Z]{1,8}$", description="1 to 8 capital letters")
    tick: Dollars = Decimal("0.01")
    round_lot: int = Field(100, ge=1, le=10_000)


class Ports(Settings):
    """Every service listens on base + a fixed offset, so two copies of the stack only need two bases."""

    base: int = Field(17_000, ge=1024, le=65_500)

    @property
    def venue_order_entry(self) -> int:
        return self.base

    @property
    def venue_glimpse(self) -> int:
        return self.base + 1

    @property
    def venue_rerequest(self) -> int:
        return self.base + 2

    @property
    def feed_lines(self) -> tuple[int, int]:
        return self.base + 3, self.base + 4

    @property
    def venue_admin(self) -> int:
        return self.base + 5

    @property
    def agent(self) -> int:
        return self.base + 6

    @property
    def oms(self) -> int:
        return self.base + 7

    @property
    def postgres(self) -> int:
        return self.base + 8

    @property
    def nats_client(self) -> tuple[int, ...]:
        return tuple(self.base + 10 + i for i in range(3))

    @property
    def nats_cluster(self) -> tuple[int, ...]:
        return tuple(self.base + 13 + i for i in range(3))

    @property
    def nats_monitor(self) -> tuple[int, ...]:
        return tuple(self.base + 16 + i for i in range(3))


def _speed(value: object) -> object:
    if value == "max":
        return 0.0
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
        raise ValueError("must be a number above 0, or the word max")
    return float(value)


class Replay(Settings):
    """Other participants' orders at the venue."""

    file: str | None = None
    speed: Annotated[float, BeforeValidator(_speed)] = 1.0  # 0 = max
    max_rows_per_second: int = Field(20_000, ge=1, le=2_000_000)
    on_bad_row: Literal["stop", "skip"] = "stop"
    seed: int = Field(20120621, ge=0, le=2**63 - 1)
    rows_per_second: Annotated[float, Field(gt=0, le=1_000_000, strict=False)] = 200.0
    reference_price: Dollars = Decimal("100.00")
    rows: int | None = Field(None, ge=1, le=1_000_000_000)  # of the generator; None is endless
    start: Literal["immediately", "on_request"] = "immediately"
    flow_id: str | None = Field(None, pattern=r"^[A-Za-z0-9._-]{1,64}$")

    @property
    def recorded_symbol(self) -> str | None:
        """The ticker that LOBSTER puts first in its file names."""
        if self.file is None:
            return None
        ticker = Path(self.file).name.split("_", 1)[0]
        return ticker if ticker.isalpha() and ticker.isupper() and len(ticker) <= 8 else None


class Strategy(Settings):
    class_: str = Field(
        "hotpath.strategy.market_maker:MarketMaker", alias="class", pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"
    )
    parameters: dict[str, int | float | str | bool] = Field(default_factory=dict)


class Limits(Settings):
    """Pre-trade limits, enforced by the risk gate in the order router."""

    max_order_quantity: int = Field(1_000, ge=1, le=999_999)
    max_notional: Dollars = Decimal("1000000.00")
    max_position: int = Field(2_000, ge=0, le=100_000_000)
    collar_percent: Annotated[Decimal, BeforeValidator(_decimal), Field(gt=0, le=100, decimal_places=2)] = Decimal("5")
    max_messages_per_second: int = Field(2_000, ge=1, le=1_000_000)
    max_open_orders: int = Field(64, ge=1, le=100_000)

    def pre_trade(self) -> PreTradeLimits:
        """In the units of the risk gate."""
        return PreTradeLimits(
            max_order_quantity=self.max_order_quantity,
            max_notional=price4(self.max_notional),
            max_position=self.max_position,
            collar_bps=int(self.collar_percent * 100),
            max_messages_per_second=self.max_messages_per_second,
            max_open_orders=self.max_open_orders,
        )


class RolePlacement(Settings):
    cpus: Cpus = ()
    numa_node: int | None = Field(None, ge=0, le=1023)


class Placement(Settings):
    """Where the roles of the hot path run. No cpus means: wherever the kernel puts them."""

    idle: Literal["spin", "back_off"] = "back_off"
    venue: RolePlacement = RolePlacement()
    feed_handler: RolePlacement = RolePlacement()
    strategy: RolePlacement = RolePlacement()
    order_router: RolePlacement = RolePlacement()
    agent: RolePlacement = RolePlacement()

    def of(self, role: str) -> RolePlacement:
        placement: RolePlacement = getattr(self, role.replace("-", "_"))
        return placement

    @model_validator(mode="after")
    def _disjoint(self) -> Placement:
        owner: dict[int, str] = {}
        clashes: list[str] = []
        for role in HOT_PATH_ROLES:
            for cpu in self.of(role).cpus:
                if cpu < 0:
                    clashes.append(f"{role} names cpu {cpu}")
                elif cpu in owner:
                    clashes.append(f"{owner[cpu]} and {role} both claim cpu {cpu}")
                else:
                    owner[cpu] = role
        if clashes:
            raise ValueError("; ".join(clashes) + "; give each role cpus of its own")
        return self


class LocalSettings(Settings):
    """The `local` environment: every service a supervised process on this machine."""

    environment: Literal["local"]
    instrument: Instrument = Instrument()
    ports: Ports = Ports()
    replay: Replay = Replay()
    strategy: Strategy = Strategy()
    limits: Limits = Limits()
    placement: Placement = Placement()

    @property
    def symbol(self) -> str:
        return self.replay.recorded_symbol or self.instrument.symbol

    @model_validator(mode="after")
    def _tick_divides(self) -> LocalSettings:
        if price4(self.replay.reference_price) % price4(self.instrument.tick):
            raise ValueError(
                f"replay.reference_price {self.replay.reference_price} is not a multiple of"
                f" instrument.tick {self.instrument.tick}; round it to the tick"
            )
        return self


def parse(raw: Mapping[str, Any], source: str) -> LocalSettings:
    """Validate the stack's `ironlane:` keys (without the prefix). Raises SettingsError with every error."""
    return validate(LocalSettings, raw, source)


def from_file(path: Path) -> LocalSettings:
    """Settings straight from a stack file, as the command line checks them before Pulumi starts."""
    return parse(read_stack_file(path), path.name)


def parse_document(document: Mapping[str, Any], source: str) -> LocalSettings:
    """Settings of a stack file's document that `read_stack_file` has accepted. Raises SettingsError."""
    return parse(unprefixed(document["config"]), source)
