"""The provider service: nothing here needs a cloud, so everything is made for real.

Follows the real plugin 5.6: whatever changes is made anew, but `earlyRenewalHours`; a certificate that is within them
of its end is made anew, too. Private keys are secrets.
"""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Mapping
from typing import Any, NoReturn

import grpc
from cryptography import x509
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from rehearsal.plugins import properties as props
from rehearsal.plugins.detailed_diff import diff_response
from rehearsal.plugins.differences import Change, differences, top_level
from rehearsal.plugins.stand_in import StandIn
from rehearsal.plugins.tls import issue

KEY = "tls:index/privateKey:PrivateKey"
REQUEST = "tls:index/certRequest:CertRequest"
SELF_SIGNED = "tls:index/selfSignedCert:SelfSignedCert"
LOCALLY_SIGNED = "tls:index/locallySignedCert:LocallySignedCert"

_NAMED = frozenset({"subject", "dnsNames", "ipAddresses", "uris", "privateKeyPem"})
_TERMS = frozenset(
    {
        *("allowedUses", "validityPeriodHours", "earlyRenewalHours", "isCaCertificate"),
        *("maxPathLength", "setSubjectKeyId"),
    }
)
_INPUTS = {
    KEY: frozenset({"algorithm", "ecdsaCurve", "rsaBits"}),
    REQUEST: _NAMED,
    SELF_SIGNED: _NAMED | _TERMS | {"setAuthorityKeyId"},
    LOCALLY_SIGNED: _TERMS | {"certRequestPem", "caCertPem", "caPrivateKeyPem"},
}
_REQUIRED = {
    KEY: frozenset({"algorithm"}),
    REQUEST: frozenset({"privateKeyPem"}),
    SELF_SIGNED: frozenset({"privateKeyPem", "allowedUses", "validityPeriodHours"}),
    LOCALLY_SIGNED: frozenset({"certRequestPem", "caCertPem", "caPrivateKeyPem", "allowedUses", "validityPeriodHours"}),
}
_SECRET_INPUTS = frozenset({"privateKeyPem", "caPrivateKeyPem"})
_SECRET_OUTPUTS = frozenset({"privateKeyPem", "privateKeyPemPkcs8", "privateKeyOpenssh"})
_OUTPUTS = {
    KEY: ("privateKeyPem", "privateKeyPemPkcs8", "privateKeyOpenssh", "publicKeyPem", "publicKeyOpenssh"),
    REQUEST: ("certRequestPem", "keyAlgorithm"),
    SELF_SIGNED: ("certPem", "keyAlgorithm", "validityStartTime", "validityEndTime", "readyForRenewal"),
    LOCALLY_SIGNED: ("certPem", "caKeyAlgorithm", "validityStartTime", "validityEndTime", "readyForRenewal"),
}
_IN_PLACE = "earlyRenewalHours"


class TlsProvider(StandIn):
    VERSION = "5.6.2"

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        type_, inputs = _type(request.urn), _inputs(request.news)
        if type_ not in _INPUTS:
            reason = f"the rehearsal does not know {type_}: add it to rehearsal/plugins/tls/provider.py"
            return provider_pb2.CheckResponse(inputs=request.news, failures=[provider_pb2.CheckFailure(reason=reason)])
        failures = [
            provider_pb2.CheckFailure(property=key, reason=f"{type_} has no such property")
            for key in sorted(inputs.keys() - _INPUTS[type_])
        ]
        failures += [
            provider_pb2.CheckFailure(property=key, reason="missing")
            for key in sorted(_REQUIRED[type_] - inputs.keys())
        ]
        failures += [
            provider_pb2.CheckFailure(property="allowedUses", reason=f"{use!r} is not known")
            for use in inputs.get("allowedUses", [])
            if isinstance(use, str) and use != props.UNKNOWN and use not in issue.USES
        ]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:
        changes = differences(_plain(request.old_inputs), _plain(request.news))
        replacing = {path for path in changes if top_level(path) != _IN_PLACE}
        hours = int(props.reveal(_inputs(request.news)).get(_IN_PLACE) or 0)
        if _near_its_end(props.from_struct(request.olds), hours):
            changes["readyForRenewal"] = Change.UPDATE
            replacing.add("readyForRenewal")
        return diff_response(changes, replacing)

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        type_, inputs = _type(request.urn), _inputs(request.properties)
        if request.preview:
            unknown = {key: _as_output(key, props.UNKNOWN) for key in _OUTPUTS[type_]}
            return provider_pb2.CreateResponse(properties=props.to_struct({**_kept(inputs), **unknown}))
        try:
            id_, outputs = _make(type_, props.reveal(inputs))
        except (ValueError, TypeError) as error:
            _refuse(context, str(error))
        state = {**_kept(inputs), **{key: _as_output(key, value) for key, value in outputs.items()}}
        return provider_pb2.CreateResponse(id=id_, properties=props.to_struct(state))

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Only `earlyRenewalHours` comes here: the certificate stays."""
        state = {**props.from_struct(request.olds), **_kept(_inputs(request.news))}
        return provider_pb2.UpdateResponse(properties=props.to_struct(state))

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        return empty_pb2.Empty()


def _make(type_: str, inputs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """id and outputs. Raises ValueError."""
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    if type_ == KEY:
        bits = inputs.get("rsaBits")
        key = issue.new_key(inputs["algorithm"], inputs.get("ecdsaCurve"), int(bits) if bits else None)
        return issue.key_id(key), dict(issue.key_outputs(key))
    if type_ == REQUEST:
        key = issue.load_key(inputs["privateKeyPem"])
        pem = issue.request(key, _names(inputs))
        return secrets.token_hex(20), {"certRequestPem": pem, "keyAlgorithm": issue.algorithm_of(key)}
    terms = _terms(inputs)
    if type_ == SELF_SIGNED:
        key = issue.load_key(inputs["privateKeyPem"])
        pem = issue.self_signed(key, _names(inputs), terms, now)
        algorithm = {"keyAlgorithm": issue.algorithm_of(key)}
    else:
        key = issue.load_key(inputs["caPrivateKeyPem"])
        pem = issue.signed(inputs["certRequestPem"], inputs["caCertPem"], key, terms, now)
        algorithm = {"caKeyAlgorithm": issue.algorithm_of(key)}
    certificate = x509.load_pem_x509_certificate(pem.encode())
    outputs = {
        "certPem": pem,
        "validityStartTime": certificate.not_valid_before_utc.isoformat(),
        "validityEndTime": certificate.not_valid_after_utc.isoformat(),
        "readyForRenewal": False,
        **algorithm,
    }
    return str(certificate.serial_number), outputs


def _names(inputs: Mapping[str, Any]) -> issue.Names:
    return issue.Names(
        subject=inputs.get("subject") or {},
        dns=inputs.get("dnsNames") or (),
        addresses=inputs.get("ipAddresses") or (),
        uris=inputs.get("uris") or (),
    )


def _terms(inputs: Mapping[str, Any]) -> issue.Terms:
    length = inputs.get("maxPathLength")
    return issue.Terms(
        uses=inputs["allowedUses"],
        hours=int(inputs["validityPeriodHours"]),
        authority=bool(inputs.get("isCaCertificate")),
        path_length=None if length is None else int(length),
        subject_key_id=bool(inputs.get("setSubjectKeyId")),
    )


def _near_its_end(state: Mapping[str, Any], hours: int) -> bool:
    end = state.get("validityEndTime")
    if not isinstance(end, str) or end == props.UNKNOWN:
        return False
    early = datetime.timedelta(hours=hours)
    return datetime.datetime.now(datetime.UTC) >= datetime.datetime.fromisoformat(end) - early


def _type(urn: str) -> str:
    parts = urn.split("::")
    return parts[2].rsplit("$", 1)[-1] if len(parts) > 3 else urn


def _inputs(struct: Any) -> props.Properties:
    found = props.from_struct(struct)
    return {key: value for key, value in found.items() if value is not None and not key.startswith("__")}


def _plain(struct: Any) -> props.Properties:
    """Without the secret wrappers: the engine does not always send them with old inputs."""
    found: props.Properties = props.reveal(_inputs(struct))
    return found


def _kept(inputs: Mapping[str, Any]) -> props.Properties:
    return {key: _secretly(value) if key in _SECRET_INPUTS else value for key, value in inputs.items()}


def _as_output(key: str, value: Any) -> Any:
    return _secretly(value) if key in _SECRET_OUTPUTS else value


def _secretly(value: Any) -> Any:
    return value if props.is_secret(value) else props.secret(value)


def _refuse(context: grpc.ServicerContext, message: str) -> NoReturn:
    context.abort(grpc.StatusCode.INVALID_ARGUMENT, message)
    raise AssertionError("abort returned")
