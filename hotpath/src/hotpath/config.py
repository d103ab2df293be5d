"""Role configuration files: one JSON file per role, rendered by the Pulumi program.

Prices are dollars in settings and Price(4) integers (1/10,000 dollar) here. Unknown keys are refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec


class ConfigError(Exception):
    """A role configuration file that cannot be used; the text names the file, the key and the fix."""


class _Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Idle(_Config, frozen=True):
    """How a role waits when it has nothing to do: spin (isolated core), yield (shared with loops that yield, too)
    or back_off (shared core)."""

    mode: str = "back_off"
    max_sleep_us: int = 200


class Runtime(_Config, frozen=True):
    """What every role shares."""

    host: str
    environment: str
    shm_prefix: str  # segments are /dev/shm/<shm_prefix>.<name>
    run_dir: str  # kill file, lock files
    data_dir: str  # what must survive a restart: journals, ledgers, epochs
    idle: Idle = Idle()

    @property
    def kill_file(self) -> Path:
        """While it exists, and until a re-arm after that, the router sends nothing but cancels."""
        return Path(self.run_dir) / "KILL"


class Instrument(_Config, frozen=True):
    symbol: str
    locate: int = 1
    tick: int = 100  # Price(4) units
    round_lot: int = 100


class Endpoint(_Config, frozen=True):
    host: str
    port: int


class Account(_Config, frozen=True):
    """One order-entry login at the venue."""

    username: str
    password_file: str
    firm: str = "IRON"


class Flow(_Config, frozen=True):
    """Other participants' orders: a LOBSTER message file, or the seeded generator when file is None."""

    file: str | None = None
    speed: float = 1.0  # 0 = as fast as the pacing limit allows
    max_rows_per_second: int = 50_000  # pacing limit at speed 0
    on_bad_row: str = "stop"  # or "skip"
    seed: int = 1
    rows_per_second: float = 200.0  # generator arrival rate at speed 1
    reference_price: int = 1_000_000  # generator start price, Price(4)
    rows: int | None = None  # the generator ends after so many; None = endless
    start: str = "immediately"  # or "on_request": the flow waits for POST /flow/start on the admin port


class VenueConfig(_Config, frozen=True):
    runtime: Runtime
    instrument: Instrument
    flow: Flow
    flow_id: str  # changes when a new session is asked for; a restart with the same id resumes the flow
    order_entry: Endpoint
    glimpse: Endpoint
    rerequest: Endpoint
    lines: list[Endpoint]  # feed destinations, A then B
    admin: Endpoint
    accounts: list[Account]
    rerequest_window: int = 1_048_576  # messages kept for re-request
    max_session_messages: int = 50_000_000
    heartbeat_ms: int = 1000
    client_timeout_ms: int = 15_000


class FeedHandlerConfig(_Config, frozen=True):
    runtime: Runtime
    instrument: Instrument
    lines: list[Endpoint]
    rerequest: Endpoint
    glimpse: Endpoint
    receive_buffer_bytes: int = 8_388_608
    gap_timeout_us: int = 2_000  # how long the other line may still fill a gap before it is re-requested
    rerequest_retries: int = 5
    rerequest_timeout_ms: int = 50
    silence_ms: int = 3000  # no packet on either line for this long: stale
    max_orders: int = 1_048_576


class StrategyConfig(_Config, frozen=True):
    runtime: Runtime
    instrument: Instrument
    strategy: str = "hotpath.strategy.market_maker:MarketMaker"
    parameters: dict[str, int | float | str | bool] = {}
    cancel_deadline_ms: int = 2000
    timer_ms: int = 100


class Limits(_Config, frozen=True):
    """Pre-trade limits: shares, Price(4) x shares, hundredths of a percent, messages."""

    max_order_quantity: int
    max_notional: int
    max_position: int
    collar_bps: int
    max_messages_per_second: int
    max_open_orders: int


class OrderRouterConfig(_Config, frozen=True):
    runtime: Runtime
    instrument: Instrument
    order_entry: Endpoint
    account: Account
    limits: Limits
    cancel_deadline_ms: int = 3000
    reconcile_timeout_ms: int = 5000
    reconcile_break_threshold: int = 0  # more breaks than this: HALTED
    reconcile_max_messages: int = 200_000  # venue messages read again and compared at login; older: from the journal
    max_orders: int = 1_048_576
    journal_segment_records: int = 65_536
    journal_max_segments: int = 1024


class CompositeConfig(_Config, frozen=True):
    """Roles that share one process and one thread: the configuration file of each. None: not among them."""

    idle: Idle = Idle()
    feed_handler: str | None = None
    strategy: str | None = None
    order_router: str | None = None


class Nats(_Config, frozen=True):
    servers: list[str]
    user: str
    password_file: str


class AgentConfig(_Config, frozen=True):
    runtime: Runtime
    instrument: Instrument
    http: Endpoint
    nats: Nats
    limits: Limits
    roles: list[str]  # roles whose status blocks make up readiness
    journal_dir: str  # the order router's data_dir, where the order-event journal is
    lease_ms: int = 0  # risk lease length; 0 = none required
    publish_window: int = 512  # order events in flight to JetStream


class _AnyRole(msgspec.Struct):
    runtime: Runtime


T = TypeVar("T", bound=msgspec.Struct)


def load(path: str | Path, kind: type[T]) -> T:
    """Read and validate one role's file. Raises ConfigError naming the file, the key and the fix."""
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); pass --config FILE with a file that `pulumi up` rendered"
        ) from error
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.DecodeError as error:  # ValidationError names the key as `$.a.b`
        raise ConfigError(f"{path}: {error}; correct this key in the stack file and run `make up` again") from error


def load_runtime(path: str | Path) -> Runtime:
    """The part that every role's file has; its other keys are not looked at. Raises ConfigError as `load` does."""
    return load(path, _AnyRole).runtime
