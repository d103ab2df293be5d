"""The JSON of a dashboard from rows of panels. Pure: the same dashboard gives the same text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

DATASOURCE = {"type": "prometheus", "uid": "prometheus"}  # the one that the chart provisions
_COLUMNS = 24
_HEIGHT = 7
_SCHEMA_VERSION = 41


@dataclass(frozen=True)
class Query:
    """PromQL and the name of its lines."""

    expression: str
    legend: str = "{{host}}"


@dataclass(frozen=True)
class Panel:
    """unit: as Grafana names it. red_from: threshold from which a stat turns red; red_below: under which it does."""

    title: str
    queries: Sequence[Query]
    unit: str = "short"
    kind: Literal["timeseries", "stat"] = "timeseries"
    description: str = ""
    red_from: float | None = None
    red_below: float | None = None


@dataclass(frozen=True)
class Dashboard:
    """rows: title and panels, side by side. targets: job whose hosts the variable `host` lists; None: no variable."""

    uid: str
    title: str
    rows: Sequence[tuple[str, Sequence[Panel]]]
    targets: str | None = None
    tags: Sequence[str] = field(default=("ironlane",))

    @property
    def expressions(self) -> list[str]:
        """Every query of every panel."""
        return [query.expression for _, panels in self.rows for panel in panels for query in panel.queries]

    def text(self) -> str:
        """JSON as Grafana imports it."""
        return json.dumps(self._document(), indent=1, sort_keys=True) + "\n"

    def _document(self) -> dict[str, Any]:
        return {
            "uid": self.uid,
            "title": self.title,
            "tags": list(self.tags),
            "schemaVersion": _SCHEMA_VERSION,
            "version": 1,
            "editable": False,
            "refresh": "10s",
            "time": {"from": "now-1h", "to": "now"},
            "timezone": "utc",
            "graphTooltip": 1,
            "templating": {"list": self._variables()},
            "panels": self._panels(),
        }

    def _variables(self) -> list[dict[str, Any]]:
        if self.targets is None:
            return []
        return [
            {
                "name": "host",
                "label": "host",
                "type": "query",
                "datasource": DATASOURCE,
                "query": {"query": f'label_values(up{{job="{self.targets}"}}, host)', "refId": "host"},
                "refresh": 2,
                "includeAll": True,
                "multi": True,
                "current": {"text": "All", "value": "$__all"},
            }
        ]

    def _panels(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        y = 0
        for title, panels in self.rows:
            place = {"x": 0, "y": y, "w": _COLUMNS, "h": 1}
            found.append({"id": len(found) + 1, "type": "row", "title": title, "gridPos": place, "collapsed": False})
            width = _COLUMNS // len(panels)
            for column, panel in enumerate(panels):
                place = {"x": column * width, "y": y + 1, "w": width, "h": _HEIGHT}
                found.append({"id": len(found) + 1, "gridPos": place, **_panel(panel)})
            y += 1 + _HEIGHT
        return found


def _panel(panel: Panel) -> dict[str, Any]:
    targets = [
        {
            "refId": chr(ord("A") + index),
            "datasource": DATASOURCE,
            "expr": query.expression,
            "legendFormat": query.legend,
            "instant": panel.kind == "stat",
        }
        for index, query in enumerate(panel.queries)
    ]
    defaults: dict[str, Any] = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": _steps(panel)}}
    options: dict[str, Any] = {
        "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]}
    }
    if panel.kind == "stat":
        options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "background", "graphMode": "none"}
        defaults["color"] = {"mode": "thresholds"}
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
    }


def _steps(panel: Panel) -> list[dict[str, Any]]:
    if panel.red_below is not None:
        return [{"color": "red", "value": None}, {"color": "green", "value": panel.red_below}]
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.red_from is not None:
        steps.append({"color": "red", "value": panel.red_from})
    return steps
