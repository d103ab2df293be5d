"""Authorities and certificates of a bus, made as the stack's do but without an engine."""

from __future__ import annotations

import datetime
from functools import cache

from components.bus import certificates
from components.bus.server_change import tls_file_names
from rehearsal.plugins.tls import issue


class Authority:
    """One listener's."""

    def __init__(self, listener: str) -> None:
        self._listener = listener
        self._now = datetime.datetime.now(datetime.UTC).replace(microsecond=0) - datetime.timedelta(minutes=1)
        self._key = issue.new_key("ECDSA", "P256")
        terms = issue.Terms(uses=["cert_signing", "crl_signing", "digital_signature"], hours=24, authority=True)
        self.pem = issue.self_signed(self._key, issue.Names({"commonName": f"test {listener}"}), terms, self._now)

    def issue(self, name: str, uses: tuple[str, ...], addresses: tuple[str, ...] = ()) -> dict[str, str]:
        """Authority, certificate and key by the file names that nats.conf has."""
        key = issue.new_key("ECDSA", "P256")
        request = issue.request(key, issue.Names({"commonName": name}, dns=[name], addresses=addresses))
        terms = issue.Terms(uses=["digital_signature", *uses], hours=24)
        certificate = issue.signed(request, self.pem, self._key, terms, self._now)
        texts = (self.pem, certificate, issue.key_outputs(key)["privateKeyPem"])
        return dict(zip(tls_file_names(self._listener), texts, strict=True))


@cache
def authorities() -> dict[str, Authority]:
    """The same over one run: what is signed by them fits together."""
    return {listener.value: Authority(listener.value) for listener in certificates.Listener}


def server_files(name: str, address: str) -> dict[str, str]:
    """Of all three listeners of one member."""
    uses = {"client": certificates.SERVER, "route": certificates.ROUTE, "leaf": certificates.SERVER}
    files: dict[str, str] = {}
    for listener, authority in authorities().items():
        files |= authority.issue(name, uses[listener], (address,))
    return files
