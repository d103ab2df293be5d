"""IAM policy documents: their grammar, their size, and actions that exist.

Actions are compared with the operations of the service models and the short list in iam_actions.yaml. That is close to
IAM's own list but not the same: an operation whose permission has another name would pass unless it is listed there,
and whether a resource or a condition key goes with an action is not checked.
"""

from __future__ import annotations

import fnmatch
import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.aws_inputs import models

# characters that IAM counts: white space is free
LIMITS = {
    "trust": 2048, "inline": 10_240, "managed": 6144, "key": 32_768, "bucket": 20_480, "repository": 10_240,
    "resource": 20_480,
}  # fmt: skip
_IDENTITY = ("inline", "managed")
_KEYS = {
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
}  # fmt: skip
_OPERATOR = re.compile(
    r"(ForAllValues:|ForAnyValue:)?"
    r"(String(Not)?(Equals(IgnoreCase)?|Like)|(Numeric|Date)((Not)?Equals|LessThan(Equals)?|GreaterThan(Equals)?)"
    r"|Bool|BinaryEquals|(Not)?IpAddress|Arn(Not)?(Equals|Like))(IfExists)?|Null"
)
_ARN = re.compile(r"\*|arn:(aws[a-z-]*|\*):[a-z0-9*-]*:[a-z0-9*-]*:(\d{12}|aws|\*|):.+", re.DOTALL)


def problems(text: str, kind: str) -> Iterator[str]:
    """kind: a key of LIMITS."""
    try:
        document = json.loads(text)
    except ValueError as error:
        yield f"is not JSON: {error}"
        return
    if document.get("Version") != "2012-10-17":
        yield f"Version {document.get('Version')!r}: only 2012-10-17 knows policy variables and all operators"
    if extra := sorted(set(document) - {"Version", "Id", "Statement"}):
        yield f"{', '.join(extra)}: no element of a policy"
    size = len(re.sub(r"\s", "", text))
    if size > LIMITS[kind]:
        yield f"{size} characters: {LIMITS[kind]} are allowed for {_a(kind)} policy"
    statements = document.get("Statement", [])
    for index, statement in enumerate(statements if isinstance(statements, list) else [statements]):
        yield from (f"Statement[{index}]: {each}" for each in _statement(statement, kind))


def _statement(statement: Mapping[str, Any], kind: str) -> Iterator[str]:
    if extra := sorted(set(statement) - _KEYS):
        yield f"{', '.join(extra)}: no element of a statement"
    if statement.get("Effect") not in ("Allow", "Deny"):
        yield f"Effect {statement.get('Effect')!r}: must be Allow or Deny"
    if not re.fullmatch(r"[A-Za-z0-9]*", statement.get("Sid", "")):
        yield f"Sid {statement['Sid']!r}: letters and digits only"
    if ("Action" in statement) == ("NotAction" in statement):
        yield "must have Action or NotAction, not both"
    has_principal = "Principal" in statement or "NotPrincipal" in statement
    if has_principal == (kind in _IDENTITY):
        yield f"{_a(kind)} policy {'takes no' if has_principal else 'needs a'} Principal"
    if kind in ("trust", "repository"):
        if "Resource" in statement:
            yield f"a {kind} policy takes no Resource"
    elif ("Resource" in statement) == ("NotResource" in statement):
        yield "must have Resource or NotResource, not both"
    for action in _texts(statement.get("Action", statement.get("NotAction", []))):
        yield from _action(action, kind)
    for resource in _texts(statement.get("Resource", statement.get("NotResource", []))):
        if not _ARN.fullmatch(resource):
            yield f"Resource {resource!r}: neither * nor an ARN"
    for operator in statement.get("Condition", {}):
        if not _OPERATOR.fullmatch(operator):
            yield f"Condition {operator!r}: no condition operator"


def _action(action: str, kind: str) -> Iterator[str]:
    if action == "*":
        return
    prefix, colon, name = action.partition(":")
    if kind == "trust" and prefix != "sts":
        yield f"Action {action!r}: a trust policy is about sts:AssumeRole and its like"
    known = _actions(prefix) if colon else None
    if known is None:
        yield f"Action {action!r}: no service has the prefix {prefix!r}"
    elif not any(fnmatch.fnmatchcase(each, name.lower()) for each in known):
        yield f"Action {action!r}: {prefix} has no such action"


@functools.cache
def _actions(prefix: str) -> frozenset[str] | None:
    """In lower case: IAM does not care. None for an unknown prefix."""
    table = _table()
    found = table["services"].get(prefix, [prefix] if prefix in models.services() else None)
    if found is None:
        return None
    operations = {name for service in found for name in models.service(service).operation_names}
    operations = (operations | set(table["more"].get(prefix, ()))) - set(table["never"].get(prefix, ()))
    return frozenset(name.lower() for name in operations)


@functools.cache
def _table() -> dict[str, dict[str, list[str]]]:
    loaded: dict[str, dict[str, list[str]]] = yaml.safe_load(Path(__file__).with_name("iam_actions.yaml").read_text())
    return loaded


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
