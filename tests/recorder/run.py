"""Runs a program against the monitor: as a preview and as an update, each in a loop and an environment of its own."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
from collections.abc import Callable
from typing import Any

import pulumi
from pulumi.runtime import mocks
from pulumi.runtime.config import set_all_config
from pulumi.runtime.settings import SETTINGS, get_root_resource, reset_options
from pulumi.runtime.stack import run_pulumi_func

from tests.aws_inputs.check import problems as aws_problems
from tests.recorder import checks
from tests.recorder.guards import Observed, guarded
from tests.recorder.monitor import Monitor
from tests.recorder.recording import Export, Recording

PROJECT = "ironlane"
_SETTLED_S = 1.0  # an output of a run that has ended is there or never comes


def deploy(program: Callable[[], None], stack: str = "test", preview: bool = False) -> Recording:
    """What `program` registers in an update; the preview before it is in `.preview`. preview: only that.

    Raises what the program raises, and AssertionError for what every recording must hold.
    """
    planned = record(program, stack, preview=True)
    if preview:
        return planned
    made = record(program, stack, preview=False)
    _raise([*checks.same_resources(planned, made), *aws_problems(made.resources)])
    return dataclasses.replace(made, preview=planned)


def record(program: Callable[[], None], stack: str, preview: bool) -> Recording:
    """One run, its AWS inputs not checked."""
    # the SDK keeps configuration, settings and root resource in context variables: those of this run end with it
    return contextvars.copy_context().run(_record, program, stack, preview)


def _record(program: Callable[[], None], stack: str, preview: bool) -> Recording:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    monitor = Monitor(PROJECT, stack, preview)
    left: list[asyncio.Task[Any]] = []
    lost: list[str] = []
    # of futures that are dropped with an error in them; also later, when they are collected
    loop.set_exception_handler(lambda _, context: lost.append(f"{context.get('exception') or context['message']!r}"))
    try:
        with guarded() as observed:
            set_all_config({})
            mocks.set_mocks(None, project=PROJECT, stack=stack, preview=preview, monitor=monitor)  # type: ignore[arg-type]
            exports = loop.run_until_complete(_run(program, observed, preview))
            left = [task for task in asyncio.all_tasks(loop) if not task.done()]
    finally:
        _end(loop)
    if not monitor.seen:
        raise AssertionError("the program registered no resource")
    recording = Recording(tuple(monitor.seen), exports, monitor.outputs, monitor.secret_outputs)
    _raise(
        [
            *(f"duplicate URNs: {urn}" for urn in sorted(set(monitor.duplicates))),
            *(f"left running when the program ended: {task.get_coro()}" for task in left),
            *(f"an error that nothing waited for: {error}" for error in lost),
            *observed.problems,
            *checks.structure(recording),
            *checks.leaks(recording, monitor.hidden),
        ]
    )
    return recording


def _end(loop: asyncio.AbstractEventLoop) -> None:
    """Nothing of this run may run, or be waited for, in the next one."""
    pending = asyncio.all_tasks(loop)
    for task in pending:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_default_executor())
    SETTINGS.rpc_manager.clear()
    SETTINGS.outputs.clear()
    reset_options()
    loop.close()
    asyncio.set_event_loop(None)


async def _run(program: Callable[[], None], observed: Observed, preview: bool) -> dict[str, Export]:
    try:
        await run_pulumi_func(program)
    except Exception as error:
        for missing in await _unanswered(observed, preview):
            error.add_note(missing)
        raise
    observed.problems += await _unanswered(observed, preview)
    root = get_root_resource()
    return {name: await _export(value) for name, value in getattr(root, "outputs", {}).items()}


async def _unanswered(observed: Observed, preview: bool) -> list[str]:
    """Outputs that the program reads and that are None, which a real provider would not leave them."""
    if preview:
        return []
    return [
        f"{resource._type} {resource._name}: {name} is read and nothing answers it, so it is None here; add it to"
        " computed() in rehearsal/plugins/aws/identifiers.py or to tests/recorder/answers.py"
        for resource, name, output in observed.reads
        if await _is_none(output)
    ]


async def _is_none(output: pulumi.Output[Any]) -> bool:
    try:
        return await asyncio.wait_for(output.future(), _SETTLED_S) is None
    except Exception:  # of a resource that was never registered: the program's own error tells
        return False


async def _export(value: Any) -> Export:
    output = pulumi.Output.from_input(value)
    return Export(await output.future(), await output.is_secret())


def _raise(problems: list[str]) -> None:
    if problems:
        raise AssertionError("\n".join(problems))
