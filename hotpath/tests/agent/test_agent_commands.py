"""Commands to the control block: what is applied, what is refused, what survives a restart."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hotpath.agent.commands import CommandHandler
from hotpath.agent.control import Control, ControlError
from hotpath.config import Limits
from hotpath.ipc.layouts import CONTROL_BLOCK_SIZE, ControlBlock, decode_control_block
from hotpath.ipc.segment import remove_segments
from hotpath.ipc.seqlock import SeqlockReader
from hotpath.process import RoleLog
from wire.commands import CommandGate
from wire.messages import (
    CommandAccepted,
    CommandRefusal,
    CommandRefused,
    Kill,
    Rearm,
    SetLimits,
    SetMode,
    TradingMode,
    encode,
)

LIMITS = Limits(
    max_order_quantity=100, max_notional=10**9, max_position=500, collar_bps=500, max_messages_per_second=50,
    max_open_orders=4,
)  # fmt: skip
EPOCH = 7


@pytest.fixture
def prefix() -> Iterator[str]:
    name = f"test-{uuid.uuid4().hex[:12]}"
    yield name
    remove_segments(name)


def command(kind: type, **changes: Any) -> bytes:
    now = time.time_ns()
    fields = {
        "id": uuid.uuid4().hex, "host": "h", "environment": "test", "issued_at_ns": now,
        "expires_at_ns": now + 5_000_000_000, "epoch": EPOCH, "reason": "test", "issued_by": "tester",
    }  # fmt: skip
    return encode(kind(**(fields | changes)))


class Setup:
    def __init__(self, path: Path, prefix: str, epoch: int | None = EPOCH) -> None:
        self.prefix = prefix
        self.control = Control(path / "control.json", LIMITS, prefix)
        gate = CommandGate(host="h", environment="test")
        self.kill_file = path / "KILL"
        self.handler = CommandHandler(gate, self.control, lambda: epoch, self.kill_file, RoleLog("agent"))

    def block(self) -> ControlBlock:
        data = SeqlockReader(self.prefix, "control", CONTROL_BLOCK_SIZE).read_bytes()
        assert data is not None
        return decode_control_block(data)


def test_the_first_block_carries_the_configured_limits(tmp_path: Path, prefix: str) -> None:
    block = Setup(tmp_path, prefix).block()
    assert (block.max_order_quantity, block.max_open_orders, block.killed) == (100, 4, 0)
    assert block.mode == TradingMode.ACTIVE.code


def test_a_kill_reaches_the_router_and_survives_the_agent(tmp_path: Path, prefix: str) -> None:
    setup = Setup(tmp_path, prefix)
    assert isinstance(setup.handler.handle(command(Kill)), CommandAccepted)
    assert setup.block().killed == 1
    again = Setup(tmp_path, prefix)
    assert again.block().killed == 1, "a restarted agent must not re-arm"
    assert isinstance(again.handler.handle(command(Rearm)), CommandAccepted)
    assert again.block().killed == 0


def test_only_a_rearm_counts_as_one_and_the_count_survives_the_agent(tmp_path: Path, prefix: str) -> None:
    setup = Setup(tmp_path, prefix)
    limits = command(
        SetLimits, max_order_quantity=10, max_notional=1, max_position=0, collar_bps=1, max_messages_per_second=1,
        max_open_orders=1,
    )  # fmt: skip
    for data in (limits, command(SetMode, mode=TradingMode.ACTIVE), command(Kill), command(Kill)):
        assert isinstance(setup.handler.handle(data), CommandAccepted)
        assert setup.block().rearms == 0
    setup.handler.handle(command(Rearm))
    assert setup.block().rearms == 1
    again = Setup(tmp_path, prefix)
    assert again.block().rearms == 1
    again.handler.handle(command(Rearm))
    assert again.block().rearms == 2


def test_a_rearm_is_refused_while_the_kill_file_is_there(tmp_path: Path, prefix: str) -> None:
    setup = Setup(tmp_path, prefix)
    setup.handler.handle(command(Kill))
    setup.kill_file.touch()
    before, rearm = setup.block(), command(Rearm)
    reply = setup.handler.handle(rearm)
    assert isinstance(reply, CommandRefused)
    assert reply.code == CommandRefusal.NOT_APPLICABLE
    assert str(setup.kill_file) in reply.detail
    assert setup.block() == before
    assert (setup.handler.gate.accepted, setup.handler.gate.refused.total()) == (1, 1)
    setup.kill_file.unlink()
    assert isinstance(setup.handler.handle(rearm), CommandAccepted)
    assert setup.block().killed == 0


def test_limits_and_mode_apply_at_once(tmp_path: Path, prefix: str) -> None:
    setup = Setup(tmp_path, prefix)
    limits = command(
        SetLimits, max_order_quantity=10, max_notional=1, max_position=0, collar_bps=1, max_messages_per_second=1,
        max_open_orders=1,
    )  # fmt: skip
    assert isinstance(setup.handler.handle(limits), CommandAccepted)
    assert isinstance(setup.handler.handle(command(SetMode, mode=TradingMode.REDUCING)), CommandAccepted)
    block = setup.block()
    assert (block.max_order_quantity, block.max_position, block.mode) == (10, 0, TradingMode.REDUCING.code)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"epoch": EPOCH - 1}, CommandRefusal.STALE_EPOCH),
        ({"epoch": EPOCH + 1}, CommandRefusal.FUTURE_EPOCH),
        ({"host": "other"}, CommandRefusal.WRONG_TARGET),
        ({"issued_at_ns": 1, "expires_at_ns": 2}, CommandRefusal.EXPIRED),
    ],
)
def test_stale_or_misdirected_commands_change_nothing(
    tmp_path: Path, prefix: str, changes: dict[str, Any], code: CommandRefusal
) -> None:
    setup = Setup(tmp_path, prefix)
    before = setup.block()
    reply = setup.handler.handle(command(Rearm, **changes))
    assert isinstance(reply, CommandRefused)
    assert reply.code == code
    assert setup.block() == before


def test_without_a_router_only_a_kill_is_applied(tmp_path: Path, prefix: str) -> None:
    setup = Setup(tmp_path, prefix, epoch=None)
    for kind, more in ((Rearm, {}), (SetMode, {"mode": TradingMode.HALTED})):
        reply = setup.handler.handle(command(kind, **more))
        assert isinstance(reply, CommandRefused)
        assert reply.code == CommandRefusal.NO_EPOCH
    assert isinstance(setup.handler.handle(command(Kill)), CommandAccepted)
    assert setup.block().killed == 1
    assert Setup(tmp_path, prefix, epoch=None).block().killed == 1


def test_garbage_is_answered_and_counted(tmp_path: Path, prefix: str) -> None:
    setup = Setup(tmp_path, prefix)
    reply = setup.handler.handle(b"\xff{")
    assert isinstance(reply, CommandRefused)
    assert reply.code == CommandRefusal.MALFORMED
    assert setup.handler.gate.refused[CommandRefusal.MALFORMED] == 1


def test_new_configured_limits_win_over_commanded_ones_but_not_over_a_kill(tmp_path: Path, prefix: str) -> None:
    setup = Setup(tmp_path, prefix)
    setup.handler.handle(command(Kill))
    changed = Limits(
        max_order_quantity=99,
        max_notional=1,
        max_position=1,
        collar_bps=1,
        max_messages_per_second=1,
        max_open_orders=1,
    )
    state = Control(tmp_path / "control.json", changed, prefix).state
    assert state.limits.max_order_quantity == 99
    assert state.killed


def test_an_unreadable_latch_is_never_taken_for_armed(tmp_path: Path, prefix: str) -> None:
    (tmp_path / "control.json").write_text("{")
    with pytest.raises(ControlError, match="decide by hand"):
        Setup(tmp_path, prefix)
