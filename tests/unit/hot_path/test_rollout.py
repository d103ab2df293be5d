"""A rollout as the engine would get it: one chain of commands over all hosts, none without the one before."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import Any

import pulumi
import pytest
from pydantic import ValidationError

from components.hot_path.bundle_pin import BundlePin
from components.hot_path.host_roles import started_roles
from components.hot_path.rollout import Rollout, RolloutArgs, RolloutHost
from components.hot_path.rollout_plan import RolloutTarget
from tests.recorder import Recording, Resource, deploy

PIN = BundlePin(version="0.2.0", sha256="ab" * 32)
COMMAND = "command:remote:Command"
SECRET = "4dabf18193072939515e22adb298388d"  # marks a secret on its way to the engine


class Bundle(pulumi.CustomResource):
    """Stands for what has to be there first."""

    def __init__(self) -> None:
        super().__init__("test:index:Bundle", "bundle", {})


DOCUMENT = '{"/etc/sysctl.d/90-ironlane.conf": "a = 1\\n"}\n'
SPECIFICATION = hashlib.sha256(DOCUMENT.encode()).hexdigest()


def host(name: str, role: Any) -> RolloutHost:
    target = RolloutTarget(
        name=name,
        role=role,
        roles=started_roles(role, ("feed-handler", "order-router", "strategy", "agent")),
        specification_sha256=SPECIFICATION,
    )
    return RolloutHost(target=target, instance_id=f"i-{name}", address=f"{name}.test", document=DOCUMENT)


HOSTS = (host("hot-a", "active"), host("hot-b", "standby"))


def record(**change: Any) -> Recording:
    args = {"pin": PIN, "bucket": "engines", "region": "us-east-1", "hosts": HOSTS, "private_key": "KEY", **change}

    def program() -> None:
        Rollout("rollout", RolloutArgs(**args), pulumi.ResourceOptions(depends_on=[Bundle()]))

    return deploy(program)


def commands(recording: Recording) -> list[Resource]:
    return recording.of_type(COMMAND)


def test_every_step_waits_for_all_before_it() -> None:
    recording = record()
    found = commands(recording)
    assert [each.name for each in found[:7]] == [
        f"rollout-hot-b-{action}"
        for action in ("install", "drain", "configure", "host-check", "warm-up", "switch", "reconcile")
    ]
    assert len(found) == 13
    for earlier, later in pairwise(found):
        assert earlier.urn in later.depends_on
    assert recording.waits_for(found[0], recording.named("bundle"))
    assert recording.waits_for(recording.named("rollout-hot-a-drain"), recording.named("rollout-hot-b-reconcile"))


def test_a_step_repeats_with_the_pin_its_specification_its_host_and_the_step_before() -> None:
    found = {each.name: each.inputs["triggers"] for each in commands(record())}
    for name, triggers in found.items():
        assert PIN.sha256 in triggers
        assert SPECIFICATION in triggers
        assert ("i-hot-a" if "hot-a" in name else "i-hot-b") in triggers
    assert "rollout-hot-b-install-id" in found["rollout-hot-b-drain"]
    # a standby that is set up again does not make the active stop
    assert len(found["rollout-hot-a-install"]) == len(found["rollout-hot-b-install"])
    assert not [each for each in found["rollout-hot-a-install"] if "hot-b" in each]


def test_another_command_line_repeats_the_step() -> None:
    before, after = (
        {each.name: each.inputs["triggers"] for each in commands(record(gates_that_may_stay_closed=gates))}
        for gates in ((), ("strategy/book",))
    )
    changed = [name for name in before if before[name] != after[name]]
    assert changed == ["rollout-hot-a-reconcile"]


def test_the_key_is_secret_and_the_connection_goes_to_the_host() -> None:
    for each in commands(record()):
        assert "connection" in each.secret, "a plain key would be shown"
        assert each.inputs["connection"]["privateKey"] == "KEY"
        assert each.inputs["connection"]["host"] == ("hot-a.test" if "hot-a" in each.name else "hot-b.test")
    for each in commands(record(private_key=None)):
        assert "privateKey" not in each.inputs["connection"]


def test_the_files_of_a_host_come_by_its_configure_step_alone() -> None:
    with_input = {each.name: each.inputs["stdin"] for each in commands(record()) if "stdin" in each.inputs}
    assert with_input == {"rollout-hot-a-configure": DOCUMENT, "rollout-hot-b-configure": DOCUMENT}


def test_files_with_another_digest_than_the_target_names_are_refused() -> None:
    with pytest.raises(ValidationError, match="host hot-a: the sha256 of its files is"):
        RolloutHost(target=HOSTS[0].target, instance_id="i", address="a", document="{}")


def test_a_safe_order_is_asked_for_before_anything_is_registered() -> None:
    wrong = host("hot-b", "standby").target.model_copy(update={"roles": ("order-router",)})
    hosts = (HOSTS[0], HOSTS[1].model_copy(update={"target": wrong}))
    with pytest.raises(ValueError, match="a standby must not run order-router"):
        record(hosts=hosts)


def test_a_pin_is_a_whole_digest() -> None:
    with pytest.raises(ValidationError, match="sha256"):
        BundlePin(version="0.1.0", sha256="latest")
