"""A rollout as ordered steps, each on one host: the standby is through with all of them before the active is touched.

No Pulumi import. The commands are those of `host_rollout`, which ships in the bundle. Every step can be repeated: what
is as it should be stays as it is, so a broken rollout goes on where it stopped, and the way back is the pin of before.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from components.hot_path.bundle_pin import BundlePin

ENGINES = "/opt/ironlane/engines"
BUNDLES = "/var/lib/ironlane/bundles"
# whoever holds an order session; two hosts that do on one venue account would cut each other off
SESSION_ROLES = frozenset({"order-router", "composite"})
# drained on every host: on a standby that was the active before, this is what hands the session over
ORDER_ROLES = ("strategy", "order-router", "composite")
_CLOUD_INIT_S = 900
_FETCH_S = 300
_MARGIN_S = 60


class Action(StrEnum):
    INSTALL = "install"
    CONFIGURE = "configure"
    HOST_CHECK = "host-check"
    WARM_UP = "warm-up"
    DRAIN = "drain"
    SWITCH = "switch"
    RECONCILE = "reconcile"


# what the host's services notice; the other actions leave them alone
DISTURBING = frozenset({Action.CONFIGURE, Action.DRAIN, Action.SWITCH, Action.RECONCILE})
# installed while the host still trades, so that the pause is short; nothing else before its orders are gone
STANDBY_ACTIONS = (
    Action.INSTALL,
    Action.DRAIN,
    Action.CONFIGURE,
    Action.HOST_CHECK,
    Action.WARM_UP,
    Action.SWITCH,
    Action.RECONCILE,
)
ACTIVE_ACTIONS = (
    Action.INSTALL,
    Action.DRAIN,
    Action.CONFIGURE,
    Action.SWITCH,
    Action.HOST_CHECK,
    Action.RECONCILE,
)
LIMIT_S = {
    Action.INSTALL: 300,  # of which the wait for a host's first boot and the transfer are no part
    Action.CONFIGURE: 240,
    Action.HOST_CHECK: 60,
    Action.WARM_UP: 120,
    Action.DRAIN: 60,
    Action.SWITCH: 60,
    Action.RECONCILE: 180,
}


class RolloutTarget(BaseModel):
    """One host. roles: that the rollout starts there. specification_sha256: of the files that `configure` brings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")
    role: Literal["active", "standby"]
    roles: tuple[str, ...] = Field(min_length=1)
    specification_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Step(BaseModel):
    """command: for the host's shell; that of `install` is to be followed by the name of the bucket.

    limit_s: after which the command gives up by itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    role: Literal["active", "standby"]
    action: Action
    command: str
    limit_s: int

    @property
    def name(self) -> str:
        return f"{self.host}-{self.action.value}"

    @property
    def longest_s(self) -> int:
        """Until even a command that lost its host has to be given up."""
        return self.limit_s + _MARGIN_S + (_CLOUD_INIT_S + _FETCH_S if self.action is Action.INSTALL else 0)


def plan(
    pin: BundlePin, hosts: Sequence[RolloutTarget], *, region: str, python: str, allowed: Sequence[str] = ()
) -> tuple[Step, ...]:
    """Every step, in order. Raises ValueError for hosts that cannot be rolled out safely.

    python: the interpreter of the hosts' image that the engine was built for. allowed: gates, as role/gate, that need
    not open before a host counts as reconciled.
    """
    problems = broken_hosts(hosts)
    if problems:
        raise ValueError("\n".join(problems))
    ordered = sorted(hosts, key=lambda host: (host.role == "active", host.name))
    steps = tuple(
        Step(
            host=host.name,
            role=host.role,
            action=action,
            command=_command(action, pin, host, region, python, allowed),
            limit_s=LIMIT_S[action],
        )
        for host in ordered
        for action in (ACTIVE_ACTIONS if host.role == "active" else STANDBY_ACTIONS)
    )
    problems = broken_rules(steps)
    if problems:
        raise ValueError("\n".join(problems))
    return steps


def broken_hosts(hosts: Sequence[RolloutTarget]) -> list[str]:
    problems = []
    active = [host.name for host in hosts if host.role == "active"]
    if len(active) != 1:
        problems.append(f"hosts: exactly one must be active, these are: {', '.join(active) or 'none'}")
    names = [host.name for host in hosts]
    problems += [f"host {name}: named twice" for name in sorted({each for each in names if names.count(each) > 1})]
    problems += [
        f"host {host.name}: a standby must not run {', '.join(sorted(SESSION_ROLES & set(host.roles)))}: the venue"
        " closes the older of two sessions of one account, and that would be the one that trades"
        for host in hosts
        if host.role == "standby" and SESSION_ROLES & set(host.roles)
    ]
    return problems


def broken_rules(steps: Sequence[Step]) -> list[str]:
    """Every rule of a rollout that this order of steps breaks; empty when it is safe.

    - The active is not disturbed before every standby is reconciled, and no standby once the active is.
    - An engine is switched to only where it is installed, and after the drain; before that no host is disturbed.
    - The last step of every host is its reconciliation, after a host check.
    """
    problems = []
    disturbed = [index for index, step in enumerate(steps) if step.role == "active" and step.action in DISTURBING]
    standby = [index for index, step in enumerate(steps) if step.role == "standby"]
    if disturbed and standby and max(standby) > min(disturbed):
        late, early = steps[max(standby)], steps[min(disturbed)]
        problems.append(
            f"{late.name}: comes after {early.name}; a standby must be reconciled before the active changes"
        )
    for host in dict.fromkeys(step.host for step in steps):
        own = [step for step in steps if step.host == host]
        actions = [step.action for step in own]
        if len(set(actions)) != len(actions):
            problems.append(f"{host}: an action comes twice")
        if actions[-1] is not Action.RECONCILE:
            problems.append(f"{host}: ends with {actions[-1].value}; nobody would know whether it is ready")
        if not _in_order(actions, Action.INSTALL, Action.SWITCH):
            problems.append(f"{host}: switched to an engine that is not installed before")
        if not _in_order(actions, Action.HOST_CHECK, Action.RECONCILE):
            problems.append(f"{host}: roles are started without a host check before")
        first = next((action for action in actions if action in DISTURBING), None)
        if first is not Action.DRAIN:
            problems.append(f"{host}: {first.value if first else 'nothing'} before the drain")
    return problems


def _in_order(actions: Sequence[Action], first: Action, then: Action) -> bool:
    return first in actions and then in actions and actions.index(first) < actions.index(then)


def _command(
    action: Action,
    pin: BundlePin,
    host: RolloutTarget,
    region: str,
    python: str,
    allowed: Sequence[str],
) -> str:
    if action is Action.INSTALL:
        return _install(pin, region, python)
    words = ["sudo", f"{ENGINES}/{pin.sha256}/bin/python", "-I", "-m", "host_rollout"]
    words.append("check" if action is Action.HOST_CHECK else action.value)
    # a standby is always looked at; on the active, nothing is stopped when nothing is to change
    skips = action is Action.DRAIN and host.role == "active"
    if action not in (Action.CONFIGURE, Action.DRAIN) or skips:
        words += ["--sha256", pin.sha256]
    if action is Action.CONFIGURE or skips:
        words += ["--specification", host.specification_sha256]
    if action is not Action.CONFIGURE:
        words += ["--limit", str(LIMIT_S[action])]
    if action is Action.DRAIN:
        words += ["--roles", ",".join(ORDER_ROLES)]
    if action in (Action.SWITCH, Action.RECONCILE):
        words += ["--roles", ",".join(host.roles)]
    if action is Action.RECONCILE:
        for gate in allowed:
            if gate.split("/")[0] in host.roles:
                words += ["--except", gate]
    return shlex.join(words)


def _install(pin: BundlePin, region: str, python: str) -> str:
    """Nothing of the bundle is run before its digest was compared with the pin. The bucket's name is one more word."""
    bundle = f"{BUNDLES}/{pin.sha256}.zip"
    script = f"""\
timeout {_CLOUD_INIT_S} cloud-init status --wait >/dev/null || [ $? -eq 2 ] || {{
    echo "the first boot of this host has failed, or is not over: cloud-init status --long" >&2
    exit 1
}}
mkdir -p {BUNDLES}
pinned() {{ echo "{pin.sha256}  $1" | sha256sum --check --strict --status 2>/dev/null; }}
if ! pinned {bundle}; then
    timeout {_FETCH_S} aws --region {shlex.quote(region)} s3 cp --only-show-errors "s3://$1/{pin.key}" {bundle}.part
    pinned {bundle}.part || {{ echo "{bundle}.part: not the pinned bundle; it must not run" >&2; exit 1; }}
    mv {bundle}.part {bundle}
fi
exec {shlex.quote(python)} {bundle} install --bundle {bundle} --sha256 {pin.sha256} --limit {LIMIT_S[Action.INSTALL]}
"""
    return shlex.join(["sudo", "sh", "-euc", script, "install"])
