"""Counts of each operation stream from one run under callgrind.

Callgrind simulates: its counts do not depend on the machine's load, nor on its processor beyond the architecture.
Instructions are those executed, branch mispredictions those of its model of a predictor (`--branch-sim`). Of every
stream N and 2N operations are counted, the difference is N operations without what happens once.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.gate.compare import Cost
from benchmarks.gate.streams import COUNTS, MARKS

_LIMIT_S = 600
_MARK = "ironlane_gate_mark"
_TAIL = 2000


class CallgrindError(Exception):
    """Callgrind failed, or did not write what was expected; the text says what."""


def version() -> str | None:
    """None: valgrind is not there."""
    if shutil.which("valgrind") is None:
        return None
    done = subprocess.run(["valgrind", "--version"], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip() or None


def measure(libraries: Path, folder: Path) -> dict[str, Cost]:
    """Cost per operation of each stream; folder takes callgrind's files. Raises CallgrindError."""
    for old in folder.glob("counts*"):
        old.unlink()
    command = ["valgrind", "--tool=callgrind", "--branch-sim=yes", f"--dump-before={_MARK}"]
    command += ["--combine-dumps=no", f"--callgrind-out-file={folder / 'counts'}", "--quiet"]
    command += [sys.executable, "-P", "-m", "benchmarks.gate.streams", str(libraries)]
    env = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        raise CallgrindError(f"callgrind took longer than {_LIMIT_S} s") from None
    if done.returncode != 0:
        raise CallgrindError(f"callgrind exited {done.returncode}: {done.stderr[-_TAIL:]}")
    if json.loads(done.stdout) != COUNTS:
        raise CallgrindError(f"the streams said {done.stdout.strip()!r}")
    costs = {}
    for place, (name, count) in enumerate(COUNTS.items()):
        once, twice = (_totals(folder / f"counts.{MARKS * place + dump}") for dump in (2, 4))
        costs[name] = Cost(*((two - one) / count for one, two in zip(once, twice, strict=True)))
    return costs


def _totals(file: Path) -> tuple[int, int]:
    """(instructions, mispredicted branches) of one dump."""
    try:
        text = file.read_text()
    except OSError as error:
        raise CallgrindError(f"{file}: {error.strerror}: is {_MARK} still called at every mark?") from None
    events, totals = (_line(text, name, file).split() for name in ("events", "totals"))
    counts = dict(zip(events, map(int, totals), strict=False))
    return counts["Ir"], counts.get("Bcm", 0) + counts.get("Bim", 0)


def _line(text: str, name: str, file: Path) -> str:
    found = re.search(rf"^{name}:(.*)$", text, re.MULTILINE)
    if found is None:
        raise CallgrindError(f"{file}: no {name}")
    return found.group(1)


def hot_spots(folder: Path, stream: str, most: int = 8) -> list[str]:
    """Where the stream spends its instructions, callees left out: a first look at what became slower."""
    own = own_costs((folder / f"counts.{MARKS * list(COUNTS).index(stream) + 4}").read_text())
    total = sum(own.values())
    ranked = sorted(own.items(), key=lambda item: -item[1])[:most]
    return [f"{100 * count / total:5.1f} %  {name}" for name, count in ranked]


def own_costs(dump: str) -> dict[str, int]:
    """Instructions by function, from callgrind's file format: a name is written once, then only its number."""
    names: dict[str, str] = {}
    costs: dict[str, int] = {}
    function, callee = "", False
    for line in dump.splitlines():
        if line.startswith("fn="):
            number, _, name = line[3:].partition(" ")
            function = names.setdefault(number, name) if name else names.get(number, number)
        elif line.startswith("cfn="):
            number, _, name = line[4:].partition(" ")
            if name:
                names[number] = name
        elif line.startswith("calls="):
            callee = True  # the next line is what the callee took
        elif line[:1] in ("+", "-", "*") or line[:1].isdigit():
            fields = line.split()
            if not callee and len(fields) > 1:
                costs[function] = costs.get(function, 0) + int(fields[1])
            callee = False
    return costs
