"""Keys, requests and certificates in PEM, as provider `tls` makes them. X.509: RFC 5280."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_CURVES: dict[str, type[ec.EllipticCurve]] = {
    "P224": ec.SECP224R1,
    "P256": ec.SECP256R1,
    "P384": ec.SECP384R1,
    "P521": ec.SECP521R1,
}
_RSA_BITS = 2048
_NAMES = {
    "commonName": NameOID.COMMON_NAME,
    "country": NameOID.COUNTRY_NAME,
    "emailAddress": NameOID.EMAIL_ADDRESS,
    "locality": NameOID.LOCALITY_NAME,
    "organization": NameOID.ORGANIZATION_NAME,
    "organizationalUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "postalCode": NameOID.POSTAL_CODE,
    "province": NameOID.STATE_OR_PROVINCE_NAME,
    "serialNumber": NameOID.SERIAL_NUMBER,
}
_KEY_USES = {
    "digital_signature": "digital_signature",
    "content_commitment": "content_commitment",
    "key_encipherment": "key_encipherment",
    "data_encipherment": "data_encipherment",
    "key_agreement": "key_agreement",
    "cert_signing": "key_cert_sign",
    "crl_signing": "crl_sign",
    "encipher_only": "encipher_only",
    "decipher_only": "decipher_only",
}
_EXTENDED_USES = {
    "any_extended": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    "client_auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "server_auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "code_signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email_protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "ocsp_signing": ExtendedKeyUsageOID.OCSP_SIGNING,
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
}
USES = frozenset({*_KEY_USES, *_EXTENDED_USES})


@dataclass(frozen=True)
class Names:
    """Whom a certificate is for."""

    subject: Mapping[str, Any]
    dns: Sequence[str] = ()
    addresses: Sequence[str] = ()
    uris: Sequence[str] = ()


@dataclass(frozen=True)
class Terms:
    """What a certificate may be used for, and for how long."""

    uses: Sequence[str]
    hours: int
    authority: bool = False
    path_length: int | None = None
    subject_key_id: bool = False


def new_key(algorithm: str, curve: str | None = None, bits: int | None = None) -> PrivateKey:
    """Raises ValueError for an algorithm, curve or size that the provider does not take."""
    match algorithm:
        case "RSA":
            return rsa.generate_private_key(public_exponent=65537, key_size=bits or _RSA_BITS)
        case "ECDSA":
            found = _CURVES.get(curve or "P224")
            if found is None:
                raise ValueError(f"ecdsaCurve {curve!r}: use one of {', '.join(_CURVES)}")
            return ec.generate_private_key(found())
        case "ED25519":
            return ed25519.Ed25519PrivateKey.generate()
        case _:
            raise ValueError(f"algorithm {algorithm!r}: use RSA, ECDSA or ED25519")


def key_outputs(key: PrivateKey) -> dict[str, str]:
    """Every form that the provider gives a key in."""
    none = serialization.NoEncryption()
    pem, openssh = serialization.Encoding.PEM, serialization.PublicFormat.OpenSSH
    pkcs8 = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, none).decode()
    traditional = pkcs8
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        traditional = key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, none).decode()
    public = key.public_key()
    outputs = {
        "privateKeyPem": traditional,
        "privateKeyPemPkcs8": pkcs8,
        "publicKeyPem": public.public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo).decode(),
        "privateKeyOpenssh": "",
        "publicKeyOpenssh": "",
    }
    if not (isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP224R1)):
        outputs["privateKeyOpenssh"] = key.private_bytes(pem, serialization.PrivateFormat.OpenSSH, none).decode()
        outputs["publicKeyOpenssh"] = public.public_bytes(serialization.Encoding.OpenSSH, openssh).decode() + "\n"
    return outputs


def key_id(key: PrivateKey) -> str:
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha1(public, usedforsecurity=False).hexdigest()


def load_key(pem: str) -> PrivateKey:
    """Raises ValueError for what is not the PEM of a key of ours."""
    key = serialization.load_pem_private_key(pem.encode(), None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise ValueError("the private key is neither RSA, ECDSA nor ED25519")
    return key


def algorithm_of(key: PrivateKey) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        return "RSA"
    return "ECDSA" if isinstance(key, ec.EllipticCurvePrivateKey) else "ED25519"


def request(key: PrivateKey, names: Names) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(_subject(names.subject))
    if alternatives := _alternatives(names):
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return builder.sign(key, _hash(key)).public_bytes(serialization.Encoding.PEM).decode()


def self_signed(key: PrivateKey, names: Names, terms: Terms, now: datetime.datetime) -> str:
    subject = _subject(names.subject)
    builder = _builder(subject, subject, key.public_key(), terms, now)
    if alternatives := _alternatives(names):
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return _pem(builder.sign(key, _hash(key)))


def signed(request_pem: str, ca_pem: str, ca_key: PrivateKey, terms: Terms, now: datetime.datetime) -> str:
    """A certificate for a request. Raises ValueError when the key is not the authority's, or the request is broken."""
    wanted = x509.load_pem_x509_csr(request_pem.encode())
    if not wanted.is_signature_valid:
        raise ValueError("certRequestPem: its signature does not fit its key")
    authority = x509.load_pem_x509_certificate(ca_pem.encode())
    if _public(authority.public_key()) != _public(ca_key.public_key()):
        raise ValueError("caPrivateKeyPem: is not the key of caCertPem")
    builder = _builder(wanted.subject, authority.subject, wanted.public_key(), terms, now)
    builder = builder.add_extension(_issuer_key(authority), critical=False)
    for extension in wanted.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return _pem(builder.sign(ca_key, _hash(ca_key)))


def _builder(
    subject: x509.Name, issuer: x509.Name, public: Any, terms: Terms, now: datetime.datetime
) -> x509.CertificateBuilder:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(hours=terms.hours))
        .add_extension(
            x509.BasicConstraints(ca=terms.authority, path_length=terms.path_length if terms.authority else None),
            critical=True,
        )
    )
    plain = {name: use in terms.uses for use, name in _KEY_USES.items()}
    if any(plain.values()):
        builder = builder.add_extension(x509.KeyUsage(**plain), critical=True)
    extended = [_EXTENDED_USES[use] for use in terms.uses if use in _EXTENDED_USES]
    if extended:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    if terms.authority or terms.subject_key_id:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    return builder


def _issuer_key(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        found = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found.value)


def _public(key: Any) -> bytes:
    found: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return found


def _subject(values: Mapping[str, Any]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, str(values[key])) for key, oid in _NAMES.items() if values.get(key)])


def _alternatives(names: Names) -> list[x509.GeneralName]:
    return [
        *(x509.DNSName(name) for name in names.dns),
        *(x509.IPAddress(ipaddress.ip_address(address)) for address in names.addresses),
        *(x509.UniformResourceIdentifier(uri) for uri in names.uris),
    ]


def _hash(key: PrivateKey) -> hashes.SHA256 | None:
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
