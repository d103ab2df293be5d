"""The real engine with the stand-in for provider plugin `kubernetes` and a real API server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from cli.paths import repository_layout
from rehearsal.cluster.connection import Connection
from rehearsal.cluster.servers import running
from rehearsal.plugins.kubernetes.api_server import ApiServer, Object
from rehearsal.toolchain import kubernetes, pulumi_cli
from rehearsal.toolchain.environment import pulumi_environment

LAYOUT = repository_layout()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        pulumi_cli.selected(LAYOUT) is None or not kubernetes.is_built(LAYOUT),
        reason="no toolchain: python3 -m cli.bootstrap ensure --rehearsal",
    ),
]

PROGRAM = """
import importlib, json, pathlib
import pulumi
import pulumi_kubernetes as k8s

wanted = json.loads(pathlib.Path("wanted.json").read_text())
provider = k8s.Provider("cluster", kubeconfig="rehearsal", cluster_identifier="one")
made = {}
for name, (where, arguments) in wanted.items():
    module, kind = where.split(":")
    options = pulumi.ResourceOptions(provider=provider, depends_on=[made[each] for each in arguments.pop("after", [])])
    if "secret" in arguments:
        arguments["string_data"] = {key: pulumi.Output.secret(value) for key, value in arguments.pop("secret").items()}
    if "label_of" in arguments:  # not known in a preview
        arguments["metadata"]["labels"] = {"of": made[arguments.pop("label_of")].metadata["uid"]}
    made[name] = getattr(importlib.import_module(f"pulumi_kubernetes.{module}"), kind)(name, **arguments, opts=options)
"""

Wanted = tuple[str, dict[str, Any]]


@dataclass
class Cluster:
    file: Path
    server: ApiServer

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Object | None:
        return self.server.read(self.server.kind(api_version, kind), namespace, name)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running(LAYOUT) as file:
        yield Cluster(file, ApiServer(Connection(**json.loads(file.read_text())), threading.Event()))


@dataclass
class Project:
    folder: Path
    env: dict[str, str]
    wanted: dict[str, Wanted] = field(default_factory=dict)

    def pulumi(self, *arguments: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
        (self.folder / "wanted.json").write_text(json.dumps(self.wanted))
        done = subprocess.run(
            ["pulumi", *arguments], cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=120
        )
        assert (done.returncode == 0) is ok, done.stdout + done.stderr
        return done

    def up(self, ok: bool = True) -> str:
        done = self.pulumi("up", "--yes", "--skip-preview", ok=ok)
        return done.stdout + done.stderr

    def refused(self) -> str:
        done = self.pulumi("preview", ok=False)
        return done.stdout + done.stderr

    def steps(self) -> dict[str, dict[str, Any]]:
        steps = json.loads(self.pulumi("preview", "--json").stdout)["steps"]
        return {step["urn"].rsplit("::", 1)[-1]: step for step in steps if "::kubernetes:" in step["urn"]}

    def changes(self) -> dict[str, str]:
        return {name: step["op"] for name, step in self.steps().items() if step["op"] != "same"}

    def id_of(self, name: str) -> str:
        state = json.loads(self.pulumi("stack", "export").stdout)["deployment"]["resources"]
        return str(next(each["id"] for each in state if each["urn"].endswith(f"::{name}")))


@pytest.fixture
def project(tmp_path: Path, cluster: Cluster) -> Iterator[Project]:
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: plugin-test\nruntime: python\n")
    (folder / "__main__.py").write_text(PROGRAM)
    env = pulumi_environment(LAYOUT, state=tmp_path / "state", rehearsal=True, cluster=cluster.file)
    project = Project(folder, env)
    project.pulumi("stack", "init", "one")
    yield project
    project.wanted = {}
    project.pulumi("destroy", "--yes", "--skip-preview")


def namespace(name: str, **labels: str) -> Wanted:
    return "core.v1:Namespace", {"metadata": {"name": name, "labels": labels}}


def deployment(inside: str, **spec: Any) -> Wanted:
    labels = {"app": "risk"}
    pod = {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "risk",
                "image": "risk@sha256:" + "0" * 64,
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    }
    template = {"metadata": {"labels": labels}, "spec": pod}
    arguments = {
        "metadata": {"name": "risk", "namespace": inside},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template} | spec,
    }
    return "apps.v1:Deployment", arguments | {"after": ["place"]}


def restricted(name: str) -> Wanted:
    return namespace(name, **{"pod-security.kubernetes.io/enforce": "restricted"})


def test_life_of_objects(project: Project, cluster: Cluster) -> None:
    inside = "life"
    service = {"metadata": {"namespace": inside}, "spec": {"ports": [{"port": 8080}]}, "label_of": "place"}
    project.wanted = {
        "place": restricted(inside),
        "risk": deployment(inside),
        "port": ("core.v1:Service", service | {"after": ["place"]}),
    }
    assert set(project.changes().values()) == {"create"}
    assert cluster.get("apps/v1", "Deployment", inside, "risk") is None, "a preview must not make anything"
    project.up()
    made = cluster.get("apps/v1", "Deployment", inside, "risk")
    assert made is not None
    assert made["spec"]["replicas"] == 2
    made_name = project.id_of("port")
    assert made_name.startswith("life/port-")
    assert project.changes() == {}

    changed = deployment(inside, replicas=3)
    project.wanted["risk"] = changed
    step = project.steps()["risk"]
    assert (step["op"], list(step["detailedDiff"])) == ("update", ["spec.replicas"])
    project.up()
    made = cluster.get("apps/v1", "Deployment", inside, "risk")
    assert made is not None
    assert made["spec"]["replicas"] == 3
    first = made["metadata"]["uid"]

    other = {"app": "risk", "line": "b"}
    changed[1]["spec"] |= {"selector": {"matchLabels": other}}
    changed[1]["spec"]["template"]["metadata"] = {"labels": other}
    assert project.changes() == {"risk": "replace"}
    project.up()
    made = cluster.get("apps/v1", "Deployment", inside, "risk")
    assert made is not None
    assert made["metadata"]["uid"] != first
    assert made["spec"]["selector"]["matchLabels"] == other

    assert project.id_of("port") == made_name, "the made-up name stays"
    project.wanted = {}
    project.up()
    assert cluster.get("v1", "Namespace", "", inside) is None


def test_an_unknown_field_is_refused_by_name_in_the_preview_and_in_the_update(project: Project) -> None:
    project.wanted = {"place": restricted("strict"), "risk": deployment("strict", replicaz=3)}
    for text in (project.refused(), project.up(ok=False)):
        assert "plugin-test::kubernetes:apps/v1:Deployment::risk" in text
        assert ".spec.replicaz: field not declared in schema" in text


def test_an_unknown_field_is_refused_even_beside_values_that_are_not_known_yet(project: Project) -> None:
    kind, arguments = deployment("early", replicaz=3)
    project.wanted = {"place": restricted("early"), "risk": (kind, arguments | {"label_of": "place"})}
    assert ".spec.replicaz: field not declared in schema" in project.refused()


def test_what_the_server_calls_invalid_is_refused_in_the_preview(project: Project) -> None:
    project.wanted = {"place": restricted("invalid"), "risk": deployment("invalid", replicas=-1)}
    assert 'Deployment.apps "risk" is invalid: spec.replicas: Invalid value: -1' in project.refused()


def test_pods_that_pod_security_would_refuse(project: Project) -> None:
    kind, arguments = deployment("secure")
    arguments["spec"]["template"]["spec"]["hostNetwork"] = True
    project.wanted = {"place": restricted("secure"), "risk": (kind, arguments)}
    text = project.refused()
    assert "its pods would be refused" in text
    assert "hostNetwork=true" in text


def test_a_namespace_that_nothing_makes(project: Project) -> None:
    kind, arguments = deployment("nowhere")
    project.wanted = {"risk": (kind, arguments | {"after": []})}
    assert 'namespaces "nowhere" not found' in project.refused()


def test_a_change_that_only_the_server_knows_to_be_immutable_is_refused_in_the_preview(project: Project) -> None:
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
    project.wanted = {"claim": ("core.v1:PersistentVolumeClaim", {"metadata": {"name": "data"}, "spec": claim})}
    project.up()
    claim["resources"] = {"requests": {"storage": "1Gi"}}
    assert "spec: Forbidden" in project.refused()


def test_content_of_a_secret_replaces_it_and_is_kept_secret(project: Project, tmp_path: Path) -> None:
    first, second = "tr0ub4dor-and-3", "correct-horse-battery"
    project.wanted = {"key": ("core.v1:Secret", {"secret": {"token": first}})}
    project.up()
    name = project.id_of("key")
    project.wanted = {"key": ("core.v1:Secret", {"secret": {"token": second}})}
    assert project.changes() == {"key": "replace"}
    text = project.up()
    assert project.id_of("key") != name
    written = "".join(file.read_text(errors="replace") for file in (tmp_path / "state").rglob("*.json*"))
    assert "key" in written
    for secret in (first, second):
        assert secret not in written
        assert secret not in text


def test_objects_of_kinds_that_a_chart_brings(project: Project) -> None:
    monitor = {"api_version": "example.invalid/v1", "kind": "ServiceMonitor", "metadata": {"name": "agents"}}
    project.wanted = {"agents": ("apiextensions:CustomResource", monitor)}
    assert 'no matches for kind "ServiceMonitor"' in project.refused()

    chart = {"chart": "cert-manager", "version": "1.19.1", "namespace": "default", "values": {"replicas": 1}}
    issuer = {"api_version": "cert-manager.io/v1", "kind": "Issuer", "metadata": {"name": "own"}}
    project.wanted = {
        "issuers": ("helm.v3:Release", chart),
        "own": ("apiextensions:CustomResource", issuer | {"after": ["issuers"]}),
    }
    text = project.up()
    assert "the chart is recorded, not rendered" in text
    assert "Issuer is accepted as it is, not validated" in text
    assert project.changes() == {}
    chart["version"] = "1.19.2"
    assert project.changes() == {"issuers": "update"}
    chart["version"] = ">=1.19"
    assert "give the one version of the chart" in project.refused()


def test_alert_rules_are_validated_by_the_operators_definitions(project: Project) -> None:
    rule = {"alert": "RiskGateDown", "expr": "up == 0", "fore": "1m"}
    rules = {"api_version": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": {"name": "risk"}}
    rules |= {"spec": {"groups": [{"name": "risk", "rules": [rule]}]}, "after": ["metrics"]}
    chart = {"chart": "kube-prometheus-stack", "version": "77.0.0", "namespace": "default"}
    project.wanted = {"metrics": ("helm.v3:Release", chart), "risk": ("apiextensions:CustomResource", rules)}
    text = project.refused()
    assert "monitoring.coreos.com/v1:PrometheusRule::risk" in text
    assert "fore: field not declared in schema" in text


def test_a_definition_of_the_program_serves_its_objects_already_in_the_preview(project: Project) -> None:
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"lots": {"type": "integer"}}}}}
    definition = {
        "metadata": {"name": "limits.ironlane.invalid"},
        "spec": {
            "group": "ironlane.invalid",
            "scope": "Namespaced",
            "names": {"kind": "Limit", "plural": "limits"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }
    limit: dict[str, Any] = {"api_version": "ironlane.invalid/v1", "kind": "Limit", "metadata": {"name": "one"}}
    limit |= {"spec": {"lots": "many"}, "after": ["kind"]}
    project.wanted = {
        "kind": ("apiextensions.v1:CustomResourceDefinition", definition),
        "one": ("apiextensions:CustomResource", limit),
    }
    assert "spec.lots" in project.refused()
    limit["spec"] = {"lots": 3}
    project.up()
    assert project.changes() == {}


def test_without_an_api_server_an_object_is_an_error(project: Project) -> None:
    project.env.pop("IRONLANE_REHEARSAL_CLUSTER")
    project.wanted = {"place": namespace("alone")}
    assert "no API server has been started for this rehearsal" in project.refused()


def test_nothing_stays_behind(tmp_path: Path) -> None:
    with running(LAYOUT) as file:
        ended = Connection(**json.loads(file.read_text()))
        assert all(psutil.pid_exists(pid) for pid in ended.processes.values())
        assert file.stat().st_mode & 0o077 == 0
    assert not [name for name, pid in ended.processes.items() if psutil.pid_exists(pid)]
    assert not file.parent.exists()

    script = "import pathlib, sys, time\nfrom cli.paths import repository_layout\n"
    script += "from rehearsal.cluster.servers import running\n"
    script += "with running(repository_layout()) as file:\n    print(file, flush=True)\n    time.sleep(60)\n"
    owner = subprocess.Popen([sys.executable, "-c", script], cwd=LAYOUT.root, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    file = Path(owner.stdout.readline().strip())
    killed = Connection(**json.loads(file.read_text()))
    os.kill(owner.pid, signal.SIGKILL)
    owner.communicate()
    deadline = time.monotonic() + 60  # the API server takes its time to end
    while any(psutil.pid_exists(pid) for pid in killed.processes.values()):
        assert time.monotonic() < deadline, "a server outlives the rehearsal that was killed"
        time.sleep(0.05)
    with running(LAYOUT):
        assert not file.parent.exists(), "the next rehearsal clears away what a killed one left"
