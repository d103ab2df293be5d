"""Which stored events may be applied now. Pure.

A source numbers its events without a gap, on over its epochs. Events behind a gap are held until it closes. Three
things break the rule and are reported, never passed over: an event of an epoch that has been replaced, a second event
under a number that was already applied, and a new epoch that starts below what was applied (its journal lost its end).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wire.messages import OrderEventMessage

STALE_EPOCH = "stale_epoch"
LATE = "late"
REWIND = "rewind"


@dataclass(slots=True)
class Cursor:
    """How far one (host, role) has been applied."""

    host: str
    role: str
    epoch: int = 0
    applied: int = 0
    highest: int = 0

    @property
    def gap(self) -> bool:
        return self.highest > self.applied


@dataclass(slots=True)
class Step:
    """What to do with new events: apply these in this order; report these."""

    apply: list[OrderEventMessage] = field(default_factory=list)
    incidents: list[tuple[str, OrderEventMessage, str]] = field(default_factory=list)


def advance(cursor: Cursor, events: list[OrderEventMessage]) -> Step:
    """Moves the cursor over what is contiguous; `events` are new to the store, of this source, in any order."""
    step = Step()
    for event in sorted(events, key=lambda each: (each.epoch, each.sequence)):
        if event.epoch < cursor.epoch:
            step.incidents.append(
                (STALE_EPOCH, event, f"written in epoch {event.epoch}, after epoch {cursor.epoch} had begun")
            )
            continue
        if event.sequence <= cursor.applied:
            if event.epoch == cursor.epoch:
                step.incidents.append(
                    (LATE, event, f"events up to {cursor.applied} of this epoch were applied without it")
                )
                continue
            detail = (
                f"epoch {event.epoch} begins at {event.sequence}, but {cursor.applied} was applied in epoch "
                f"{cursor.epoch}: the router's journal lost its end"
            )
            step.incidents.append((REWIND, event, detail))
            cursor.epoch, cursor.applied = event.epoch, event.sequence - 1
            cursor.highest = cursor.applied
        cursor.highest = max(cursor.highest, event.sequence)
        if event.sequence == cursor.applied + 1:
            cursor.epoch, cursor.applied = event.epoch, event.sequence
            step.apply.append(event)
    return step
