"""The one subject tree: `ironlane.<environment>.<kind>.<host>.<role>[.<detail>]`.

Every token is checked, so that a name from settings can never widen a subject into a wildcard.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from wire import messages

ROOT: Final = "ironlane"

ORDER_EVENT: Final = "order-event"
POSITION: Final = "position"
LATENCY: Final = "latency"
STATUS: Final = "status"
COMMAND: Final = "command"

ORDER_ROUTER: Final = "order-router"

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")

_COMMAND_DETAIL: Final[dict[type, str]] = {
    messages.SetLimits: "set-limits",
    messages.Kill: "kill",
    messages.Rearm: "rearm",
    messages.SetMode: "set-mode",
}


class SubjectError(ValueError):
    """A token that may not stand in a subject; the text says which and why."""


def token(name: str, value: str) -> str:
    """`value` if it is one plain subject token. Raises SubjectError naming the token."""
    if not _TOKEN.match(value):
        raise SubjectError(
            f"{name}: {value!r} is not a subject token; use 1 to 64 letters, digits, '-' or '_' (no dot, no wildcard)"
        )
    return value


@dataclass(frozen=True, slots=True)
class Subjects:
    """Subjects of one environment."""

    environment: str

    def __post_init__(self) -> None:
        token("environment", self.environment)

    def _subject(self, kind: str, host: str, role: str, *detail: str) -> str:
        parts = [ROOT, self.environment, kind, token("host", host), token("role", role)]
        parts += [token("detail", part) for part in detail]
        return ".".join(parts)

    def order_event(self, host: str, role: str = ORDER_ROUTER) -> str:
        return self._subject(ORDER_EVENT, host, role)

    def position(self, host: str, role: str = ORDER_ROUTER) -> str:
        return self._subject(POSITION, host, role)

    def latency(self, host: str, role: str, stage: str) -> str:
        return self._subject(LATENCY, host, role, stage)

    def status(self, host: str, role: str) -> str:
        return self._subject(STATUS, host, role)

    def command(self, host: str, command: type[messages.Command], role: str = ORDER_ROUTER) -> str:
        """Where a command of this type goes: the type is in the subject so that permissions can tell them apart."""
        return self._subject(COMMAND, host, role, _COMMAND_DETAIL[command])

    def commands_for(self, host: str) -> str:
        """What the agent of one host subscribes to."""
        return f"{ROOT}.{self.environment}.{COMMAND}.{token('host', host)}.>"

    def for_event(self, message: messages.Event) -> str:
        """The subject an event is published on, from its own header."""
        if message.environment != self.environment:
            raise SubjectError(f"environment: a message of {message.environment!r} on the bus of {self.environment!r}")
        match message:
            case messages.OrderEventMessage():
                return self.order_event(message.host, message.role)
            case messages.PositionMessage():
                return self.position(message.host, message.role)
            case messages.LatencySummary():
                return self.latency(message.host, message.role, message.stage)
            case messages.RoleStatus():
                return self.status(message.host, message.role)

    def all_of(self, kind: str) -> str:
        """Every subject of one kind in this environment."""
        return f"{ROOT}.{self.environment}.{token('kind', kind)}.>"

    @property
    def everything(self) -> str:
        return f"{ROOT}.{self.environment}.>"


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """One row of the documentation table."""

    subject: str
    message: tuple[type, ...]
    publisher: str
    subscribers: str
    delivery: str


def table() -> tuple[SubjectRow, ...]:
    """The whole tree, for the docs."""
    prefix = f"{ROOT}.<environment>"
    commands = tuple(
        SubjectRow(
            f"{prefix}.{COMMAND}.<host>.{ORDER_ROUTER}.{detail}",
            (kind,),
            "operator",
            "agent of that host",
            "request, answered by CommandAccepted or CommandRefused",
        )
        for kind, detail in _COMMAND_DETAIL.items()
    )
    return (
        SubjectRow(
            f"{prefix}.{ORDER_EVENT}.<host>.{ORDER_ROUTER}",
            (messages.OrderEventMessage,),
            "agent",
            "OMS (stream ORDER_EVENTS)",
            "JetStream, file, 3 replicas; at least once, de-duplicated by host:role:epoch:sequence",
        ),
        SubjectRow(
            f"{prefix}.{POSITION}.<host>.{ORDER_ROUTER}",
            (messages.PositionMessage,),
            "agent",
            "operator",
            "at most once, numbered",
        ),
        SubjectRow(
            f"{prefix}.{LATENCY}.<host>.<role>.<stage>",
            (messages.LatencySummary,),
            "agent",
            "operator",
            "at most once, numbered",
        ),
        SubjectRow(
            f"{prefix}.{STATUS}.<host>.<role>",
            (messages.RoleStatus,),
            "agent",
            "operator",
            "at most once, numbered",
        ),
        *commands,
    )
