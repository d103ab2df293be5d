"""Every reason for which a command is refused, and that only those are."""

from __future__ import annotations

import pytest

from wire.commands import CommandGate
from wire.messages import Command, CommandRefusal, Kill, Rearm

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND


def rearm(kind: type[Rearm] | type[Kill] = Rearm, **changes: object) -> Command:
    values: dict[str, object] = {
        "id": "c1", "host": "h1", "environment": "local", "issued_at_ns": NOW - SECOND,
        "expires_at_ns": NOW + 10 * SECOND, "epoch": 5, "reason": "test", "issued_by": "me", **changes,
    }  # fmt: skip
    return kind(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "epoch", "code"),
    [
        ({}, 5, None),
        ({"host": "h2"}, 5, CommandRefusal.WRONG_TARGET),
        ({"environment": "prod"}, 5, CommandRefusal.WRONG_TARGET),
        ({"expires_at_ns": NOW}, 5, CommandRefusal.EXPIRED),
        ({"expires_at_ns": NOW - SECOND}, 5, CommandRefusal.EXPIRED),
        ({"expires_at_ns": NOW + 1}, 5, None),
        ({"expires_at_ns": NOW + 3600 * SECOND}, 5, CommandRefusal.LIFETIME_TOO_LONG),
        ({"issued_at_ns": NOW + 2 * SECOND}, 5, None),
        ({"issued_at_ns": NOW + 2 * SECOND + 1}, 5, CommandRefusal.NOT_YET_VALID),
        ({"epoch": 4}, 5, CommandRefusal.STALE_EPOCH),
        ({"epoch": 6}, 5, CommandRefusal.FUTURE_EPOCH),
        ({}, None, CommandRefusal.NO_EPOCH),
    ],
)
def test_each_reason(changes: dict[str, object], epoch: int | None, code: CommandRefusal | None) -> None:
    gate = CommandGate("h1", "local")
    refusal = gate.check(rearm(**changes), now_ns=NOW, epoch=epoch)
    assert (refusal.code if refusal else None) == code
    assert gate.accepted == (code is None)
    assert sum(gate.refused.values()) == (code is not None)
    if refusal:
        assert gate.refused[refusal.code] == 1
        assert refusal.detail


@pytest.mark.parametrize("epoch", [None, 4, 5, 6])
def test_a_kill_is_for_every_epoch(epoch: int | None) -> None:
    gate = CommandGate("h1", "local")
    assert gate.check(rearm(Kill, epoch=5), now_ns=NOW, epoch=epoch) is None
    assert gate.check(rearm(Kill, epoch=0), now_ns=NOW, epoch=epoch) is None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"host": "h2"}, CommandRefusal.WRONG_TARGET),
        ({"environment": "prod"}, CommandRefusal.WRONG_TARGET),
        ({"expires_at_ns": NOW}, CommandRefusal.EXPIRED),
        ({"expires_at_ns": NOW + 3600 * SECOND}, CommandRefusal.LIFETIME_TOO_LONG),
        ({"issued_at_ns": NOW + 2 * SECOND + 1}, CommandRefusal.NOT_YET_VALID),
    ],
)
def test_a_kill_still_needs_target_and_time(changes: dict[str, object], code: CommandRefusal) -> None:
    refusal = CommandGate("h1", "local").check(rearm(Kill, **changes), now_ns=NOW, epoch=None)
    assert refusal is not None
    assert refusal.code is code


def test_a_replayed_command_is_refused_until_it_expires_and_then_because_it_did() -> None:
    gate = CommandGate("h1", "local")
    assert gate.check(rearm(), now_ns=NOW, epoch=5) is None
    again = gate.check(rearm(), now_ns=NOW + SECOND, epoch=5)
    assert again is not None
    assert again.code is CommandRefusal.DUPLICATE
    late = gate.check(rearm(), now_ns=NOW + 11 * SECOND, epoch=5)
    assert late is not None
    assert late.code is CommandRefusal.EXPIRED


def test_a_refused_command_may_be_sent_again_under_its_id() -> None:
    gate = CommandGate("h1", "local")
    assert gate.check(rearm(epoch=4), now_ns=NOW, epoch=5) is not None
    assert gate.check(rearm(epoch=5), now_ns=NOW, epoch=5) is None


def test_memory_is_bounded_and_a_kill_gets_through() -> None:
    gate = CommandGate("h1", "local", remembered_ids=2)
    for number in range(2):
        assert gate.check(rearm(id=f"c{number}"), now_ns=NOW, epoch=5) is None
    full = gate.check(rearm(id="c9"), now_ns=NOW, epoch=5)
    assert full is not None
    assert full.code is CommandRefusal.NOT_APPLICABLE
    for _ in range(2):
        assert gate.check(rearm(Kill, id="k"), now_ns=NOW, epoch=5) is None
    later = NOW + 20 * SECOND
    fresh = rearm(id="c9", issued_at_ns=later - SECOND, expires_at_ns=later + SECOND)
    assert gate.check(fresh, now_ns=later, epoch=5) is None
