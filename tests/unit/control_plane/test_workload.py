"""One workload of each kind as the engine would get it: what surrounds it, in which order, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from components.control_plane.network_policy import party_cidrs
from components.control_plane.pod_flows import Program
from components.control_plane.pod_identity import Statement
from components.control_plane.pod_spec import Container, Port, Probe, Resources, VolumeClaim
from components.control_plane.workload import AccessRule, Autoscaling, Workload, WorkloadArgs
from components.latency_budget import LatencyBudget
from tests.recorder import Recording, Resource, deploy

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
STATEFUL_SET = "kubernetes:apps/v1:StatefulSet"
CONTAINER: dict[str, Any] = {
    "name": "oms",
    "command": ("python", "-m", "controlplane.oms"),
    "pool": "observability",
    "priority_class": "ironlane-trading",
    "resources": Resources(cpu_millicores=500, memory_mib=512),
    "ports": (Port(name="http", number=8080),),
    "readiness": Probe(port="http", path="/readyz"),
    "config": ("config.json",),
}
ARGS: dict[str, Any] = {
    "environment": "prod",
    "program": Program.OMS,
    "kind": "deployment",
    "container": Container(**CONTAINER),
    "image": f"controlplane@sha256:{'0a' * 32}",
    "repository_url": "registry.test/ironlane-prod/controlplane",
    "latency": LatencyBudget(p99_us=100_000),
    "built": True,
    "replicas": 2,
    "config": {"config.json": "{}"},
    "cidrs": party_cidrs("10.40.0.0/16", 3, ["203.0.113.0/28"]),
    "aws": (
        Statement(actions=("rds-db:connect",), resources=("arn:aws:rds-db:us-east-1:111122223333:dbuser:db-X/oms",)),
    ),
    "cluster_name": "ironlane-prod",
}


def args(**change: Any) -> WorkloadArgs:
    return WorkloadArgs(**{**ARGS, **change})


def container(**change: Any) -> Container:
    return Container(**{**CONTAINER, **change})


def record(**change: Any) -> Recording:
    return deploy(lambda: Workload("oms", args(**change)) and None)


def only(recording: Recording, type_: str) -> Resource:
    (found,) = recording.of_type(type_)
    return found


def test_everything_that_a_pod_needs_is_there_before_it() -> None:
    """Above all the policy, and the identity: credentials are given when a pod is admitted, and never after."""
    recording = record(access=(AccessRule(api_groups=("",), resources=("configmaps",), verbs=("get",)),))
    pods = only(recording, DEPLOYMENT)
    for kind in (
        "kubernetes:networking.k8s.io/v1:NetworkPolicy",
        "kubernetes:core/v1:ServiceAccount",
        "kubernetes:core/v1:ConfigMap",
        "kubernetes:core/v1:Service",
        "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
        "aws:eks/podIdentityAssociation:PodIdentityAssociation",
        "aws:iam/rolePolicy:RolePolicy",
    ):
        assert recording.waits_for(pods, only(recording, kind)), kind


def test_every_object_is_in_the_programs_namespace() -> None:
    recording = record(autoscaling=Autoscaling(minimum=2, maximum=4))
    objects = [each for each in recording.resources if each.type.startswith("kubernetes:")]
    assert len(objects) == 7
    assert {each.inputs["metadata"]["namespace"] for each in objects} == {"trading"}


def test_the_image_is_named_by_digest() -> None:
    pod = only(record(), DEPLOYMENT).inputs["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == f"registry.test/ironlane-prod/controlplane@sha256:{'0a' * 32}"


def test_the_policy_selects_the_pods_that_the_service_and_the_budget_select() -> None:
    recording = record()
    deployment = only(recording, DEPLOYMENT).inputs["spec"]
    labels = deployment["template"]["metadata"]["labels"].items()
    selectors = [
        deployment["selector"]["matchLabels"],
        only(recording, "kubernetes:networking.k8s.io/v1:NetworkPolicy").inputs["spec"]["podSelector"]["matchLabels"],
        only(recording, "kubernetes:core/v1:Service").inputs["spec"]["selector"],
        only(recording, "kubernetes:policy/v1:PodDisruptionBudget").inputs["spec"]["selector"]["matchLabels"],
    ]
    assert all(selector and selector.items() <= labels for selector in selectors)


def test_new_configuration_is_a_new_object_that_rolls_the_pods() -> None:
    names = []
    for text in ("{}", '{"a": 1}'):
        recording = record(config={"config.json": text})
        config = only(recording, "kubernetes:core/v1:ConfigMap")
        assert config.inputs["immutable"] is True
        pod = only(recording, DEPLOYMENT).inputs["spec"]["template"]["spec"]
        (volume,) = [each for each in pod["volumes"] if each["name"] == "config"]
        assert volume["configMap"]["name"] == config.inputs["metadata"]["name"]
        names.append(config.inputs["metadata"]["name"])
    assert names[0] != names[1]


def test_the_autoscaler_owns_the_number_of_replicas() -> None:
    recording = record(autoscaling=Autoscaling(minimum=2, maximum=4))
    assert "replicas" not in only(recording, DEPLOYMENT).inputs["spec"]
    scaler = only(recording, "kubernetes:autoscaling/v2:HorizontalPodAutoscaler").inputs["spec"]
    assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "oms"}


def test_a_rollout_never_goes_below_what_was_asked_for() -> None:
    strategy = only(record(), DEPLOYMENT).inputs["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_volumes_outlive_their_pods_and_are_mounted_once() -> None:
    volumes = (VolumeClaim(name="data", path="/var/lib/oms", gib=100),)
    spec = only(record(kind="statefulset", container=container(volumes=volumes)), STATEFUL_SET).inputs["spec"]
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    (claim,) = spec["volumeClaimTemplates"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]
    assert claim["spec"]["storageClassName"] == "ironlane-gp3"
    mounts = spec["template"]["spec"]["containers"][0]["volumeMounts"]
    assert [each["name"] for each in mounts if each["mountPath"] == "/var/lib/oms"] == ["data"]


@pytest.mark.parametrize("kind", ["deployment", "statefulset", "job", "cronjob"])
def test_no_pod_of_a_program_that_is_not_built_is_started(kind: str) -> None:
    recording = record(kind=kind, built=False, schedule="0 1 * * *" if kind == "cronjob" else None)
    (made,) = [each for each in recording.resources if each.type.rsplit(":", 1)[-1].lower() == kind and each.custom]
    spec = made.inputs["spec"]
    assert spec.get("replicas") == 0 or spec.get("suspend") is True
    assert "not written" in made.inputs["metadata"]["annotations"]["ironlane/not-built"]


def test_a_node_port_leads_to_its_own_port_only_and_keeps_the_clients_address() -> None:
    ports = (Port(name="https", number=8443, node_port=30_443), Port(name="http", number=8080))
    service = only(record(container=container(ports=ports)), "kubernetes:core/v1:Service").inputs["spec"]
    assert (service["type"], service["externalTrafficPolicy"]) == ("NodePort", "Local")
    assert [(each["port"], each["nodePort"]) for each in service["ports"]] == [(8443, 30_443)]


def test_an_account_has_no_right_and_no_token_unless_asked_for() -> None:
    recording = record()
    assert recording.of_type("kubernetes:rbac.authorization.k8s.io/v1:Role") == []
    assert only(recording, "kubernetes:core/v1:ServiceAccount").inputs["automountServiceAccountToken"] is False
    asked = record(access=(AccessRule(api_groups=("",), resources=("pods",), verbs=("list",), names=("a",)),))
    assert only(asked, DEPLOYMENT).inputs["spec"]["template"]["spec"]["automountServiceAccountToken"] is True
    (rule,) = only(asked, "kubernetes:rbac.authorization.k8s.io/v1:Role").inputs["rules"]
    assert rule == {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"], "resourceNames": ["a"]}
    assert asked.of_type("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole") == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"image": "controlplane:1.0"}, "is not pinned: a tag can be moved"),
        ({"latency": LatencyBudget(p99_us=500)}, "oms: a P99 of 500 us cannot be kept on Kubernetes"),
        ({"container": container(readiness=None)}, "readiness: needed"),
        ({"config": {}}, "the container mounts"),
        ({"container": container(name="other")}, "must be the program's"),
        ({"kind": "statefulset", "autoscaling": Autoscaling(minimum=1, maximum=2)}, "fixed number of replicas"),
        ({"kind": "cronjob"}, "only a cronjob has one"),
        ({"container": container(volumes=(VolumeClaim(name="d", path="/d", gib=1),))}, "make it a statefulset"),
    ],
)
def test_workloads_that_must_not_be_are_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        args(**change)


def test_rights_are_named() -> None:
    with pytest.raises(ValidationError, match="name the groups, resources and verbs"):
        AccessRule(api_groups=("",), resources=("*",), verbs=("get",))
    with pytest.raises(ValidationError, match="name each action"):
        Statement(actions=("s3:*",), resources=("arn:aws:s3:::x",))
    with pytest.raises(ValidationError, match="name the resources"):
        Statement(actions=("s3:GetObject",), resources=("*",))
