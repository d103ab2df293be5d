"""`python -m fuzzing.prepare COVERAGE FOLDER`: writes every target's seeds below FOLDER, prints the targets' names."""

from __future__ import annotations

import sys
from pathlib import Path

from fuzzing import tracer


def main(coverage: str, folder: Path) -> int:
    tracer.load(coverage)
    from fuzzing.seeds import name_of, seeds
    from fuzzing.targets import TARGETS

    for target, inputs in seeds().items():
        own = folder / target
        own.mkdir(parents=True, exist_ok=True)
        for data in inputs:
            (own / name_of(data)).write_bytes(data)
    print(*TARGETS, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
