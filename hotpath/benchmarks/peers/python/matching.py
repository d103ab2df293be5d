"""Drives a matching engine through an order flow: packed `Command` structs of `benchmarks/native/order_flow.pxd`."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from benchmarks.peers.python.measuring import Answer, each, each_timed, latency, throughput

NEW, IOC, CANCEL, MOVE = 1, 2, 3, 4
_COMMAND = struct.Struct("<QQqIIHBBI")


class Command(NamedTuple):
    kind: int
    order_id: int
    is_buy: bool
    price: int  # Price(4)
    quantity: int


class Engine(Protocol):
    """A library behind the three calls that all of them have in some form."""

    def enter(self, order_id: int, is_buy: bool, price: int, quantity: int, ioc: bool) -> None: ...

    def cancel(self, order_id: int) -> bool:
        """False: the order is not known, or gone."""
        ...

    def left(self, order_id: int) -> int:
        """Open shares of an order that rests."""
        ...

    def observed(self) -> Mapping[str, int]: ...


def read_commands(file: Path, count: int) -> list[Command]:
    """The first count commands. Raises ValueError when there are fewer."""
    with file.open("rb") as stream:
        data = stream.read(count * _COMMAND.size)
    if len(data) != count * _COMMAND.size:
        raise ValueError(f"{file}: {len(data)} bytes, expected {count} commands of {_COMMAND.size}")
    return [
        Command(kind, order_id, side == 66, price, quantity)
        for _, _, price, order_id, quantity, _, kind, side, _ in _COMMAND.iter_unpack(data)
    ]


class MatchingSession:
    """A new engine for every round. None of the libraries can move an order: that is a cancel and a new one."""

    def __init__(self, opening: Mapping[str, Any], engine: Callable[[], Engine]) -> None:
        self._operations: int = opening["operations"]
        prefill: int = opening["prefill"]
        commands = read_commands(Path(opening["file"]), prefill + self._operations)
        self._prefill, self._timed = commands[:prefill], commands[prefill:]
        self._engine = engine

    def throughput(self) -> Answer:
        engine, unknown, execute = self._prefilled()
        times = each(execute, self._timed)
        return throughput(times, {**engine.observed(), "unknown_cancels": len(unknown)}, self._operations)

    def latency(self) -> Answer:
        engine, unknown, execute = self._prefilled()
        samples = each_timed(execute, self._timed)
        return latency(samples, {**engine.observed(), "unknown_cancels": len(unknown)}, self._operations)

    def _prefilled(self) -> tuple[Engine, list[int], Callable[[Command], None]]:
        engine = self._engine()
        unknown: list[int] = []
        enter, cancel, left = engine.enter, engine.cancel, engine.left

        def execute(command: Command) -> None:
            kind, order_id, is_buy, price, quantity = command
            if kind == MOVE:
                quantity = left(order_id)
                cancel(order_id)
                enter(order_id, is_buy, price, quantity, False)
            elif kind == CANCEL:
                if not cancel(order_id):
                    unknown.append(order_id)
            else:
                enter(order_id, is_buy, price, quantity, kind == IOC)

        for command in self._prefill:
            execute(command)
        return engine, unknown, execute
