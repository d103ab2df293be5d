"""The provider service: answers as provider `kubernetes` would, with a real API server's judgement of every object."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any, NoReturn

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from rehearsal.cluster.connection import ClusterError, handed_over
from rehearsal.plugins import properties as props
from rehearsal.plugins.detailed_diff import diff_response
from rehearsal.plugins.differences import differences
from rehearsal.plugins.engine_log import EngineLog
from rehearsal.plugins.kubernetes import objects, release, replacement
from rehearsal.plugins.kubernetes.api_server import ApiServer, Applied, Kind, Object, RefusedError
from rehearsal.plugins.properties import Properties
from rehearsal.plugins.stand_in import StandIn

# what other objects of the same preview are judged by: a dry run of it would be forgotten before they come
_FOUNDATIONS = (("v1", "Namespace"), ("apiextensions.k8s.io/v1", "CustomResourceDefinition"))
_MUTABLE = {
    "ConfigMap": ("enableConfigMapMutable", "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE"),
    "Secret": ("enableSecretMutable", "PULUMI_K8S_ENABLE_SECRET_MUTABLE"),
}
_POD_SECURITY = "would violate PodSecurity"
_PATCH_FORCE = "pulumi.com/patchForce"
_PROPAGATION = "pulumi.com/deletionPropagationPolicy"


class KubernetesProvider(StandIn):
    VERSION = "4.34.2"

    def __init__(self, log: EngineLog) -> None:
        super().__init__(log)
        self._settings: Mapping[str, str] = {}
        self._server: ApiServer | None = None
        self._lock = threading.Lock()
        self._from_charts: set[str] = set()
        self._told: set[str] = set()

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Another cluster replaces the provider and all that is in it; other settings are taken as they come."""
        changes = differences(props.from_struct(request.old_inputs), props.from_struct(request.news))
        identified = bool(props.from_struct(request.news).get("clusterIdentifier"))
        cluster = {"clusterIdentifier"} if identified else {"kubeconfig", "context", "cluster"}
        return diff_response(changes, cluster.intersection(changes))

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
            reason = "the rehearsal renders no charts and no YAML: use helm.v3.Release, or the objects themselves"
            failures.append(provider_pb2.CheckFailure(reason=reason))
        elif kind.endswith(("List", "Patch")):
            reason = f"the rehearsal does not do kind {kind}: use the kind itself"
            failures.append(provider_pb2.CheckFailure(reason=reason))
        else:
            news = self._named(request, olds, news)
        return provider_pb2.CheckResponse(inputs=props.to_struct(news), failures=failures)

    def _named(self, request: Any, olds: Properties, news: Properties) -> Properties:
        if not objects.is_named(news):
            if not olds:
                news = objects.with_name(news, objects.auto_name(objects.resource_name(request.urn), request.randomSeed))
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
            mutable_content=self._may_change(kind),
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

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:
        _refuse(context, f"{request.tok}: the rehearsal renders nothing; use helm.v3.Release, or the objects themselves")

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
        if objects.metadata(inputs).get("name") in (None, props.UNKNOWN):
            return inputs, {}  # only in a preview: there is nothing to ask the server yet
        wanted = objects.to_object(inputs, api_version, name)
        unknown = request.preview and objects.has_unknown(inputs)
        try:
            kind = self._api().kind(api_version, name)
            applied = self._applied(request, kind, wanted, creates=creates)
        except RefusedError as refused:
            group = api_version.rpartition("/")[0]
            if refused.reason == "NoMatch" and group in self._from_charts:
                self._tell_once(request.urn, f"{name} is accepted as it is, not validated: its kind comes with a chart")
                return {**inputs}, wanted
            if unknown and not _is_about_fields(refused):
                return inputs, {}  # may be due to the text that stands in for what is not known yet
            _refuse(context, f"resource {request.urn!r} {what}: {refused}")
        except ClusterError as error:
            _refuse(context, str(error))
        for warning in applied.warnings:
            if _POD_SECURITY in warning:
                _refuse(context, f"resource {request.urn!r} {what}: its pods would be refused: {warning}")
            self._log.warning(request.urn, f"{objects.resource_name(request.urn)}: {warning}")
        return objects.outputs(applied.object, inputs, preview=request.preview), applied.object

    def _applied(self, request: Any, kind: Kind, wanted: Object, *, creates: bool) -> Applied:
        """Raises RefusedError."""
        metadata = wanted["metadata"]
        foundation = (kind.api_version, kind.name) in _FOUNDATIONS
        if creates:
            present = self._api().read(kind, metadata.get("namespace", ""), metadata["name"])
            scratch = present is not None and objects.SCRATCH in (present["metadata"].get("annotations") or {})
            if present is not None and scratch and not request.preview:
                self._api().delete(kind, "", metadata["name"])
            elif present is not None and not scratch and not self._upserts() and not request.preview:
                full = f"{kind.plural} {metadata['name']!r}"
                raise RefusedError(f"{full} already exists; import it, or give the new one another name", 409)
        force = (metadata.get("annotations") or {}).get(_PATCH_FORCE) == "true" or self._on("enablePatchForce")
        manager = objects.field_manager(request.urn)
        if request.preview and foundation and creates:
            marked = {**metadata, "annotations": {**(metadata.get("annotations") or {}), objects.SCRATCH: "true"}}
            self._api().apply(kind, {**wanted, "metadata": marked}, manager, force=True, dry_run=False)
        applied = self._api().apply(kind, wanted, manager, force=force, dry_run=request.preview)
        if kind.name == "CustomResourceDefinition":
            self._api().wait_until_established(metadata["name"])
        return applied

    def _api(self) -> ApiServer:
        """Raises ClusterError when no cluster was handed over."""
        with self._lock:
            if self._server is None:
                self._server = ApiServer(handed_over(os.environ))
            return self._server

    def _namespace(self) -> str:
        return str(self._settings.get("namespace") or "")

    def _on(self, setting: str, variable: str = "") -> bool:
        return str(self._settings.get(setting) or os.environ.get(variable, "")).lower() == "true"

    def _may_change(self, kind: str) -> bool:
        return self._on(*_MUTABLE[kind]) if kind in _MUTABLE else True

    def _upserts(self) -> bool:
        return self._on("upsertExistingObjects", "PULUMI_K8S_UPSERT_EXISTING_OBJECTS")

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


def _is_about_fields(refused: RefusedError) -> bool:
    """Whether a field's name was refused, whatever its value."""
    return any(text in str(refused) for text in ("field not declared in schema", "unknown field", "duplicate"))


def _refuse(context: grpc.ServicerContext, message: str) -> NoReturn:
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, message)
    raise AssertionError("abort returned")
