"""Requests to the rehearsal's API server: discovery, server-side apply with strict validation, deletion."""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from rehearsal.cluster.connection import ClusterError, Connection

Object = dict[str, Any]
CRD_VERSION, CRD = "apiextensions.k8s.io/v1", "CustomResourceDefinition"

# what the server makes for itself while it starts; ready before that, it would not know the namespace `default`
_LAST_MADE = "/api/v1/namespaces/default"
_REQUEST_S = 30.0
_START_S = 120.0
_POLL_S = 0.1
_ESTABLISH_S = 20.0
_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Kind:
    """Where objects of a kind live. namespaced: inside a namespace, else cluster-wide."""

    api_version: str
    name: str
    plural: str
    namespaced: bool

    def path(self, namespace: str, name: str = "") -> str:
        parts = ["api" if "/" not in self.api_version else "apis", self.api_version]
        if self.namespaced:
            parts += ["namespaces", namespace or "default"]
        return "/" + "/".join([*parts, self.plural, *([name] if name else [])])


class RefusedError(Exception):
    """The API server's answer; reason is its machine-readable one, such as NotFound, Invalid or Conflict."""

    def __init__(self, message: str, code: int, reason: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class Applied:
    """The object as the server has it, and what the server warned of."""

    object: Object
    warnings: tuple[str, ...]


class ApiServer:
    """Safe to use from many threads. The first request waits until the server is ready, or until `stopped`."""

    def __init__(self, connection: Connection, stopped: threading.Event) -> None:
        self._connection = connection
        self._stopped = stopped
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._kinds: dict[tuple[str, str], Kind] = {}

    def kind(self, api_version: str, name: str) -> Kind:
        """Raises RefusedError with reason NoMatch when the server does not know the kind."""
        found = self._kinds.get((api_version, name))
        if found is None:
            self._discover(api_version)
            found = self._kinds.get((api_version, name))
        if found is None:
            raise RefusedError(f'no matches for kind "{name}" in version "{api_version}"', 404, "NoMatch")
        return found

    def _discover(self, api_version: str) -> None:
        root = "api" if "/" not in api_version else "apis"
        try:
            listed = self._request("GET", f"/{root}/{api_version}").object
        except RefusedError as refused:
            if refused.code == 404:
                return
            raise
        for resource in listed.get("resources") or []:
            if "/" not in resource["name"]:  # no subresources
                kind = Kind(api_version, resource["kind"], resource["name"], resource["namespaced"])
                self._kinds[api_version, kind.name] = kind

    def read(self, kind: Kind, namespace: str, name: str) -> Object | None:
        try:
            return self._request("GET", kind.path(namespace, name)).object
        except RefusedError as refused:
            if refused.code == 404:
                return None
            raise

    def apply(self, kind: Kind, wanted: Object, manager: str, *, force: bool, dry_run: bool) -> Applied:
        """Server-side apply; an unknown or repeated field is refused. Raises RefusedError."""
        metadata = wanted["metadata"]
        query = {"fieldManager": manager, "fieldValidation": "Strict", "force": str(force).lower()}
        if dry_run:
            query["dryRun"] = "All"
        path = kind.path(metadata.get("namespace", ""), metadata["name"])
        # JSON is YAML
        return self._request("PATCH", path, query, wanted, "application/apply-patch+yaml")

    def define(self, document: bytes, name: str) -> None:
        """Adds a kind by its CustomResourceDefinition, as it is (YAML or JSON). Raises RefusedError."""
        path = self.kind(CRD_VERSION, CRD).path("", name)
        query = {"fieldManager": "ironlane-rehearsal", "force": "true"}
        self._request("PATCH", path, query, document, "application/apply-patch+yaml")
        self.wait_until_established(name)

    def delete(self, kind: Kind, namespace: str, name: str, propagation: str = "Background") -> None:
        """Until it is gone, doing what the controllers that are not there would do. Raises RefusedError."""
        path = kind.path(namespace, name)
        try:
            self._request("DELETE", path, body={"propagationPolicy": propagation})
        except RefusedError as refused:
            if refused.code == 404:
                return
            raise
        if (kind.api_version, kind.name) == ("v1", "Namespace"):
            self._empty(name)
        if (kind.api_version, kind.name) == (CRD_VERSION, CRD):
            self._wait_until_gone(kind, name)
        left = self.read(kind, namespace, name)
        if left is None or "deletionTimestamp" not in left["metadata"]:
            return
        if (kind.api_version, kind.name) == ("v1", "Namespace"):
            left["spec"] = {"finalizers": []}
            self._request("PUT", f"{path}/finalize", body=left)
        elif left["metadata"].get("finalizers"):
            no_finalizers = {"metadata": {"finalizers": None}}
            self._request("PATCH", path, body=no_finalizers, content_type="application/merge-patch+json")

    def _wait_until_gone(self, kind: Kind, name: str) -> None:
        """The server itself clears away what was of the kind first."""
        deadline = time.monotonic() + _ESTABLISH_S
        while self.read(kind, "", name) is not None:
            if time.monotonic() > deadline:
                raise RefusedError(f"{kind.name} {name} was not gone in {_ESTABLISH_S:.0f} s", 504)
            time.sleep(_POLL_S)

    def _empty(self, namespace: str) -> None:
        """What a namespace holds goes with it."""
        for version in self._versions():
            self._discover(version)
        for kind in list(self._kinds.values()):
            if kind.namespaced:
                try:
                    listed = self._request("GET", kind.path(namespace)).object
                except RefusedError:
                    continue  # kinds that can only be created, such as reviews
                for item in listed.get("items") or []:
                    self.delete(kind, namespace, item["metadata"]["name"])

    def _versions(self) -> list[str]:
        groups = self._request("GET", "/apis").object.get("groups") or []
        return ["v1", *(group["preferredVersion"]["groupVersion"] for group in groups)]

    def wait_until_established(self, definition: str) -> None:
        """It serves its kinds a moment after it was made. Raises RefusedError if it does not."""
        kind = self.kind(CRD_VERSION, CRD)
        deadline = time.monotonic() + _ESTABLISH_S
        while time.monotonic() < deadline:
            if self._is_served(self.read(kind, "", definition)):
                return
            time.sleep(_POLL_S)
        raise RefusedError(f"CustomResourceDefinition {definition} was not established in {_ESTABLISH_S:.0f} s", 504)

    def _is_served(self, definition: Object | None) -> bool:
        """Established, and found by discovery, which follows a moment later."""
        conditions = (definition or {}).get("status", {}).get("conditions") or []
        if definition is None or not any(
            each["type"] == "Established" and each["status"] == "True" for each in conditions
        ):
            return False
        spec = definition["spec"]
        try:
            for version in spec["versions"]:
                if version["served"]:
                    self.kind(f"{spec['group']}/{version['name']}", spec["names"]["kind"])
        except RefusedError as refused:
            if refused.reason != "NoMatch":
                raise
            return False
        return True

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Applied:
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {"Content-Type": content_type}
        try:
            answer = self._ready().request(method, path, params=query, content=content, headers=headers)
        except httpx.HTTPError as error:
            raise ClusterError(self._connection.ended() or f"{method} {path}: {error!r}") from None
        if answer.is_success:
            return Applied(answer.json(), tuple(_warnings(answer.headers.get_list("Warning"))))
        try:
            status = answer.json()
            message, reason = status["message"], status.get("reason", "")
        except (ValueError, KeyError, TypeError):
            message, reason = answer.text.strip() or f"status {answer.status_code}", ""
        raise RefusedError(message, answer.status_code, reason)

    def _ready(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> httpx.Client:
        """Raises ClusterError when a process of the cluster has ended or readiness takes too long."""
        deadline = time.monotonic() + _START_S
        said = "its certificate is not there yet"
        while time.monotonic() < deadline:
            if ended := self._connection.ended():
                raise ClusterError(ended)
            try:
                client = self._new_client()
                try:
                    answer = client.get(_LAST_MADE)
                except httpx.HTTPError:
                    client.close()
                    raise
                if answer.is_success:
                    return client
                said = f"{_LAST_MADE} answers {answer.status_code}"
                client.close()
            except (OSError, httpx.HTTPError) as error:
                said = repr(error)
            if self._stopped.wait(_POLL_S):
                raise ClusterError("cancelled while the rehearsal's API server was starting")
        raise ClusterError(f"the rehearsal's API server was not ready within {_START_S:.0f} s: {said}")

    def _new_client(self) -> httpx.Client:
        """Raises OSError while the server has not written its certificate."""
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trust.load_verify_locations(Path(self._connection.authority))
        return httpx.Client(
            base_url=self._connection.url,
            headers={"Authorization": f"Bearer {self._connection.token}"},
            verify=trust,
            timeout=_REQUEST_S,
            trust_env=False,  # a proxy must never see it
        )


def _warnings(headers: list[str]) -> list[str]:
    """Texts of `Warning: 299` headers (RFC 7234, section 5.5)."""
    return [found.replace('\\"', '"').replace("\\\\", "\\") for text in headers for found in _WARNING.findall(text)]
