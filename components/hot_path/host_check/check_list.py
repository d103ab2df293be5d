"""The check list as a file: written from the host specification, read on the host."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, get_args

from .check import Check, Importance, WhenAbsent
from .comparisons import Comparison
from .probes import PROBES

FORMAT = 1


class CheckListError(Exception):
    """A file that is no check list, or one of another version."""


@dataclass(frozen=True)
class CheckList:
    """machine: what the host is meant to be. digest: of the specification that the list was made from."""

    machine: str
    digest: str
    checks: tuple[Check, ...]


def dump(check_list: CheckList) -> str:
    """Same list, same bytes."""
    document = {
        "format": FORMAT,
        "machine": check_list.machine,
        "digest": check_list.digest,
        "checks": checks_as_data(check_list.checks),
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def checks_as_data(checks: Iterable[Check]) -> list[dict[str, Any]]:
    return [{**vars(check), "probe": {"kind": check.probe.kind, **asdict(check.probe)}} for check in checks]


def load(text: str) -> CheckList:
    """Raises CheckListError."""
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise CheckListError(f"format {document['format']}: this host check reads {FORMAT}; install its bundle")
        checks = tuple(_check(entry) for entry in document["checks"])
        if not checks:
            raise CheckListError("no checks: a host that nothing is asked about would be green")
        return CheckList(str(document["machine"]), str(document["digest"]), checks)
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise CheckListError(f"not a check list: {type(error).__name__}: {error}") from None


def _check(entry: dict[str, Any]) -> Check:
    fields = dict(entry)
    probe = dict(fields.pop("probe"))
    kind = probe.pop("kind")
    if kind not in PROBES:
        raise CheckListError(f"{fields.get('name')}: unknown probe {kind!r}; install the bundle of this specification")
    expected = fields["expected"]
    for key, known in (("comparison", Comparison), ("importance", Importance), ("when_absent", WhenAbsent)):
        if fields[key] not in get_args(known):
            raise CheckListError(f"{fields.get('name')}: unknown {key} {fields[key]!r}")
    fields["expected"] = float(expected) if isinstance(expected, (int, float)) else str(expected)
    return Check(**fields, probe=PROBES[kind](**probe))
