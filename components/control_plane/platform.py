"""Everything of the platform that runs on the cluster: namespaces, priorities, storage, and the programs."""

from __future__ import annotations

import pulumi
from pulumi_kubernetes.core import v1 as core
from pydantic import BaseModel, ConfigDict, Field

from components.control_plane.namespaces import Namespaces, NamespacesArgs
from components.control_plane.pod_flows import NAMESPACES, POD_FLOWS, Program, check_leaving, egress_of
from components.control_plane.priority_classes import PriorityClasses
from components.control_plane.storage_class import StorageClass, StorageClassArgs
from components.control_plane.workload import Autoscaling, Workload, WorkloadArgs
from components.control_plane.workloads.admin import admin
from components.control_plane.workloads.audit_ingest import audit_ingest
from components.control_plane.workloads.backtest import backtest
from components.control_plane.workloads.bus_streams import bus_streams
from components.control_plane.workloads.clickhouse import clickhouse
from components.control_plane.workloads.context import BusCredential, WorkloadContext, bus_files, bus_user
from components.control_plane.workloads.database_users import database_users
from components.control_plane.workloads.market_data_recorder import market_data_recorder
from components.control_plane.workloads.oms import oms
from components.control_plane.workloads.reference_data import reference_data
from components.control_plane.workloads.reporting import reporting
from components.control_plane.workloads.risk_engine import risk_engine
from components.inputs import Text
from components.network.flows import Flow, Party
from components.options import child_options


class Sizes(BaseModel):
    """How much of each program an environment has; schedules are in UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recorder_gib: int = Field(100, ge=1, le=16_384)
    clickhouse_gib: int = Field(1_000, ge=10, le=16_384)
    risk_engine: Autoscaling = Autoscaling(minimum=2, maximum=6)
    reporting_schedule: str = "30 21 * * 1-5"
    backtest_strategy: str = Field(
        "hotpath.strategy.market_maker:MarketMaker", pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"
    )


class PlatformArgs(BaseModel):
    """network: the table of flows between security groups, which the flows of pods must fit into."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    kubernetes_version: str
    volume_key_arn: Text
    network: tuple[Flow, ...]
    sizes: Sizes
    context: WorkloadContext


def workloads(context: WorkloadContext, sizes: Sizes) -> tuple[WorkloadArgs, ...]:
    """Every program of the platform, those first for which others wait. Raises ValueError for what must not be."""
    return (
        bus_streams(context),
        database_users(context),
        oms(context),
        risk_engine(context, sizes.risk_engine),
        market_data_recorder(context, sizes.recorder_gib),
        reference_data(context),
        clickhouse(context, sizes.clickhouse_gib),
        admin(context),
        audit_ingest(context),
        reporting(context, sizes.reporting_schedule),
        backtest(context, sizes.backtest_strategy),
    )


# the Job that has to be done before programs use what it makes
_FIRST = {Program.BUS_STREAMS: Party.BUS, Program.DATABASE_USERS: Party.DATABASE}


class Platform(pulumi.ComponentResource):
    """`workloads` by program."""

    workloads: dict[Program, Workload]

    def __init__(self, name: str, args: PlatformArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:control_plane:Platform", name, {}, opts)
        check_leaving(POD_FLOWS, args.network)
        namespaces = Namespaces(
            f"{name}-namespaces", NamespacesArgs(version=args.kubernetes_version), child_options(self, opts)
        )
        priorities = PriorityClasses(f"{name}-priorities", child_options(self, opts))
        storage = StorageClass(
            f"{name}-storage",
            # not by `protect`, which is switched off before prod is taken down: Kubernetes lets nobody change it
            StorageClassArgs(kms_key_arn=args.volume_key_arn, keep=args.context.environment == "prod"),
            child_options(self, opts),
        )
        self.workloads = {}
        for each in workloads(args.context, args.sizes):
            after: list[pulumi.Resource] = [*namespaces.ready[each.namespace], priorities, storage]
            for program, party in _FIRST.items():
                if each.program is not program and _reaches(each.program, party):
                    after.append(self.workloads[program].running)
            credential = args.context.bus_credentials.get(bus_user(each.program))
            if credential is not None and _reaches(each.program, Party.BUS):
                after.append(_bus_secret(each.program, credential, child_options(self, opts, after)))
            self.workloads[each.program] = Workload(each.program.value, each, child_options(self, opts, after))
        self.register_outputs({"programs": [program.value for program in self.workloads]})


def _reaches(program: Program, party: Party) -> bool:
    return any(flow.target is party for flow in egress_of(program))


def _bus_secret(program: Program, credential: BusCredential, opts: pulumi.ResourceOptions) -> core.Secret:
    ca, certificate, key = bus_files(program)
    return core.Secret(
        ca.secret,
        metadata={"name": ca.secret, "namespace": NAMESPACES[program].value},
        string_data={ca.key: credential.ca, certificate.key: credential.certificate, key.key: credential.key},
        opts=opts,
    )
