"""Sessions that measure start and recovery: a large book from a snapshot or by replay, and the roles after SIGKILL."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.contender import QUANTILES, Machine, OpenSession, Round, Work
from benchmarks.native.recovery import SYMBOL, OrderStream, replay_into_book, replay_into_engine
from benchmarks.role_chain import ROLES, RoleChain
from hotpath.book import snapshot_file
from hotpath.book.matching_engine import MatchingEngine
from hotpath.book.order_book import OrderBook

Book = OrderBook | MatchingEngine
_TITLE = "book of many orders rebuilt from nothing"
_OWNERS = 9
_ROWS_PER_SECOND = 10_000
_CASES = {
    "recovery-book-snapshot": ("feed's book from its snapshot file", "book-from-snapshot"),
    "recovery-book-replay": ("feed's book by replay of its ITCH messages", "book-by-replay"),
    "recovery-book-engine-snapshot": ("matching engine from its snapshot file", "engine-from-snapshot"),
    "recovery-book-engine-replay": ("matching engine by replay of its operations", "engine-by-replay"),
}


@dataclass(frozen=True)
class BookInput:
    """The stream, and the room of a book for what it leaves resting."""

    stream: OrderStream
    max_orders: int


def _new_book(payload: BookInput) -> OrderBook:
    return OrderBook(payload.max_orders)


def _new_engine(payload: BookInput) -> MatchingEngine:
    return MatchingEngine(payload.max_orders, max_owners=_OWNERS, event_capacity=4096)


def book_works(orders: int) -> Mapping[str, Callable[[], Work]]:
    """The stream is made once."""
    made: list[BookInput] = []

    def payload() -> BookInput:
        if not made:
            made.append(BookInput(OrderStream(orders), orders + orders // 16))
        return made[0]

    def make(name: str) -> Callable[[], Work]:
        case, kind = _CASES[name]

        def work() -> Work:
            stream = payload().stream
            statistics = {"orders": orders, "messages_replayed": stream.messages, "itch_bytes": len(stream.data)}
            return Work(
                name,
                _TITLE,
                kind,
                "books",
                1,
                {"resting_orders": stream.expected["resting_orders"], **_tops(stream.expected), "same_digest": 1},
                payload(),
                statistics if name == next(iter(_CASES)) else {},
                group="recovery-book",
                case=case,
            )

        return work

    return {name: make(name) for name in _CASES}


def _tops(expected: Mapping[str, int]) -> dict[str, int]:
    return {name: expected[name] for name in ("best_bid", "best_ask")}


class _Rebuild:
    """A fresh book in every round; its memory comes untouched from the kernel, as in a process just started."""

    in_process = True

    def __init__(self, work: Work, new: Callable[[BookInput], Any], replay: Callable[[Any, bytes], int]) -> None:
        self._payload: BookInput = work.payload
        self._new = new
        self._replay = replay
        self._original = self._replayed()
        self._digest: int = self._original.digest()

    def _replayed(self) -> Any:
        book = self._new(self._payload)
        self._replay(book, self._payload.stream.data)
        return book

    def _counts(self, book: Book) -> dict[str, int]:
        bid, ask = book.top_of_book()
        return {
            "resting_orders": len(book),
            "best_bid": bid.price if bid else 0,
            "best_ask": ask.price if ask else 0,
            "same_digest": int(book.digest() == self._digest),
        }

    def latency(self) -> None:
        return None

    def close(self) -> None:
        pass


class _ByReplay(_Rebuild):
    def throughput(self) -> Round:
        began = time.perf_counter_ns()
        book = self._replayed()
        took = time.perf_counter_ns() - began
        return Round(took, self._counts(book))


class _FromSnapshot(_Rebuild):
    def __init__(
        self, work: Work, machine: Machine, new: Callable[[BookInput], Any], replay: Callable[[Any, bytes], int]
    ) -> None:
        super().__init__(work, new, replay)
        self._path: Path = machine.scratch / f"{work.name}.snapshot"

    def throughput(self) -> Round:
        began = time.perf_counter_ns()
        size = snapshot_file.save(self._path, self._original, symbol=SYMBOL, position=self._payload.stream.messages)
        saved = time.perf_counter_ns()
        book = self._new(self._payload)
        snapshot_file.load(self._path, book, symbol=SYMBOL)
        took = time.perf_counter_ns() - saved
        figures = {"snapshot_bytes_per_order": size / len(book), "save_ms": (saved - began) / 1e6}
        return Round(took, self._counts(book), figures=figures)

    def close(self) -> None:
        self._path.unlink(missing_ok=True)


# ---- roles -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ChainInput:
    """rows: what the venue has replayed before anything is killed."""

    flow: Mapping[str, Any]
    rows: int


def role_works(rows: int) -> Mapping[str, Callable[[], Work]]:
    """rows: of generated flow that the venue has behind it before anything is killed; it goes on meanwhile."""
    payload = ChainInput({"speed": 0.0, "max_rows_per_second": _ROWS_PER_SECOND, "seed": 1}, rows)
    statistics = {"flow_rows_per_second": _ROWS_PER_SECOND, "flow_rows_before_a_kill": rows}

    def make(name: str, case: str) -> tuple[str, Callable[[], Work]]:
        return name, lambda: Work(
            name,
            "roles as processes: start to ready",
            name,
            "starts",
            1,
            {"roles_ready": len(ROLES)},
            payload,
            statistics,
            group="recovery-roles",
            case=case,
        )

    return dict(
        [
            make("recovery-roles-cold-start", "whole chain from nothing, one role after the other"),
            make("recovery-roles-kill", "SIGKILL until ready again, the slowest role"),
        ]
    )


def _single(ns: int) -> dict[str, int]:
    """A distribution of one."""
    return dict.fromkeys(QUANTILES, ns)


class _Chain:
    in_process = False

    def __init__(self, work: Work, machine: Machine) -> None:
        self._input: ChainInput = work.payload
        # this process waits meanwhile, so its CPU is free for them too
        cpus = {cpu for cpu in (machine.cpu, machine.peer_cpu) if cpu is not None}
        self._chain = RoleChain(machine.scratch / work.name, dict(self._input.flow), cpus)

    def latency(self) -> None:
        return None

    def close(self) -> None:
        self._chain.close()


class _ColdStart(_Chain):
    def throughput(self) -> Round:
        self._chain.wipe()
        began = time.perf_counter_ns()
        took = self._chain.start_all()
        whole = time.perf_counter_ns() - began
        ready = self._chain.check()
        return Round(whole, {"roles_ready": ready}, stages={role: _single(ns) for role, ns in took.items()})


class _Kill(_Chain):
    """The venue has a book, a flow position and a ledger to come back to; the router a journal."""

    def __init__(self, work: Work, machine: Machine) -> None:
        super().__init__(work, machine)
        self._chain.start_all()
        deadline = time.monotonic() + 60
        while self._chain.counter("venue", "flow_rows") < self._input.rows:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the venue has not replayed {self._input.rows} rows in 60 s")
            time.sleep(0.01)

    def throughput(self) -> Round:
        took = {}
        for role in ROLES:
            took[role] = self._chain.restart_killed(role)
            self._chain.wait_ready()
        figures = {f"{role.replace('-', '_')}_ms": ns / 1e6 for role, ns in took.items()}
        return Round(max(took.values()), {"roles_ready": self._chain.check()}, figures=figures)


SESSIONS: Mapping[str, OpenSession] = {
    "book-from-snapshot": lambda work, machine: _FromSnapshot(work, machine, _new_book, replay_into_book),
    "book-by-replay": lambda work, machine: _ByReplay(work, _new_book, replay_into_book),
    "engine-from-snapshot": lambda work, machine: _FromSnapshot(work, machine, _new_engine, replay_into_engine),
    "engine-by-replay": lambda work, machine: _ByReplay(work, _new_engine, replay_into_engine),
    "recovery-roles-cold-start": _ColdStart,
    "recovery-roles-kill": _Kill,
}
