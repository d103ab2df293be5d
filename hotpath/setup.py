"""Builds every .pyx below src/hotpath into an extension module.

Environment: HOTPATH_BUILD=release (default) or debug; HOTPATH_SANITIZE=address,undefined (debug only);
HOTPATH_JOBS=number of parallel compilations (default: usable CPUs).
"""

import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from Cython.Compiler import Options
from setuptools import Extension, setup

SOURCE = Path("src")
FLAVOURS = ("release", "debug")
SANITIZERS = ("address", "undefined", "thread", "leak")


def _choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = os.environ.get(name) or default
    if value not in allowed:
        sys.exit(f"{name}={value!r}: use one of {', '.join(allowed)}")
    return value


def _sanitizers(flavour: str) -> list[str]:
    wanted = [name for name in os.environ.get("HOTPATH_SANITIZE", "").split(",") if name]
    unknown = sorted(set(wanted) - set(SANITIZERS))
    if unknown:
        sys.exit(f"HOTPATH_SANITIZE: unknown {', '.join(unknown)}; known are {', '.join(SANITIZERS)}")
    if wanted and flavour != "debug":
        sys.exit("HOTPATH_SANITIZE needs HOTPATH_BUILD=debug")
    return wanted


FLAVOUR = _choice("HOTPATH_BUILD", "release", FLAVOURS)
DEBUG = FLAVOUR == "debug"
JOBS = int(os.environ.get("HOTPATH_JOBS") or len(os.sched_getaffinity(0)))

directives = {
    "language_level": 3,
    "embedsignature": True,
    "cdivision": True,
    "wraparound": False,
    "boundscheck": DEBUG,
    "initializedcheck": DEBUG,
    "overflowcheck": DEBUG,
    # never nonecheck: it takes `self.field += 1` for a None check, which nogil code cannot have
    "freethreading_compatible": True,
    "auto_pickle": False,
}

# the wheel must not depend on the folder that it was built in
compile_args = [
    "-std=gnu11",
    "-Wall",
    "-Wno-unused-function",
    "-Wno-unreachable-code",
    f"-ffile-prefix-map={Path.cwd()}=.",
]
link_args = []
if DEBUG:
    compile_args += ["-O1", "-g1", "-fno-omit-frame-pointer"]
    # Python's own flags define signed overflow, which would hide it from UBSan
    compile_args.append("-fno-wrapv")
    for sanitizer in _sanitizers(FLAVOUR):
        compile_args.append(f"-fsanitize={sanitizer}")
        link_args.append(f"-fsanitize={sanitizer}")
    if "undefined" in _sanitizers(FLAVOUR):
        # beside libasan the shared libubsan takes libasan's settings, and its reports miss the log_path
        link_args += ["-static-libubsan", "-Wl,-Bsymbolic"]
else:
    _sanitizers(FLAVOUR)
    compile_args += ["-O2", "-g0", "-fno-plt"]
    link_args += ["-Wl,-O1", "-Wl,--strip-debug"]

# a tenth off a replace in the matching engine, nothing elsewhere; no -march: the wheel runs on whatever it is sent to
BOOK_ARGS = [] if DEBUG else ["-O3"]

extensions = [
    Extension(
        ".".join(path.relative_to(SOURCE).with_suffix("").parts),
        [str(path)],
        include_dirs=[str(SOURCE)],
        depends=sorted(str(header) for header in SOURCE.rglob("*.h")),
        extra_compile_args=[*compile_args, *BOOK_ARGS] if path.parent.name == "book" else compile_args,
        extra_link_args=link_args,
    )
    for path in sorted(SOURCE.rglob("*.pyx"))
]
# Cython's memoryview code once, not in each module that takes one: a fifth of the time to compile
SHARED = "hotpath._cyutility"
extensions.append(
    Extension(
        SHARED, [str(SOURCE / "hotpath" / "_cyutility.c")], extra_compile_args=compile_args, extra_link_args=link_args
    )
)

Options.warning_errors = os.environ.get("HOTPATH_WARNINGS") != "allow"

setup(
    ext_modules=cythonize(
        extensions,
        nthreads=JOBS if JOBS > 1 else 0,
        include_path=[str(SOURCE)],
        compiler_directives=directives,
        build_dir="build/c",
        shared_utility_qualified_name=SHARED,
        show_all_warnings=False,
    ),
    options={"build_ext": {"parallel": JOBS}},
)
