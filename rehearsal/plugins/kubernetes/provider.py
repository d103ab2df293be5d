"""The provider service: answers as provider `kubernetes` would, with a real API server's judgement of every object."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import grpc
import yaml
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from rehearsal.cluster.connection import ClusterError, handed_over
from rehearsal.plugins import properties as props
from rehearsal.plugins.detailed_diff import diff_response
from rehearsal.plugins.differences import differences
from rehearsal.plugins.engine_log import EngineLog
from rehearsal.plugins.kubernetes import objects, release, replacement
from rehearsal.plugins.kubernetes.api_server import ApiServer, Object, RefusedError
from rehearsal.plugins.kubernetes.judge import Judge, Wish
from rehearsal.plugins.properties import Properties
from rehearsal.plugins.redact import Redactor
from rehearsal.plugins.stand_in import StandIn

_MUTABLE = {"ConfigMap": "enableConfigMapMutable", "Secret": "enableSecretMutable"}
# refusals that name no value, but may be due to the text that stands in for what is not known yet
_BY_VALUE = re.compile(
    r"expected \S+.*got string|cannot unmarshal|quantities must match|illegal base64|unable to parse"
)
_RENDERS_NOTHING = "the rehearsal renders no chart and no YAML: use helm.v3.Release, or the objects themselves"
_PATCH_FORCE = "pulumi.com/patchForce"
_PROPAGATION = "pulumi.com/deletionPropagationPolicy"


class KubernetesProvider(StandIn):
    VERSION = "4.34.2"

    def __init__(self, log: EngineLog) -> None:
        super().__init__(log)
        self._settings: Mapping[str, str] = {}
        self._cluster: tuple[ApiServer, Judge] | None = None
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._from_charts: set[str] = set()
        self._told: set[str] = set()

    def cancel(self) -> None:
        self._stopped.set()

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Another cluster replaces the provider and all that is in it; other settings are taken as they come."""
        old, new = props.reveal(props.from_struct(request.old_inputs)), props.reveal(props.from_struct(request.news))
        changes = differences(old, new)
        if new.get("clusterIdentifier"):
            replaces = {"clusterIdentifier"}
        else:
            replaces = {"context", "cluster"} | ({"kubeconfig"} if _clusters(old) != _clusters(new) else set())
        return diff_response(changes, replaces.intersection(changes))

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._settings = props.reveal(props.from_struct(request.args))
        return super().Configure(request, context)

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        olds, news = props.from_struct(request.olds), props.from_struct(request.news)
        token, kind = objects.type_token(request.urn), objects.kind_of(request.urn, news)[1]
        failures = []
        if token == release.TYPE:
            news = release.checked(request.urn, olds, news, request.randomSeed, self._namespace() or "default")
            self._from_charts.update(release.groups(news))
            if found := release.problem(news):
                failures.append(provider_pb2.CheckFailure(property=found[0], reason=found[1]))
        elif token.startswith(("kubernetes:helm.sh", "kubernetes:yaml", "kubernetes:kustomize")):
            failures.append(provider_pb2.CheckFailure(reason=_RENDERS_NOTHING))
        elif kind.endswith(("List", "Patch")):
            reason = f"the rehearsal does not do kind {kind}: use the kind itself"
            failures.append(provider_pb2.CheckFailure(reason=reason))
        else:
            news = self._named(request, olds, news)
        return provider_pb2.CheckResponse(inputs=props.to_struct(news), failures=failures)

    def _named(self, request: Any, olds: Properties, news: Properties) -> Properties:
        if not objects.is_named(news):
            if not olds:
                news = objects.with_name(
                    news, objects.auto_name(objects.resource_name(request.urn), request.randomSeed)
                )
            elif objects.is_autonamed(olds):
                news = objects.with_name(news, str(objects.metadata(olds)["name"]))
        if namespace := self._namespace():
            news = objects.with_namespace(news, namespace)
        return news

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:
        old, new = props.from_struct(request.old_inputs), props.from_struct(request.news)
        version, kind = objects.kind_of(request.urn, new)
        ignored = tuple(request.ignoreChanges)
        changes = {
            path: change
            for path, change in differences(_canonical(old), _canonical(new)).items()
            if not any(path == each or path.startswith((f"{each}.", f"{each}[")) for each in ignored)
        }
        replaces = replacement.replacing(
            version,
            kind,
            changes,
            immutable=replacement.says_immutable(old),
            mutable_content=self._on(_MUTABLE.get(kind, "")),
        )
        answer = diff_response(changes, replaces)
        is_release = objects.type_token(request.urn) == release.TYPE
        answer.deleteBeforeReplace = bool(replaces) and not is_release and replacement.delete_first(old, new)
        return answer

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        inputs = props.from_struct(request.properties)
        if objects.type_token(request.urn) == release.TYPE:
            return self._install(request, inputs, context)
        what = "was not successfully created by the Kubernetes API server"
        state, live = self._apply(request, inputs, context, creates=True, what=what)
        id_ = "" if request.preview else objects.object_id(live)
        return provider_pb2.CreateResponse(id=id_, properties=props.to_struct(state))

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:
        inputs = props.from_struct(request.news)
        if objects.type_token(request.urn) == release.TYPE:
            revision = release.revision_of(props.from_struct(request.olds)) + 1
            self._tell_once(request.urn, release.NOT_RENDERED)
            state = release.outputs(inputs, revision, preview=request.preview)
        else:
            what = "was not updated by the Kubernetes API server"
            state, _ = self._apply(request, inputs, context, creates=False, what=what)
        return provider_pb2.UpdateResponse(properties=props.to_struct(state))

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:
        state, inputs = props.from_struct(request.properties), props.from_struct(request.inputs)
        if objects.type_token(request.urn) == release.TYPE:
            return super().Read(request, context)
        namespace, _, name = request.id.rpartition("/")
        try:
            kind = self._api().kind(*objects.kind_of(request.urn, inputs or state))
            live = self._api().read(kind, namespace, name)
        except RefusedError as refused:
            if refused.reason == "NoMatch":
                return super().Read(request, context)
            _refuse(context, f"{request.id}: {refused}")
        except ClusterError as error:
            _refuse(context, str(error))
        if live is None:
            return provider_pb2.ReadResponse()
        found = objects.outputs(live, inputs, preview=False)
        return provider_pb2.ReadResponse(id=request.id, properties=props.to_struct(found), inputs=request.inputs)

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        state = props.from_struct(request.properties)
        if objects.type_token(request.urn) == release.TYPE:
            return empty_pb2.Empty()
        namespace, _, name = request.id.rpartition("/")
        annotations = objects.metadata(state).get("annotations") or {}
        try:
            kind = self._api().kind(*objects.kind_of(request.urn, state))
            propagation = annotations.get(_PROPAGATION, "Background").capitalize()
            self._api().delete(kind, namespace, name, propagation)
        except RefusedError as refused:
            if refused.reason != "NoMatch":  # with its kind, the object is gone too
                _refuse(context, f"resource {request.urn!r} was not deleted by the Kubernetes API server: {refused}")
        except ClusterError as error:
            _refuse(context, str(error))
        return empty_pb2.Empty()

    def Construct(self, request: Any, context: grpc.ServicerContext) -> Any:
        _refuse(context, f"{request.type}: {_RENDERS_NOTHING}")

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:
        _refuse(context, f"{request.tok}: {_RENDERS_NOTHING}")

    def _install(self, request: Any, inputs: Properties, context: grpc.ServicerContext) -> Any:
        """Refused like by Helm when its namespace is missing."""
        namespace = props.reveal(inputs["namespace"])
        if namespace != props.UNKNOWN and props.reveal(inputs.get("createNamespace")) is not True:
            try:
                known = self._api().read(self._api().kind("v1", "Namespace"), "", str(namespace))
            except (RefusedError, ClusterError) as error:
                _refuse(context, str(error))
            if known is None:
                _refuse(context, f'release {inputs["name"]}: namespaces "{namespace}" not found')
        self._tell_once(request.urn, release.NOT_RENDERED)
        state = release.outputs(inputs, 1, preview=request.preview)
        id_ = "" if request.preview else f"{namespace}/{props.reveal(inputs['name'])}"
        return provider_pb2.CreateResponse(id=id_, properties=props.to_struct(state))

    def _apply(
        self, request: Any, inputs: Properties, context: grpc.ServicerContext, *, creates: bool, what: str
    ) -> tuple[Properties, Object]:
        """State for the engine, and the object. A refusal is told as the provider tells it."""
        api_version, name = objects.kind_of(request.urn, inputs)
        if not objects.is_named(inputs):
            return inputs, {}  # metadata that is not known yet, in a preview: there is nothing to ask the server
        wanted = objects.to_object(inputs, api_version, name)
        from_chart = api_version.rpartition("/")[0] in self._from_charts
        patch_force = (objects.metadata(inputs).get("annotations") or {}).get(_PATCH_FORCE)
        wish = Wish(
            wanted,
            objects.field_manager(request.urn),
            creates,
            preview=request.preview,
            force=patch_force == "true" or self._on("enablePatchForce"),
            upsert=self._on("upsertExistingObjects"),
        )
        try:
            applied = self._judge().apply(self._judge().kind(api_version, name, from_chart=from_chart), wish)
        except RefusedError as refused:
            if refused.reason == "NoMatch" and from_chart:
                self._tell_once(request.urn, f"{name} is accepted as it is, not validated: its kind comes with a chart")
                return inputs, wanted
            unknown = request.preview and objects.has_unknown(inputs)
            if unknown and (objects.UNKNOWN_TEXT in str(refused) or _BY_VALUE.search(str(refused))):
                return inputs, {}  # `up` will tell, with the values
            redact = Redactor(props.secret_texts(inputs))
            _refuse(context, redact(f"resource {request.urn!r} {what}: {refused}"))
        except ClusterError as error:
            _refuse(context, str(error))
        for warning in applied.warnings:
            self._log.warning(request.urn, f"{objects.resource_name(request.urn)}: {warning}")
        return objects.outputs(applied.object, inputs, preview=request.preview), applied.object

    def _api(self) -> ApiServer:
        """Raises ClusterError when no cluster was handed over."""
        return self._reached()[0]

    def _judge(self) -> Judge:
        """Raises ClusterError when no cluster was handed over."""
        return self._reached()[1]

    def _reached(self) -> tuple[ApiServer, Judge]:
        with self._lock:
            if self._cluster is None:
                connection = handed_over(os.environ)
                server = ApiServer(connection, self._stopped)
                self._cluster = server, Judge(server, Path(connection.definitions))
            return self._cluster

    def _namespace(self) -> str:
        return str(self._settings.get("namespace") or "")

    def _on(self, setting: str) -> bool:
        return str(self._settings.get(setting, "")).lower() == "true"

    def _tell_once(self, urn: str, message: str) -> None:
        if urn not in self._told:
            self._told.add(urn)
            self._log.warning(urn, f"{objects.resource_name(urn)}: {message}")


def _canonical(inputs: Properties) -> Properties:
    """Inputs to compare: the namespace `default` is the same as none."""
    given = inputs.get("metadata")
    if not isinstance(given, dict) or props.is_tagged(given) or given.get("namespace") not in ("", "default"):
        return inputs
    return {**inputs, "metadata": {key: value for key, value in given.items() if key != "namespace"}}


def _clusters(settings: Properties) -> Any:
    """The clusters that a kubeconfig names: how to log in to them may change."""
    try:
        document = yaml.safe_load(settings.get("kubeconfig") or "")
    except yaml.YAMLError:
        document = None
    return document.get("clusters") if isinstance(document, dict) else settings.get("kubeconfig")


def _refuse(context: grpc.ServicerContext, message: str) -> NoReturn:
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, message)
    raise AssertionError("abort returned")
