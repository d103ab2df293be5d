"""The stand-in for provider plugin `kubernetes`, as far as it needs no API server."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from rehearsal.cluster.connection import VARIABLE, ClusterError, Connection, handed_over
from rehearsal.plugins import properties as props
from rehearsal.plugins.engine_log import GrpcEngineLog
from rehearsal.plugins.kubernetes import objects, release
from rehearsal.plugins.kubernetes.provider import KubernetesProvider
from rehearsal.plugins.kubernetes.replacement import delete_first, replacing

DEPLOYMENT = "urn:pulumi:s::p::my:Component$kubernetes:apps/v1:Deployment::risk"
SECRET = "urn:pulumi:s::p::kubernetes:core/v1:Secret::key"
RELEASE = "urn:pulumi:s::p::kubernetes:helm.sh/v3:Release::metrics"
SEED = b"seed"


class AbortedError(Exception):
    pass


class Context:
    def abort(self, code: grpc.StatusCode, message: str) -> NoReturn:
        raise AbortedError(message)


@pytest.fixture
def provider() -> KubernetesProvider:
    return KubernetesProvider(GrpcEngineLog())


def check(provider: KubernetesProvider, urn: str, news: dict[str, Any], olds: dict[str, Any] | None = None) -> Any:
    request = SimpleNamespace(
        urn=urn, news=props.to_struct(news), olds=props.to_struct(olds or {}), randomSeed=SEED, autonaming=None
    )
    return provider.Check(request, Context())


def diff(provider: KubernetesProvider, urn: str, old: dict[str, Any], new: dict[str, Any], *ignored: str) -> Any:
    request = SimpleNamespace(
        urn=urn, old_inputs=props.to_struct(old), news=props.to_struct(new), ignoreChanges=list(ignored)
    )
    return provider.Diff(request, Context())


def inputs(kind: str = "Deployment", version: str = "apps/v1", **more: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "risk", "namespace": "trading"}, **more}


@pytest.mark.parametrize(
    ("version", "kind", "path", "replaces"),
    [
        ("apps/v1", "Deployment", "spec.replicas", False),
        ("apps/v1", "Deployment", "spec.template.spec.containers[0].image", False),
        ("apps/v1", "Deployment", "spec.selector.matchLabels.app", True),
        ("apps/v1", "Deployment", 'spec.selector.matchLabels["app.kubernetes.io/name"]', True),
        ("apps/v1", "StatefulSet", "spec.volumeClaimTemplates[0].spec.resources.requests.storage", True),
        ("apps/v1", "StatefulSet", "spec.serviceName", True),
        ("apps/v1", "StatefulSet", "spec.updateStrategy.type", False),
        ("batch/v1", "Job", "spec.template.spec.containers[0].image", True),
        ("batch/v1", "CronJob", "spec.jobTemplate.spec.template.spec.containers[0].image", False),
        ("v1", "Service", "spec.clusterIP", True),
        ("v1", "Service", "spec.clusterIPs", False),
        ("v1", "PersistentVolumeClaim", "spec.storageClassName", True),
        ("v1", "PersistentVolumeClaim", "spec.resources.requests.storage", False),
        ("rbac.authorization.k8s.io/v1", "RoleBinding", "roleRef.name", True),
        ("rbac.authorization.k8s.io/v1", "RoleBinding", "subjects[0].name", False),
        ("networking.k8s.io/v1", "NetworkPolicy", "spec.ingress", False),
        ("networking.k8s.io/v1", "NetworkPolicy", "metadata.name", True),
        ("networking.k8s.io/v1", "NetworkPolicy", "metadata.namespace", True),
        ("networking.k8s.io/v1", "NetworkPolicy", "metadata.labels.name", False),
        ("networking.k8s.io/v1", "NetworkPolicy", "metadata", True),
        ("helm.sh/v3", "Release", "version", False),
        ("helm.sh/v3", "Release", "values.metadata.name", False),
        ("helm.sh/v3", "Release", "name", True),
    ],
)
def test_what_replaces_an_object(version: str, kind: str, path: str, replaces: bool) -> None:
    found = replacing(version, kind, [path], immutable=False, mutable_content=False)
    assert (found == {path}) is replaces


@pytest.mark.parametrize(
    ("immutable", "mutable_content", "replaces"),
    [(False, False, True), (False, True, False), (True, True, True), (True, False, True)],
)
def test_content_of_config_maps_and_secrets(immutable: bool, mutable_content: bool, replaces: bool) -> None:
    for kind, path in (("ConfigMap", 'data["risk.toml"]'), ("Secret", "stringData.token")):
        found = replacing("v1", kind, [path], immutable=immutable, mutable_content=mutable_content)
        assert (found == {path}) is replaces


def test_a_made_up_name_stays_and_is_no_change(provider: KubernetesProvider) -> None:
    wanted = {"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": "trading"}}
    first = props.from_struct(check(provider, SECRET, wanted).inputs)
    assert re.fullmatch(r"key-[0-9a-f]{8}", first["metadata"]["name"])
    assert first["metadata"]["annotations"] == {objects.AUTONAMED: "true"}
    again = props.from_struct(check(provider, SECRET, wanted, first).inputs)
    assert again == first
    assert diff(provider, SECRET, first, again).changes == provider_pb2.DiffResponse.DIFF_NONE


def test_a_made_up_name_lets_the_replacement_come_first(provider: KubernetesProvider) -> None:
    made_up = objects.with_name({"apiVersion": "v1", "kind": "Secret"}, "key-0123abcd")
    answer = diff(provider, SECRET, {**made_up, "type": "a"}, {**made_up, "type": "b"})
    assert list(answer.replaces) == ["type"]
    assert not answer.deleteBeforeReplace
    given = inputs("Secret", "v1")
    answer = diff(provider, SECRET, {**given, "type": "a"}, {**given, "type": "b"})
    assert answer.deleteBeforeReplace


def test_another_namespace_needs_no_deletion_first() -> None:
    moved = {**inputs(), "metadata": {"name": "risk", "namespace": "reporting"}}
    assert delete_first(inputs(), inputs())
    assert not delete_first(inputs(), moved)


def test_the_namespace_default_is_the_same_as_none(provider: KubernetesProvider) -> None:
    bare = {**inputs(), "metadata": {"name": "risk"}}
    full = {**inputs(), "metadata": {"name": "risk", "namespace": "default"}}
    assert diff(provider, DEPLOYMENT, bare, full).changes == provider_pb2.DiffResponse.DIFF_NONE
    assert list(diff(provider, DEPLOYMENT, bare, inputs()).replaces) == ["metadata"]


def test_ignored_changes_are_none(provider: KubernetesProvider) -> None:
    old, new = inputs(spec={"replicas": 2.0}), inputs(spec={"replicas": 3.0})
    assert list(diff(provider, DEPLOYMENT, old, new).detailedDiff) == ["spec.replicas"]
    answer = diff(provider, DEPLOYMENT, old, new, "spec.replicas")
    assert answer.changes == provider_pb2.DiffResponse.DIFF_NONE


def test_the_providers_namespace_is_for_objects_that_name_none(provider: KubernetesProvider) -> None:
    provider.Configure(SimpleNamespace(args=props.to_struct({"namespace": "trading"})), Context())
    found = props.from_struct(check(provider, DEPLOYMENT, {**inputs(), "metadata": {"name": "risk"}}).inputs)
    assert found["metadata"]["namespace"] == "trading"
    found = props.from_struct(check(provider, DEPLOYMENT, inputs()).inputs)
    assert found["metadata"] == inputs()["metadata"]


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("core/v1:SecretList", "SecretList"),
        ("core/v1:SecretPatch", "SecretPatch"),
        ("helm.sh/v4:Chart", "Chart"),
        ("yaml/v2:ConfigFile", "ConfigFile"),
    ],
)
def test_what_it_cannot_do_is_said(provider: KubernetesProvider, token: str, kind: str) -> None:
    answer = check(provider, f"urn:pulumi:s::p::kubernetes:{token}::x", {"kind": kind})
    (failure,) = answer.failures
    assert "use" in failure.reason


def test_what_the_server_is_sent() -> None:
    given = inputs(spec={"replicas": 3.0, "ratio": 0.5, "url": props.UNKNOWN, "gone": None, "key": props.secret("k")})
    sent = objects.to_object({**given, "status": {}}, "apps/v1", "Deployment")
    assert sent["spec"] == {"replicas": 3, "ratio": 0.5, "url": objects.UNKNOWN_TEXT, "key": "k"}
    assert isinstance(sent["spec"]["replicas"], int)
    assert "status" not in sent


def test_secrets_stay_secret_in_what_comes_back() -> None:
    given = inputs("Secret", "v1", stringData={"token": props.secret("t")}, immutable=True)
    live = {**objects.to_object(given, "v1", "Secret"), "data": {"token": "dA=="}}
    state = objects.outputs(live, given, preview=False)
    assert state["stringData"] == props.secret({"token": "t"})
    assert state["data"] == props.secret({"token": "dA=="})
    env = [{"name": "A", "value": "plain"}, {"name": "B", "value": props.secret("s")}]
    state = objects.outputs(inputs(spec={"env": props.reveal(env)}), inputs(spec={"env": env}), preview=False)
    assert state["spec"]["env"] == env


def test_a_preview_does_not_know_what_only_an_apply_tells() -> None:
    live = inputs("Service", "v1", spec={"clusterIP": "172.20.0.9", "clusterIPs": ["172.20.0.9"], "type": "ClusterIP"})
    live["metadata"]["uid"] = "u"
    state = objects.outputs(live, inputs("Service", "v1", spec={}), preview=True)
    assert state["spec"] == {"clusterIP": props.UNKNOWN, "clusterIPs": props.UNKNOWN, "type": "ClusterIP"}
    assert state["metadata"]["uid"] == props.UNKNOWN
    assert state["metadata"]["name"] == "risk"
    headless = inputs("Service", "v1", spec={"clusterIP": "None"})
    assert objects.outputs(live, headless, preview=True)["spec"]["clusterIP"] == "172.20.0.9"


def test_the_pod_of_a_stateful_set_has_the_volumes_that_its_controller_adds() -> None:
    spec = {
        "template": {
            "metadata": {"labels": {"app": "oms"}},
            "spec": {"containers": [], "priorityClassName": "high", "serviceAccountName": "oms"},
        },
        "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
    }
    pod = objects.first_pod(inputs("StatefulSet", spec=spec), "default")
    assert pod is not None
    assert pod["metadata"] == {"labels": {"app": "oms"}, "name": "risk", "namespace": "trading"}
    assert pod["spec"] == {
        "containers": [],
        "serviceAccountName": "default",
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-risk-0"}}],
    }
    cron = {"jobTemplate": {"spec": {"template": {"spec": {"containers": []}}}}}
    assert objects.first_pod(inputs("CronJob", "batch/v1", spec=cron), "default") is not None
    assert objects.first_pod(inputs("Service", "v1", spec={"ports": []}), "default") is None


@pytest.mark.parametrize("version", ["1.19.1", "v1.19.1", "78.0.0-rc.1", props.UNKNOWN])
def test_exact_chart_versions(version: str) -> None:
    assert release.problem({"chart": "c", "version": version}) is None


@pytest.mark.parametrize("version", [None, "", ">=1", "^1.2.3", "1.2", "1.2.x", "1.2.3 || 2"])
def test_ranges_of_chart_versions_are_refused(version: str | None) -> None:
    found = release.problem({"chart": "c", "version": version})
    assert found is not None
    assert found[0] == "version"


def test_a_release_has_name_namespace_and_status(provider: KubernetesProvider) -> None:
    wanted = {"chart": "oci://registry.invalid/kube-prometheus-stack", "version": "77.0.0"}
    found = props.from_struct(check(provider, RELEASE, wanted).inputs)
    assert re.fullmatch(r"metrics-[0-9a-f]{8}", found["name"])
    assert found["namespace"] == "default"
    assert release.groups(found) == ["monitoring.coreos.com"]
    status = release.outputs(found, 1, preview=False)["status"]
    assert (status["chart"], status["revision"]) == ("kube-prometheus-stack", 1)
    assert release.revision_of({"status": status}) == 1
    assert props.from_struct(check(provider, RELEASE, wanted, found).inputs) == found


def kubeconfig(server: str, command: str = "aws") -> str:
    return json.dumps({"clusters": [{"cluster": {"server": server}}], "users": [{"exec": {"command": command}}]})


@pytest.mark.parametrize(
    ("old", "new", "replaces"),
    [
        ({"kubeconfig": kubeconfig("a")}, {"kubeconfig": kubeconfig("b")}, ["kubeconfig"]),
        ({"kubeconfig": kubeconfig("a")}, {"kubeconfig": kubeconfig("a", "token")}, []),
        ({"kubeconfig": kubeconfig("a")}, {"kubeconfig": kubeconfig("a"), "enablePatchForce": "true"}, []),
        (
            {"kubeconfig": kubeconfig("a"), "clusterIdentifier": "one"},
            {"kubeconfig": kubeconfig("b"), "clusterIdentifier": "one"},
            [],
        ),
        ({"clusterIdentifier": "one"}, {"clusterIdentifier": "two"}, ["clusterIdentifier"]),
    ],
)
def test_only_another_cluster_replaces_the_provider(
    provider: KubernetesProvider, old: dict[str, str], new: dict[str, str], replaces: list[str]
) -> None:
    request = SimpleNamespace(old_inputs=props.to_struct(old), news=props.to_struct(new))
    answer = provider.DiffConfig(request, Context())
    assert list(answer.replaces) == replaces
    assert answer.changes == provider_pb2.DiffResponse.DIFF_SOME


def test_no_cluster_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="make rehearse"):
        handed_over({})
    with pytest.raises(ClusterError, match="may have ended"):
        handed_over({VARIABLE: str(tmp_path / "gone.json")})


def test_a_server_that_has_ended_is_named_with_its_last_lines(tmp_path: Path) -> None:
    child = subprocess.Popen(["true"])
    file = tmp_path / "connection.json"
    (tmp_path / "etcd.log").write_text("address already in use\n")
    pids = {"kube-apiserver": os.getpid(), "etcd": child.pid}
    Connection("https://127.0.0.1:1", "t", "a", pids, str(tmp_path), "d").write(file)
    assert file.stat().st_mode & 0o077 == 0
    child.wait()
    ended = handed_over({VARIABLE: str(file)}).ended()
    assert ended is not None
    assert "etcd of the rehearsal has ended" in ended
    assert "address already in use" in ended
