"""Rules and dashboards ask for nothing that no program exposes: names and label values, from the programs' own code."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))

import expositions
from promql import Selector, selectors

from components.bus.nats_exporter import families, render
from components.observability.grafana import DASHBOARDS
from components.observability.rules import rules

GOLDEN = Path(__file__).parents[2] / "golden" / "observability"
# what the scrape adds: no program exposes these itself, except the OMS its hosts
SCRAPED = frozenset({"job", "host", "environment", "duty", "kind", "instance", "namespace", "pod"})
Series = dict[str, list[dict[str, str]]]

QUERIES: dict[str, list[str]] = {rule.name: [rule.expression] for rule in rules()} | {
    dashboard.uid: dashboard.expressions for dashboard in DASHBOARDS
}


def parsed(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, sample.labels


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> Series:
    """Every series of agent, OMS and NATS exporter, by name."""
    texts = [expositions.agent(tmp_path_factory.mktemp("agent")), expositions.oms()]
    for file in sorted((GOLDEN / "nats").glob("*.json")):
        pages = json.loads(file.read_text())
        texts.append(render(families(pages["varz"], pages["jsz"], True)))
    found: Series = {}
    for text in texts:
        for name, labels in parsed(text):
            found.setdefault(name, []).append(labels)
    found["up"] = [{}]
    return found


def host_metrics() -> set[str]:
    """Names that the node exporter has, as its own build told them (tests/rehearsal/test_exporters.py)."""
    return {line.split()[0] for line in (GOLDEN / "node_exporter.txt").read_text().splitlines()}


def missing(selector: Selector, exposed: Series) -> str:
    """Why nothing answers to the selector; "" when something does."""
    if selector.metric.startswith("node_"):
        return "" if selector.metric in host_metrics() else "no such metric of the node exporter"
    if selector.metric not in exposed:
        return "no program exposes it"
    if not any(selector.asks_for(labels, SCRAPED) for labels in exposed[selector.metric]):
        return f"no series has {selector.matchers}"
    return ""


def narrowed(selector: Selector) -> Iterator[Selector]:
    """Each alternative of a pattern by itself: `event=~"a|b"` must not outlive b."""
    for label, operator, value in selector.matchers:
        if operator == "=~" and label not in SCRAPED and "$" not in value:
            others = tuple(matcher for matcher in selector.matchers if matcher[0] != label)
            yield from (Selector(selector.metric, (*others, (label, "=~", choice))) for choice in value.split("|"))


@pytest.mark.parametrize("where", QUERIES)
def test_everything_asked_for_is_exposed(exposed: Series, where: str) -> None:
    for expression in QUERIES[where]:
        found = selectors(expression)
        assert found, expression
        for selector in found:
            for each in (selector, *narrowed(selector)):
                assert not missing(each, exposed), f"{each}: {missing(each, exposed)}"


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("ironlane_role_reddy == 0", "no program exposes it"),
        ('ironlane_gate_open{role="order-router",gate="leese"} == 0', "no series has"),
        ('rate(ironlane_role_events_total{role="strategy",event="gap_declared"}[5m])', "no series has"),
        ("node_boot_time", "no such metric"),
        ('ironlane_latency_seconds_bucket{stage="tick_to_trade"}', "no series has"),
    ],
)
def test_a_renamed_metric_or_event_is_found(exposed: Series, expression: str, why: str) -> None:
    (selector,) = selectors(expression)
    assert missing(selector, exposed).startswith(why)


def test_selectors_are_told_from_functions_and_label_lists() -> None:
    expression = (
        'max by (environment, host) (a{x="1,}"}) - on (host) group_left (y) sum(rate(b_total{z!="2"}[5m])) > 0.5 or '
        "histogram_quantile(0.99, sum by (le) (c_bucket)) unless absent(d) and e"
    )
    found = selectors(expression)
    assert [each.metric for each in found] == ["a", "b_total", "c_bucket", "d", "e"]
    assert found[0].matchers == (("x", "=", "1,}"),)
    assert not found[1].asks_for({"z": "2"}, frozenset())
    assert found[1].asks_for({"z": "2"}, frozenset({"z"}))


@pytest.mark.parametrize("program", ["agent", "oms"])
def test_an_endpoint_documents_itself(program: str, tmp_path: Path) -> None:
    text = expositions.agent(tmp_path) if program == "agent" else expositions.oms()
    for family in text_string_to_metric_families(text):
        assert family.name.startswith("ironlane_")
        assert family.documentation, family.name
        assert family.type in ("counter", "gauge", "histogram"), family.name
        assert family.samples, family.name


def test_what_can_fall_is_not_exposed_as_a_counter(tmp_path: Path) -> None:
    """Roles keep sizes and switches beside their counters; rate() of one would be nonsense."""
    counters = {
        labels["event"] for name, labels in parsed(expositions.agent(tmp_path)) if name == "ironlane_role_events_total"
    }
    assert counters
    falling = re.compile(r"(?!refused_).*(open_orders|position|live|_buffer|attached|pnl|cash|epoch)")
    assert not {each for each in counters if falling.match(each)}


def test_every_level_is_one_of_a_role() -> None:
    from hotpath.agent.metrics import LEVELS

    kept = {name for _, counters, _ in expositions.ROLES.values() for name in counters}
    assert not LEVELS - kept
