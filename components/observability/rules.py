"""The alert rules as objects of the Prometheus operator; the files in `alert_rules/` are as Prometheus reads them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast, get_args

import pulumi
import yaml
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pydantic import BaseModel, ConfigDict

from components.inputs import Text
from components.options import child_options

FOLDER = Path(__file__).parent / "alert_rules"
RUNBOOKS = "docs/runbooks.md"
Severity = Literal["critical", "warning"]


@dataclass(frozen=True)
class Rule:
    """One alert. runbook: page and anchor, relative to the repository."""

    file: str
    name: str
    expression: str
    severity: Severity
    summary: str
    runbook: str


@cache
def _documents() -> dict[str, dict[str, Any]]:
    return {file.stem: yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.yaml"))}


def rules() -> tuple[Rule, ...]:
    """Every alert. Raises ValueError for one without severity, summary or a runbook of its own name."""
    found = []
    for file, document in _documents().items():
        for rule in (rule for group in document["groups"] for rule in group["rules"]):
            name = rule["alert"]
            annotations = rule.get("annotations", {})
            severity = rule.get("labels", {}).get("severity")
            if severity not in get_args(Severity):
                raise ValueError(
                    f"{file}.yaml: {name}: labels.severity {severity}: use {' or '.join(get_args(Severity))}"
                )
            if annotations.get("runbook") != f"{RUNBOOKS}#{name.lower()}":
                raise ValueError(f"{file}.yaml: {name}: annotations.runbook must be {RUNBOOKS}#{name.lower()}")
            if not annotations.get("summary"):
                raise ValueError(f"{file}.yaml: {name}: annotations.summary is missing; say what happened")
            found.append(
                Rule(file, name, rule["expr"], cast(Severity, severity), annotations["summary"], annotations["runbook"])
            )
    return tuple(found)


def rule_files(repository_url: str | None = None) -> dict[str, dict[str, Any]]:
    """Rule file by name, as Prometheus reads it. repository_url: makes runbooks links that people can follow."""
    rules()  # none is handed on unchecked
    return {name: _linked(document, repository_url) for name, document in _documents().items()}


def _linked(document: dict[str, Any], repository_url: str | None) -> dict[str, Any]:
    if repository_url is None:
        return document
    base = repository_url.rstrip("/")

    def linked(rule: dict[str, Any]) -> dict[str, Any]:
        url = f"{base}/{rule['annotations']['runbook']}"
        return {**rule, "annotations": {**rule["annotations"], "runbook_url": url}}

    groups = [{**group, "rules": [linked(rule) for rule in group["rules"]]} for group in document["groups"]]
    return {**document, "groups": groups}


class AlertRulesArgs(BaseModel):
    """repository_url: where people read the repository, such as `https://git.example/ironlane/blob/main`."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    namespace: Text
    repository_url: str | None = None


class AlertRules(pulumi.ComponentResource):
    """A PrometheusRule per file. opts.depends_on must name what installs the kind."""

    def __init__(self, name: str, args: AlertRulesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:observability:AlertRules", name, {}, opts)
        found = rule_files(args.repository_url)
        for file, document in found.items():
            object_name = f"ironlane-{file.replace('_', '-')}"
            CustomResource(
                f"{name}-{file}",
                api_version="monitoring.coreos.com/v1",
                kind="PrometheusRule",
                metadata=ObjectMetaArgs(name=object_name, namespace=args.namespace),
                spec=document,
                opts=child_options(self, opts),
            )
        self.register_outputs({"files": sorted(found)})
