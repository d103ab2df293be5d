"""What a pod of the platform looks like: restricted, pinned, bounded. Text of the Kubernetes API; no Pulumi import.

Values that only the cloud knows (the registry's address, a generated name) pass through as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.control_plane.network_policy import NAME_LABEL
from components.control_plane.pools import POOL_LABEL, Pool

Spec = dict[str, Any]
CONFIG_FOLDER = "/etc/ironlane"
SECRETS_FOLDER = "/run/secrets/ironlane"
USER = 10_001  # of the images that we build

_NAME = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Port(_Frozen):
    """node_port: the port on every node under which the load balancer reaches it."""

    name: str = Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$")
    number: int = Field(ge=1024, le=65_535, description="a restricted pod binds no port below 1024")
    node_port: int | None = Field(None, ge=30_000, le=32_767)


class Probe(_Frozen):
    """path: an HTTP GET; None: the port takes connections. Times in seconds."""

    port: str
    path: str | None = None
    period_s: int = Field(5, ge=1, le=60)
    timeout_s: int = Field(2, ge=1, le=30)
    failures: int = Field(3, ge=1, le=100)


class HealthProbes(TypedDict):
    """Fields of a Container."""

    startup: Probe
    liveness: Probe
    readiness: Probe


def health_probes(port: str) -> HealthProbes:
    """Of a program of ours: two minutes to come up, alive by /livez, in the Service by /readyz."""
    return {
        "startup": Probe(port=port, path="/livez", failures=24),
        "liveness": Probe(port=port, path="/livez", period_s=10, failures=6),
        "readiness": Probe(port=port, path="/readyz"),
    }


class Resources(_Frozen):
    """guaranteed: limits = requests, so that the pod is never throttled below or evicted for its neighbours.

    Otherwise the CPU is not limited (a limit throttles where there is idle CPU) and memory is, always.
    """

    cpu_millicores: int = Field(ge=10, le=64_000)
    memory_mib: int = Field(ge=32, le=512 * 1024)
    guaranteed: bool = False
    scratch_mib: int = Field(64, ge=1, le=64 * 1024, description="/tmp")


class SecretFile(_Frozen):
    """A key of a Kubernetes Secret as a file below SECRETS_FOLDER; the Secret is referred to, never made here."""

    secret: str = Field(pattern=_NAME)
    key: str = Field(pattern=r"^[-._a-zA-Z0-9]+$")

    @property
    def path(self) -> str:
        return f"{SECRETS_FOLDER}/{self.secret}/{self.key}"


class SecretVariable(_Frozen):
    """For programs of others that read passwords from the environment only."""

    variable: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    secret: str = Field(pattern=_NAME)
    key: str = Field(pattern=r"^[-._a-zA-Z0-9]+$")


class VolumeClaim(_Frozen):
    name: str = Field(pattern=_NAME)
    path: str = Field(pattern=r"^/[a-z]")
    gib: int = Field(ge=1, le=16_384)


class Scratch(_Frozen):
    """A folder that lives as long as the pod."""

    name: str = Field(pattern=_NAME)
    path: str = Field(pattern=r"^/[a-z]")
    mib: int = Field(ge=1, le=64 * 1024)


class Container(_Frozen):
    """Everything of a pod that does not depend on the kind of its workload.

    config: names of the files of its ConfigMap, mounted at CONFIG_FOLDER.
    """

    name: str = Field(pattern=_NAME)
    command: tuple[str, ...] = Field(min_length=1)
    pool: Pool
    priority_class: str
    resources: Resources
    ports: tuple[Port, ...] = ()
    startup: Probe | None = None
    liveness: Probe | None = None
    readiness: Probe | None = None
    config: tuple[str, ...] = ()
    environment: Mapping[str, str] = Field(default_factory=dict)
    secret_files: tuple[SecretFile, ...] = ()
    secret_variables: tuple[SecretVariable, ...] = ()
    volumes: tuple[VolumeClaim, ...] = ()
    scratch: tuple[Scratch, ...] = ()
    user: int = Field(USER, ge=1, le=65_535)
    stop_timeout_s: int = Field(30, ge=1, le=3600)
    drain_s: int = Field(0, ge=0, le=60, description="goes on serving while clients are told that it leaves")
    single_zone: bool = False

    @model_validator(mode="after")
    def _runs(self) -> Container:
        names = {port.name for port in self.ports}
        for what in ("startup", "liveness", "readiness"):
            probe: Probe | None = getattr(self, what)
            if probe is not None and probe.port not in names:
                raise ValueError(f"{what}: asks port {probe.port!r}; ports: {', '.join(sorted(names)) or 'none'}")
        if self.pool == "trading":
            if not self.resources.guaranteed:
                raise ValueError("resources.guaranteed: must be true on the trading pool, or its CPUs are shared")
            if self.resources.cpu_millicores % 1000:
                raise ValueError(
                    f"resources.cpu_millicores {self.resources.cpu_millicores}: must be whole CPUs on the trading pool;"
                    " the static CPU manager gives exclusive ones to nothing else"
                )
        if self.drain_s >= self.stop_timeout_s:
            raise ValueError(f"drain_s {self.drain_s}: must be below stop_timeout_s {self.stop_timeout_s}")
        return self


def labels(name: str, namespace: str) -> dict[str, str]:
    return {
        NAME_LABEL: name,
        "app.kubernetes.io/part-of": "ironlane",
        "app.kubernetes.io/component": namespace,
        "app.kubernetes.io/managed-by": "pulumi",
    }


def pod_template(
    container: Container,
    namespace: str,
    image: Any,
    service_account: str,
    token: bool,
    config_map: Any | None,
    restart: Literal["Always", "Never", "OnFailure"] = "Always",
) -> Spec:
    """A PodTemplateSpec. image and config_map may be values that are known later."""
    own = labels(container.name, namespace)
    spec: Spec = {
        "serviceAccountName": service_account,
        "automountServiceAccountToken": token,
        "enableServiceLinks": False,
        "priorityClassName": container.priority_class,
        "terminationGracePeriodSeconds": container.stop_timeout_s,
        "restartPolicy": restart,
        "nodeSelector": {POOL_LABEL: container.pool},
        "tolerations": [{"key": POOL_LABEL, "operator": "Equal", "value": container.pool, "effect": "NoSchedule"}],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": container.user,
            "runAsGroup": container.user,
            "fsGroup": container.user,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(container, image, config_map is not None)],
        "volumes": _volumes(container, config_map),
    }
    if restart == "Always":
        spec["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": unsatisfiable,
                "labelSelector": {"matchLabels": {NAME_LABEL: container.name}},
            }
            for key, unsatisfiable in (
                # a zone that is gone must not keep the others from taking over
                ("topology.kubernetes.io/zone", "ScheduleAnyway"),
                ("kubernetes.io/hostname", "ScheduleAnyway" if container.single_zone else "DoNotSchedule"),
            )
        ]
    return {"metadata": {"labels": own}, "spec": spec}


def _container(container: Container, image: Any, configured: bool) -> Spec:
    spec: Spec = {
        "name": container.name,
        "image": image,
        # the digest says which one
        "imagePullPolicy": "IfNotPresent",
        "command": list(container.command),
        "resources": _resources(container.resources),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": _mounts(container, configured),
    }
    if container.ports:
        spec["ports"] = [
            {"name": port.name, "containerPort": port.number, "protocol": "TCP"} for port in container.ports
        ]
    environment: list[Spec] = [{"name": name, "value": value} for name, value in sorted(container.environment.items())]
    environment += [
        {"name": each.variable, "valueFrom": {"secretKeyRef": {"name": each.secret, "key": each.key}}}
        for each in container.secret_variables
    ]
    if environment:
        spec["env"] = environment
    for key, probe in (
        ("startupProbe", container.startup),
        ("livenessProbe", container.liveness),
        ("readinessProbe", container.readiness),
    ):
        if probe is not None:
            spec[key] = _probe(probe)
    if container.drain_s:
        spec["lifecycle"] = {"preStop": {"sleep": {"seconds": container.drain_s}}}
    return spec


def _resources(resources: Resources) -> Spec:
    requests = {"cpu": f"{resources.cpu_millicores}m", "memory": f"{resources.memory_mib}Mi"}
    if resources.cpu_millicores % 1000 == 0:
        requests["cpu"] = str(resources.cpu_millicores // 1000)  # as the API server writes it
    limits = dict(requests) if resources.guaranteed else {"memory": requests["memory"]}
    return {"requests": requests, "limits": limits}


def _probe(probe: Probe) -> Spec:
    how: Spec = (
        {"tcpSocket": {"port": probe.port}}
        if probe.path is None
        else {"httpGet": {"path": probe.path, "port": probe.port, "scheme": "HTTP"}}
    )
    return {
        **how,
        "periodSeconds": probe.period_s,
        "timeoutSeconds": probe.timeout_s,
        "failureThreshold": probe.failures,
    }


def _secret_names(container: Container) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for file in container.secret_files:
        names.setdefault(file.secret, []).append(file.key)
    return names


def _volumes(container: Container, config_map: Any | None) -> list[Spec]:
    volumes: list[Spec] = [
        {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": f"{container.resources.scratch_mib}Mi"}}
    ]
    volumes += [{"name": each.name, "emptyDir": {"sizeLimit": f"{each.mib}Mi"}} for each in container.scratch]
    if config_map is not None:
        volumes.append({"name": "config", "configMap": {"name": config_map, "defaultMode": 0o444}})
    for secret, keys in _secret_names(container).items():
        items = [{"key": key, "path": key} for key in keys]
        volumes.append(
            {"name": f"secret-{secret}", "secret": {"secretName": secret, "defaultMode": 0o440, "items": items}}
        )
    return volumes


def _mounts(container: Container, configured: bool) -> list[Spec]:
    mounts: list[Spec] = [{"name": "tmp", "mountPath": "/tmp"}]
    mounts += [{"name": each.name, "mountPath": each.path} for each in container.scratch]
    if configured:
        mounts.append({"name": "config", "mountPath": CONFIG_FOLDER, "readOnly": True})
    for secret in _secret_names(container):
        mounts.append({"name": f"secret-{secret}", "mountPath": f"{SECRETS_FOLDER}/{secret}", "readOnly": True})
    mounts += [{"name": each.name, "mountPath": each.path} for each in container.volumes]
    return mounts
