"""Writes a report into a folder: results.json, results.md, plots.

`python -m benchmarks.publish FOLDER`: page and plots again, from the results.json that is there.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import plots
from benchmarks.report import JSON_FILE, write_json
from benchmarks.tables import MARKDOWN_FILE, as_markdown

HOW = "../benchmarks.md"
_OURS = re.compile(r"(latency|ratio)-[a-z0-9-]+\.png")


def publish(folder: Path, data: Mapping[str, Any], how: str | None) -> Path:
    """The page. how: link to what explains the works. Plots of an earlier report go. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / JSON_FILE, data)
    for file in folder.iterdir():
        if _OURS.fullmatch(file.name):
            file.unlink()
    try:
        drawn: Mapping[str, list[str]] = plots.draw(folder, data)
    except ImportError as error:
        print(f"no plots: {error}", file=sys.stderr)
        drawn = {}
    page = folder / MARKDOWN_FILE
    draft = page.with_name(f".{page.name}.{os.getpid()}")
    draft.write_text(as_markdown(data, drawn, how))
    draft.replace(page)
    return page


def main(folder: Path) -> None:
    data = json.loads((folder / JSON_FILE).read_text())
    how = HOW if (folder / HOW).exists() else None
    print(publish(folder, data, how))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
