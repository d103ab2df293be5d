"""Least-privilege subject lists, one per role that connects to the bus.

The subjects are those of the wire package, spelled out here because components ship artifacts and import no program;
a test compares the two. Replies come back under `_INBOX_<user>.`, which only that user may read.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

ROOT = "ironlane"
ORDER_EVENTS = "ORDER_EVENTS"
OPERATOR = "operator"
COMMANDERS = (OPERATOR, "risk-engine")  # who sends commands, and so is answered
TOKEN = r"^[A-Za-z0-9_-]{1,64}$"

Token = Annotated[str, Field(pattern=TOKEN)]

_SUBJECT = re.compile(r"[\x21-\x7e]+\Z")


class Responses(BaseModel):
    """A responder may answer a request it received: this many messages, within this time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    maximum: int = Field(default=1, ge=1, le=1000)
    expires: str = Field(default="10s", pattern=r"^\d+(ms|s|m)$")


class Permissions(BaseModel):
    """What one user may publish and subscribe to; nothing else."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # an empty list would allow everything
    publish: tuple[str, ...] = Field(min_length=1)
    subscribe: tuple[str, ...] = Field(min_length=1)
    responses: Responses | None = None

    def model_post_init(self, _context: object) -> None:
        for subject in (*self.publish, *self.subscribe):
            if not _SUBJECT.match(subject) or ".." in subject or subject.strip(".") != subject:
                raise ValueError(f"{subject!r} is not a subject")


def inbox(user: str) -> str:
    """Where this user's replies arrive."""
    return f"_INBOX_{user}.>"


def agent(environment: str, host: str, user: str) -> Permissions:
    """The agent of one host: its own events out, its own commands in."""
    own = [f"{ROOT}.{environment}.{kind}.{host}.>" for kind in ("order-event", "position", "latency", "status")]
    return Permissions(
        publish=tuple(own),
        subscribe=(f"{ROOT}.{environment}.command.{host}.>", inbox(user)),
        responses=Responses(),
    )


def leaf(environment: str, host: str, agent_user: str) -> Permissions:
    """What may cross between the cluster and the leaf node of one host: what its agent may say and hear."""
    own = agent(environment, host, agent_user)
    # answers to commands cross as plain messages: the agent itself may only answer what it was asked
    return Permissions(publish=(*own.publish, *(inbox(user) for user in COMMANDERS)), subscribe=own.subscribe)


def declarer(user: str, streams: tuple[str, ...]) -> Permissions:
    """Makes and updates these streams; reads no message and deletes nothing."""
    api = "$JS.API"
    actions = ("INFO", "CREATE", "UPDATE")
    return Permissions(
        publish=tuple(f"{api}.STREAM.{action}.{name}" for name in streams for action in actions),
        subscribe=(inbox(user),),
    )


def oms(user: str, durable: str = "oms") -> Permissions:
    """The OMS: makes its stream and its consumer, pulls, acknowledges."""
    api = "$JS.API"
    return Permissions(
        publish=(
            f"{api}.STREAM.INFO.{ORDER_EVENTS}",
            f"{api}.STREAM.CREATE.{ORDER_EVENTS}",
            f"{api}.STREAM.UPDATE.{ORDER_EVENTS}",
            f"{api}.CONSUMER.INFO.{ORDER_EVENTS}.{durable}",
            f"{api}.CONSUMER.CREATE.{ORDER_EVENTS}.{durable}",
            f"{api}.CONSUMER.MSG.NEXT.{ORDER_EVENTS}.{durable}",
            f"$JS.ACK.{ORDER_EVENTS}.{durable}.>",
            # the second form of acknowledgement subjects names domain and account hash first
            f"$JS.ACK.*.*.{ORDER_EVENTS}.{durable}.>",
        ),
        subscribe=(inbox(user),),
    )


def reader(user: str, stream: str) -> Permissions:
    """Makes a durable consumer of its own name on one stream, pulls and acknowledges; writes nothing."""
    api = "$JS.API"
    return Permissions(
        publish=(
            f"{api}.STREAM.INFO.{stream}",
            f"{api}.CONSUMER.INFO.{stream}.{user}",
            f"{api}.CONSUMER.CREATE.{stream}.{user}",
            f"{api}.CONSUMER.MSG.NEXT.{stream}.{user}",
            f"$JS.ACK.{stream}.{user}.>",
            # the second form of acknowledgement subjects names domain and account hash first
            f"$JS.ACK.*.*.{stream}.{user}.>",
        ),
        subscribe=(inbox(user),),
    )


def risk_engine(environment: str, user: str) -> Permissions:
    """Hears orders and positions of every host, hands out limits and modes, kills; re-arming is left to people."""
    commands = f"{ROOT}.{environment}.command.*.*"
    return Permissions(
        publish=tuple(f"{commands}.{command}" for command in ("set-limits", "set-mode", "kill")),
        subscribe=(f"{ROOT}.{environment}.order-event.>", f"{ROOT}.{environment}.position.>", inbox(user)),
    )


def nothing_yet(user: str) -> Permissions:
    """A program whose subjects are not defined: it can connect."""
    return Permissions(publish=(inbox(user),), subscribe=(inbox(user),))


def operator(environment: str, user: str) -> Permissions:
    """A person at the admin command line: reads everything, sends commands, changes no stream."""
    api = "$JS.API"
    return Permissions(
        publish=(
            f"{ROOT}.{environment}.command.>",
            f"{api}.INFO",
            f"{api}.STREAM.NAMES",
            f"{api}.STREAM.LIST",
            f"{api}.STREAM.INFO.*",
            f"{api}.STREAM.MSG.GET.*",
            f"{api}.CONSUMER.NAMES.*",
            f"{api}.CONSUMER.LIST.*",
            f"{api}.CONSUMER.INFO.*.*",
        ),
        subscribe=(f"{ROOT}.{environment}.>", inbox(user)),
    )


def sys(user: str) -> Permissions:
    """Monitoring in the system account: reads server events and asks for statistics, reconfigures nothing."""
    return Permissions(
        publish=(
            "$SYS.REQ.SERVER.PING",
            "$SYS.REQ.SERVER.PING.>",
            "$SYS.REQ.SERVER.*.VARZ",
            "$SYS.REQ.SERVER.*.HEALTHZ",
            "$SYS.REQ.SERVER.*.JSZ",
        ),
        subscribe=("$SYS.SERVER.>", "$SYS.ACCOUNT.*.SERVER.CONNS", inbox(user)),
    )
