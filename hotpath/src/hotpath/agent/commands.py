"""Commands from the bus: checked for target, expiry, epoch and repetition, then applied to the control block."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from hotpath.agent.control import Control, ControlState
from hotpath.config import Limits
from hotpath.process import RoleLog
from wire.commands import CommandGate
from wire.messages import (
    Command,
    CommandAccepted,
    CommandRefusal,
    CommandRefused,
    CommandReply,
    Kill,
    Rearm,
    SetLimits,
    SetMode,
    WireError,
    decode_command,
)

ROLE = "agent"


class CommandHandler:
    """Turns one message into a reply; `router_epoch` is None while no router runs."""

    def __init__(
        self, gate: CommandGate, control: Control, router_epoch: Callable[[], int | None], kill_file: Path, log: RoleLog
    ) -> None:
        self.gate = gate
        self._kill_file = kill_file
        self._log = log
        self._control = control
        self._router_epoch = router_epoch

    def handle(self, data: bytes) -> CommandReply:
        """Apply or refuse; the reply says which and why."""
        epoch, now_ns = self._router_epoch(), time.time_ns()
        try:
            command = decode_command(data)
        except WireError as error:
            self.gate.count_malformed()
            return self._refused("", epoch, now_ns, CommandRefusal.MALFORMED, str(error))
        refusal = self.gate.check(command, now_ns=now_ns, epoch=epoch)
        if refusal is not None:
            self._log.warning("command-refused", id=command.id, code=refusal.code.value, detail=refusal.detail)
            return self._refused(command.id, epoch, now_ns, refusal.code, refusal.detail)
        if isinstance(command, Rearm) and self._kill_file.exists():
            detail = f"{self._kill_file} exists; remove it first, then re-arm"
            self.gate.withdraw(command)
            self._log.warning("command-refused", id=command.id, code=CommandRefusal.NOT_APPLICABLE.value, detail=detail)
            return self._refused(command.id, epoch, now_ns, CommandRefusal.NOT_APPLICABLE, detail)
        state = self._control.change(command.epoch, **_fields(command, self._control.state))
        kind = type(command).__name__
        self._log.warning(
            "command-applied",
            id=command.id,
            kind=kind,
            by=command.issued_by,
            reason=command.reason,
            version=state.version,
        )
        return CommandAccepted(
            id=command.id, host=self.gate.host, role=ROLE, epoch=epoch or 0, wall_ns=now_ns,
            control_version=state.version,
        )  # fmt: skip

    def _refused(self, id_: str, epoch: int | None, now_ns: int, code: CommandRefusal, detail: str) -> CommandRefused:
        return CommandRefused(
            id=id_, host=self.gate.host, role=ROLE, epoch=epoch or 0, wall_ns=now_ns, code=code, detail=detail[:512]
        )


def _fields(command: Command, state: ControlState) -> dict[str, object]:
    match command:
        case Kill():
            return {"killed": True}
        case Rearm():
            return {"killed": False, "rearms": state.rearms + 1}
        case SetMode():
            return {"mode": command.mode.code}
        case SetLimits():
            return {
                "limits": Limits(
                    max_order_quantity=command.max_order_quantity,
                    max_notional=command.max_notional,
                    max_position=command.max_position,
                    collar_bps=command.collar_bps,
                    max_messages_per_second=command.max_messages_per_second,
                    max_open_orders=command.max_open_orders,
                )
            }
