"""One target under libFuzzer: `python -m fuzzing COVERAGE TARGET -- libFuzzer options and corpus folders`.

Runs with the instrumented codecs first on its path. Ends as libFuzzer ends: 0, or 77 with an artifact.
"""

from __future__ import annotations

import argparse
import os
import sys

from fuzzing import tracer


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzzing", description=__doc__)
    parser.add_argument("coverage", help="library built from coverage.c")
    parser.add_argument("target")
    parser.add_argument("fuzzer", nargs="*", help="passed to libFuzzer (after --)")
    options = parser.parse_args()
    library = tracer.load(options.coverage)
    import atheris
    from atheris import core_with_libfuzzer

    if library.hotpath_register_coverage(core_with_libfuzzer.__file__.encode()) != 0:
        print("fuzzing: this build of atheris has no libFuzzer to be told of coverage", file=sys.stderr)
        return 2
    from fuzzing.targets import TARGETS

    # a failed bounds or overflow check in nogil code cannot raise: it is a finding all the same
    sys.unraisablehook = _abort
    target = TARGETS.get(options.target)
    if target is None:
        print(f"fuzzing: no target {options.target!r}; there are {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    before = library.hotpath_slots_hit()
    target(b"A" * 64)
    if library.hotpath_slots_hit() == before:
        print("fuzzing: the codecs are not instrumented", file=sys.stderr)
        return 2
    atheris.Setup([sys.argv[0], *options.fuzzer], target)
    atheris.Fuzz()
    return 0


def _abort(unraisable: sys.UnraisableHookArgs) -> None:
    sys.__unraisablehook__(unraisable)
    os.abort()


if __name__ == "__main__":
    sys.exit(main())
