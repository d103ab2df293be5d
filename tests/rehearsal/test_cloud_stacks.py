"""The cloud stacks through the real engine and the stand-in for AWS: what a changed setting does to a running stack."""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import cloud
from cli.console import console
from cli.paths import repository_layout
from cli.planned import PlannedSteps
from cli.pulumi import Outcome, PulumiError, Stack, forget_stack, stack_document
from rehearsal.cluster.servers import running
from rehearsal.toolchain import kubernetes, pulumi_cli
from stacks.stack_file import SettingsError

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

    def __init__(self, folder: Path, name: str, settings: Mapping[str, Any], cluster: Path) -> None:
        self.folder = folder
        self.cluster = cluster
        self.document: dict[str, Any] = yaml.safe_load((LAYOUT.root / "Pulumi.prod.yaml").read_text())
        self.document["config"] |= {f"ironlane:{key}": value for key, value in settings.items()}
        self.name = f"{name}-{os.getpid()}"
        self.text = ""
        self.steps = PlannedSteps()

    def stack(self, change: Change | None = None) -> Stack:
        document = copy.deepcopy(self.document)
        if change is not None:
            change(document["config"])
        file = self.folder / "Pulumi.prod.yaml"
        file.write_text(yaml.safe_dump(document))
        return Stack(self.name, file, LAYOUT, rehearsal=True, cluster=self.cluster)

    def preview(self, change: Change | None = None) -> Outcome:
        stack = self.stack(change)
        self.steps = PlannedSteps()
        with contextlib.redirect_stdout(io.StringIO()) as shown, console.capture() as captured:
            outcome = cloud._preview(stack, self.steps)
        self.text = shown.getvalue() + captured.get()
        return outcome


@contextlib.contextmanager
def _stands(folder: Path, name: str, **settings: Any) -> Iterator[Rehearsed]:
    with running(LAYOUT) as cluster:
        rehearsed = Rehearsed(folder, name, settings, cluster)
        stack = rehearsed.stack()
        try:
            cloud._apply(stack, stack_document(stack, {}))
            yield rehearsed
        finally:
            stack.checkpoint.unlink(missing_ok=True)
            forget_stack(stack)
            shutil.rmtree(stack.run_dir, ignore_errors=True)


@pytest.fixture(scope="module")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsed]:
    with _stands(tmp_path_factory.mktemp("prod"), "prod") as rehearsed:
        yield rehearsed


@pytest.fixture(scope="module")
def unprotected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsed]:
    """prod as it is after the first of two updates that a change of protected hosts takes."""
    with _stands(tmp_path_factory.mktemp("open"), "prod-open", protect=False) as rehearsed:
        yield rehearsed


def _set(section: str, **values: Any) -> Change:
    def change(config: dict[str, Any]) -> None:
        config[f"ironlane:{section}"].update(values)

    return change


def _another_type(config: dict[str, Any]) -> None:
    config["ironlane:hot_path"]["instance_type"] = "m5zn.metal"
    for host in config["ironlane:hot_path"]["hosts"]:
        del host["cores"]  # those of the other type


def test_a_preview_of_what_stands_is_empty(prod: Rehearsed) -> None:
    outcome = prod.preview()
    assert outcome.changed == []
    assert len(outcome.unchanged) > 150


def test_another_instance_type_is_refused_and_the_preview_ends_with_why(
    prod: Rehearsed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The reservation is protected: capacity of the new type has to be had first."""
    monkeypatch.setenv("HOME", str(tmp_path))  # no credentials
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    with console.capture() as captured:
        code = cloud.preview(prod.stack(_another_type), argparse.Namespace())
    text = captured.get()
    lines = text.splitlines()
    assert code == 1
    assert "marked for protection" in text, text
    (refused,) = [line for line in lines[-4:] if line.startswith("refused (")]
    assert "hot-path-reservation" in refused
    assert re.fullmatch(r"refused; .*\d+ unchanged.* looked at \(\d+ s\)", lines[-1])


def test_what_another_instance_type_stops_and_replaces_once_it_may(unprotected: Rehearsed) -> None:
    outcome = unprotected.preview(_another_type)
    files = {"boot-hot-a-files", "boot-hot-b-files"}  # of the other machine, for the rollout to bring
    assert set(outcome.replaced) == {"hot-path-reservation", *files, *STEPS}
    assert sorted(unprotected.steps.stopped) == ["hot-path-hot-a", "hot-path-hot-b"]
    leaves = ["bus-leaf-hot-a-change", "bus-leaf-hot-b-change"]  # other CPUs keep house
    assert sorted(outcome.updated) == [*leaves, "hot-path-hot-a", "hot-path-hot-b"]
    assert (outcome.created, outcome.deleted) == ([], [])
    assert "hot-path-hot-a: changing instanceType stops the instance and starts it again" in outcome.warnings


def test_another_placement_group_would_replace_the_protected_hosts_and_is_refused(prod: Rehearsed) -> None:
    with pytest.raises(PulumiError, match="marked for protection") as refused:
        prod.preview(_set("hot_path", placement_group="ironlane-prod"))
    assert refused.value.outcome is not None
    assert {"hot-path-group", "hot-path-hot-a", "hot-path-hot-b"} <= set(refused.value.outcome.refused)


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


def _eks(**values: Any) -> Change:
    return _set("eks", **values)


def _newer(config: dict[str, Any]) -> None:
    """Kubernetes 1.36 and all that goes with it, but for the mode."""
    eks = config["ironlane:eks"]
    eks |= {"version": "1.36", "node_release": "1.36.0-20260901", "kube_proxy_mode": "ipvs"}
    eks["addons"] = {**eks["addons"], "kube_proxy": "v1.36.0-eksbuild.1"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_eks(public_endpoint=True), r"public_endpoint: .* set it to false and come through operator_cidrs"),
        (_newer, r"kube_proxy_mode ipvs: removed from EKS with Kubernetes 1.36, this is 1.36; use nftables"),
        (_eks(addons={}), r"Pulumi.prod.yaml: ironlane:eks.addons.vpc_cni is missing; add it"),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_do(prod: Rehearsed, change: Change, told: str) -> None:
    with pytest.raises(PulumiError, match=told) as refused:
        prod.preview(change)
    assert refused.value.outcome is not None
    assert refused.value.outcome.changed == []


def test_a_settings_error_never_starts_the_engine(
    prod: Rehearsed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def start(*args: Any, **named: Any) -> Outcome:
        raise AssertionError("the engine was started")

    monkeypatch.setattr(cloud, "run", start)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(SettingsError, match=r"ironlane:hot_path.volume_gib = 'large': Input should be a valid integer"):
        cloud.preview(prod.stack(_set("hot_path", volume_gib="large")), argparse.Namespace())


def test_a_wrong_core_map_never_reaches_the_engine(prod: Rehearsed) -> None:
    def change(config: dict[str, Any]) -> None:
        config["ironlane:hot_path"]["hosts"][1]["cores"]["roles"]["strategy"] = 6

    with pytest.raises(PulumiError, match=r"hosts.1.cores: roles.feed-handler and roles.strategy: both own CPU 6"):
        prod.preview(change)


STEPS = [
    *(
        f"rollout-hot-b-{each}"
        for each in ("install", "drain", "configure", "host-check", "warm-up", "switch", "reconcile")
    ),
    *(f"rollout-hot-a-{each}" for each in ("install", "drain", "configure", "switch", "host-check", "reconcile")),
]
OLD_PIN = {"version": "0.1.0", "sha256": "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"}
NEW_PIN = {"version": "0.2.0", "sha256": "ab" * 32}


def test_another_engine_pin_changes_rollout_steps_alone_the_standby_before_the_active(prod: Rehearsed) -> None:
    outcome = prod.preview(_set("engine", pin=NEW_PIN, kept=[OLD_PIN]))
    assert outcome.replaced == STEPS
    assert outcome.created == ["engine-abababababab"], "its bundle; that of before stays"
    assert sorted(outcome.updated) == ["boot-hot-a-pin", "boot-hot-b-pin"], "what a replaced host would boot with"
    assert outcome.deleted == []


def test_an_up_without_the_bundle_uploads_nothing_and_rolls_nothing_out(prod: Rehearsed) -> None:
    """As outside of a rehearsal: the hook runs in the engine, right before the upload."""
    stack = prod.stack(_set("engine", pin=NEW_PIN, kept=[OLD_PIN]))
    document = stack_document(stack, {})
    del document["config"]["ironlane:rehearsal"]
    before = stack.remote_commands.read_text()
    with pytest.raises(PulumiError, match="`make engine` builds it"):
        cloud._apply(stack, document)
    assert stack.remote_commands.read_text() == before
    assert prod.preview().changed == []


def test_another_way_to_the_hosts_repeats_no_step_as_a_new_one(prod: Rehearsed) -> None:
    """Each command is run again and finds everything in place; the drain stops nothing then."""
    outcome = prod.preview(_set("rollout", user="deploy"))
    assert outcome.updated == STEPS
    assert (outcome.created, outcome.replaced, outcome.deleted) == ([], [], [])


def test_a_rollout_and_the_way_back_run_in_order_on_one_host_at_a_time(prod: Rehearsed) -> None:
    stack = prod.stack()
    assert stack.remote_commands.exists(), "`up` rolled out the first engine"
    for pin, kept in ((NEW_PIN, [OLD_PIN]), (OLD_PIN, [NEW_PIN])):
        stack.remote_commands.unlink()
        changed = prod.stack(_set("engine", pin=pin, kept=kept))
        outcome = cloud._apply(changed, stack_document(changed, {}))
        assert outcome.replaced == STEPS
        ran = [json.loads(line) for line in stack.remote_commands.read_text().splitlines()]
        assert [each["name"] for each in ran] == STEPS
        assert sum(str(pin["sha256"]) in each["command"] for each in ran) == len(STEPS)
        hosts = [each["host"] for each in ran]
        assert hosts == sorted(hosts, key=hosts.index), "never back to a host that is done"
        assert len(set(hosts)) == 2
    assert prod.preview(_set("engine", pin=OLD_PIN, kept=[NEW_PIN])).changed == []
    stack = prod.stack()
    cloud._apply(stack, stack_document(stack, {}))


def test_a_sysctl_stops_and_replaces_no_host(prod: Rehearsed) -> None:
    def change(config: dict[str, Any]) -> None:
        config["ironlane:hot_path"]["tuning"]["sysctls"] = {"vm.stat_interval": 60}

    outcome = prod.preview(change)
    # the hosts show their new tag, which stops nothing; what runs is changed by the rollout
    assert sorted(outcome.updated) == ["hot-path-hot-a", "hot-path-hot-b"]
    assert sorted(outcome.replaced) == sorted(["boot-hot-a-files", "boot-hot-b-files", *STEPS])
    assert (outcome.created, outcome.deleted) == ([], [])
    assert not [warning for warning in outcome.warnings if "hot-path" in warning or "stop" in warning]


SERVER_STEPS = ["bus-nats-1-change", "bus-nats-2-change", "bus-nats-3-change"]


def test_a_setting_of_the_bus_changes_its_servers_strictly_one_after_another(prod: Rehearsed) -> None:
    outcome = prod.preview(_set("bus", limits={"max_connections": 2048}))
    assert outcome.updated == SERVER_STEPS
    assert (outcome.created, outcome.replaced, outcome.deleted) == ([], [], [])


def test_another_nats_release_goes_over_the_servers_and_then_the_leaf_nodes_standby_first(prod: Rehearsed) -> None:
    release = {**prod.document["config"]["ironlane:bus"]["release"], "sha256": "1" * 64}
    outcome = prod.preview(_set("bus", release=release))
    assert outcome.updated == [*SERVER_STEPS, "bus-leaf-hot-b-change", "bus-leaf-hot-a-change"]
    assert (outcome.created, outcome.replaced, outcome.deleted) == ([], [], [])


def test_another_ami_of_the_bus_would_replace_protected_servers_and_is_refused(prod: Rehearsed) -> None:
    with pytest.raises(PulumiError, match="marked for protection") as refused:
        prod.preview(_set("bus", ami_id="ami-0fedcba9876543210"))
    assert "bus-nats-1" in str(refused.value)


def test_a_load_that_the_bus_cannot_carry_never_reaches_aws(prod: Rehearsed) -> None:
    load = {**prod.document["config"]["ironlane:bus"]["load"], "records_per_s": 5000}
    with pytest.raises(PulumiError, match="3 times the average"):
        prod.preview(_set("bus", load=load))


def test_no_private_key_is_in_the_clear_in_the_state(prod: Rehearsed) -> None:
    state = prod.stack().checkpoint.read_text()
    assert "BEGIN CERTIFICATE" in state
    assert "PRIVATE KEY" not in state


def _image(program: str, image: str) -> Change:
    def change(config: dict[str, Any]) -> None:
        config["ironlane:platform"]["images"][program] = image

    return change


def test_an_unpinned_image_never_reaches_the_engine(prod: Rehearsed) -> None:
    with pytest.raises(PulumiError, match=r"platform.images.oms = 'controlplane:1.0': .* is not pinned"):
        prod.preview(_image("oms", "controlplane:1.0"))


def test_a_larger_database_is_announced_as_an_interruption(prod: Rehearsed) -> None:
    def larger(config: dict[str, Any]) -> None:
        config["ironlane:platform"]["database"]["instance_class"] = "db.m7g.xlarge"

    outcome = prod.preview(larger)
    assert outcome.updated == ["database"]
    assert (outcome.created, outcome.replaced, outcome.deleted) == ([], [], [])
    assert any("changing instanceClass interrupts connections" in warning for warning in outcome.warnings)


def test_another_image_of_the_risk_engine_changes_one_deployment(prod: Rehearsed) -> None:
    if not prod.document["config"]["ironlane:platform"]["placed"]:
        pytest.skip("platform.placed is false in Pulumi.prod.yaml")
    outcome = prod.preview(_image("risk-engine", f"controlplane@sha256:{'0b' * 32}"))
    assert outcome.updated == ["risk-engine"]
    assert (outcome.created, outcome.replaced, outcome.deleted) == ([], [], [])
