"""The stand-in for provider plugin `tls`, called directly: what it makes is checked by another implementation, Python's
own `ssl` and OpenSSL.
"""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from pathlib import Path
from typing import Any, NoReturn

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from rehearsal.plugins import properties as props
from rehearsal.plugins.tls import issue
from rehearsal.plugins.tls.provider import KEY, LOCALLY_SIGNED, REQUEST, SELF_SIGNED, TlsProvider

TERMS: dict[str, Any] = {"validityPeriodHours": 24, "earlyRenewalHours": 2}


class AbortedError(Exception):
    pass


class Context:
    def abort(self, code: grpc.StatusCode, message: str) -> NoReturn:
        raise AbortedError(f"{code.name}: {message}")


class Log:
    def info(self, urn: str, message: str) -> None: ...

    def warning(self, urn: str, message: str) -> None: ...

    def connect(self, address: str) -> None: ...


@pytest.fixture
def tls() -> TlsProvider:
    return TlsProvider(Log())


def urn(type_: str) -> str:
    return f"urn:pulumi:s::p::my:Component${type_}::thing"


def create(tls: TlsProvider, type_: str, preview: bool = False, **inputs: Any) -> dict[str, Any]:
    request = provider_pb2.CreateRequest(urn=urn(type_), properties=props.to_struct(inputs), preview=preview)
    return props.from_struct(tls.Create(request, Context()).properties)


def diff(tls: TlsProvider, type_: str, state: dict[str, Any], old: dict[str, Any], **new: Any) -> Any:
    request = provider_pb2.DiffRequest(
        urn=urn(type_), olds=props.to_struct(state), old_inputs=props.to_struct(old), news=props.to_struct(new)
    )
    return tls.Diff(request, Context())


def failures(tls: TlsProvider, type_: str, **inputs: Any) -> list[str]:
    request = provider_pb2.CheckRequest(urn=urn(type_), news=props.to_struct(inputs))
    return [f"{each.property}: {each.reason}" for each in tls.Check(request, Context()).failures]


class Made:
    """An authority and a certificate, as the stack makes them."""

    def __init__(self, tls: TlsProvider, uses: list[str]) -> None:
        self.ca_key = create(tls, KEY, algorithm="ECDSA", ecdsaCurve="P256")
        self.ca = create(
            tls,
            SELF_SIGNED,
            privateKeyPem=self.ca_key["privateKeyPem"],
            subject={"commonName": "authority", "organization": "ironlane"},
            isCaCertificate=True,
            allowedUses=["cert_signing", "crl_signing"],
            **TERMS,
        )
        self.key = create(tls, KEY, algorithm="ECDSA", ecdsaCurve="P256")
        self.request = create(
            tls,
            REQUEST,
            privateKeyPem=self.key["privateKeyPem"],
            subject={"commonName": "nats-1"},
            dnsNames=["nats-1"],
            ipAddresses=["127.0.0.1"],
        )
        self.inputs: dict[str, Any] = {
            "certRequestPem": self.request["certRequestPem"],
            "caCertPem": self.ca["certPem"],
            "caPrivateKeyPem": self.ca_key["privateKeyPem"],
            "allowedUses": ["digital_signature", *uses],
            **TERMS,
        }
        self.certificate = create(tls, LOCALLY_SIGNED, **self.inputs)

    def files(self, folder: Path, name: str) -> tuple[str, str]:
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        certificate.write_text(self.certificate["certPem"])
        key.write_text(props.reveal(self.key["privateKeyPem"]))
        return str(certificate), str(key)


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, hostname: str) -> dict[str, Any]:
    """The server's certificate as the client has accepted it. Raises ssl.SSLError."""
    left, right = socket.socketpair()
    problems: list[Exception] = []

    def serve() -> None:
        try:
            with server.wrap_socket(left, server_side=True) as stream:
                stream.recv(1)
        except OSError as error:
            problems.append(error)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        right.settimeout(5)
        with client.wrap_socket(right, server_hostname=hostname) as stream:
            stream.sendall(b"x")
            return dict(stream.getpeercert() or {})
    finally:
        right.close()
        thread.join()
        left.close()


def contexts(tls: TlsProvider, folder: Path, server_uses: list[str]) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    made = Made(tls, server_uses)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*made.files(folder, "server"))
    client = ssl.create_default_context(cadata=made.ca["certPem"])
    return server, client


def test_what_it_signs_is_accepted_for_name_and_address(tls: TlsProvider, tmp_path: Path) -> None:
    for hostname in ("nats-1", "127.0.0.1"):
        accepted = handshake(*contexts(tls, tmp_path, ["server_auth"]), hostname)
        assert ("DNS", "nats-1") in accepted["subjectAltName"]
        assert ("IP Address", "127.0.0.1") in accepted["subjectAltName"]


def test_another_name_and_another_use_are_refused(tls: TlsProvider, tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="nats-2"):
        handshake(*contexts(tls, tmp_path, ["server_auth"]), "nats-2")
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        handshake(*contexts(tls, tmp_path, ["client_auth"]), "nats-1")


def test_another_authority_is_refused(tls: TlsProvider, tmp_path: Path) -> None:
    server, _ = contexts(tls, tmp_path, ["server_auth"])
    stranger = ssl.create_default_context(cadata=Made(tls, ["server_auth"]).ca["certPem"])
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, stranger, "nats-1")


@pytest.mark.parametrize(
    ("inputs", "begins"),
    [
        ({"algorithm": "ECDSA", "ecdsaCurve": "P384"}, "-----BEGIN EC PRIVATE KEY-----"),
        ({"algorithm": "ED25519"}, "-----BEGIN PRIVATE KEY-----"),
        ({"algorithm": "RSA", "rsaBits": 1024}, "-----BEGIN RSA PRIVATE KEY-----"),
    ],
)
def test_keys_come_in_the_provider_s_forms_and_are_secret(
    tls: TlsProvider, inputs: dict[str, Any], begins: str
) -> None:
    key = create(tls, KEY, **inputs)
    for name in ("privateKeyPem", "privateKeyPemPkcs8", "privateKeyOpenssh"):
        assert props.is_secret(key[name]), name
    assert props.reveal(key["privateKeyPem"]).startswith(begins)
    assert key["publicKeyPem"].startswith("-----BEGIN PUBLIC KEY-----")
    assert key["publicKeyOpenssh"].split()[0] in ("ecdsa-sha2-nistp384", "ssh-ed25519", "ssh-rsa")
    assert create(tls, KEY, **inputs)["publicKeyPem"] != key["publicKeyPem"]


def test_keys_that_come_in_stay_secret(tls: TlsProvider) -> None:
    plain = props.reveal(create(tls, KEY, algorithm="ED25519")["privateKeyPem"])
    assert props.is_secret(create(tls, REQUEST, privateKeyPem=plain, subject={"commonName": "x"})["privateKeyPem"])


def test_a_preview_knows_no_output_and_no_secret_in_the_clear(tls: TlsProvider) -> None:
    planned = create(tls, KEY, preview=True, algorithm="ED25519")
    assert planned["publicKeyPem"] == props.UNKNOWN
    assert planned["privateKeyPem"] == props.secret(props.UNKNOWN)


def test_every_change_makes_anew_but_the_time_of_renewal(tls: TlsProvider) -> None:
    made = Made(tls, ["server_auth"])
    assert list(diff(tls, LOCALLY_SIGNED, made.certificate, made.inputs, **made.inputs).diffs) == []
    changed = diff(tls, LOCALLY_SIGNED, made.certificate, made.inputs, **{**made.inputs, "earlyRenewalHours": 3})
    assert (list(changed.diffs), list(changed.replaces)) == (["earlyRenewalHours"], [])
    for change in ({"validityPeriodHours": 25}, {"allowedUses": ["client_auth"]}, {"caCertPem": "other"}):
        found = diff(tls, LOCALLY_SIGNED, made.certificate, made.inputs, **{**made.inputs, **change})
        assert list(found.replaces) == list(change)
    key = {"algorithm": "ECDSA", "ecdsaCurve": "P256"}
    assert list(diff(tls, KEY, made.key, key, algorithm="ED25519").replaces) == ["algorithm", "ecdsaCurve"]


def test_the_same_inputs_as_secrets_are_no_change(tls: TlsProvider) -> None:
    made = Made(tls, ["server_auth"])
    plain = {key: props.reveal(value) for key, value in made.inputs.items()}
    assert list(diff(tls, LOCALLY_SIGNED, made.certificate, plain, **made.inputs).diffs) == []


def test_a_certificate_near_its_end_is_made_anew(tls: TlsProvider) -> None:
    made = Made(tls, ["server_auth"])
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    state = {**made.certificate, "validityEndTime": soon.isoformat()}
    assert list(diff(tls, LOCALLY_SIGNED, state, made.inputs, **made.inputs).replaces) == ["readyForRenewal"]
    later = {**made.inputs, "earlyRenewalHours": 0}
    assert "readyForRenewal" not in list(diff(tls, LOCALLY_SIGNED, state, made.inputs, **later).replaces)


def test_bad_inputs_are_refused_by_name(tls: TlsProvider) -> None:
    assert failures(tls, KEY) == ["algorithm: missing"]
    assert failures(tls, KEY, algorithm="ED25519", size=3) == [f"size: {KEY} has no such property"]
    assert "allowedUses: 'flying' is not known" in failures(
        tls, SELF_SIGNED, privateKeyPem="x", allowedUses=["flying"], validityPeriodHours=1
    )
    assert "does not know tls:index/other:Other" in failures(tls, "tls:index/other:Other")[0]
    with pytest.raises(AbortedError, match="use RSA, ECDSA or ED25519"):
        create(tls, KEY, algorithm="DSA")
    with pytest.raises(AbortedError, match="use one of P224"):
        create(tls, KEY, algorithm="ECDSA", ecdsaCurve="P1")


def test_a_key_that_is_not_the_authority_s_signs_nothing(tls: TlsProvider) -> None:
    made = Made(tls, ["server_auth"])
    with pytest.raises(AbortedError, match="is not the key of caCertPem"):
        create(tls, LOCALLY_SIGNED, **{**made.inputs, "caPrivateKeyPem": made.key["privateKeyPem"]})


def test_every_use_that_the_component_asks_for_is_known() -> None:
    from components.bus import certificates

    asked = {*certificates.SERVER, *certificates.USER, *certificates.ROUTE, "cert_signing", "digital_signature"}
    assert asked <= issue.USES
