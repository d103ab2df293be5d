"""The cloud stacks through the real engine and the stand-in for AWS: what a changed setting does to a running stack."""

from __future__ import annotations

import contextlib
import copy
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import cloud
from cli.console import console
from cli.paths import repository_layout
from cli.pulumi import Outcome, PulumiError, Stack, forget_stack, stack_document
from rehearsal.cluster.servers import running
from rehearsal.toolchain import kubernetes, pulumi_cli

LAYOUT = repository_layout()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        pulumi_cli.selected(LAYOUT) is None or not kubernetes.is_built(LAYOUT),
        reason="no toolchain: python3 -m cli.bootstrap ensure --rehearsal",
    ),
]
Change = Callable[[dict[str, Any]], None]


class Rehearsed:
    """prod as it stands after `up`; previews of one change each."""

    def __init__(self, folder: Path, cluster: Path) -> None:
        self.folder = folder
        self.cluster = cluster
        self.document: dict[str, Any] = yaml.safe_load((LAYOUT.root / "Pulumi.prod.yaml").read_text())
        self.name = f"prod-{os.getpid()}"
        self.text = ""

    def stack(self, change: Change | None = None) -> Stack:
        document = copy.deepcopy(self.document)
        if change is not None:
            change(document["config"])
        file = self.folder / "Pulumi.prod.yaml"
        file.write_text(yaml.safe_dump(document))
        return Stack(self.name, file, LAYOUT, rehearsal=True, cluster=self.cluster)

    def preview(self, change: Change | None = None) -> Outcome:
        stack = self.stack(change)
        with contextlib.redirect_stdout(io.StringIO()) as shown, console.capture() as captured:
            outcome = cloud._preview(stack)
        self.text = shown.getvalue() + captured.get()
        return outcome


@pytest.fixture(scope="module")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsed]:
    with running(LAYOUT) as cluster:
        rehearsed = Rehearsed(tmp_path_factory.mktemp("prod"), cluster)
        stack = rehearsed.stack()
        try:
            cloud._apply(stack, stack_document(stack, {}))
            yield rehearsed
        finally:
            stack.checkpoint.unlink(missing_ok=True)
            forget_stack(stack)


def _set(section: str, **values: Any) -> Change:
    def change(config: dict[str, Any]) -> None:
        config[f"ironlane:{section}"].update(values)

    return change


def test_a_preview_of_what_stands_is_empty(prod: Rehearsed) -> None:
    outcome = prod.preview()
    assert outcome.changed == []
    assert len(outcome.unchanged) > 150


def test_another_instance_type_stops_the_hosts_and_replaces_the_reservation(prod: Rehearsed) -> None:
    """The reservation is protected, so the engine refuses: capacity of the new type has to be had first."""
    with pytest.raises(PulumiError, match="hot-path-reservation") as refused:
        prod.preview(_set("hot_path", instance_type="m5zn.metal"))
    assert "marked for protection" in str(refused.value)


def test_moving_the_hosts_to_another_zone_is_refused(prod: Rehearsed) -> None:
    """Placement group, reservation and subnet share a zone: all of it would be replaced under protected hosts."""
    with pytest.raises(PulumiError, match="marked for protection") as refused:
        prod.preview(_set("hot_path", zone="us-east-1c"))
    assert "hot-path-hot-a" in str(refused.value)


def test_kube_proxy_mode_changes_one_addon(prod: Rehearsed) -> None:
    outcome = prod.preview(_set("eks", kube_proxy_mode="iptables"))
    assert outcome.updated == ["eks-kube-proxy"]
    assert (outcome.created, outcome.replaced, outcome.deleted) == ([], [], [])


def test_a_larger_root_volume_is_announced_as_irreversible(prod: Rehearsed) -> None:
    outcome = prod.preview(_set("hot_path", volume_gib=200))
    assert sorted(outcome.updated) == ["hot-path-hot-a", "hot-path-hot-b"]
    assert any("cannot be taken back" in warning for warning in outcome.warnings)


def test_one_more_operator_network_adds_rules_and_touches_no_host(prod: Rehearsed) -> None:
    outcome = prod.preview(_set("network", operator_cidrs=["10.8.0.0/16", "10.9.0.0/16"]))
    assert (outcome.updated, outcome.replaced, outcome.deleted) == ([], [], [])
    assert "network-groups-operators-to-hot-path-tcp-22-in-10.9.0.0-16" in outcome.created
    assert not [name for name in outcome.created if name.startswith("hot-path-")]


def test_a_settings_error_never_reaches_the_engine(prod: Rehearsed) -> None:
    with pytest.raises(PulumiError, match="reachable from inside the network only"):
        prod.preview(_set("eks", public_endpoint=True))
