"""Messages on the bus.

Units: prices are int Price(4) (1/10,000 dollar), quantities are shares, notionals are Price(4) x shares.
`*_ns` fields are nanoseconds: `wall_ns`, `issued_at_ns` and `expires_at_ns` since the Unix epoch, `venue_ns` since
midnight at the venue, the others CLOCK_MONOTONIC of the publishing host. Enumerations travel as names.

Every event carries host, role, epoch and a gapless sequence. Order events are numbered by the router's journal and
go on over epochs; telemetry is numbered from 1 per publisher epoch and message type.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Self, TypeVar

import msgspec

MAX_TEXT: Final = 512
MAX_GATES: Final = 64
MAX_COUNTERS: Final = 512

Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
Token = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Unsigned = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(gt=0)]


class WireError(Exception):
    """A message that does not decode or may not be sent; the text names the type, the field and the reason."""


class CodedName(StrEnum):
    """A name on the wire with the number it has in the shared-memory records (hotpath/ipc/messages.pxd)."""

    code: int

    def __new__(cls, name: str, code: int) -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.code = code
        return member


class OrderEventKind(CodedName):
    ROUTER_STARTED = ("ROUTER_STARTED", 1)
    NEW_SENT = ("NEW_SENT", 2)
    ACCEPTED = ("ACCEPTED", 3)
    REFUSED = ("REFUSED", 4)
    REJECTED = ("REJECTED", 5)
    REPLACE_SENT = ("REPLACE_SENT", 6)
    REPLACED = ("REPLACED", 7)
    CANCEL_SENT = ("CANCEL_SENT", 8)
    CANCELED = ("CANCELED", 9)
    EXECUTED = ("EXECUTED", 10)
    BROKEN = ("BROKEN", 11)
    MASS_CANCEL_SENT = ("MASS_CANCEL_SENT", 12)
    SESSION_UP = ("SESSION_UP", 13)
    SESSION_DOWN = ("SESSION_DOWN", 14)
    RECONCILED = ("RECONCILED", 15)
    ORDER_UNKNOWN = ("ORDER_UNKNOWN", 16)
    MODE = ("MODE", 17)
    CANCEL_PROOF = ("CANCEL_PROOF", 18)
    STRATEGY_LOST = ("STRATEGY_LOST", 19)
    CANCEL_PROOF_DONE = ("CANCEL_PROOF_DONE", 20)


class OrderState(CodedName):
    NONE = ("NONE", 0)
    PENDING_NEW = ("PENDING_NEW", 1)
    LIVE = ("LIVE", 2)
    PENDING_REPLACE = ("PENDING_REPLACE", 3)
    PENDING_CANCEL = ("PENDING_CANCEL", 4)
    FILLED = ("FILLED", 5)
    CANCELED = ("CANCELED", 6)
    REJECTED = ("REJECTED", 7)
    REPLACED = ("REPLACED", 8)
    UNKNOWN = ("UNKNOWN", 9)
    REFUSED = ("REFUSED", 10)


class RefusalReason(CodedName):
    """Why the risk gate or the router did not let an intent leave the host."""

    NONE = ("NONE", 0)
    KILLED = ("KILLED", 1)
    HALTED = ("HALTED", 2)
    REDUCE_ONLY = ("REDUCE_ONLY", 3)
    MAX_ORDER_SIZE = ("MAX_ORDER_SIZE", 4)
    MAX_NOTIONAL = ("MAX_NOTIONAL", 5)
    PRICE_COLLAR = ("PRICE_COLLAR", 6)
    POSITION_LIMIT = ("POSITION_LIMIT", 7)
    MESSAGE_RATE = ("MESSAGE_RATE", 8)
    DUPLICATE_ID = ("DUPLICATE_ID", 9)
    STALE_EPOCH = ("STALE_EPOCH", 10)
    SESSION_DOWN = ("SESSION_DOWN", 11)
    UNKNOWN_ORDER = ("UNKNOWN_ORDER", 12)
    INVALID = ("INVALID", 13)
    TOO_MANY_ORDERS = ("TOO_MANY_ORDERS", 14)
    AUDIT_FULL = ("AUDIT_FULL", 15)
    NO_REFERENCE_PRICE = ("NO_REFERENCE_PRICE", 16)


class TradingMode(CodedName):
    HALTED = ("HALTED", 0)
    REDUCING = ("REDUCING", 1)
    ACTIVE = ("ACTIVE", 2)


class RoleState(CodedName):
    STARTING = ("STARTING", 0)
    RECONCILING = ("RECONCILING", 1)
    STANDBY = ("STANDBY", 2)
    ACTIVE = ("ACTIVE", 3)
    DRAINING = ("DRAINING", 4)
    HALTED = ("HALTED", 5)


_Name = TypeVar("_Name", bound=CodedName)


def name_of(kind: type[_Name], code: int) -> _Name:
    """The member with this record code. Raises WireError for a code that the type does not know."""
    for member in kind:
        if member.code == code:
            return member
    raise WireError(f"{kind.__name__}: no name for code {code}; the record comes from another version of the engine")


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    host: Token
    role: Token
    environment: Token
    epoch: Unsigned
    sequence: Unsigned
    wall_ns: int


class OrderEventMessage(_Header, frozen=True, kw_only=True, tag="order_event", omit_defaults=True):
    """One record of the router's journal (struct OrderEvent), field by field.

    `reason` is the RefusalReason or TradingMode name for REFUSED and MODE, the OUCH cancel reason character for
    CANCELED, the reject code's low byte in decimal for REJECTED, else empty; `reason_code` is the raw byte.
    """

    kind: OrderEventKind
    state: OrderState = OrderState.NONE
    mono_ns: int = 0
    strategy_epoch: Unsigned = 0
    side: str = ""
    reason: str = ""
    reason_code: Unsigned = 0
    time_in_force: str = ""
    flags: Unsigned = 0
    locate: Unsigned = 0
    order_id: Unsigned = 0
    user_ref_num: Unsigned = 0
    orig_user_ref_num: Unsigned = 0
    orig_order_id: Unsigned = 0
    price: int = 0
    quantity: int = 0
    leaves: int = 0
    filled: int = 0
    last_price: int = 0
    last_quantity: int = 0
    match_number: Unsigned = 0
    order_reference_number: Unsigned = 0
    venue_sequence: Unsigned = 0
    venue_ns: int = 0
    position: int = 0
    tick_received_ns: int = 0
    sent_ns: int = 0
    symbol: str = ""
    session: str = ""
    cl_ord_id: str = ""

    @property
    def message_id(self) -> str:
        """The de-duplication key: the same record published twice is stored once."""
        return f"{self.host}:{self.role}:{self.epoch}:{self.sequence}"


class PositionMessage(_Header, frozen=True, kw_only=True, tag="position"):
    """The router's own position (struct PositionBlock)."""

    symbol: str
    event_sequence: Unsigned  # last order event it includes
    position: int
    bought: Unsigned
    sold: Unsigned
    bought_notional: int
    sold_notional: int
    open_buy: Unsigned
    open_sell: Unsigned
    open_orders: Unsigned


class LatencySummary(_Header, frozen=True, kw_only=True, tag="latency"):
    """Percentiles of one latency stage, ns, over everything recorded since `since_wall_ns`."""

    stage: Token
    count: Unsigned
    since_wall_ns: int
    min_ns: int
    mean_ns: int
    p50_ns: int
    p90_ns: int
    p99_ns: int
    p999_ns: int
    max_ns: int


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """One named condition of readiness with the reason it is open or shut."""

    name: Text
    ok: bool
    reason: Text = ""


class RoleStatus(_Header, frozen=True, kw_only=True, tag="status"):
    """What a role says of itself."""

    state: RoleState
    ready: bool
    pid: Unsigned
    heartbeat_age_ns: int
    gates: Annotated[tuple[Gate, ...], msgspec.Meta(max_length=MAX_GATES)] = ()
    counters: Annotated[dict[str, int], msgspec.Meta(max_length=MAX_COUNTERS)] = {}


class _Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`epoch` is the router epoch the issuer last heard of; a command for another one is refused, but for a Kill."""

    id: Token
    host: Token
    environment: Token
    issued_at_ns: Positive
    expires_at_ns: Positive
    epoch: Unsigned
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT)]
    issued_by: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class SetLimits(_Command, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="set_limits"):
    """Replaces all pre-trade limits at once: shares, Price(4) x shares, 1/100 of a percent, messages, orders."""

    max_order_quantity: Positive
    max_notional: Positive
    max_position: Unsigned
    collar_bps: Annotated[int, msgspec.Meta(gt=0, le=10_000)]
    max_messages_per_second: Positive
    max_open_orders: Positive


class Kill(_Command, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="kill"):
    """Latching: cancels everything and refuses every new order until a Rearm."""


class Rearm(_Command, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="rearm"):
    """Clears a kill. Only a person sends it."""


class SetMode(_Command, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="set_mode"):
    mode: TradingMode


class CommandRefusal(StrEnum):
    """Why a command was not applied."""

    MALFORMED = "MALFORMED"
    WRONG_TARGET = "WRONG_TARGET"
    EXPIRED = "EXPIRED"
    NOT_YET_VALID = "NOT_YET_VALID"
    LIFETIME_TOO_LONG = "LIFETIME_TOO_LONG"
    STALE_EPOCH = "STALE_EPOCH"
    FUTURE_EPOCH = "FUTURE_EPOCH"
    NO_EPOCH = "NO_EPOCH"
    DUPLICATE = "DUPLICATE"
    NOT_APPLICABLE = "NOT_APPLICABLE"


class CommandAccepted(msgspec.Struct, frozen=True, kw_only=True, tag="accepted"):
    """The command is in force: the control block carries it as `control_version`."""

    id: str
    host: Token
    role: Token
    epoch: Unsigned
    wall_ns: int
    control_version: Unsigned


class CommandRefused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """The command changed nothing. `epoch` is the receiver's, for a retry with open eyes."""

    id: str  # empty when the command did not decode
    host: Token
    role: Token
    epoch: Unsigned
    wall_ns: int
    code: CommandRefusal
    detail: Text


Telemetry = PositionMessage | LatencySummary | RoleStatus
Event = OrderEventMessage | PositionMessage | LatencySummary | RoleStatus
Command = SetLimits | Kill | Rearm | SetMode
CommandReply = CommandAccepted | CommandRefused

_encoder = msgspec.json.Encoder()
_order_event_decoder = msgspec.json.Decoder(OrderEventMessage)
_event_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_command_decoder: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)
_reply_decoder: msgspec.json.Decoder[CommandReply] = msgspec.json.Decoder(CommandReply)

_T = TypeVar("_T")


def encode(message: Event | Command | CommandReply) -> bytes:
    """The message as JSON with its type tag."""
    return _encoder.encode(message)


def _decode(decoder: msgspec.json.Decoder[_T], kind: str, data: bytes) -> _T:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WireError(f"{kind}: {error}") from error


def decode_order_event(data: bytes) -> OrderEventMessage:
    """Raises WireError naming the field."""
    return _decode(_order_event_decoder, "order event", data)


def decode_event(data: bytes) -> Event:
    """Raises WireError naming the field."""
    return _decode(_event_decoder, "event", data)


def decode_command(data: bytes) -> Command:
    """Raises WireError naming the field; unknown fields and unknown commands are refused."""
    return _decode(_command_decoder, "command", data)


def decode_reply(data: bytes) -> CommandReply:
    """Raises WireError naming the field."""
    return _decode(_reply_decoder, "command reply", data)
