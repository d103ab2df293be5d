"""The order of a rollout: what may never come before what, whatever the hosts."""

from __future__ import annotations

import shlex
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.hot_path.bundle_pin import BundlePin
from components.hot_path.host_roles import started_roles
from components.hot_path.rollout_plan import DISTURBING, Action, RolloutTarget, Step, broken_rules, plan

PIN = BundlePin(version="0.2.0", sha256="ab" * 32)
ACTIVE_ROLES = ("feed-handler", "order-router", "strategy", "agent")
STANDBY_ROLES = started_roles("standby", ACTIVE_ROLES)
ACTIVE = RolloutTarget(name="hot-a", role="active", roles=ACTIVE_ROLES, specification_sha256="cd" * 32)
STANDBY = RolloutTarget(name="hot-b", role="standby", roles=STANDBY_ROLES, specification_sha256="cd" * 32)


def steps(*hosts: RolloutTarget, pin: BundlePin = PIN, allowed: tuple[str, ...] = ()) -> tuple[Step, ...]:
    return plan(pin, hosts, region="us-east-1", python="python3.11", allowed=allowed)


def test_the_whole_order() -> None:
    assert [step.name for step in steps(ACTIVE, STANDBY)] == [
        "hot-b-install",
        "hot-b-drain",
        "hot-b-configure",
        "hot-b-host-check",
        "hot-b-warm-up",
        "hot-b-switch",
        "hot-b-reconcile",
        "hot-a-install",
        "hot-a-drain",
        "hot-a-configure",
        "hot-a-switch",
        "hot-a-host-check",
        "hot-a-reconcile",
    ]


def standbys(names: list[str]) -> list[RolloutTarget]:
    return [STANDBY.model_copy(update={"name": name}) for name in names]


@given(names=st.lists(st.from_regex(r"[b-z][a-z0-9-]{0,8}", fullmatch=True), unique=True, max_size=4), data=st.data())
def test_no_standby_is_left_behind_and_the_active_comes_last(names: list[str], data: st.DataObject) -> None:
    hosts = data.draw(st.permutations([ACTIVE.model_copy(update={"name": "a-active"}), *standbys(names)]))
    order = steps(*hosts)
    assert broken_rules(order) == []
    active = [index for index, step in enumerate(order) if step.host == "a-active"]
    for name in names:
        own = [index for index, step in enumerate(order) if step.host == name]
        assert order[own[-1]].action is Action.RECONCILE
        assert max(own) < min(active)
    # one host at a time: who left is not come back to
    changes = [after.host for before, after in pairwise(order) if before.host != after.host]
    assert len(changes) == len(set(changes)) == len(names)


@given(order=st.permutations(steps(ACTIVE, STANDBY)))
def test_any_other_order_that_disturbs_both_at_once_is_named(order: list[Step]) -> None:
    """Against a model that knows nothing of the rules' wording: who may be down while another is not proven ready."""
    problems = broken_rules(order)
    ready: set[str] = set()
    unsafe = False
    for step in order:
        if step.role == "active" and step.action in DISTURBING and "hot-b" not in ready:
            unsafe = True
        if step.role == "standby" and step.action in DISTURBING:
            ready.discard("hot-b")
        if step.action is Action.RECONCILE:
            ready.add(step.host)
    if unsafe:
        assert problems


@pytest.mark.parametrize(
    ("moved", "before", "told"),
    [
        (
            "hot-a-drain",
            "hot-b-install",
            "hot-b-reconcile: comes after hot-a-drain; a standby must be reconciled before",
        ),
        ("hot-a-switch", "hot-a-drain", "hot-a: switch before the drain"),
        ("hot-b-configure", "hot-b-drain", "hot-b: configure before the drain"),
        ("hot-b-switch", "hot-b-install", "hot-b: switched to an engine that is not installed before"),
        ("hot-a-reconcile", "hot-a-host-check", "hot-a: roles are started without a host check before"),
        ("hot-b-reconcile", "hot-b-switch", "hot-b: ends with switch"),
    ],
)
def test_a_step_out_of_place_is_refused(moved: str, before: str, told: str) -> None:
    order = list(steps(ACTIVE, STANDBY))
    step = next(each for each in order if each.name == moved)
    order.remove(step)
    order.insert(next(index for index, each in enumerate(order) if each.name == before), step)
    assert any(problem.startswith(told) for problem in broken_rules(order)), broken_rules(order)


def test_a_standby_with_an_order_session_is_refused() -> None:
    wrong = STANDBY.model_copy(update={"roles": ACTIVE_ROLES})
    with pytest.raises(ValueError, match="host hot-b: a standby must not run order-router: the venue closes the older"):
        steps(ACTIVE, wrong)


def test_two_active_hosts_or_none_are_refused() -> None:
    with pytest.raises(ValueError, match="exactly one must be active, these are: hot-a, hot-c"):
        steps(ACTIVE, ACTIVE.model_copy(update={"name": "hot-c"}))
    with pytest.raises(ValueError, match="exactly one must be active, these are: none"):
        steps(STANDBY)


def test_rolling_back_is_the_same_with_the_pin_of_before() -> None:
    old = BundlePin(version="0.1.0", sha256="ef" * 32)
    there, back = steps(ACTIVE, STANDBY), steps(ACTIVE, STANDBY, pin=old)
    assert [step.name for step in there] == [step.name for step in back]
    for new, before in zip(there, back, strict=True):
        assert new.command.replace(PIN.sha256, old.sha256).replace(PIN.file, old.file) == before.command
        assert "rm " not in before.command, "nothing installed is removed"


def test_nothing_of_a_bundle_runs_before_its_digest_was_compared() -> None:
    install = shlex.split(steps(ACTIVE)[0].command)
    assert install[:3] == ["sudo", "sh", "-euc"]
    lines = install[3].splitlines()
    compared = next(index for index, line in enumerate(lines) if "sha256sum --check --strict" in line)
    run = next(index for index, line in enumerate(lines) if line.startswith("exec python3.11 "))
    assert compared < run
    assert PIN.sha256 in lines[compared]


def test_a_host_that_becomes_the_standby_is_drained_before_the_other_may_trade() -> None:
    """The same two hosts with exchanged roles: the session is handed over, never held twice."""
    before = {step.name: step.command for step in steps(ACTIVE, STANDBY)}
    swapped = steps(
        STANDBY.model_copy(update={"name": "hot-a"}),
        ACTIVE.model_copy(update={"name": "hot-b"}),
    )
    names = [step.name for step in swapped]
    assert names.index("hot-a-drain") < names.index("hot-a-reconcile") < names.index("hot-b-reconcile")
    drain = next(step for step in swapped if step.name == "hot-a-drain")
    assert drain.command != before["hot-a-drain"], "so it runs"
    words = shlex.split(drain.command)
    assert words[words.index("--roles") + 1] == "strategy,order-router,composite"
    assert "--sha256" not in words, "whatever engine and files are in place"


def test_a_gate_may_stay_closed_only_where_its_role_runs() -> None:
    order = steps(ACTIVE, STANDBY, allowed=("strategy/book", "feed-handler/fresh"))
    commands = {step.name: shlex.split(step.command) for step in order}
    assert commands["hot-b-reconcile"][-2:] == ["--except", "feed-handler/fresh"]
    assert commands["hot-a-reconcile"][-4:] == ["--except", "strategy/book", "--except", "feed-handler/fresh"]
