"""A provider's answer to Diff, from which paths changed and which of them replace."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pulumi.runtime.proto import provider_pb2

from rehearsal.plugins.differences import Change, top_level

_Kind = provider_pb2.PropertyDiff.Kind
_KINDS = {Change.ADD: _Kind.ADD, Change.DELETE: _Kind.DELETE, Change.UPDATE: _Kind.UPDATE}
_REPLACE_KINDS = {
    Change.ADD: _Kind.ADD_REPLACE,
    Change.DELETE: _Kind.DELETE_REPLACE,
    Change.UPDATE: _Kind.UPDATE_REPLACE,
}


def diff_response(changes: Mapping[str, Change], replacing: Collection[str]) -> Any:
    """replacing: paths among the changes."""
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if changes else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=sorted({top_level(path) for path in changes}),
        replaces=sorted({top_level(path) for path in replacing}),
        detailedDiff={
            path: provider_pb2.PropertyDiff(
                kind=(_REPLACE_KINDS if path in replacing else _KINDS)[change], inputDiff=True
            )
            for path, change in changes.items()
        },
        hasDetailedDiff=True,
    )
