"""`up`, `preview` and `down`: settings, preflight, the Pulumi operation, and the wait until the platform trades."""

from __future__ import annotations

import argparse
import difflib
import json
import shutil
import time
from pathlib import Path
from typing import Any

from cli import preflight
from cli.console import console
from cli.paths import Layout
from cli.pulumi import (
    COMMAND_TYPE,
    Event,
    Outcome,
    PulumiError,
    Stack,
    ensure_stack,
    forget_stack,
    one_operation,
    render_stack_file,
    run,
    stack_document,
)
from cli.repair import applied, repair, restart_ended
from cli.status import collect, first_order_seen, render_table
from components.local import servicectl
from components.local.engine import EnginePin
from rehearsal.toolchain import command_plugin
from stacks.local import shm_prefix
from stacks.settings import LocalSettings, from_file, parse_document

TRADING_PATIENCE_S = 15

Overrides = dict[str, dict[str, Any]]


class PlatformError(Exception):
    """The platform could not be brought to the state asked for."""


def engine_program(layout: Layout) -> Path:
    """The pinned engine's program."""
    pin = EnginePin.model_validate_json(layout.engine_manifest.read_bytes())
    return layout.engine(pin.sha256) / "bin" / "hotpath"


def _plugin(layout: Layout) -> str:
    selection = command_plugin.selected(layout)
    return selection.line if selection else "no provider plugin chosen"


def _title(name: str) -> str:
    return name.removesuffix("-service")


class Progress:
    """One line per finished step, with the time since the operation began."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def __call__(self, event: Event) -> None:
        done = event.get("resOutputsEvent")
        if not done or done["metadata"]["type"] != COMMAND_TYPE:
            return
        name, operation = done["metadata"]["urn"].rsplit("::", 1)[1], done["metadata"]["op"]
        verb = {"create": "ready", "update": "updated", "replace": "replaced", "delete": "stopped"}.get(operation)
        if verb and not name.endswith("-config"):
            console.print(f"  {time.monotonic() - self.began:6.1f} s  {_title(name)} {verb}")
            output = (done["metadata"].get("new") or {}).get("outputs", {}).get("stdout") or ""
            for line in str(output).splitlines():
                if "cancel proof" in line:
                    console.print(f"            {line}", style="dim")


def apply(stack: Stack, overrides: Overrides | None = None) -> Outcome:
    """Bring the stack to its settings. Raises SettingsError, PreflightError or PulumiError; nothing is half started."""
    settings, document = _settings(stack, overrides or {})
    with one_operation(stack):
        return _apply(stack, settings, document)


def _apply(stack: Stack, settings: LocalSettings, document: dict[str, Any]) -> Outcome:
    fresh = not any((stack.run_dir / "units").glob("*.json"))
    if not fresh:
        servicectl.start_supervisor(stack.run_dir)  # after a reboot: brings back what had been applied
        restart_ended(stack)
    preflight.check(settings, stack.layout, stack.run_dir, engine_program(stack.layout), stack.file.name)
    render_stack_file(document, stack.rendered_file)
    ensure_stack(stack)
    console.print(f"pulumi up --stack {stack.name} ({_plugin(stack.layout)})")
    try:
        outcome = run(stack, "up", Progress())
    except (PulumiError, KeyboardInterrupt, SystemExit):
        if fresh:
            console.print("  not finished; stopping what had been started")
            run(stack, "destroy", lambda event: None)
            servicectl.stop_supervisor(stack.run_dir, shm_prefix(stack.run_dir))
        raise
    outcome.repaired.extend(repair(stack))
    return outcome


def _settings(stack: Stack, overrides: Overrides) -> tuple[LocalSettings, dict[str, Any]]:
    """The settings with the overrides, checked, and the stack file's document that they are from."""
    settings = from_file(stack.file)  # errors are about the user's own file
    document = stack_document(stack, overrides)
    if overrides:
        settings = parse_document(document, "options of this command")
    return settings, document


def up(stack: Stack, args: argparse.Namespace) -> int:
    began = time.monotonic()
    outcome = apply(stack)
    changed = ", ".join(_title(name) for name in outcome.changed if not name.endswith("-config"))
    if outcome.repaired:
        console.print(f"started again: {', '.join(outcome.repaired)}")
    console.print(f"{'changed: ' + changed if changed else 'nothing to change'} ({time.monotonic() - began:.1f} s)")
    return wait_until_trading(stack)


def wait_until_trading(stack: Stack) -> int:
    """Wait for every gate and the strategy's first accepted order, then print the table."""
    deadline = time.monotonic() + TRADING_PATIENCE_S
    services = collect(stack)
    while time.monotonic() < deadline and not (all(s.ready for s in services) and first_order_seen(stack)):
        time.sleep(0.2)
        services = collect(stack)
    console.print(render_table(services))
    late = [s.name for s in services if not s.ready]
    if late:
        raise PlatformError(f"not ready: {', '.join(late)}; see `make logs` and the gates above")
    if first_order_seen(stack):
        console.print(
            "The strategy is trading. `make status` shows it again, `make logs` its log, `make down` stops it."
        )
    else:
        console.print(
            "Every service is ready; the strategy has no order accepted yet (see `make logs SERVICE=strategy`)."
        )
    return 0


def preview(stack: Stack, args: argparse.Namespace) -> int:
    _, document = _settings(stack, {})
    with one_operation(stack):
        render_stack_file(document, stack.preview_file)
        ensure_stack(stack)
        console.print(f"pulumi preview --stack {stack.name} ({_plugin(stack.layout)})")
        outcome = run(stack, "preview", _show_change)
    if not outcome.changed:
        console.print("no changes")
    else:
        console.print(
            f"{len(outcome.created)} to create, {len(outcome.updated)} to update, {len(outcome.deleted)} to delete,"
            f" {len(outcome.unchanged)} unchanged"
        )
    return 0


def _show_change(event: Event) -> None:
    planned = event.get("resourcePreEvent")
    if not planned or planned["metadata"]["type"] != COMMAND_TYPE or planned["metadata"]["op"] == "same":
        return
    metadata = planned["metadata"]
    sign = {"create": "+", "delete": "-"}.get(metadata["op"], "~")
    console.print(f"  {sign} {metadata['urn'].rsplit('::', 1)[1]}")
    if sign != "~":
        return
    old, new = (metadata[side].get("inputs", {}) for side in ("old", "new"))
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            _show_difference(key, old.get(key), new.get(key))


def _show_difference(key: str, old: Any, new: Any) -> None:
    if key == "environment" and isinstance(old, dict) and isinstance(new, dict):
        names = sorted(k for k in old.keys() | new.keys() if old.get(k) != new.get(k))
        console.print(f"      {key}: {', '.join(names)}", style="dim")
        return
    lines = difflib.unified_diff(str(old).splitlines(), str(new).splitlines(), n=0, lineterm="")
    for line in [line for line in lines if not line.startswith(("---", "+++", "@@"))]:
        console.print(f"      {line}", markup=False, style="red" if line.startswith("-") else "green")


def _written_ns(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def down(stack: Stack, args: argparse.Namespace) -> int:
    if not stack.exists() and not stack.run_dir.exists():
        from_file(stack.file)  # a mistyped name is not a stack that is down
    with one_operation(stack):
        return _down(stack, args)


def _down(stack: Stack, args: argparse.Namespace) -> int:
    proofs = {unit.name: Path(unit.cancel_proof) for unit in applied(stack).units if unit.cancel_proof}
    before = {name: _written_ns(path) for name, path in proofs.items()}
    if stack.exists():
        if not stack.rendered_file.exists():
            render_stack_file(stack_document(stack, {}), stack.rendered_file)
        console.print(f"pulumi destroy --stack {stack.name}")
        run(stack, "destroy", Progress())
    for name, path in proofs.items():
        if _written_ns(path) != before[name]:
            console.print(f"            {name}: cancel proof {json.dumps(json.loads(path.read_text()))}", style="dim")
    servicectl.stop_supervisor(stack.run_dir, shm_prefix(stack.run_dir))  # what a crashed `up` may have left
    if args.delete_data:
        forget_stack(stack)
        shutil.rmtree(stack.run_dir, ignore_errors=True)
        console.print("everything is stopped and its data is deleted")
    else:
        console.print(f"everything is stopped; data is kept in {stack.run_dir / 'data'}")
    return 0
