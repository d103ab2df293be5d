"""Helm releases: recorded with name, version and values. The chart is neither fetched nor rendered."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from rehearsal.plugins import properties as props
from rehearsal.plugins.kubernetes.objects import auto_name, resource_name
from rehearsal.plugins.properties import Properties

TYPE = "kubernetes:helm.sh/v3:Release"
NOT_RENDERED = "the chart is recorded, not rendered: what it would install is not validated"
_CHARTS = Path(__file__).with_name("charts.yaml")
# a version, not a range (semver.org, with the `v` that some charts put before it)
_EXACT = re.compile(r"v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?\Z")


@functools.cache
def _charts() -> Mapping[str, list[str]]:
    raw: dict[str, list[str]] = yaml.safe_load(_CHARTS.read_text())
    return raw


def checked(urn: str, olds: Mapping[str, Any], news: Properties, seed: bytes, namespace: str) -> Properties:
    """Inputs with name and namespace filled in as the provider does."""
    inputs = dict(news)
    if not inputs.get("name"):
        inputs["name"] = olds.get("name") or auto_name(resource_name(urn), seed)
    if not inputs.get("namespace"):
        inputs["namespace"] = namespace
    return inputs


def problem(inputs: Mapping[str, Any]) -> tuple[str, str] | None:
    """Property and what is wrong with it."""
    plain = props.reveal(dict(inputs))
    if not plain.get("chart"):
        return "chart", "a release needs the name of its chart"
    version = plain.get("version")
    if version != props.UNKNOWN and not _EXACT.match(str(version or "")):
        return (
            "version",
            f"{version!r}: give the one version of the chart, such as 1.2.3; a rehearsal resolves no range",
        )
    return None


def groups(inputs: Mapping[str, Any]) -> list[str]:
    """API groups whose kinds the chart installs, as far as charts.yaml knows."""
    chart = str(props.reveal(inputs.get("chart")) or "").rstrip("/")
    return _charts().get(chart.rsplit("/", 1)[-1], [])


def outputs(inputs: Mapping[str, Any], revision: int, *, preview: bool) -> Properties:
    status: Any = props.UNKNOWN
    if not preview:
        status = {
            "name": inputs["name"],
            "namespace": inputs["namespace"],
            "chart": str(props.reveal(inputs.get("chart"))).rstrip("/").rsplit("/", 1)[-1],
            "version": inputs.get("version"),
            "revision": revision,
            "status": "deployed",
        }
    return {**inputs, "status": status}


def revision_of(state: Mapping[str, Any]) -> int:
    status = props.reveal(state.get("status"))
    return int(status.get("revision", 0)) if isinstance(status, dict) else 0
