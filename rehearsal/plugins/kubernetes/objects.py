"""From the inputs of a Pulumi resource to a Kubernetes object and back: names, secrets, what is not known yet."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from rehearsal.plugins import properties as props
from rehearsal.plugins.properties import Properties

AUTONAMED = "pulumi.com/autonamed"
SCRATCH = "ironlane.invalid/preview"
"""Annotation of what only a preview needs to exist: `up` makes it anew."""

UNKNOWN_TEXT = "rehearsalunknown"
"""In place of what is not known yet: a DNS label and base64 at once, so that most fields of type string accept it."""

_ASSIGNED = ("uid", "resourceVersion", "creationTimestamp", "generation")
_SUFFIX = 8
_CONTENT = ("data", "stringData")


def type_token(urn: str) -> str:
    return urn.split("::")[2].rsplit("$", 1)[-1]


def resource_name(urn: str) -> str:
    return urn.rsplit("::", 1)[-1]


def kind_of(urn: str, inputs: Mapping[str, Any]) -> tuple[str, str]:
    """apiVersion and kind: from the inputs, which the SDK fills in, else from the type."""
    _, version, kind = type_token(urn).split(":", 2)
    version = version.removeprefix("core/")
    return str(props.reveal(inputs.get("apiVersion")) or version), str(props.reveal(inputs.get("kind")) or kind)


def metadata(value: Mapping[str, Any]) -> Properties:
    found = props.reveal(value.get("metadata"))
    return found if isinstance(found, dict) else {}


def is_named(inputs: Mapping[str, Any]) -> bool:
    return bool(metadata(inputs).get("name"))


def is_autonamed(inputs: Mapping[str, Any]) -> bool:
    annotations = metadata(inputs).get("annotations")
    return isinstance(annotations, dict) and annotations.get(AUTONAMED) == "true"


def auto_name(name: str, seed: bytes) -> str:
    """`name-` and eight hexadecimal digits; the engine's seed makes it the same in every try at one step."""
    return f"{name}-{hashlib.sha256(seed + name.encode()).hexdigest()[:_SUFFIX]}"


def with_name(inputs: Properties, name: str) -> Properties:
    """The inputs with a made-up name, marked as such. Metadata that is not known yet stays so."""
    given = inputs.get("metadata") or {}
    if not isinstance(given, dict) or props.is_tagged(given):
        return inputs
    annotations = given.get("annotations") or {}
    if isinstance(annotations, dict) and not props.is_tagged(annotations):
        annotations = {**annotations, AUTONAMED: "true"}
    return {**inputs, "metadata": {**given, "name": name, "annotations": annotations}}


def with_namespace(inputs: Properties, namespace: str) -> Properties:
    given = inputs.get("metadata") or {}
    if not isinstance(given, dict) or props.is_tagged(given) or given.get("namespace"):
        return inputs
    return {**inputs, "metadata": {**given, "namespace": namespace}}


def has_unknown(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(has_unknown, value.values()))
    return any(map(has_unknown, value)) if isinstance(value, list) else value == props.UNKNOWN


def to_object(inputs: Mapping[str, Any], api_version: str, kind: str) -> Properties:
    """What the API server is sent: secrets in plain, whole numbers as integers, a text where one is not known yet."""
    plain: Properties = _to_json(props.reveal(dict(inputs)))
    plain.pop("status", None)
    return {**plain, "apiVersion": api_version, "kind": kind}


def _to_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _to_json(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_to_json(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return UNKNOWN_TEXT if value == props.UNKNOWN else value


def outputs(live: Mapping[str, Any], inputs: Mapping[str, Any], *, preview: bool) -> Properties:
    """The object as the engine records it: secret where the inputs were, unknown where only a real apply can tell."""
    state = {key: value for key, value in live.items() if key != "metadata"}
    state["metadata"] = {key: value for key, value in live.get("metadata", {}).items() if key != "managedFields"}
    if preview:
        state["status"] = props.UNKNOWN
        state["metadata"].update(dict.fromkeys(_ASSIGNED, props.UNKNOWN))
        if live.get("kind") == "Service":
            given = props.reveal(inputs.get("spec")) or {}
            unknown = {key: props.UNKNOWN for key in ("clusterIP", "clusterIPs") if not given.get(key)}
            state["spec"] = {**state.get("spec", {}), **unknown}
    known: Properties = _like(state, dict(inputs))
    if live.get("kind") == "Secret":
        for key in _CONTENT:
            if key in known and not props.is_secret(known[key]):
                known[key] = props.secret(props.reveal(known[key]))
    return known


def _like(state: Any, inputs: Any) -> Any:
    """state with the secrets and unknown values of inputs."""
    if inputs == props.UNKNOWN:
        return inputs
    if props.is_secret(inputs):
        return props.secret(_like(state, inputs["value"]))
    if isinstance(state, dict) and isinstance(inputs, dict):
        return {key: _like(item, inputs.get(key)) for key, item in state.items()}
    if isinstance(state, list) and isinstance(inputs, list) and len(state) == len(inputs):
        return [_like(item, given) for item, given in zip(state, inputs, strict=True)]
    return state


def renamed(wanted: Properties, name: str) -> Properties:
    return {**wanted, "metadata": {**wanted["metadata"], "name": name}}


def scratch(wanted: Properties) -> Properties:
    """The object, marked as made by a preview for others to be judged by."""
    given = wanted["metadata"]
    return {**wanted, "metadata": {**given, "annotations": {**(given.get("annotations") or {}), SCRATCH: "true"}}}


def pod_template(wanted: Mapping[str, Any]) -> Properties | None:
    """Of a Deployment, StatefulSet, DaemonSet, ReplicaSet, Job or CronJob."""
    spec = wanted.get("spec")
    if wanted.get("kind") == "CronJob":
        spec = ((spec or {}).get("jobTemplate") or {}).get("spec")
    template = spec.get("template") if isinstance(spec, dict) else None
    return template if isinstance(template, dict) and isinstance(template.get("spec"), dict) else None


def first_pod(wanted: Mapping[str, Any], account: str) -> Properties | None:
    """The pod that a controller would make from the object. None for objects that no pod is made from.

    Its account and priority class are left out: in a preview they need not be there yet.
    """
    template = pod_template(wanted)
    if template is None:
        return None
    given = wanted["metadata"]
    spec = {key: value for key, value in template["spec"].items() if key not in ("priorityClassName", "serviceAccount")}
    spec["serviceAccountName"] = account
    claims = [each["metadata"]["name"] for each in wanted["spec"].get("volumeClaimTemplates") or ()]
    if claims:  # a StatefulSet's controller adds their volumes
        mounted = [
            {"name": name, "persistentVolumeClaim": {"claimName": f"{name}-{given['name']}-0"}} for name in claims
        ]
        spec["volumes"] = [*(spec.get("volumes") or ()), *mounted]
    name = {"name": given["name"], "namespace": given.get("namespace") or "default"}
    metadata_ = {**(template.get("metadata") or {}), **name}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata_, "spec": spec}


def object_id(live: Mapping[str, Any]) -> str:
    found = live["metadata"]
    return f"{found['namespace']}/{found['name']}" if found.get("namespace") else str(found["name"])


def field_manager(urn: str) -> str:
    """Owner of the fields that the resource sets, told apart from that of every other resource."""
    return f"pulumi-kubernetes-{hashlib.sha256(urn.encode()).hexdigest()[:8]}"
