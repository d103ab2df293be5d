"""Takes the engine's place: records every request of the program and answers as providers would."""

from __future__ import annotations

import threading
from typing import Any, NoReturn

from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime import mocks
from pulumi.runtime.proto import resource_pb2, resource_pb2_grpc

from tests.recorder.answers import answers, id_of
from tests.recorder.properties import Reader
from tests.recorder.recording import Resource

_STACK = "pulumi:pulumi:Stack"
_HOOKS = ("before_create", "after_create", "before_update", "after_update", "before_delete", "after_delete", "on_error")


class _NoMocks(mocks.Mocks):
    def new_resource(self, args: mocks.MockResourceArgs) -> NoReturn:
        raise AssertionError(f"the monitor answers itself, not for {args.name}")

    def call(self, args: mocks.MockCallArgs) -> NoReturn:
        raise AssertionError(
            f"the program calls {args.token}: pin the value in the settings; a preview must not depend on what a"
            " provider answers today"
        )


class Monitor(mocks.MockMonitor, resource_pb2_grpc.ResourceMonitorStub):
    """A stub by type, so that the SDK starts its callback server and hooks are registered; it has no channel."""

    def __init__(self, project: str, stack: str, preview: bool) -> None:
        super().__init__(_NoMocks())
        self._prefix = f"urn:pulumi:{stack}::{project}::"
        self._preview = preview
        self._lock = threading.Lock()
        self._urns: set[str] = set()
        self.seen: list[Resource] = []
        self.duplicates: list[str] = []
        self.outputs: dict[str, dict[str, Any]] = {}
        self.secret_outputs: dict[str, frozenset[str]] = {}
        self.hooks: set[str] = set()
        self.hidden: set[str] = set()

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """Of this run: the inherited one asks for the settings of the thread that it runs in."""
        above = parent.split("::")[2] if parent else ""
        if above.endswith(_STACK):
            above = ""  # as the engine writes it
        return f"{self._prefix}{above}{'$' if above else ''}{type_}::{name}"

    def RegisterResource(self, request: Any) -> Any:
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == _STACK:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        if request.remote:
            raise AssertionError(
                f"{urn}: a component of a provider; its children exist only in a real engine, so a test here sees none"
            )
        reader = Reader()
        resource = _resource(urn, request, reader.properties(request.object), reader)
        with self._lock:
            if urn in self._urns:
                self.duplicates.append(urn)
            self._urns.add(urn)
            self.seen.append(resource)
            self.hidden |= reader.hidden
        answer = struct_pb2.Struct()
        known = request.custom and not self._preview
        if known:
            answer.update(answers(request.type, urn, request.name))
            made = Reader()
            made.properties(answer)
            with self._lock:
                self.hidden |= made.hidden
        for key, value in request.object.fields.items():
            answer.fields[key].CopyFrom(value)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=id_of(request.name) if known else "", object=answer)

    def RegisterResourceOutputs(self, request: Any) -> Any:
        reader = Reader()
        with self._lock:
            self.outputs[request.urn] = reader.properties(request.outputs)
            self.secret_outputs[request.urn] = frozenset(reader.secret)
        return empty_pb2.Empty()

    def ReadResource(self, request: Any) -> NoReturn:
        raise AssertionError(
            f"the program reads {request.type} {request.name} of the account: name it in the settings instead"
        )

    def RegisterResourceHook(self, request: Any) -> Any:
        with self._lock:
            self.hooks.add(request.name)
        return empty_pb2.Empty()

    RegisterErrorHook = RegisterResourceHook


def _resource(urn: str, request: Any, inputs: dict[str, Any], reader: Reader) -> Resource:
    timeouts = request.customTimeouts
    hooks = {step: names for step in _HOOKS if (names := tuple(getattr(request.hooks, step)))}
    return Resource(
        urn=urn,
        type=request.type,
        name=request.name,
        inputs=inputs,
        parent=request.parent,
        custom=request.custom,
        protect=request.protect,
        depends_on=frozenset(request.dependencies),
        property_depends_on={key: frozenset(each.urns) for key, each in request.propertyDependencies.items()},
        ignore_changes=tuple(request.ignoreChanges),
        replace_on_changes=tuple(request.replaceOnChanges),
        aliases=tuple(_alias(each) for each in request.aliases) + tuple(request.aliasURNs),
        hooks=tuple(hooks),
        hook_names=hooks,
        delete_before_replace=request.deleteBeforeReplace,
        retain_on_delete=request.retainOnDelete,
        deleted_with=request.deletedWith,
        import_id=request.importId,
        provider=request.provider,
        providers=dict(request.providers),
        secret_outputs=tuple(request.additionalSecretOutputs),
        timeouts={key: found for key in ("create", "update", "delete") if (found := getattr(timeouts, key))},
        secret=frozenset(reader.secret),
        unknown=frozenset(reader.unknown),
    )


def _alias(alias: Any) -> str:
    if alias.urn:
        return str(alias.urn)
    return ", ".join(f"{key.name}={value}" for key, value in alias.spec.ListFields() if value)
