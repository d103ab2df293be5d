"""How far the agent has published, as remembered on disk."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hotpath.agent.journal_publisher import JournalPublisher


@pytest.mark.parametrize(("content", "published"), [(None, 0), ("17", 17), ("", 0), ("1\x00", 0)])
def test_a_mark_that_cannot_be_read_starts_over(tmp_path: Path, content: str | None, published: int) -> None:
    mark = tmp_path / "published"
    if content is not None:
        mark.write_text(content)
    publisher: Any = SimpleNamespace(state=SimpleNamespace(acked_token=0))
    assert JournalPublisher(tmp_path, mark, publisher, "here", "test").read == published
