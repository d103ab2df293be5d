"""The provider service: answers as provider `aws` would, from its semantics and what the program asked for."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, NoReturn

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from rehearsal.plugins import properties as props
from rehearsal.plugins.aws.identifiers import ACCOUNT, computed, make_arn, make_id, name_property, own_name
from rehearsal.plugins.aws.semantics import Semantics, semantics
from rehearsal.plugins.detailed_diff import diff_response
from rehearsal.plugins.differences import Change, differences
from rehearsal.plugins.engine_log import EngineLog
from rehearsal.plugins.stand_in import StandIn

_EFFECTS = {
    "stop_start": "stops the instance and starts it again",
    "rolling_nodes": "replaces the nodes one after another",
    "restart": "restarts the service",
    "brief_outage": "interrupts connections for a moment",
    "irreversible": "cannot be taken back",
}
# type → outputs already in a preview: with an unknown kubeconfig the engine would not even ask the Kubernetes provider
_FORETOLD = {"aws:eks/cluster:Cluster": ("endpoint", "certificateAuthority")}
# type → (flag, what AWS refuses while it is set)
_STOP_PROTECTION = {"aws:ec2/instance:Instance": "disableApiStop"}
_DELETE_PROTECTION = {
    "aws:ec2/instance:Instance": "disableApiTermination",
    "aws:eks/cluster:Cluster": "deletionProtection",
    "aws:rds/instance:Instance": "deletionProtection",
    "aws:lb/loadBalancer:LoadBalancer": "enableDeletionProtection",
}


class AwsProvider(StandIn):
    VERSION = "7.51.1"

    def __init__(self, log: EngineLog) -> None:
        super().__init__(log)
        self._region = "us-east-1"

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._region = props.from_struct(request.args).get("region") or self._region
        return super().Configure(request, context)

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        failures = []
        if _type(request.urn) not in semantics():
            reason = f"the rehearsal does not know {_type(request.urn)}: add it to rehearsal/plugins/aws/semantics.yaml"
            failures.append(provider_pb2.CheckFailure(reason=reason))
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:
        kind = self._kind(request.urn, context)
        old, new = _inputs(request.old_inputs), _inputs(request.news)
        ignored = tuple(request.ignoreChanges)
        changes = {
            path: change
            for path, change in differences(old, new).items()
            if not kind.ignores(path, change is Change.DELETE)
            and not any(path == each or path.startswith((f"{each}.", f"{each}[")) for each in ignored)
        }
        plain_old, plain_new = props.reveal(old), props.reveal(new)
        replacing = {path for path in changes if kind.replaces(path, plain_old, plain_new)}
        if not replacing:
            for path in changes:
                self._tell(request.urn, kind, path)
        return diff_response(changes, replacing)

    def _tell(self, urn: str, kind: Semantics, path: str) -> None:
        name = urn.rsplit("::", 1)[-1]
        if effect := kind.effect(path):
            self._log.warning(urn, f"{name}: changing {path} {_EFFECTS[effect]}")
        elif kind.uncertain(path):
            self._log.warning(urn, f"{name}: changing {path} may replace it; only AWS can tell")

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        kind = self._kind(request.urn, context)
        inputs = props.from_struct(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=props.to_struct(self._previewed(request.urn, kind, inputs)))
        id_ = make_id(kind, request.urn, props.reveal(inputs), secrets.token_hex(4))
        return provider_pb2.CreateResponse(
            id=id_, properties=props.to_struct(self._state(request.urn, kind, inputs, id_))
        )

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:
        kind = self._kind(request.urn, context)
        old, new = props.from_struct(request.old_inputs), props.from_struct(request.news)
        flag = _STOP_PROTECTION.get(_type(request.urn), "")
        stopping = [path for path in differences(old, new) if kind.effect(path) == "stop_start"]
        if stopping and old.get(flag) is True:
            _refuse(
                context,
                f"{', '.join(stopping)}: the change stops the instance, and {flag} is on; AWS answers"
                " OperationNotPermitted. Drain the host, switch the protection off by an update, then change",
            )
        state = {**props.from_struct(request.olds), **new}
        for gone in old.keys() - new.keys():
            if gone not in kind.keeps:
                state.pop(gone, None)
        if "latestVersion" in state and not request.preview:
            state["latestVersion"] += 1
        elif "latestVersion" in state:
            state["latestVersion"] = props.UNKNOWN
        return provider_pb2.UpdateResponse(properties=props.to_struct(state))

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        flag = _DELETE_PROTECTION.get(_type(request.urn), "")
        if props.from_struct(request.properties).get(flag) is True:
            _refuse(context, f"{flag} is on: AWS refuses to delete it; switch it off in an update of its own first")
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:
        _refuse(context, f"{request.tok}: the program must not ask AWS anything; pin the value in the stack's settings")

    def _kind(self, urn: str, context: grpc.ServicerContext) -> Semantics:
        found = semantics().get(_type(urn))
        if found is None:
            _refuse(context, f"the rehearsal does not know {_type(urn)}")
        return found

    def _state(self, urn: str, kind: Semantics, inputs: Mapping[str, Any], id_: str) -> props.Properties:
        plain = props.reveal(dict(inputs))
        state: props.Properties = {
            name_property(urn): own_name(urn, plain),
            "region": self._region,
            "ownerId": ACCOUNT,
            **computed(_type(urn), urn, id_, self._region),
            **inputs,
        }
        if arn := make_arn(kind, urn, plain, id_, self._region):
            state["arn"] = arn
        return state

    def _previewed(self, urn: str, kind: Semantics, inputs: Mapping[str, Any]) -> props.Properties:
        """Nothing that AWS would compute is known before it has, but for what other providers are asked with."""
        unknown = dict.fromkeys(self._state(urn, kind, {}, ""), props.UNKNOWN)
        foretold: props.Properties = {}
        if _type(urn) in _FORETOLD:
            id_ = make_id(kind, urn, props.reveal(dict(inputs)), "")
            state = self._state(urn, kind, inputs, id_)
            foretold = {key: state[key] for key in _FORETOLD[_type(urn)]}
        return {**unknown, **foretold, **inputs}


def _type(urn: str) -> str:
    parts = urn.split("::")
    return parts[2].rsplit("$", 1)[-1] if len(parts) > 3 else urn


def _inputs(struct: Any) -> props.Properties:
    return {key: value for key, value in props.from_struct(struct).items() if value is not None and key != "__defaults"}


def _refuse(context: grpc.ServicerContext, message: str) -> NoReturn:
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, message)
    raise AssertionError("abort returned")
