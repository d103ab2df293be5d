"""Has the API server judge an object, and what would be made from it, before it is made or planned."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rehearsal.plugins.kubernetes import objects
from rehearsal.plugins.kubernetes.api_server import CRD, CRD_VERSION, ApiServer, Applied, Kind, Object, RefusedError

# what other objects of the same preview are judged by: a dry run of it would be forgotten before they come
_FOUNDATIONS = (("v1", "Namespace"), (CRD_VERSION, CRD))
_ACCOUNT = "default"  # every namespace has it, by a controller that is not there


@dataclass(frozen=True)
class Wish:
    """One object as a resource wants it. creates: it must not be there yet, unless upsert. force: takes fields over."""

    wanted: Object
    manager: str
    creates: bool
    preview: bool
    force: bool
    upsert: bool

    @property
    def name(self) -> str:
        return str(self.wanted["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.wanted["metadata"].get("namespace") or "")


class Judge:
    """Safe to use from many threads. definitions: folder of kinds that charts bring, `<group>_<plural>.yaml`."""

    def __init__(self, server: ApiServer, definitions: Path) -> None:
        self._server = server
        self._definitions = definitions
        self._defining = threading.Lock()

    def kind(self, api_version: str, name: str, *, from_chart: bool) -> Kind:
        """from_chart: defines it first, if a definition can be had. Raises RefusedError with reason NoMatch."""
        try:
            return self._server.kind(api_version, name)
        except RefusedError as refused:
            if refused.reason != "NoMatch" or not from_chart:
                raise
        group = api_version.rpartition("/")[0]
        with self._defining:
            for file in sorted(self._definitions.glob(f"{group}_{name.lower()}*.yaml")):
                plural = file.stem.partition("_")[2]
                self._server.define(file.read_bytes(), f"{plural}.{group}")
        return self._server.kind(api_version, name)

    def apply(self, kind: Kind, wish: Wish) -> Applied:
        """A dry run in a preview. Raises RefusedError."""
        present = self._server.read(kind, wish.namespace, wish.name) if wish.creates else None
        if wish.preview:
            applied = self._preview(kind, wish, present)
        else:
            if present is not None and _is_scratch(present):
                self._server.delete(kind, "", wish.name)
            elif present is not None and not wish.upsert:
                what = f"{kind.plural} {wish.name!r}"
                raise RefusedError(f"{what} already exists; import it, or give the new one another name", 409)
            applied = self._with_pod(kind, wish, wish.wanted)
        if (kind.api_version, kind.name) == (CRD_VERSION, CRD):
            self._server.wait_until_established(wish.name)
        return applied

    def _preview(self, kind: Kind, wish: Wish, present: Object | None) -> Applied:
        foundation = (kind.api_version, kind.name) in _FOUNDATIONS
        if present is not None and not foundation:
            return self._tried_aside(kind, wish)
        if wish.creates and foundation and (present is None or _is_scratch(present)):
            self._server.apply(kind, objects.scratch(wish.wanted), wish.manager, force=True, dry_run=False)
        return self._with_pod(kind, wish, wish.wanted)

    def _tried_aside(self, kind: Kind, wish: Wish) -> Applied:
        """What takes the place of an object that is still there is tried under a name that is free."""
        aside = objects.auto_name("preview", wish.manager.encode())
        try:
            applied = self._with_pod(kind, wish, objects.renamed(wish.wanted, aside))
        except RefusedError as refused:
            raise RefusedError(str(refused).replace(aside, wish.name), refused.code, refused.reason) from None
        return Applied(objects.renamed(applied.object, wish.name), applied.warnings)

    def _with_pod(self, kind: Kind, wish: Wish, wanted: Object) -> Applied:
        """Applies it once the server also accepts the pod that a controller would make."""

        def apply(dry_run: bool) -> Applied:
            return self._server.apply(kind, wanted, wish.manager, force=wish.force, dry_run=dry_run)

        pod = objects.first_pod(wanted, _ACCOUNT)
        return apply(wish.preview) if pod is None else self._once_pod_passes(apply, pod, wish.preview)

    def _once_pod_passes(self, apply: Callable[[bool], Applied], pod: Object, preview: bool) -> Applied:
        tried = apply(True)  # an error in the object itself is told as that
        namespace = pod["metadata"]["namespace"]
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": _ACCOUNT, "namespace": namespace}}
        manager = objects.field_manager(namespace)
        try:
            accounts, pods = self._server.kind("v1", "ServiceAccount"), self._server.kind("v1", "Pod")
            self._server.apply(accounts, account, manager, force=True, dry_run=False)
            self._server.apply(pods, pod, manager, force=True, dry_run=True)
        except RefusedError as refused:
            raise RefusedError(f"its pods would be refused: {refused}", refused.code, refused.reason) from None
        return tried if preview else apply(False)


def _is_scratch(present: Object) -> bool:
    return objects.SCRATCH in (present["metadata"].get("annotations") or {})
