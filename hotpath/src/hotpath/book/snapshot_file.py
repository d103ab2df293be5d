"""Snapshots of a book in files: written whole or not at all, read within the limits of the book."""

from __future__ import annotations

import os
from pathlib import Path

from hotpath.book.matching_engine import MatchingEngine
from hotpath.book.order_book import OrderBook
from hotpath.book.snapshot import SnapshotError, SnapshotInfo, largest_snapshot, restore, snapshot


def save(path: Path, book: OrderBook | MatchingEngine, *, symbol: str = "", position: int = 0) -> int:
    """Replaces the file by a snapshot that is on the disk when this returns; returns its bytes.

    Arguments as for snapshot.snapshot(). Raises SnapshotError and OSError; the file is then what it was before.
    """
    data = snapshot(book, symbol=symbol, position=position)
    draft = path.with_name(f"{path.name}.new")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return len(data)


def load(path: Path, book: OrderBook | MatchingEngine, *, symbol: str | None = None) -> SnapshotInfo:
    """Puts the snapshot in the file on the empty book.

    Raises SnapshotError, naming the file, for one that cannot be used (the book stays empty), and OSError.
    """
    limit = largest_snapshot(book)
    with path.open("rb") as file:
        data = file.read(limit + 1)
    try:
        if len(data) > limit:
            raise SnapshotError(f"more than the {limit} bytes that this book can hold (max_orders {book.max_orders})")
        return restore(book, data, symbol=symbol)
    except SnapshotError as error:
        raise SnapshotError(f"{path}: {error}") from None
