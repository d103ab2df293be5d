"""`kill`, `rearm`, `mode`, `limits`: one typed command of a person to the order router, over NATS, and the answer.

The agent of the host applies or refuses it. No answer is an error: whether the command arrived is then unknown.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from cli.platform import PlatformError
from cli.pulumi import Stack
from cli.status import http_json
from stacks.settings import from_file, price4
from wire.client import BusError, BusSettings, connected
from wire.messages import (
    Command,
    CommandAccepted,
    Kill,
    Rearm,
    SetLimits,
    SetMode,
    TradingMode,
    WireError,
    decode_command,
    decode_reply,
    encode,
)
from wire.subjects import Subjects

USER = "operator"
LIFETIME_NS = 10 * 1_000_000_000
CONNECT_S = 5.0
ANSWER_S = 5.0
EFFECT_S = 3.0
POLL_S = 0.05
GATE = "not_killed"
LIMIT_OPTIONS = (
    "max_order_quantity", "max_notional", "max_position", "collar_bps", "max_messages_per_second", "max_open_orders",
)  # fmt: skip


@dataclass(frozen=True)
class Target:
    """Where one stack's commands go."""

    environment: str
    host: str
    servers: tuple[str, ...]
    password_file: Path
    agent_url: str
    kill_file: Path

    def status(self) -> dict[str, Any] | None:
        """The agent's /status; None while it does not answer."""
        code, body = http_json(f"{self.agent_url}/status")
        return body if code == 200 and isinstance(body, dict) else None


def target_of(stack: Stack) -> Target:
    """From the settings that were applied last. Raises SettingsError."""
    settings = from_file(stack.applied_file)
    return Target(
        environment=settings.environment,
        host=stack.run_dir.name,
        servers=tuple(f"nats://127.0.0.1:{port}" for port in settings.ports.nats_client),
        password_file=stack.run_dir / "secrets" / f"nats-{USER}",
        agent_url=f"http://127.0.0.1:{settings.ports.agent}",
        kill_file=stack.run_dir / "KILL",
    )


def router_epoch(status: dict[str, Any] | None) -> int | None:
    """The running router's fencing epoch; None when no router runs or nobody tells."""
    router = _router(status)
    return int(router["epoch"]) if router is not None and router["alive"] else None


def _router(status: dict[str, Any] | None) -> dict[str, Any] | None:
    router = (status or {}).get("roles", {}).get("order-router")
    return router if isinstance(router, dict) else None


def _gate(status: dict[str, Any] | None) -> dict[str, Any] | None:
    router = _router(status)
    if router is None or not router["alive"]:
        return None
    return next((gate for gate in router["gates"] if gate["name"] == GATE), None)


def _header(target: Target, args: argparse.Namespace, epoch: int) -> dict[str, Any]:
    now = time.time_ns()
    return {
        "id": uuid.uuid4().hex, "host": target.host, "environment": target.environment, "issued_at_ns": now,
        "expires_at_ns": now + LIFETIME_NS, "epoch": epoch, "reason": args.reason, "issued_by": args.by,
    }  # fmt: skip


def send(target: Target, command: Command) -> CommandAccepted:
    """The agent's acceptance. Raises PlatformError with its reason when it refused, or when no answer came."""
    try:
        decode_command(encode(command))
    except WireError as error:
        raise PlatformError(f"not sent: {error}") from None
    try:
        password = target.password_file.read_text("ascii").strip()
    except OSError as error:
        raise PlatformError(f"{target.password_file}: {error.strerror}; is the stack up (`make up`)?") from None
    bus = BusSettings(servers=target.servers, user=USER, password=password, name=f"cli-{command.issued_by}")
    subject = Subjects(target.environment).command(target.host, type(command))

    async def ask() -> bytes:
        async with connected(bus, timeout=CONNECT_S) as client:
            return await client.request(subject, encode(command), timeout=ANSWER_S)

    try:
        reply = decode_reply(asyncio.run(ask()))
    except (BusError, WireError) as error:
        way_out = f"; to stop without NATS and agent: touch {target.kill_file}" if isinstance(command, Kill) else ""
        raise PlatformError(f"no answer, so whether it was applied is unknown: {error}{way_out}") from None
    if not isinstance(reply, CommandAccepted):
        raise PlatformError(f"refused by the {reply.role} of {reply.host}: {reply.code}: {reply.detail}")
    return reply


def _bound_epoch(target: Target) -> int:
    """The running router's epoch, without which no command but a kill is sent."""
    status = target.status()
    if status is None:
        raise PlatformError(f"not sent: the agent does not answer at {target.agent_url}/status; see `make status`")
    epoch = router_epoch(status)
    if epoch is None:
        raise PlatformError("not sent: no order router runs, and this command is for a running one; see `make status`")
    return epoch


def _accepted(reply: CommandAccepted) -> None:
    print(
        f"accepted by the {reply.role} of {reply.host}: control version {reply.control_version},"
        f" router epoch {reply.epoch or 'none'}"
    )


def _await_gate(target: Target, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
    """The router's gate once it is as wanted, or as it was last seen; None when no router told."""
    deadline = time.monotonic() + EFFECT_S
    while True:
        gate = _gate(target.status())
        if (gate is not None and wanted(gate)) or time.monotonic() >= deadline:
            return gate
        time.sleep(POLL_S)


def issue_kill(target: Target, args: argparse.Namespace) -> int:
    """Sent whatever runs: a kill is taken in any epoch."""
    status = target.status()
    _accepted(send(target, Kill(**_header(target, args, router_epoch(status) or 0))))
    gate = _await_gate(target, lambda gate: not gate["ok"])
    if gate is None:
        print("no order router runs; the next one starts killed")
    elif gate["ok"]:
        raise PlatformError(f"the router does not show the kill after {EFFECT_S:g} s; touch {target.kill_file}")
    else:
        print("the router is killed: it cancels everything and refuses new orders until `rearm`")
    return 0


def issue_rearm(target: Target, args: argparse.Namespace) -> int:
    _accepted(send(target, Rearm(**_header(target, args, _bound_epoch(target)))))
    gate = _await_gate(target, lambda gate: bool(gate["ok"]))
    if gate is None:
        raise PlatformError("the router went away; send it again once `make status` shows one")
    if not gate["ok"]:
        raise PlatformError(f"the router is still latched: {gate['reason']}; send it again")
    print("the router is re-armed")
    return 0


def issue_mode(target: Target, args: argparse.Namespace) -> int:
    mode = TradingMode[args.mode.upper()]
    _accepted(send(target, SetMode(**_header(target, args, _bound_epoch(target)), mode=mode)))
    return 0


def issue_limits(target: Target, args: argparse.Namespace) -> int:
    """Limits that are not named stay as they are: the command always carries all of them."""
    epoch = _bound_epoch(target)
    changed = {name: value for name in LIMIT_OPTIONS if (value := getattr(args, name)) is not None}
    if not changed:
        raise PlatformError("not sent: name at least one limit, for example --max-position 500")
    now = (target.status() or {}).get("control", {}).get("limits")
    if now is None:
        raise PlatformError("not sent: the agent does not tell the limits in force")
    limits = {name: int(now[name]) for name in LIMIT_OPTIONS} | changed
    _accepted(send(target, SetLimits(**_header(target, args, epoch), **limits)))
    for name, value in limits.items():
        print(f"  {name} {value}" + (f" (was {now[name]})" if value != now[name] else ""))
    return 0


def _dollars(text: str) -> int:
    """Dollars as price units x shares."""
    try:
        return price4(Decimal(text))
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount in dollars") from None


def _percent(text: str) -> int:
    try:
        return int(Decimal(text) * 100)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text!r} is not a percentage") from None


def add_commands(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Declare the four commands with `add(name, help, handler)`."""

    def declare(
        name: str, help_text: str, issue: Callable[[Target, argparse.Namespace], int]
    ) -> argparse.ArgumentParser:
        parser = add(name, help_text, lambda stack, args: issue(target_of(stack), args))
        parser.add_argument("--reason", required=True, help="why; goes into the agent's log")
        parser.add_argument("--by", default=getpass.getuser(), help="who (default: the user of this shell)")
        return parser

    declare("kill", "Cancel everything and refuse every new order until `rearm`.", issue_kill)
    declare("rearm", "Clear a kill; the kill file must be gone.", issue_rearm)
    mode = declare("mode", "Change the trading mode.", issue_mode)
    mode.add_argument("mode", choices=[mode.value.lower() for mode in TradingMode])
    limits = declare("limits", "Change pre-trade limits until the configured ones change.", issue_limits)
    limits.add_argument("--max-order-quantity", type=int, metavar="SHARES")
    limits.add_argument("--max-notional", type=_dollars, metavar="DOLLARS", help="per order")
    limits.add_argument("--max-position", type=int, metavar="SHARES")
    limits.add_argument("--collar-percent", type=_percent, dest="collar_bps", metavar="PERCENT")
    limits.add_argument("--max-messages-per-second", type=int, metavar="N")
    limits.add_argument("--max-open-orders", type=int, metavar="N")
