"""`python -m benchmarks.compile TARGET MODULE... -DNAME...`: C from the named .pyx of benchmarks.native, libraries
from that."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.build import COMPILE_ARGS, DIRECTIVES, HERE, engine_packages

# neither has type information
_cython: Any = import_module("Cython.Build")
_setuptools: Any = import_module("setuptools")


def main(target: Path, modules: Sequence[str], defines: Sequence[str]) -> None:
    packages = str(engine_packages())
    jobs = len(os.sched_getaffinity(0))
    extensions = [
        _setuptools.Extension(
            f"benchmarks.native.{name}",
            [str(HERE / f"{name}.pyx")],
            include_dirs=[packages],
            extra_compile_args=[*COMPILE_ARGS, *defines],
        )
        for name in modules
    ]
    built = _cython.cythonize(
        extensions,
        nthreads=jobs if jobs > 1 else 0,
        include_path=[packages, str(HERE.parents[1])],
        compiler_directives=DIRECTIVES,
        build_dir=str(target / "c"),
        quiet=True,
    )
    command = _setuptools.Distribution({"ext_modules": built}).get_command_obj("build_ext")
    command.build_lib = str(target)
    command.build_temp = str(target / "temp")
    command.parallel = jobs
    command.ensure_finalized()
    command.run()


if __name__ == "__main__":
    given = sys.argv[2:]
    main(
        Path(sys.argv[1]),
        [each for each in given if not each.startswith("-D")],
        [each for each in given if each.startswith("-D")],
    )
