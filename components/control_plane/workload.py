"""One program of the platform on Kubernetes, with everything around it that it needs to be safe and to be found."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal, Self, cast

import pulumi
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.autoscaling import v2 as autoscaling
from pulumi_kubernetes.batch import v1 as batch
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.networking import v1 as networking
from pulumi_kubernetes.policy import v1 as disruption
from pulumi_kubernetes.rbac import v1 as rbac
from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.control_plane import network_policy
from components.control_plane.image_reference import PinnedImage
from components.control_plane.network_policy import NAME_LABEL
from components.control_plane.pod_flows import NAMESPACES, POD_FLOWS, Namespace, PodFlow, Program
from components.control_plane.pod_identity import PodIdentity, PodIdentityArgs, Statement
from components.control_plane.pod_spec import Container, labels, pod_template
from components.control_plane.storage_class import STORAGE_CLASS
from components.inputs import Text
from components.latency_budget import LatencyBudget, check
from components.network.flows import Party
from components.options import child_options

Kind = Literal["deployment", "statefulset", "job", "cronjob"]
Spec = dict[str, Any]
# the provider would wait for pods behind a Service, which come after it, or never while its program is not built
_NO_WAIT = {"pulumi.com/skipAwait": "true"}


class Autoscaling(BaseModel):
    """Between these replicas, so that their CPUs are used to this share of what they asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    minimum: int = Field(ge=1, le=100)
    maximum: int = Field(ge=1, le=100)
    cpu_percent: int = Field(70, ge=10, le=95)

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        return self


class AccessRule(BaseModel):
    """What the program may do in the Kubernetes API, inside its own namespace."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_groups: tuple[str, ...] = Field(min_length=1)
    resources: tuple[str, ...] = Field(min_length=1)
    verbs: tuple[str, ...] = Field(min_length=1)
    names: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _named(self) -> Self:
        if "*" in (*self.api_groups, *self.resources, *self.verbs):
            raise ValueError("'*': name the groups, resources and verbs that the program uses")
        return self


class WorkloadArgs(BaseModel):
    """config: text by file name. cidrs: addresses of the parties of the flow table outside of the cluster.

    built: False while the program is agreed on and not written; everything is there but no pod is started.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    environment: str
    program: Program
    kind: Kind
    container: Container
    image: PinnedImage
    repository_url: Text
    latency: LatencyBudget
    built: bool
    replicas: int = Field(1, ge=0, le=100)
    autoscaling: Autoscaling | None = None
    schedule: str | None = Field(None, pattern=r"^(\S+ ){4}\S+$", description="of a cronjob, UTC")
    deadline_s: int | None = Field(None, ge=1, le=7 * 24 * 3600, description="a job that runs longer is stopped")
    retries: int = Field(2, ge=0, le=10)
    suspended: bool = False
    config: dict[str, Text] = Field(default_factory=dict)
    cidrs: dict[Party, tuple[str, ...]] = Field(default_factory=dict)
    flows: tuple[PodFlow, ...] = POD_FLOWS
    access: tuple[AccessRule, ...] = ()
    aws: tuple[Statement, ...] = ()
    cluster_name: Text

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check(self.program.value, "kubernetes", self.latency)
        if self.container.name != self.program.value:
            raise ValueError(f"container.name {self.container.name!r}: must be the program's, {self.program.value!r}")
        if set(self.container.config) != set(self.config):
            raise ValueError(f"config: has {sorted(self.config)}, the container mounts {sorted(self.container.config)}")
        if self.autoscaling is not None and self.kind != "deployment":
            raise ValueError(f"autoscaling: a {self.kind} has a fixed number of replicas; leave it out")
        if (self.kind == "cronjob") != (self.schedule is not None):
            raise ValueError(f"schedule: {self.schedule!r} does not fit a {self.kind}; only a cronjob has one")
        if self.container.volumes and self.kind != "statefulset":
            raise ValueError(f"container.volumes: a {self.kind} has no volume of its own; make it a statefulset")
        if self.kind in ("deployment", "statefulset") and self.container.readiness is None:
            raise ValueError("container.readiness: needed, or a rollout goes on over pods that do not work")
        return self

    @property
    def namespace(self) -> Namespace:
        return NAMESPACES[self.program]


class Workload(pulumi.ComponentResource):
    """Named as its program, in its program's namespace. `running`: the Deployment, StatefulSet, Job or CronJob."""

    running: pulumi.CustomResource

    def __init__(self, name: str, args: WorkloadArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:control_plane:Workload", name, {}, opts)
        self._name = name
        self._args = args
        self._opts = opts
        self._labels = labels(args.program.value, args.namespace.value)
        before: list[pulumi.Resource] = [self._policy(), self._account(), *self._access(), *self._identity()]
        config = self._config()
        if config is not None:
            before.append(config[0])
        template = pod_template(
            args.container,
            args.namespace.value,
            pulumi.Output.concat(args.repository_url, "@", args.image.digest),
            args.program.value,
            bool(args.access),
            config[1] if config is not None else None,
            "Never" if args.kind in ("job", "cronjob") else "Always",
        )
        service = self._service()
        if service is not None:
            before.append(service)
        wanted = child_options(self, opts, before)
        match args.kind:
            case "deployment":
                self.running = self._deployment(template, wanted)
            case "statefulset":
                self.running = self._stateful_set(template, wanted)
            case "job":
                spec = {**self._job(template), "suspend": args.suspended or not args.built}
                self.running = batch.Job(name, metadata=self._metadata(), spec=cast(Any, spec), opts=wanted)
            case "cronjob":
                self.running = self._cron_job(template, wanted)
        if args.kind in ("deployment", "statefulset"):
            self._disruption()
        if args.autoscaling is not None:
            self._scaler(args.autoscaling)
        self.register_outputs({"namespace": args.namespace.value, "name": args.program.value})

    def _metadata(self, annotations: dict[str, str] | None = None, name: Any = None) -> Any:
        args = self._args
        found = dict(annotations or {})
        if not args.built:
            found |= {"ironlane/not-built": "the program is agreed on and not written", **_NO_WAIT}
        metadata: Spec = {
            "name": args.program.value if name is None else name,
            "namespace": args.namespace.value,
            "labels": self._labels,
        }
        if found:
            metadata["annotations"] = found
        return metadata

    def _child(self) -> pulumi.ResourceOptions:
        return child_options(self, self._opts)

    def _policy(self) -> networking.NetworkPolicy:
        args = self._args
        spec = network_policy.of_program(args.program, args.cidrs, args.flows, pod_identity=bool(args.aws))
        return networking.NetworkPolicy(self._name, metadata=self._metadata(), spec=cast(Any, spec), opts=self._child())

    def _account(self) -> core.ServiceAccount:
        return core.ServiceAccount(
            self._name, metadata=self._metadata(), automount_service_account_token=False, opts=self._child()
        )

    def _access(self) -> list[pulumi.Resource]:
        args = self._args
        if not args.access:
            return []
        rules = [
            {
                "apiGroups": list(each.api_groups),
                "resources": list(each.resources),
                "verbs": list(each.verbs),
                **({"resourceNames": list(each.names)} if each.names else {}),
            }
            for each in args.access
        ]
        role = rbac.Role(self._name, metadata=self._metadata(), rules=cast(Any, rules), opts=self._child())
        binding = rbac.RoleBinding(
            self._name,
            metadata=self._metadata(),
            role_ref=cast(Any, {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": args.program.value}),
            subjects=cast(
                Any,
                [{"kind": "ServiceAccount", "name": args.program.value, "namespace": args.namespace.value}],
            ),
            opts=child_options(self, self._opts, [role]),
        )
        return [role, binding]

    def _identity(self) -> list[pulumi.Resource]:
        args = self._args
        if not args.aws:
            return []
        identity = PodIdentity(
            f"{self._name}-aws",
            PodIdentityArgs(
                environment=args.environment,
                cluster_name=args.cluster_name,
                namespace=args.namespace.value,
                service_account=args.program.value,
                statements=args.aws,
            ),
            self._child(),
        )
        return [identity.association]

    def _config(self) -> tuple[core.ConfigMap, pulumi.Output[str]] | None:
        """Named by its content: new content is a new object, and pods that name it are rolled."""
        args = self._args
        if not args.config:
            return None

        def named(files: dict[str, str]) -> str:
            digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
            return f"{args.program.value}-{digest[:10]}"

        files = cast("pulumi.Output[dict[str, str]]", pulumi.Output.all(**args.config))
        name = files.apply(named)
        made = core.ConfigMap(
            f"{self._name}-config",
            metadata=self._metadata(name=name),
            data=cast(Any, args.config),
            immutable=True,
            opts=self._child(),
        )
        return made, name

    def _service(self) -> core.Service | None:
        args = self._args
        ports = args.container.ports
        if not ports or args.kind in ("job", "cronjob"):
            return None
        exposed = [port for port in ports if port.node_port is not None]
        spec: Spec = {
            "type": "NodePort" if exposed else "ClusterIP",
            "selector": {NAME_LABEL: args.program.value},
            "ports": [
                {
                    "name": port.name,
                    "port": port.number,
                    "targetPort": port.name,
                    "protocol": "TCP",
                    **({"nodePort": port.node_port} if port.node_port is not None else {}),
                }
                # a port of the nodes for what people reach, and for nothing else of the program
                for port in (exposed or ports)
            ],
        }
        if exposed:
            # keeps the client's address, for which the network policy asks
            spec["externalTrafficPolicy"] = "Local"
        elif args.kind == "statefulset":
            spec["clusterIP"] = "None"
        return core.Service(self._name, metadata=self._metadata(_NO_WAIT), spec=cast(Any, spec), opts=self._child())

    def _selector(self) -> Spec:
        return {"matchLabels": {NAME_LABEL: self._args.program.value}}

    def _replicas(self) -> Spec:
        args = self._args
        if not args.built:
            return {"replicas": 0}
        # the autoscaler owns the number
        return {} if args.autoscaling is not None else {"replicas": args.replicas}

    def _deployment(self, template: Spec, opts: pulumi.ResourceOptions) -> apps.Deployment:
        spec: Spec = {
            **self._replicas(),
            "selector": self._selector(),
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "minReadySeconds": 5,
            "progressDeadlineSeconds": 300,
            "revisionHistoryLimit": 5,
            "template": template,
        }
        return apps.Deployment(self._name, metadata=self._metadata(), spec=cast(Any, spec), opts=opts)

    def _stateful_set(self, template: Spec, opts: pulumi.ResourceOptions) -> apps.StatefulSet:
        args = self._args
        spec: Spec = {
            **self._replicas(),
            "serviceName": args.program.value,
            "selector": self._selector(),
            "podManagementPolicy": "Parallel",
            "updateStrategy": {"type": "RollingUpdate"},
            "minReadySeconds": 5,
            "revisionHistoryLimit": 5,
            "template": template,
        }
        if args.container.volumes:
            # neither a smaller number of replicas nor a slip deletes data
            spec["persistentVolumeClaimRetentionPolicy"] = {"whenDeleted": "Retain", "whenScaled": "Retain"}
            spec["volumeClaimTemplates"] = [
                {
                    "metadata": {"name": each.name},
                    "spec": {
                        # one pod at a time, even when a node is thought to be gone and is not
                        "accessModes": ["ReadWriteOncePod"],
                        "storageClassName": STORAGE_CLASS,
                        "resources": {"requests": {"storage": f"{each.gib}Gi"}},
                    },
                }
                for each in args.container.volumes
            ]
        return apps.StatefulSet(self._name, metadata=self._metadata(), spec=cast(Any, spec), opts=opts)

    def _job(self, template: Spec) -> Spec:
        args = self._args
        spec: Spec = {"backoffLimit": args.retries, "completions": 1, "parallelism": 1, "template": template}
        if args.deadline_s is not None:
            spec["activeDeadlineSeconds"] = args.deadline_s
        return spec

    def _cron_job(self, template: Spec, opts: pulumi.ResourceOptions) -> batch.CronJob:
        args = self._args
        spec: Spec = {
            "schedule": args.schedule,
            "timeZone": "Etc/UTC",
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 3600,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 5,
            "suspend": args.suspended or not args.built,
            "jobTemplate": {"metadata": {"labels": self._labels}, "spec": self._job(template)},
        }
        return batch.CronJob(self._name, metadata=self._metadata(), spec=cast(Any, spec), opts=opts)

    def _disruption(self) -> disruption.PodDisruptionBudget:
        spec: Spec = {
            "maxUnavailable": 1,
            "selector": self._selector(),
            # a pod that does not work anyway must not keep a node from being drained
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        }
        return disruption.PodDisruptionBudget(
            self._name, metadata=self._metadata(), spec=cast(Any, spec), opts=self._child()
        )

    def _scaler(self, wanted: Autoscaling) -> autoscaling.HorizontalPodAutoscaler:
        spec: Spec = {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": self._args.program.value},
            "minReplicas": wanted.minimum,
            "maxReplicas": wanted.maximum,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": wanted.cpu_percent},
                    },
                }
            ],
            # up at once, down when the day is quieter for good
            "behavior": {
                "scaleUp": {"stabilizationWindowSeconds": 0},
                "scaleDown": {"stabilizationWindowSeconds": 600},
            },
        }
        return autoscaling.HorizontalPodAutoscaler(
            self._name,
            metadata=self._metadata(),
            spec=cast(Any, spec),
            opts=child_options(self, self._opts, [self.running]),
        )
