"""JetStream streams and consumers: what they must look like, and making it so without a race.

Definitions are data; `ensure_stream` and `ensure_consumer` create what is missing, update what differs and may be
updated, and refuse (StreamError) what differs in a way the server cannot change in place.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

import msgspec

from wire.subjects import LATENCY, ORDER_EVENT, POSITION, STATUS, Subjects

ORDER_EVENTS: Final = "ORDER_EVENTS"
TELEMETRY: Final = "TELEMETRY"
LEASES: Final = "LEASES"
OMS_CONSUMER: Final = "oms"

API: Final = "$JS.API"
MAX_MESSAGE_BYTES: Final = 4096
_NS: Final = 1_000_000_000

_STREAM_NOT_FOUND: Final = 10059
_CONSUMER_NOT_FOUND: Final = 10014
_FIXED_STREAM_KEYS: Final = ("storage", "retention")
_FIXED_CONSUMER_KEYS: Final = ("deliver_policy", "ack_policy", "replay_policy")


class StreamError(Exception):
    """A stream or consumer that cannot be made as defined; the text names it, the key and the fix."""


class ApiError(Exception):
    """An error reply of the JetStream API."""

    def __init__(self, subject: str, code: int, err_code: int, description: str) -> None:
        super().__init__(f"{subject}: {description} (code {code}, err_code {err_code})")
        self.code = code
        self.err_code = err_code
        self.description = description


class StreamLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How much a stream keeps. At `max_bytes` new events are refused, and wait in the publisher's journal."""

    replicas: int = 3
    max_bytes: int = 1_073_741_824
    max_age_s: int = 604_800
    duplicate_window_s: int = 120

    def __post_init__(self) -> None:
        if self.replicas not in (1, 3, 5):
            raise ValueError(f"replicas: {self.replicas}; use 1, 3 or 5 (an even number adds no fault tolerance)")
        if self.max_bytes < 16 * MAX_MESSAGE_BYTES:
            raise ValueError(f"max_bytes: {self.max_bytes} is less than {16 * MAX_MESSAGE_BYTES}")
        if not 1 <= self.duplicate_window_s <= self.max_age_s:
            raise ValueError(
                f"duplicate_window_s: {self.duplicate_window_s} is not between 1 and max_age_s ({self.max_age_s})"
            )


class ConsumerLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Delivery to a durable pull consumer."""

    ack_wait_s: int = 30
    max_ack_pending: int = 4096
    max_waiting: int = 16

    def __post_init__(self) -> None:
        for name in ("ack_wait_s", "max_ack_pending", "max_waiting"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)} is less than 1")


def _bounds(limits: StreamLimits) -> dict[str, Any]:
    """What every stream of ours has."""
    return {
        "retention": "limits",
        "num_replicas": limits.replicas,
        "max_bytes": limits.max_bytes,
        "max_msg_size": MAX_MESSAGE_BYTES,
        "max_msgs": -1,
        "max_consumers": 16,
        "duplicate_window": limits.duplicate_window_s * _NS,
    }


def order_events_stream(environment: str, limits: StreamLimits) -> dict[str, Any]:
    """The ORDER_EVENTS stream as the JetStream API takes it.

    A full stream refuses new events instead of dropping old ones, nobody may delete or purge, and the same
    `Nats-Msg-Id` within the duplicate window is stored once.
    """
    return {
        **_bounds(limits),
        "name": ORDER_EVENTS,
        "description": "Order events of every router, in the order each wrote them",
        "subjects": [Subjects(environment).all_of(ORDER_EVENT)],
        "storage": "file",
        "discard": "new",
        "max_age": limits.max_age_s * _NS,
        "deny_delete": True,
        "deny_purge": True,
        "allow_direct": False,
    }


def telemetry_stream(environment: str, limits: StreamLimits) -> dict[str, Any]:
    """The TELEMETRY stream: the last while of what hosts say of themselves, in memory, the oldest dropped first.

    What it holds is not worth a disk write: it may be lost with the servers, and must not slow the order events.
    """
    tree = Subjects(environment)
    return {
        **_bounds(limits),
        "name": TELEMETRY,
        "description": "Latencies, positions and role states, for who looks a little later",
        "subjects": [tree.all_of(kind) for kind in (LATENCY, POSITION, STATUS)],
        "storage": "memory",
        "discard": "old",
        "max_age": limits.max_age_s * _NS,
        "allow_direct": True,
    }


def leases_bucket(limits: StreamLimits) -> dict[str, Any]:
    """The key-value bucket LEASES as the stream that it is: who holds which fencing epoch, compare-and-set only.

    No direct reads: a replica may answer one with what has been overwritten. A key can be given a time to live, whose
    end leaves a marker.
    """
    return {
        **_bounds(limits),
        "name": f"KV_{LEASES}",
        "description": "Holders of fencing epochs",
        "subjects": [f"$KV.{LEASES}.>"],
        "storage": "file",
        "discard": "new",
        "max_msgs_per_subject": 8,
        "allow_rollup_hdrs": True,
        "allow_msg_ttl": True,
        "subject_delete_marker_ttl": 60 * _NS,
        "deny_delete": True,
        "allow_direct": False,
    }


class BusLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How much each stream keeps."""

    order_events: StreamLimits = StreamLimits()
    telemetry: StreamLimits = StreamLimits(max_bytes=268_435_456, max_age_s=3600)
    leases: StreamLimits = StreamLimits(max_bytes=16_777_216)


def declared(environment: str, limits: BusLimits) -> tuple[dict[str, Any], ...]:
    """Every stream and bucket of the bus; all exist before a program needs them."""
    return (
        order_events_stream(environment, limits.order_events),
        telemetry_stream(environment, limits.telemetry),
        leases_bucket(limits.leases),
    )


def oms_consumer(limits: ConsumerLimits, durable: str = OMS_CONSUMER) -> dict[str, Any]:
    """The OMS's durable pull consumer: everything from the start, each message acknowledged by itself."""
    return {
        "name": durable,
        "durable_name": durable,
        "description": "OMS: order events into the database",
        "deliver_policy": "all",
        "ack_policy": "explicit",
        "replay_policy": "instant",
        "ack_wait": limits.ack_wait_s * _NS,
        "max_deliver": -1,
        "max_ack_pending": limits.max_ack_pending,
        "max_waiting": limits.max_waiting,
    }


class Requester(Protocol):
    """What of a bus client is needed here."""

    async def request(self, subject: str, payload: bytes = b"", *, timeout: float = 2.0) -> bytes: ...


async def api_request(bus: Requester, subject: str, body: Any = None, *, timeout: float = 2.0) -> dict[str, Any]:
    """One JetStream API call. Raises ApiError for an error reply, and what `bus.request` raises."""
    full = f"{API}.{subject}"
    reply = await bus.request(full, b"" if body is None else msgspec.json.encode(body), timeout=timeout)
    answer: dict[str, Any] = msgspec.json.decode(reply, type=dict[str, Any])
    error = answer.get("error")
    if error:
        raise ApiError(full, error.get("code", 0), error.get("err_code", 0), error.get("description", "no description"))
    return answer


def _differences(wanted: dict[str, Any], actual: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    # the server leaves out keys that have their zero value
    return {
        key: (actual.get(key), value)
        for key, value in wanted.items()
        if actual.get(key, type(value)()) != value and not (value in (-1, 0) and actual.get(key, -1) in (-1, 0))
    }


def _refuse_fixed(what: str, differences: dict[str, tuple[Any, Any]], fixed: tuple[str, ...]) -> None:
    for key in fixed:
        if key in differences:
            actual, wanted = differences[key]
            raise StreamError(
                f"{what}: {key} is {actual!r} but must be {wanted!r}, which the server cannot change in place; "
                f"remove it by hand once its content is no longer needed"
            )


async def ensure_stream(bus: Requester, wanted: dict[str, Any]) -> dict[str, Any]:
    """The stream's info after creating or updating it as needed. Raises StreamError, ApiError and bus errors."""
    name = wanted["name"]
    try:
        info = await api_request(bus, f"STREAM.INFO.{name}")
    except ApiError as error:
        if error.err_code != _STREAM_NOT_FOUND:
            raise
        # a second creator with the same definition gets the existing stream back
        return await api_request(bus, f"STREAM.CREATE.{name}", wanted, timeout=5.0)
    differences = _differences(wanted, info["config"])
    if not differences:
        return info
    _refuse_fixed(f"stream {name}", differences, _FIXED_STREAM_KEYS)
    return await api_request(bus, f"STREAM.UPDATE.{name}", {**info["config"], **wanted}, timeout=5.0)


async def ensure_consumer(bus: Requester, stream: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """The durable consumer's info after creating or updating it. Raises StreamError, ApiError and bus errors."""
    name = wanted["durable_name"]
    action = "create"
    try:
        info = await consumer_info(bus, stream, name)
    except ApiError as error:
        if error.err_code != _CONSUMER_NOT_FOUND:
            raise
    else:
        differences = _differences(wanted, info["config"])
        if not differences:
            return info
        _refuse_fixed(f"consumer {stream}/{name}", differences, _FIXED_CONSUMER_KEYS)
        action = "update"
    body = {"stream_name": stream, "config": wanted, "action": action}
    return await api_request(bus, f"CONSUMER.CREATE.{stream}.{name}", body, timeout=5.0)


async def consumer_info(bus: Requester, stream: str, consumer: str) -> dict[str, Any]:
    """Raises ApiError when it does not exist, and bus errors."""
    return await api_request(bus, f"CONSUMER.INFO.{stream}.{consumer}")
