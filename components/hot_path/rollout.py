"""Brings a pinned engine and the host specification onto hosts that exist: every step of the plan a command over SSH.

The steps follow one another, the standby's before the active's. Each repeats when the pin, its host or what it does
changes, and when the step before it on the same host repeated: a rollout that broke goes on there, and one that is
taken back runs through every step that may have changed something.
"""

from __future__ import annotations

import hashlib

import pulumi
from pulumi_command import remote
from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.hot_path.bundle_pin import BundlePin
from components.hot_path.rollout_plan import Action, RolloutTarget, Step, plan
from components.inputs import Text
from components.options import child_options

DIAL_TRIES = 10
BOOT_TRIES = 240  # some seconds each: a metal host that has just been made boots twice


class RolloutHost(BaseModel):
    """document: the host's files, JSON, text by path; its sha256 is the target's specification.

    host_key: known to be the host's; None takes any.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    target: RolloutTarget
    instance_id: Text
    address: Text
    document: str
    host_key: str | None = None

    @model_validator(mode="after")
    def _is_what_the_target_names(self) -> RolloutHost:
        found = hashlib.sha256(self.document.encode()).hexdigest()
        if found != self.target.specification_sha256:
            raise ValueError(
                f"host {self.target.name}: the sha256 of its files is {found},"
                f" its target says {self.target.specification_sha256}"
            )
        return self


class RolloutArgs(BaseModel):
    """private_key: None leaves it to the deployment runner's SSH agent, and no key is ever in the stack's state."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    pin: BundlePin
    bucket: Text
    region: str
    python: str = "python3.11"
    hosts: tuple[RolloutHost, ...] = Field(min_length=1)
    gates_that_may_stay_closed: tuple[str, ...] = ()
    user: str = "ec2-user"
    private_key: Text | None = None


class Rollout(pulumi.ComponentResource):
    """`done`: the last step; whoever needs the engine waits for it."""

    done: pulumi.Resource

    def __init__(self, name: str, args: RolloutArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """opts.depends_on: what has to be there before the first step: the hosts, and the bundle in its place."""
        super().__init__("ironlane:hot_path:Rollout", name, {}, opts)
        self._name = name
        self._args = args
        hosts = {host.target.name: host for host in args.hosts}
        steps = plan(
            args.pin,
            [host.target for host in args.hosts],
            region=args.region,
            python=args.python,
            allowed=args.gates_that_may_stay_closed,
        )
        before: list[pulumi.Resource] = []
        last_of: dict[str, remote.Command] = {}
        for step in steps:
            command = self._step(step, hosts[step.host], last_of.get(step.host), child_options(self, opts, before))
            last_of[step.host] = command
            before = [command]
        self.done = before[0]
        self.register_outputs({"sha256": args.pin.sha256})

    def _step(
        self, step: Step, host: RolloutHost, previous: remote.Command | None, opts: pulumi.ResourceOptions
    ) -> remote.Command:
        args = self._args
        command: str | pulumi.Output[str] = step.command
        if step.action is Action.INSTALL:
            command = pulumi.Output.concat(step.command, " ", args.bucket)
        key = None if args.private_key is None else pulumi.Output.secret(args.private_key)
        timeout = f"{step.longest_s}s"
        return remote.Command(
            f"{self._name}-{step.name}",
            connection=remote.ConnectionArgs(
                host=host.address,
                user=args.user,
                private_key=key,
                host_key=host.host_key,
                dial_error_limit=BOOT_TRIES if step.action is Action.INSTALL else DIAL_TRIES,
            ),
            create=command,
            stdin=host.document if step.action is Action.CONFIGURE else None,
            # the host's SSH server takes no variables
            add_previous_output_in_env=False,
            triggers=[
                args.pin.sha256,
                host.target.specification_sha256,
                hashlib.sha256(step.command.encode()).hexdigest(),
                host.instance_id,
                *([] if previous is None else [previous.id]),
            ],
            opts=pulumi.ResourceOptions.merge(
                opts, pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create=timeout, update=timeout))
            ),
        )
