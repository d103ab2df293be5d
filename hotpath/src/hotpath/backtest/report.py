"""What a backtest leaves behind: orders.csv, fills.csv, equity.csv, summary.json. Money is in Price(4) x shares."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import msgspec

from hotpath.backtest.rows import EventRow, SampleRow
from hotpath.backtest.simulation import EVENT_COLUMNS
from wire.average_cost import AverageCost

FILL_COLUMNS = ("time_ns", "order_id", "side", "price", "quantity", "match_number", "position", "realised")
EQUITY_COLUMNS = ("time_ns", "position", "mid", "realised", "unrealised", "total")
_EXECUTED = "executed"


class Equity(msgspec.Struct, frozen=True):
    """One point of the equity curve."""

    time_ns: int
    position: int
    mid_x2: int
    realised: int
    unrealised: int

    @property
    def total(self) -> int:
        return self.realised + self.unrealised


class Report:
    """Writes the files as the simulation goes on. Raises OSError."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.book = AverageCost()
        self.fills = 0
        self.events: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.cancels: Counter[str] = Counter()
        self.rejections: Counter[str] = Counter()
        self._digest = hashlib.sha256()
        self._files: list[IO[str]] = []
        self._orders = self._open("orders.csv")
        self._fills = self._writer("fills.csv", FILL_COLUMNS)
        self._equity = self._writer("equity.csv", EQUITY_COLUMNS)
        self._write_orders(",".join(EVENT_COLUMNS) + "\n")

    def __enter__(self) -> Report:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files:
            file.close()

    @property
    def digest(self) -> str:
        """SHA-256 of orders.csv."""
        return self._digest.hexdigest()

    def add(self, events: list[EventRow], samples: list[SampleRow]) -> None:
        """Events and samples since the last call, in order."""
        waiting = iter(samples)
        sample = next(waiting, None)
        for event in events:
            while sample is not None and sample[4] < event[0]:
                self._add_sample(sample)
                sample = next(waiting, None)
            self._add_event(event)
        while sample is not None:
            self._add_sample(sample)
            sample = next(waiting, None)

    def write_summary(self, summary: dict[str, Any]) -> None:
        text = json.dumps(summary, indent=2) + "\n"
        (self.folder / "summary.json").write_text(text, encoding="utf-8")

    def _add_event(self, event: EventRow) -> None:
        self._write_orders(",".join(map(str, event)) + "\n")
        _, time_ns, kind, order_id, _, _, _, side, *_ = event
        reason = event[17]
        self.events[kind] += 1
        if kind == _EXECUTED:
            price, quantity, match_number, position = event[14], event[15], event[16], event[19]
            realised = self.book.apply(side, price, quantity)
            self.fills += 1
            self._fills.writerow((time_ns, order_id, side, price, quantity, match_number, position, realised))
        elif kind == "refused":
            self.refusals[reason] += 1
        elif kind == "canceled":
            self.cancels[reason] += 1
        elif kind == "rejected":
            self.rejections[reason] += 1

    def _add_sample(self, sample: SampleRow) -> None:
        point = self.mark(sample[0], sample[3])
        mid = _half(point.mid_x2)
        self._equity.writerow(
            (point.time_ns, point.position, mid, point.realised, _half(2 * point.unrealised), _half(2 * point.total))
        )

    def mark(self, time_ns: int, mid_x2: int) -> Equity:
        """The position at a mid; a position without any mid yet is worth what it cost."""
        quantity = self.book.quantity
        unrealised = 0
        if mid_x2 and quantity:
            value = abs(quantity) * mid_x2 // 2
            unrealised = value - self.book.cost if quantity > 0 else self.book.cost - value
        return Equity(time_ns, quantity, mid_x2, self.book.realised, unrealised)

    def _write_orders(self, line: str) -> None:
        self._orders.write(line)
        self._digest.update(line.encode("ascii"))

    def _open(self, name: str) -> IO[str]:
        file = (self.folder / name).open("w", encoding="ascii", newline="")
        self._files.append(file)
        return file

    def _writer(self, name: str, columns: tuple[str, ...]) -> Any:
        writer = csv.writer(self._open(name), lineterminator="\n")
        writer.writerow(columns)
        return writer


def _half(doubled: int) -> str:
    """Exact: whole units, with .5 where a mid lies between two."""
    sign = "-" if doubled < 0 else ""
    whole, rest = divmod(abs(doubled), 2)
    return f"{sign}{whole}{'.5' if rest else ''}"
