"""Programs of Prometheus that the slow tests run, each built once from Go modules that go.mod and go.sum pin.

    promtool = prometheus_tools.ensure(layout, PROMTOOL, log.run, log.say, os.environ)

Standard library only.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.paths import Layout
from rehearsal.toolchain.go_program import GoProgram, Runner, compile_program, found_go, module_folder


class NoGoError(RuntimeError):
    """There is no Go on PATH to build with."""


@dataclass(frozen=True)
class Tool:
    """cost: processor time of a first build, measured."""

    program: GoProgram
    cost: str


PROMTOOL = Tool(
    GoProgram(
        "promtool",
        "github.com/prometheus/prometheus/cmd/promtool",
        "promtool",
        tags=("remove_all_sd",),  # service discovery of every cloud: half the build, no use to a rule test
    ),
    "2 minutes of processor time",
)
NODE_EXPORTER = Tool(
    GoProgram("node_exporter", "github.com/prometheus/node_exporter", "node_exporter"), "15 seconds of processor time"
)


def ensure(layout: Layout, tool: Tool, run: Runner, say: Callable[[str], None], env: Mapping[str, str]) -> Path:
    """The executable, built when there is none for these pins. Raises NoGoError, and what `run` raises."""
    name = tool.program.executable
    module = module_folder(layout, tool.program.folder)
    target = layout.toolchain_bin / name
    pins = target.with_name(f".{name}.sum")
    wanted = (module / "go.mod").read_text() + (module / "go.sum").read_text()
    target.parent.mkdir(parents=True, exist_ok=True)
    with _only_one(target.with_name(f".{name}.lock")):
        if target.exists() and pins.exists() and pins.read_text() == wanted:
            return target
        if shutil.which("go", path=env.get("PATH")) is None:
            raise NoGoError(f"no Go on PATH to build {name} with ({tool.cost})")
        go, go_env = found_go(run, env)
        say(f"building {name}: {tool.cost}, once")
        compile_program(layout, tool.program, run, go, go_env)
        pins.write_text(wanted)
    return target


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
