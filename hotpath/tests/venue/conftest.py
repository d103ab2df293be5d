from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from venue_support import LocalVenue, Row, VenueChild, make_config, remove_shared_memory, write_rows

StartVenue = Callable[..., LocalVenue]


@pytest.fixture(autouse=True)
def shared_memory_removed() -> Iterator[None]:
    yield
    remove_shared_memory()


@pytest.fixture
def start_venue(tmp_path: Path) -> Iterator[StartVenue]:
    """Start a venue in this process; `rows` become its replay file."""
    started: list[LocalVenue] = []

    def start(rows: Sequence[Row] | None = None, serve_admin: bool = False, **changes: Any) -> LocalVenue:
        if rows is not None:
            file = write_rows(tmp_path / "flow.csv", rows)
            changes["flow"] = {"file": str(file), **changes.get("flow", {})}
        venue = LocalVenue(make_config(tmp_path, **changes), serve_admin=serve_admin)
        started.append(venue)
        return venue.start()

    yield start
    for venue in started:
        venue.close()


@pytest.fixture
def venue_child(tmp_path: Path) -> Iterator[Callable[[dict[str, Any]], VenueChild]]:
    """Start `hotpath run venue` as a process."""
    children: list[VenueChild] = []

    def start(config: dict[str, Any]) -> VenueChild:
        child = VenueChild(tmp_path, config)
        children.append(child)
        return child.start()

    yield start
    for child in children:
        child.close()
