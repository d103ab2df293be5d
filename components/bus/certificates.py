"""The bus's own certificate authorities, one per listener, and the certificates that they sign.

Three, so that what one of them signed is worth nothing at another's port: who holds a client's certificate can neither
join the cluster as a server nor connect as a leaf node. Keys live in the stack's state, encrypted, and on the machines.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pulumi
import pulumi_tls as tls
from pydantic import BaseModel, ConfigDict, Field

_ALGORITHM = "ECDSA"
_CURVE = "P256"
_DAY_H = 24
_AUTHORITY_DAYS = 3650
_CERTIFICATE_DAYS = 397
_CERTIFICATE_RENEWAL_DAYS = 60


class Listener(StrEnum):
    CLIENT = "client"
    ROUTE = "route"
    LEAF = "leaf"


class CertificateAuthorityArgs(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: str
    listener: Listener


class CertificateArgs(BaseModel):
    """name: DNS name in it; a user is known by it. uses: of RFC 5280, as provider tls spells them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    addresses: tuple[str, ...] = ()
    uses: tuple[str, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Certificate:
    """PEM texts. `key` is a secret."""

    ca: pulumi.Output[str]
    certificate: pulumi.Output[str]
    key: pulumi.Output[str]


class CertificateAuthority(pulumi.ComponentResource):
    """`certificate` of the authority itself; `issue` signs others."""

    certificate: pulumi.Output[str]

    def __init__(self, name: str, args: CertificateAuthorityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:bus:CertificateAuthority", name, {}, opts)
        self._name = name
        self._environment = args.environment
        child = pulumi.ResourceOptions(parent=self)
        self._key = tls.PrivateKey(name, algorithm=_ALGORITHM, ecdsa_curve=_CURVE, opts=child)
        root = tls.SelfSignedCert(
            name,
            private_key_pem=self._key.private_key_pem,
            subject=tls.SelfSignedCertSubjectArgs(
                common_name=f"ironlane {args.environment} bus {args.listener.value}", organization="ironlane"
            ),
            is_ca_certificate=True,
            max_path_length=0,
            allowed_uses=["cert_signing", "crl_signing", "digital_signature"],
            validity_period_hours=_AUTHORITY_DAYS * _DAY_H,
            opts=child,
        )
        self.certificate = root.cert_pem
        self.register_outputs({"certificate": root.cert_pem})

    def issue(self, args: CertificateArgs) -> Certificate:
        name = f"{self._name}-{args.name}"
        child = pulumi.ResourceOptions(parent=self)
        key = tls.PrivateKey(name, algorithm=_ALGORITHM, ecdsa_curve=_CURVE, opts=child)
        request = tls.CertRequest(
            name,
            private_key_pem=key.private_key_pem,
            subject=tls.CertRequestSubjectArgs(common_name=args.name, organization=f"ironlane {self._environment}"),
            dns_names=[args.name],
            ip_addresses=list(args.addresses) or None,
            opts=child,
        )
        signed = tls.LocallySignedCert(
            name,
            cert_request_pem=request.cert_request_pem,
            ca_private_key_pem=self._key.private_key_pem,
            ca_cert_pem=self.certificate,
            allowed_uses=["digital_signature", *args.uses],
            validity_period_hours=_CERTIFICATE_DAYS * _DAY_H,
            early_renewal_hours=_CERTIFICATE_RENEWAL_DAYS * _DAY_H,
            opts=child,
        )
        return Certificate(self.certificate, signed.cert_pem, pulumi.Output.secret(key.private_key_pem))


SERVER = ("server_auth",)
USER = ("client_auth",)
ROUTE = ("server_auth", "client_auth")  # a member both listens and dials
