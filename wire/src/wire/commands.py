"""Whether a command may be applied now. Pure: the clock and the epoch come in as arguments."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import Final

from wire.messages import Command, CommandRefusal, Kill

MAX_LIFETIME_NS: Final = 300 * 1_000_000_000
MAX_CLOCK_SKEW_NS: Final = 2 * 1_000_000_000
REMEMBERED_IDS: Final = 4096


@dataclass(frozen=True, slots=True)
class Refusal:
    code: CommandRefusal
    detail: str


@dataclass(slots=True)
class CommandGate:
    """Refuses what is addressed elsewhere, expired, too long-lived, for another epoch, or already seen.

    An id is remembered until its command expires, so a replayed one is refused as a duplicate or as expired. A Kill
    is exempt from the epoch, the memory and its limit: it can only stop trading, repeating it changes nothing, and it
    must get through also while no router runs or another one than its sender knew.
    """

    host: str
    environment: str
    max_lifetime_ns: int = MAX_LIFETIME_NS
    max_clock_skew_ns: int = MAX_CLOCK_SKEW_NS
    remembered_ids: int = REMEMBERED_IDS
    accepted: int = 0
    refused: Counter[CommandRefusal] = field(default_factory=Counter)
    _seen: OrderedDict[str, int] = field(default_factory=OrderedDict)  # id -> expires_at_ns

    def check(self, command: Command, *, now_ns: int, epoch: int | None) -> Refusal | None:
        """None when the command may be applied (and its id is remembered), else why not (and it is counted).

        `now_ns` is wall clock ns; `epoch` the router's current fencing epoch, None while it is unknown.
        """
        refusal = self._refusal(command, now_ns, epoch)
        if refusal is None:
            self.accepted += 1
            if not isinstance(command, Kill):
                self._seen[command.id] = command.expires_at_ns
        else:
            self.refused[refusal.code] += 1
        return refusal

    def withdraw(self, command: Command) -> None:
        """An accepted command turned out not to apply: it counts as refused, and its id may be used again."""
        self.accepted -= 1
        self._seen.pop(command.id, None)
        self.refused[CommandRefusal.NOT_APPLICABLE] += 1

    def count_malformed(self) -> None:
        """A message on a command subject that did not decode."""
        self.refused[CommandRefusal.MALFORMED] += 1

    def _refusal(self, command: Command, now_ns: int, epoch: int | None) -> Refusal | None:
        if command.environment != self.environment or command.host != self.host:
            return Refusal(
                CommandRefusal.WRONG_TARGET,
                f"addressed to {command.environment}/{command.host}; this is {self.environment}/{self.host}",
            )
        lifetime = command.expires_at_ns - command.issued_at_ns
        if lifetime <= 0:
            return Refusal(CommandRefusal.EXPIRED, "expires_at_ns is not after issued_at_ns")
        if lifetime > self.max_lifetime_ns:
            return Refusal(
                CommandRefusal.LIFETIME_TOO_LONG,
                f"valid for {lifetime / 1e9:.3f} s; at most {self.max_lifetime_ns / 1e9:.3f} s is allowed",
            )
        if now_ns >= command.expires_at_ns:
            return Refusal(CommandRefusal.EXPIRED, f"expired {(now_ns - command.expires_at_ns) / 1e9:.3f} s ago")
        if command.issued_at_ns > now_ns + self.max_clock_skew_ns:
            return Refusal(
                CommandRefusal.NOT_YET_VALID,
                f"issued {(command.issued_at_ns - now_ns) / 1e9:.3f} s in the future; check the clocks of both hosts",
            )
        if isinstance(command, Kill):
            return None  # latches whoever runs: a kill sent while the router restarts must not be lost
        if epoch is None:
            return Refusal(CommandRefusal.NO_EPOCH, "the router's epoch is not known here: no router is running")
        if command.epoch < epoch:
            return Refusal(CommandRefusal.STALE_EPOCH, f"for epoch {command.epoch}; the router is in epoch {epoch}")
        if command.epoch > epoch:
            return Refusal(
                CommandRefusal.FUTURE_EPOCH,
                f"for epoch {command.epoch}; this router is in epoch {epoch} and may have been replaced",
            )
        self._forget(now_ns)
        if command.id in self._seen:
            return Refusal(CommandRefusal.DUPLICATE, f"command {command.id} was already applied")
        if len(self._seen) >= self.remembered_ids:
            return Refusal(
                CommandRefusal.NOT_APPLICABLE,
                f"{len(self._seen)} commands are still unexpired; wait for some to expire",
            )
        return None

    def _forget(self, now_ns: int) -> None:
        for command_id in [known for known, expires in self._seen.items() if expires <= now_ns]:
            del self._seen[command_id]
