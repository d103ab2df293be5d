"""The provider service: what the engine asks, answered by really running the local command lines.

Remote ones are only written down, and only in a rehearsal, see `remote`.

Follows the real plugin 1.2: triggers replace, any other changed input runs `update` (or `create` when there is none),
inputs are echoed as outputs. One deliberate difference: when any input is secret, all that a command prints is secret.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from rehearsal.plugins import properties as props
from rehearsal.plugins.command import remote
from rehearsal.plugins.command.globs import GlobError, matching_files
from rehearsal.plugins.command.inputs import FUNCTION_KEYS, RESOURCE_KEYS, LocalCommand, check
from rehearsal.plugins.command.process import Cancellation, CommandFailedError, run_command
from rehearsal.plugins.detailed_diff import diff_response
from rehearsal.plugins.differences import differences, top_level
from rehearsal.plugins.engine_log import EngineLog
from rehearsal.plugins.redact import Redactor
from rehearsal.plugins.stand_in import StandIn

VERSION = "1.2.1"
COMMAND_TYPE = "command:local:Command"
RUN_FUNCTION = "command:local:run"
_OUTPUT_KEYS = ("stdout", "stderr", "assets", "archive")
_REPLACE_ON_CHANGE = "triggers"
_NO_REMOTE = (
    "outside of a rehearsal the stand-in for provider plugin `command` takes local commands only; "
    "{} needs the real plugin: `pulumi plugin install resource command " + VERSION + "`"
)


class CommandProvider(StandIn):
    VERSION = VERSION

    def __init__(self, log: EngineLog) -> None:
        super().__init__(log)
        self._cancellation = Cancellation()
        self._journal = remote.Journal.of_rehearsal()

    def cancel(self) -> None:
        """Ends every command that runs; none is started any more."""
        self._cancellation.cancel()

    # --- command:local:Command and command:remote:Command

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        if self._is_remote(request.urn):
            news = props.from_struct(request.news)
            failures = [
                provider_pb2.CheckFailure(property=found.property, reason=found.reason) for found in remote.check(news)
            ]
            return provider_pb2.CheckResponse(
                inputs=props.to_struct(remote.with_secret_connection(news)), failures=failures
            )
        if _resource_type(request.urn) != COMMAND_TYPE:
            failure = provider_pb2.CheckFailure(reason=_NO_REMOTE.format(_resource_type(request.urn)))
            return provider_pb2.CheckResponse(inputs=request.news, failures=[failure])
        failures = [
            provider_pb2.CheckFailure(property=found.property, reason=found.reason)
            for found in check(props.from_struct(request.news))
        ]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:
        keys = remote.KEYS if self._is_remote(request.urn) else RESOURCE_KEYS
        new = _inputs(props.from_struct(request.news), keys)
        old_source = request.old_inputs if request.HasField("old_inputs") else request.olds
        changes = differences(_inputs(props.from_struct(old_source), keys), new)
        return diff_response(changes, {path for path in changes if top_level(path) == _REPLACE_ON_CHANGE})

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._only_known(request.urn, context)
        inputs = props.from_struct(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=props.to_struct(_previewed(inputs)))
        if self._is_remote(request.urn):
            outputs = self._note("create", request.urn, props.reveal(inputs.get("create")), inputs)
        else:
            command = LocalCommand.from_properties(inputs)
            outputs = self._run(command, command.create, inputs, {}, request.urn, request.timeout, context)
        name = request.urn.rsplit("::", 1)[-1]
        return provider_pb2.CreateResponse(id=name + secrets.token_hex(4), properties=props.to_struct(outputs))

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._only_known(request.urn, context)
        inputs = props.from_struct(request.news)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=props.to_struct(_previewed(inputs)))
        if self._is_remote(request.urn):
            line = inputs.get("create") if inputs.get("update") is None else inputs["update"]
            outputs = self._note("update", request.urn, props.reveal(line), inputs)
            return provider_pb2.UpdateResponse(properties=props.to_struct(outputs))
        command = LocalCommand.from_properties(inputs)
        line = command.create if command.update is None else command.update
        previous = props.from_struct(request.olds)
        outputs = self._run(command, line, inputs, previous, request.urn, request.timeout, context)
        return provider_pb2.UpdateResponse(properties=props.to_struct(outputs))

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._only_known(request.urn, context)
        state = props.from_struct(request.properties)
        if self._is_remote(request.urn):
            self._note("delete", request.urn, props.reveal(state.get("delete")), state)
            return empty_pb2.Empty()
        command = LocalCommand.from_properties(state)
        self._run(command, command.delete, _inputs(state, RESOURCE_KEYS), state, request.urn, request.timeout, context)
        return empty_pb2.Empty()

    # --- command:local:run

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:
        if request.tok != RUN_FUNCTION:
            _abort(context, grpc.StatusCode.UNIMPLEMENTED, _NO_REMOTE.format(request.tok))
        arguments = props.from_struct(request.args)
        failures = [
            provider_pb2.CheckFailure(property=found.property, reason=found.reason)
            for found in check(arguments, FUNCTION_KEYS)
        ]
        if not failures and not arguments.get("command"):
            failures = [provider_pb2.CheckFailure(property="command", reason="missing: the command line to run")]
        if failures:
            return provider_pb2.InvokeResponse(failures=failures)
        command = LocalCommand.from_properties(arguments)
        outputs = self._run(command, command.command, arguments, {}, "", 0, context)
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(props.to_struct(outputs))  # the field's name is a keyword
        return response

    # ---

    def _is_remote(self, urn: str) -> bool:
        return self._journal is not None and _resource_type(urn) == remote.TYPE

    def _only_known(self, urn: str, context: grpc.ServicerContext) -> None:
        if _resource_type(urn) != COMMAND_TYPE and not self._is_remote(urn):
            _abort(context, grpc.StatusCode.UNIMPLEMENTED, _NO_REMOTE.format(_resource_type(urn)))

    def _note(self, operation: str, urn: str, line: str | None, inputs: Mapping[str, Any]) -> props.Properties:
        """Inputs and what a command prints that nobody ran: nothing."""
        assert self._journal is not None
        if line is not None:
            self._log.info(urn, self._journal.note(operation, urn, line, inputs))
        return {**inputs, "stdout": "", "stderr": ""}

    def _run(
        self,
        command: LocalCommand,
        line: str | None,
        inputs: Mapping[str, Any],
        previous: Mapping[str, Any],
        urn: str,
        timeout_s: float,
        context: grpc.ServicerContext,
    ) -> props.Properties:
        """Inputs and outputs after running line; without a line the previous outputs stay."""
        previous = {key: previous[key] for key in _OUTPUT_KEYS if previous.get(key) is not None}
        if line is None:
            return {**inputs, "stdout": "", "stderr": "", **previous}
        redactor = Redactor(props.secret_texts([dict(inputs), previous]))
        log = self._line_log(urn, redactor)
        try:
            completed = run_command(
                [*command.interpreter, line],
                directory=command.dir,
                environment=_environment(command, previous),
                stdin=command.stdin,
                cancellation=self._cancellation,
                timeout_s=timeout_s or None,
                on_stdout=log if command.logs_stdout else None,
                on_stderr=log if command.logs_stderr else None,
            )
            outputs: props.Properties = {"stdout": completed.stdout, "stderr": completed.stderr}
            outputs |= _collected(command)
        except CommandFailedError as failure:
            text = f"{failure.reason}: running {line!r}" + (f":\n{failure.tail}" if failure.tail else "")
            _abort(context, grpc.StatusCode.UNKNOWN, redactor(text))
        except (GlobError, OSError) as error:
            _abort(context, grpc.StatusCode.UNKNOWN, redactor(str(error)))
        if props.contains_secret(dict(inputs)):
            outputs = {key: props.secret(value) for key, value in outputs.items()}
        return {**inputs, **outputs}

    def _line_log(self, urn: str, redactor: Redactor) -> Any:
        lock = threading.Lock()

        def log(text: str) -> None:
            with lock:  # both streams of one command share the engine's log
                self._log.info(urn, redactor(text))

        return log


def _resource_type(urn: str) -> str:
    parts = urn.split("::")
    return parts[2].rsplit("$", 1)[-1] if len(parts) > 3 else urn


def _abort(context: grpc.ServicerContext, code: grpc.StatusCode, message: str) -> NoReturn:
    context.abort(code, message)
    raise AssertionError("abort returned")


def _inputs(properties: Mapping[str, Any], keys: frozenset[str]) -> props.Properties:
    return {key: value for key, value in properties.items() if key in keys and value is not None}


def _previewed(inputs: Mapping[str, Any]) -> props.Properties:
    """What a command prints is not known before it has run."""
    outputs = {"stdout": props.UNKNOWN, "stderr": props.UNKNOWN}
    outputs |= {"assets": props.UNKNOWN} if inputs.get("assetPaths") is not None else {}
    outputs |= {"archive": props.UNKNOWN} if inputs.get("archivePaths") is not None else {}
    return {**inputs, **outputs}


def _environment(command: LocalCommand, previous: Mapping[str, Any]) -> dict[str, str]:
    environment = {**os.environ, **command.environment}
    if command.add_previous_output:
        for key, variable in (("stdout", "PULUMI_COMMAND_STDOUT"), ("stderr", "PULUMI_COMMAND_STDERR")):
            if text := props.reveal(previous.get(key)):
                environment[variable] = text
    return environment


def _collected(command: LocalCommand) -> props.Properties:
    directory = Path(command.dir or os.getcwd())
    outputs: props.Properties = {}
    if command.asset_paths is not None:
        outputs["assets"] = _assets(directory, command.asset_paths)
    if command.archive_paths is not None:
        outputs["archive"] = props.asset_archive(_assets(directory, command.archive_paths))
    return outputs


def _assets(directory: Path, patterns: tuple[str, ...]) -> props.Properties:
    return {path: props.file_asset(directory / path) for path in matching_files(directory, patterns)}
