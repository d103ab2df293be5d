"""`fuzz`: coverage-guided fuzzing of every decoder and framer for a bounded time.

What decodes is compiled once more, apart from the engine that runs: with bounds and overflow checks, and instrumented
for libFuzzer, which comes with atheris; with --sanitize under AddressSanitizer and UBSan, too. Where atheris cannot be
had, that is said and nothing fails: the tests run the same targets on mutated bytes in any case.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cli import prerequisites
from cli.debug_tests import asan_runtime, sanitizer_variables
from cli.engine import SANITIZERS
from cli.paths import Layout
from cli.sources import digest

DEFAULT_SECONDS = 60
CI_SECONDS = 10
_INSTRUMENT = "-fsanitize-coverage=trace-pc,trace-cmp"
_MAX_LENGTH = 4096
_MEMORY_MB = 1024
_INPUT_TIMEOUT_S = 10
_START_S = 60
_BUILD_TIMEOUT_S = 900
_SHOWN_BYTES = 512
_KEPT_INPUTS = 16
_KEPT_BYTES = 512
# what the targets call, and what that imports; below src/hotpath
_SOURCES = ("protocols/*", "book/*", "feed/__init__.py", "feed/arbitrator.*")


class _FuzzError(Exception):
    """The fuzzer cannot run; the text says why and what to do."""


@dataclass(frozen=True)
class _Workshop:
    """Where the instrumented codecs, corpora and findings are. asan: the runtime of a build with sanitizers."""

    layout: Layout
    asan: Path | None = None

    @property
    def home(self) -> Path:
        return self.layout.build / "fuzz"

    @property
    def project(self) -> Path:
        """A copy of what the codecs are built from."""
        return self.home / ("project" if self.asan is None else "project-sanitized")

    @property
    def atheris(self) -> Path:
        return self.home / "atheris"

    @property
    def coverage(self) -> Path:
        return self.home / "coverage.so"

    @property
    def findings(self) -> Path:
        return self.home / "findings"

    def grown(self, target: str) -> Path:
        """Inputs found by earlier runs on this machine."""
        return self.home / "corpus" / target

    def kept(self, target: str) -> Path:
        """Inputs in the repository."""
        return self.layout.root / "hotpath" / "tests" / "fuzz" / "corpus" / target

    def environment(self) -> dict[str, str]:
        env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
        paths = (self.project / "src", self.layout.root / "hotpath", self.atheris)
        return {**env, **self.variables(), "PYTHONPATH": os.pathsep.join(map(str, paths))}

    def variables(self) -> dict[str, str]:
        """For the sanitizers: a report ends the process by a signal, which libFuzzer takes for a finding."""
        if self.asan is None:
            return {}
        variables = sanitizer_variables(self.asan, self.findings)
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            kept = [each for each in variables[name].split(":") if not each.startswith("log_path=")]
            variables[name] = ":".join([*kept, "abort_on_error=1", "halt_on_error=1", "handle_abort=0"])
        return variables


def add_arguments(parser: argparse.ArgumentParser) -> None:
    seconds = CI_SECONDS if os.environ.get("CI") else DEFAULT_SECONDS
    parser.add_argument("--seconds", type=int, default=seconds, help=f"for each target (default: {seconds})")
    parser.add_argument("--target", action="append", metavar="NAME", help="only this one (repeatable)")
    parser.add_argument("--sanitize", action="store_true", help="under AddressSanitizer and UBSan (needs gcc)")
    parser.add_argument(
        "--keep", action="store_true", help="add the smallest inputs with new coverage to the repository"
    )


def fuzz(layout: Layout, args: argparse.Namespace) -> int:
    """0: nothing found, or skipped by name; 1: findings, or it could not run; 2: wrong usage."""
    if args.seconds < 1:
        print(f"error: --seconds {args.seconds}: at least 1", file=sys.stderr)
        return 2
    workshop = _Workshop(layout)
    if args.sanitize:
        runtime = asan_runtime(os.environ)
        if runtime is None:
            print("error: the C compiler has no AddressSanitizer runtime; use gcc, apt install gcc", file=sys.stderr)
            return 2
        workshop = _Workshop(layout, runtime)
    reason = _install_atheris(workshop)
    if reason:
        print(f"skipped: coverage-guided fuzzing: {reason}")
        return 0
    try:
        _build(workshop, os.environ)
        names = _targets(workshop)
    except _FuzzError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    unknown = sorted(set(args.target or ()) - set(names))
    if unknown:
        print(f"error: no target {', '.join(unknown)}; there are {', '.join(names)}", file=sys.stderr)
        return 2
    codes = [_run(workshop, name, args.seconds) for name in args.target or names]
    if args.keep and not any(codes):
        for name in args.target or names:
            _keep(workshop, name, args.seconds)
    return int(any(codes))


def _install_atheris(workshop: _Workshop) -> str:
    """Why it is not there; empty when it is."""
    lock = workshop.layout.requirements / "fuzz.txt"
    stamp = workshop.atheris / ".lock"
    wanted = digest([lock], sys.version)
    if stamp.exists() and stamp.read_text() == wanted:
        return ""
    shutil.rmtree(workshop.atheris, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"]
    command += ["--require-hashes", "--only-binary", ":all:", "--no-deps", "--target", str(workshop.atheris)]
    problem = _call([*command, "-r", str(lock)], None, None, _BUILD_TIMEOUT_S)
    if problem:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return f"atheris cannot be installed for Python {version} on this machine ({problem.splitlines()[-1]})"
    stamp.write_text(wanted)
    return ""


def _build(workshop: _Workshop, env: Mapping[str, str]) -> None:
    source = workshop.layout.root / "hotpath"
    origin = source / "src" / "hotpath"
    found = (path for pattern in _SOURCES for path in origin.glob(pattern))
    files = sorted(path for path in found if path.suffix in (".py", ".pyx", ".pxd", ".h"))
    compiler = prerequisites.compiler(env)
    if compiler is None:
        raise _FuzzError("no C compiler on PATH; apt install build-essential")
    tracer = source / "fuzzing" / "coverage.c"
    stamp = workshop.project / ".built"
    wanted = digest([*files, source / "setup.py", tracer], sys.version, compiler, base=source)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(workshop.project, ignore_errors=True)
    package = workshop.project / "src" / "hotpath"
    for path in files:
        copy = package / path.relative_to(origin)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    (package / "__init__.py").touch()
    shutil.copy2(source / "setup.py", workshop.project)
    print("building the instrumented codecs")
    flags = {"HOTPATH_BUILD": "debug", "CC": compiler, "CFLAGS": _INSTRUMENT}
    flags["HOTPATH_SANITIZE"] = "" if workshop.asan is None else ",".join(SANITIZERS)
    build = [sys.executable, "setup.py", "--quiet", "build_ext", "--build-lib", "src"]
    problem = _call(build, workshop.project, {**env, **flags}, _BUILD_TIMEOUT_S)
    shared = [compiler, "-O2", "-shared", "-fPIC", "-Wall", str(tracer), "-o", str(workshop.coverage), "-ldl"]
    problem = problem or _call(shared, None, None, _BUILD_TIMEOUT_S)
    if problem:
        raise _FuzzError(f"the instrumented codecs do not build:\n{problem}")
    stamp.write_text(wanted)


def _targets(workshop: _Workshop) -> list[str]:
    """Their names; writes the seeds of each beside its corpus."""
    command = [sys.executable, "-m", "fuzzing.prepare", str(workshop.coverage), str(workshop.home / "seeds")]
    done = subprocess.run(
        command, env=workshop.environment(), capture_output=True, text=True, timeout=_START_S, check=False
    )
    if done.returncode:
        raise _FuzzError(f"the targets cannot be loaded:\n{done.stderr}")
    return done.stdout.split()


def _run(workshop: _Workshop, target: str, seconds: int) -> int:
    findings = workshop.findings / target
    findings.mkdir(parents=True, exist_ok=True)
    before = set(findings.iterdir())
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={_MAX_LENGTH}",
        f"-timeout={_INPUT_TIMEOUT_S}",
        f"-rss_limit_mb={_MEMORY_MB}",
        f"-artifact_prefix={findings}{os.sep}",
        "-use_value_profile=1",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    problem = _call(_fuzzer(workshop, target, options), None, workshop.environment(), seconds + _START_S)
    new = sorted(set(findings.iterdir()) - before)
    for path in new:
        data = path.read_bytes()
        shown = data[:_SHOWN_BYTES].hex() + ("…" if len(data) > _SHOWN_BYTES else "")
        print(f"FOUND {target}: {len(data)} bytes, {path}\n  hex: {shown}\n  again: {_again(workshop, target, path)}")
    if problem:
        print(problem, file=sys.stderr)
    inputs = len(list(workshop.grown(target).iterdir()))
    print(f"{target}: {'FAILED' if problem or new else 'ok'}, {seconds} s, {inputs} inputs in the corpus", flush=True)
    return int(bool(problem or new))


def _again(workshop: _Workshop, target: str, path: Path) -> str:
    command = _fuzzer(workshop, target, [str(path)], corpora=False)
    names = ("PYTHONPATH", *workshop.variables())
    variables = " ".join(f"{name}={workshop.environment()[name]}" for name in names)
    return f"{variables} {' '.join(command)}"


def _fuzzer(workshop: _Workshop, target: str, options: list[str], *, corpora: bool = True) -> list[str]:
    grown, kept = workshop.grown(target), workshop.kept(target)
    grown.mkdir(parents=True, exist_ok=True)
    folders = [grown, *(each for each in (workshop.home / "seeds" / target, kept) if each.is_dir())]
    command = [sys.executable, "-m", "fuzzing", str(workshop.coverage), target, "--"]
    return [*command, *options, *(map(str, folders) if corpora else ())]


def _keep(workshop: _Workshop, target: str, seconds: int) -> None:
    """A small set of inputs for the repository: those by which a fresh run reaches code that nothing kept reaches."""
    kept, fresh = workshop.kept(target), workshop.home / "fresh" / target
    kept.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    options = [f"-max_total_time={seconds}", f"-max_len={_KEPT_BYTES}", "-verbosity=0"]
    folders = map(str, (fresh, workshop.home / "seeds" / target, kept))
    command = _fuzzer(workshop, target, [*options, *folders], corpora=False)
    problem = _call(command, None, workshop.environment(), seconds + _START_S)
    if problem:
        print(problem, file=sys.stderr)
        return
    room = max(0, _KEPT_INPUTS - len(list(kept.iterdir())))
    for path in sorted(fresh.iterdir(), key=lambda each: (each.stat().st_size, each.name))[:room]:
        shutil.copyfile(path, kept / path.name[:16])


def _call(command: list[str], folder: Path | None, env: Mapping[str, str] | None, timeout: float) -> str:
    """Its output when it failed; empty when it did not."""
    try:
        done = subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, errors="replace", timeout=timeout, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command[0]}: {error}"
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip() or f"exit code {done.returncode}"
