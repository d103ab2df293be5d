"""The control block that the agent writes for the router: limits, mode and kill, durable over restarts.

A kill and a mode set by command survive the agent; limits set by command hold until the configured ones change.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from hotpath.config import Limits
from hotpath.ipc.layouts import CONTROL_BLOCK_SIZE, ControlBlock, TradingMode, encode_control_block
from hotpath.ipc.seqlock import SeqlockWriter

SEGMENT: Final = "control"


class ControlState(msgspec.Struct, frozen=True, kw_only=True):
    """What the block says, and the configured limits it was derived from."""

    configured: Limits
    limits: Limits
    version: int = 1
    epoch: int = 0  # of the command that made the last change
    mode: int = TradingMode.MODE_ACTIVE
    killed: bool = False
    rearms: int = 0  # Rearm commands ever applied; nothing else raises it


class ControlError(Exception):
    """The stored control state cannot be used; the text names the file and the fix."""


def load(path: Path, configured: Limits) -> ControlState:
    """The stored state under the configured limits. Raises ControlError: a lost kill must never go unnoticed."""
    try:
        stored = msgspec.json.decode(path.read_bytes(), type=ControlState)
    except FileNotFoundError:
        return ControlState(configured=configured, limits=configured)
    except (OSError, msgspec.DecodeError) as error:
        raise ControlError(
            f"{path}: {error}; it holds the kill latch, so decide by hand: delete it to start armed"
        ) from error
    if stored.configured != configured:
        return msgspec.structs.replace(stored, configured=configured, limits=configured, version=stored.version + 1)
    return stored


def save(path: Path, state: ControlState) -> None:
    """Durable before it returns."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(msgspec.json.encode(state))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def block(state: ControlState) -> ControlBlock:
    """The block as the router reads it. No lease is required until the control plane hands out risk budgets."""
    return ControlBlock(
        version=state.version,
        mode=state.mode,
        epoch=state.epoch,
        killed=int(state.killed),
        max_order_quantity=state.limits.max_order_quantity,
        max_notional=state.limits.max_notional,
        max_position=state.limits.max_position,
        collar_bps=state.limits.collar_bps,
        max_messages_per_second=state.limits.max_messages_per_second,
        max_open_orders=state.limits.max_open_orders,
        rearms=state.rearms,
    )


class Control:
    """Owns the block: every change is stored first, then shown to the router."""

    def __init__(self, path: Path, configured: Limits, shm_prefix: str) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.state = load(path, configured)
        save(path, self.state)
        initial = encode_control_block(block(self.state))
        self._writer = SeqlockWriter(shm_prefix, SEGMENT, CONTROL_BLOCK_SIZE, initial=initial)

    def change(self, epoch: int, **fields: object) -> ControlState:
        """Apply a command's fields. Returns the state that is now in force."""
        state = msgspec.structs.replace(self.state, version=self.state.version + 1, epoch=epoch, **fields)
        save(self._path, state)
        self.state = state
        self._writer.write_bytes(encode_control_block(block(state)))
        return state

    def beat(self) -> None:
        """Show the router that this block is being kept."""
        self._writer.beat()

    def close(self) -> None:
        self._writer.close()
