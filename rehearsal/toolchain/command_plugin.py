"""Which provider plugin `command` serves the stacks: the real one if this machine has it or can install it, else ours.

The choice is made once and remembered; `choose` again after deleting the file or with `recheck`. Standard library only.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from cli.paths import Layout
from rehearsal.toolchain.versions import COMMAND_PLUGIN

EXECUTABLE = "pulumi-resource-command"
INSTALL_TIMEOUT_S = 10
FORCE_VARIABLE = "IRONLANE_COMMAND_PLUGIN"

Origin = Literal["path", "user", "installed", "stand-in"]


@dataclass(frozen=True)
class PluginSelection:
    """directory goes on PATH; None when the engine finds the plugin in PULUMI_HOME by itself."""

    origin: Origin
    directory: Path | None
    reason: str

    @property
    def line(self) -> str:
        """One line for people: which plugin is in use and why; the bootstrap log has the details."""
        if self.origin == "stand-in":
            return f"provider command: stand-in, {self.reason.split(':', 1)[0]}"
        return f"provider command: real, {self.reason}"


def stand_in_directory(layout: Layout) -> Path:
    return layout.root / "rehearsal" / "plugins" / "bin"


def selected(layout: Layout) -> PluginSelection | None:
    """The remembered choice, or None when there is none or what it names is gone."""
    try:
        stored = json.loads(layout.plugin_selection.read_text())
        if stored["origin"] == "stand-in":
            return PluginSelection("stand-in", stand_in_directory(layout), stored["reason"])
        directory = Path(stored["directory"]) if stored["directory"] else None
        selection = PluginSelection(stored["origin"], directory, stored["reason"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    place = selection.directory or _installed_directory(layout.pulumi_home)
    return selection if place is not None and (place / EXECUTABLE).exists() else None


def choose(
    layout: Layout, pulumi: Path, env: Mapping[str, str] | None = None, *, recheck: bool = False
) -> PluginSelection:
    """Decides, remembers and returns. Tries to install the real plugin at most once, for INSTALL_TIMEOUT_S seconds."""
    env = os.environ if env is None else env
    if not recheck and (known := selected(layout)) is not None:
        return known
    selection = _find(layout, pulumi, env)
    layout.plugin_selection.parent.mkdir(parents=True, exist_ok=True)
    stored = asdict(selection) | {"directory": str(selection.directory) if selection.directory else None}
    draft = layout.plugin_selection.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(stored, indent=1) + "\n")
    draft.replace(layout.plugin_selection)
    return selection


def _find(layout: Layout, pulumi: Path, env: Mapping[str, str]) -> PluginSelection:
    forced = env.get(FORCE_VARIABLE, "")
    if forced not in ("", "stand-in", "real"):
        raise ValueError(f"{FORCE_VARIABLE}={forced!r}: use `stand-in` or `real`, or unset it")
    stand_in = stand_in_directory(layout)
    if forced == "stand-in":
        return PluginSelection("stand-in", stand_in, f"{FORCE_VARIABLE}=stand-in")
    on_path = shutil.which(EXECUTABLE, path=env.get("PATH"))
    if on_path and Path(on_path).parent.resolve() != stand_in.resolve():
        return PluginSelection("path", Path(on_path).parent, f"found on PATH as {on_path}")
    users = _installed_directory(Path(env.get("PULUMI_HOME") or Path(env.get("HOME", "/")) / ".pulumi"))
    if users is not None:
        return PluginSelection("user", users, f"found in {users}")
    problem = _install(layout, pulumi, env)
    if problem is None:
        return PluginSelection("installed", None, f"{COMMAND_PLUGIN} installed into {layout.pulumi_home}")
    if forced == "real":
        raise RuntimeError(f"{FORCE_VARIABLE}=real, but the plugin cannot be installed here: {problem}")
    return PluginSelection("stand-in", stand_in, f"the real one cannot be installed here: {problem}")


def _installed_directory(pulumi_home: Path) -> Path | None:
    directory = pulumi_home / "plugins" / f"resource-command-v{COMMAND_PLUGIN}"
    return directory if (directory / EXECUTABLE).exists() else None


def _install(layout: Layout, pulumi: Path, env: Mapping[str, str]) -> str | None:
    """None when installed, else what stood in the way."""
    if _installed_directory(layout.pulumi_home) is not None:
        return None
    run_env = {**env, "PULUMI_HOME": str(layout.pulumi_home), "PULUMI_SKIP_UPDATE_CHECK": "true", "NO_COLOR": "1"}
    process = subprocess.Popen(
        [str(pulumi), "plugin", "install", "resource", "command", COMMAND_PLUGIN],
        env=run_env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=INSTALL_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return f"no answer within {INSTALL_TIMEOUT_S} s"
    if process.returncode == 0 and _installed_directory(layout.pulumi_home) is not None:
        return None
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:160] if lines else f"`pulumi plugin install` exited {process.returncode}"
