"""The one recorder behind every mock test: runs a Pulumi program against a monitor that sees inputs and options.

It fails on duplicate URNs and on a program that registered nothing, both of which Pulumi's own mocks let pass.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pulumi.runtime import mocks, rpc
from pulumi.runtime.settings import reset_options
from pulumi.runtime.stack import run_pulumi_func


@dataclass(frozen=True)
class Resource:
    """One registration as the engine would have received it."""

    urn: str
    type: str
    name: str
    inputs: dict[str, Any]
    parent: str
    custom: bool
    protect: bool
    depends_on: frozenset[str]
    ignore_changes: tuple[str, ...]
    aliases: tuple[str, ...]
    delete_before_replace: bool
    provider: str


@dataclass(frozen=True)
class Recording:
    """All registrations of one run, in order."""

    resources: tuple[Resource, ...]

    def of_type(self, type_: str) -> list[Resource]:
        return [r for r in self.resources if r.type == type_]

    def named(self, name: str) -> Resource:
        """The one resource of that name. Raises LookupError when there is none or more than one."""
        found = [r for r in self.resources if r.name == name]
        if len(found) != 1:
            raise LookupError(
                f"{len(found)} resources are named {name!r}; names: {sorted(r.name for r in self.resources)}"
            )
        return found[0]

    def named_of(self, type_: str, name: str) -> Resource:
        """The one resource of that type and name. Raises LookupError when there is none."""
        found = [r for r in self.of_type(type_) if r.name == name]
        if not found:
            raise LookupError(f"no {type_} is named {name!r}; names: {sorted(r.name for r in self.of_type(type_))}")
        return found[0]

    def children(self, of: Resource) -> list[Resource]:
        return [r for r in self.resources if r.parent == of.urn]

    def waits_for(self, later: Resource, earlier: Resource) -> bool:
        """True when `later` depends on `earlier`, directly or through others."""
        by_urn = {r.urn: r for r in self.resources}
        todo, seen = [later.urn], set[str]()
        while todo:
            urn = todo.pop()
            if urn in seen or urn not in by_urn:
                continue
            seen.add(urn)
            todo.extend(by_urn[urn].depends_on)
        return earlier.urn in seen - {later.urn}


# what the provider computes and our components read, beside the ARN and the name
_COMPUTED: dict[str, dict[str, Any]] = {
    "aws:ec2/vpcEndpoint:VpcEndpoint": {"prefixListId": "pl-0123456789abcdef0"},
    "aws:ec2/placementGroup:PlacementGroup": {"placementGroupId": "pg-0123456789abcdef0"},
    "aws:ec2/launchTemplate:LaunchTemplate": {"latestVersion": 1},
    "aws:eks/nodeGroup:NodeGroup": {"resources": [{"autoscalingGroups": [{"name": "eks-nodes"}]}]},
    "aws:rds/instance:Instance": {
        "address": "database.test",
        "resourceId": "db-TEST",
        "masterUserSecrets": [{"secretArn": "arn:aws:secretsmanager:::rds"}],
    },
    "aws:elasticache/replicationGroup:ReplicationGroup": {"primaryEndpointAddress": "cache.test"},
    "aws:ecr/repository:Repository": {"repositoryUrl": "registry.test/image"},
    "aws:lb/loadBalancer:LoadBalancer": {"dnsName": "admin.test"},
    "aws:eks/cluster:Cluster": {"endpoint": "https://eks.test", "certificateAuthority": {"data": "Y2E="}},
}


class _Echo(mocks.Mocks):
    """Answers with the inputs, and what the provider would compute as far as our components read it."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        state = dict(args.inputs)
        if args.typ.startswith("command:"):
            state |= {"stdout": "", "stderr": ""}
        elif args.typ.startswith("aws:"):
            service = args.typ.split(":")[1].split("/")[0]
            state = {
                "arn": f"arn:aws:{service}:::{args.name}",
                "name": args.name,
                **_COMPUTED.get(args.typ, {}),
                **state,
            }
        return (f"{args.name}-id", state)

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:
        raise AssertionError(f"unexpected invoke {args.token}")


class _Monitor(mocks.MockMonitor):
    def __init__(self) -> None:
        super().__init__(_Echo())
        self.lock = threading.Lock()
        self.seen: list[Resource] = []
        self.duplicates: list[str] = []

    def RegisterResource(self, request: Any) -> Any:
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type != "pulumi:pulumi:Stack":
            record = Resource(
                urn=urn,
                type=request.type,
                name=request.name,
                inputs=rpc.deserialize_properties(request.object),
                parent=request.parent,
                custom=request.custom,
                protect=request.protect,
                depends_on=frozenset(request.dependencies),
                ignore_changes=tuple(request.ignoreChanges),
                aliases=tuple(str(alias) for alias in request.aliases),
                delete_before_replace=request.deleteBeforeReplace,
                provider=request.provider,
            )
            with self.lock:
                if any(r.urn == urn for r in self.seen):
                    self.duplicates.append(urn)
                self.seen.append(record)
        return super().RegisterResource(request)


def deploy(program: Callable[[], None], stack: str = "test", preview: bool = False) -> Recording:
    """Run `program` to its end and return what it registered. Raises what the program raises."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    monitor = _Monitor()
    try:
        mocks.set_mocks(_Echo(), project="ironlane", stack=stack, preview=preview, monitor=monitor)

        async def run() -> None:
            await run_pulumi_func(program)

        loop.run_until_complete(run())
    finally:
        reset_options()
        loop.close()
        asyncio.set_event_loop(None)
    if monitor.duplicates:
        raise AssertionError(f"duplicate URNs: {sorted(set(monitor.duplicates))}")
    if not monitor.seen:
        raise AssertionError("the program registered no resource")
    return Recording(tuple(monitor.seen))
