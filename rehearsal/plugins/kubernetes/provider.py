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
from rehearsal.plugins.kubernetes.api_server import ApiServer, Applied, Kind, Object, RefusedError
from rehearsal.plugins.properties import Properties
from rehearsal.plugins.stand_in import StandIn

# what other objects of the same preview are judged by: a dry run of it would be forgotten before they come
_FOUNDATIONS = (("v1", "Namespace"), ("apiextensions.k8s.io/v1", "CustomResourceDefinition"))
_MUTABLE = {"ConfigMap": "enableConfigMapMutable", "Secret": "enableSecretMutable"}
_ACCOUNT = "default"  # every namespace has it, by a controller that is not there
# refusals that name no value, but may be due to the text that stands in for what is not known yet
_BY_VALUE = re.compile(r"expected \S+.*got string|cannot unmarshal|quantities must match|illegal base64|unable to parse")
_PATCH_FORCE = "pulumi.com/patchForce"
_PROPAGATION = "pulumi.com/deletionPropagationPolicy"


class KubernetesProvider(StandIn):
    VERSION = "4.34.2"

    def __init__(self, log: EngineLog) -> None:
        super().__init__(log)
        self._settings: Mapping[str, str] = {}
        self._server: ApiServer | None = None
        self._lock = threading.Lock()
        self._defining = threading.Lock()
        self._from_charts: set[str] = set()
        self._told: set[str] = set()

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
        if not objects.is_named(inputs):
            return inputs, {}  # metadata that is not known yet, in a preview: there is nothing to ask the server
        wanted = objects.to_object(inputs, api_version, name)
        unknown = request.preview and objects.has_unknown(inputs)
        try:
            kind = self._kind(api_version, name)
            applied = self._applied(request, kind, wanted, creates=creates)
        except RefusedError as refused:
            if refused.reason == "NoMatch" and _group(api_version) in self._from_charts:
                self._tell_once(request.urn, f"{name} is accepted as it is, not validated: its kind comes with a chart")
                return {**inputs}, wanted
            if unknown and (objects.UNKNOWN_TEXT in str(refused) or _BY_VALUE.search(str(refused))):
                return inputs, {}  # `up` will tell, with the values
            _refuse(context, f"resource {request.urn!r} {what}: {refused}")
        except ClusterError as error:
            _refuse(context, str(error))
        for warning in applied.warnings:
            self._log.warning(request.urn, f"{objects.resource_name(request.urn)}: {warning}")
        return objects.outputs(applied.object, inputs, preview=request.preview), applied.object

    def _kind(self, api_version: str, name: str) -> Kind:
        """Also of a chart in the program, if its definition can be had. Raises RefusedError."""
        try:
            return self._api().kind(api_version, name)
        except RefusedError as refused:
            group = _group(api_version)
            if refused.reason != "NoMatch" or group not in self._from_charts:
                raise
        with self._defining:
            for file in sorted(self._definitions().glob(f"{group}_{name.lower()}*.yaml")):
                plural = file.stem.partition("_")[2]
                self._api().define(file.read_bytes(), f"{plural}.{group}")
        return self._api().kind(api_version, name)

    def _applied(self, request: Any, kind: Kind, wanted: Object, *, creates: bool) -> Applied:
        """Raises RefusedError."""
        metadata = wanted["metadata"]
        foundation = (kind.api_version, kind.name) in _FOUNDATIONS
        manager = objects.field_manager(request.urn)
        force = (metadata.get("annotations") or {}).get(_PATCH_FORCE) == "true" or self._on("enablePatchForce")
        present = self._api().read(kind, metadata.get("namespace", ""), metadata["name"]) if creates else None
        scratch = present is not None and objects.SCRATCH in (present["metadata"].get("annotations") or {})
        if present is not None and not request.preview:
            if scratch:
                self._api().delete(kind, "", metadata["name"])
            elif not self._on("upsertExistingObjects"):
                full = f"{kind.plural} {metadata['name']!r}"
                raise RefusedError(f"{full} already exists; import it, or give the new one another name", 409)
        if creates and request.preview:
            if present is not None and not foundation:
                return self._tried_aside(kind, wanted, manager)
            if foundation and (present is None or scratch):
                marked = {**metadata, "annotations": {**(metadata.get("annotations") or {}), objects.SCRATCH: "true"}}
                self._api().apply(kind, {**wanted, "metadata": marked}, manager, force=True, dry_run=False)
        applied = self._judged(kind, wanted, manager, force=force, dry_run=request.preview)
        if kind.name == "CustomResourceDefinition":
            self._api().wait_until_established(metadata["name"])
        return applied

    def _tried_aside(self, kind: Kind, wanted: Object, manager: str) -> Applied:
        """A preview of what takes the place of an object that is still there: tried under a name that is free."""
        name = wanted["metadata"]["name"]
        aside = objects.auto_name("preview", manager.encode())
        try:
            moved = {**wanted, "metadata": {**wanted["metadata"], "name": aside}}
            applied = self._judged(kind, moved, manager, force=False, dry_run=True)
        except RefusedError as refused:
            raise RefusedError(str(refused).replace(aside, name), refused.code, refused.reason) from None
        back = {**applied.object, "metadata": {**applied.object["metadata"], "name": name}}
        return Applied(back, applied.warnings)

    def _judged(self, kind: Kind, wanted: Object, manager: str, *, force: bool, dry_run: bool) -> Applied:
        """Applies it once the server also accepts the pods that a controller would make. Raises RefusedError."""
        pod = objects.first_pod(wanted, _ACCOUNT)
        if pod is None:
            return self._api().apply(kind, wanted, manager, force=force, dry_run=dry_run)
        tried = self._api().apply(kind, wanted, manager, force=force, dry_run=True)
        self._try_pod(pod)
        return tried if dry_run else self._api().apply(kind, wanted, manager, force=force, dry_run=False)

    def _try_pod(self, pod: Object) -> None:
        namespace = pod["metadata"]["namespace"]
        manager = objects.field_manager(namespace)
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": _ACCOUNT, "namespace": namespace}}
        try:
            self._api().apply(self._api().kind("v1", "ServiceAccount"), account, manager, force=True, dry_run=False)
            self._api().apply(self._api().kind("v1", "Pod"), pod, manager, force=True, dry_run=True)
        except RefusedError as refused:
            raise RefusedError(f"its pods would be refused: {refused}", refused.code, refused.reason) from None

    def _api(self) -> ApiServer:
        """Raises ClusterError when no cluster was handed over."""
        with self._lock:
            if self._server is None:
                self._server = ApiServer(handed_over(os.environ))
            return self._server

    def _definitions(self) -> Path:
        return Path(handed_over(os.environ).definitions)

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


def _group(api_version: str) -> str:
    return api_version.rpartition("/")[0]


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
