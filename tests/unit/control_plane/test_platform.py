"""The platform of prod on its cluster: what holds over all programs together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from components.control_plane.image_reference import PinnedImage
from components.control_plane.namespaces import QUOTAS
from components.control_plane.network_policy import of_program, party_cidrs
from components.control_plane.pod_flows import NAMESPACES, POD_FLOWS, Namespace, Program
from components.control_plane.priority_classes import Priority
from components.control_plane.programs import BUILT
from components.control_plane.workloads.clickhouse import GRANTS, server_configuration, users_configuration
from components.control_plane.workloads.context import BusCredential
from controlplane.database_users import config as users_config
from controlplane.oms import config as oms_config
from stacks import cloud
from stacks.cloud_settings import CloudSettings
from tests.recorder import Recording, Resource, record
from tests.support import cloud_recording
from tests.support.cloud_recording import recorded
from wire import declare
from wire.client import BusSettings
from wire.streams import BusLimits

ROOT = Path(__file__).resolve().parents[3]
WORKLOADS = (
    "kubernetes:apps/v1:Deployment",
    "kubernetes:apps/v1:StatefulSet",
    "kubernetes:batch/v1:Job",
    "kubernetes:batch/v1:CronJob",
)


def settings(**platform: Any) -> CloudSettings:
    read = cloud_recording.settings("prod")
    return read.model_copy(update={"platform": read.platform.model_copy(update=platform)})


def updated(wanted: CloudSettings) -> Recording:
    return record(lambda: cloud.program(wanted), stack="prod", preview=False)


def inputs(recording: Recording) -> dict[tuple[str, str], Any]:
    return {(each.type, each.name): each.inputs for each in recording.resources}


def changed(prod: Recording, wanted: CloudSettings) -> set[tuple[str, str]]:
    """Type and name of what an update to `wanted` has otherwise than prod."""
    before, after = inputs(prod), inputs(updated(wanted))
    return {each for each in before.keys() | after.keys() if before.get(each) != after.get(each)}


@pytest.fixture
def prod() -> Recording:
    return recorded("prod")


def running(recording: Recording) -> dict[Program, Resource]:
    found = [each for kind in WORKLOADS for each in recording.of_type(kind)]
    return {Program(each.name): each for each in found}


def pod(resource: Resource) -> dict[str, Any]:
    spec = resource.inputs["spec"]
    template = spec["jobTemplate"]["spec"]["template"] if "jobTemplate" in spec else spec["template"]
    return dict(template["spec"])


def test_every_program_is_there_in_its_namespace(prod: Recording) -> None:
    found = running(prod)
    assert set(found) == set(Program)
    for program, each in found.items():
        assert each.inputs["metadata"]["namespace"] == NAMESPACES[program].value


def test_only_programs_that_exist_are_started(prod: Recording) -> None:
    for program, each in running(prod).items():
        spec = each.inputs["spec"]
        stopped = spec.get("replicas") == 0 or spec.get("suspend") is True
        assert stopped == (program not in BUILT), program


def test_no_pod_runs_before_everything_is_denied(prod: Recording) -> None:
    policies = prod.of_type("kubernetes:networking.k8s.io/v1:NetworkPolicy")
    denying = {
        each.inputs["metadata"]["namespace"]: each
        for each in policies
        if each.inputs["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    }
    assert set(denying) == {namespace.value for namespace in Namespace}
    for program, each in running(prod).items():
        assert prod.waits_for(each, denying[NAMESPACES[program].value]), program
    for policy in denying.values():
        for group in prod.of_type("aws:eks/nodeGroup:NodeGroup"):
            assert prod.waits_for(policy, group)


def test_the_policies_of_the_cluster_are_those_of_the_table_and_no_others(prod: Recording) -> None:
    wanted = settings()
    cidrs = party_cidrs(wanted.network.vpc_cidr, 3, wanted.network.administrator_cidrs)
    with_identity = {
        each.inputs["serviceAccount"]
        for each in prod.of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation")
        if "ironlane:observability:" not in each.urn  # what watches has tests of its own
    }
    assert with_identity == {"database-users", "oms", "risk-engine", "admin", "reference-data", "reporting"}
    own = {
        each.name: each.inputs["spec"]
        for each in prod.of_type("kubernetes:networking.k8s.io/v1:NetworkPolicy")
        if each.inputs["metadata"]["name"] not in ("default-deny", "allow-dns")
        and "ironlane:observability:" not in each.urn
    }
    assert own == {
        program.value: of_program(program, cidrs, POD_FLOWS, program.value in with_identity) for program in Program
    }


def test_every_pod_is_restricted_pinned_and_without_a_token(prod: Recording) -> None:
    for program, each in running(prod).items():
        spec = pod(each)
        assert spec["automountServiceAccountToken"] is False, program
        assert spec["serviceAccountName"] == program.value
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        for each_container in spec["containers"]:
            assert "@sha256:" in each_container["image"], program
            assert each_container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert each_container["securityContext"]["allowPrivilegeEscalation"] is False
            assert each_container["securityContext"]["readOnlyRootFilesystem"] is True
    for namespace in prod.of_type("kubernetes:core/v1:Namespace"):
        # node exporters read the node itself
        wanted = "privileged" if namespace.inputs["metadata"]["name"] == "observability" else "restricted"
        assert namespace.inputs["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == wanted


def test_every_priority_class_that_is_named_is_made(prod: Recording) -> None:
    made = {each.inputs["metadata"]["name"] for each in prod.of_type("kubernetes:scheduling.k8s.io/v1:PriorityClass")}
    assert made == {priority.value for priority in Priority}
    assert {pod(each)["priorityClassName"] for each in running(prod).values()} <= made


def test_trading_pods_own_whole_cpus(prod: Recording) -> None:
    for program in (Program.OMS, Program.RISK_ENGINE):
        spec = pod(running(prod)[program])
        assert spec["nodeSelector"] == {"ironlane/pool": "trading"}
        resources = spec["containers"][0]["resources"]
        assert resources["requests"] == resources["limits"]
        assert resources["requests"]["cpu"].isdigit()


def test_quotas_have_room_for_every_replica_and_a_rollout(prod: Recording) -> None:
    scalers = {
        each.name: each.inputs["spec"]["maxReplicas"]
        for each in prod.of_type("kubernetes:autoscaling/v2:HorizontalPodAutoscaler")
    }
    replicas = {**{program.value: 3 for program in Program}, **scalers}
    for namespace in Namespace:
        cpu = memory = storage = 0.0
        for program, each in running(prod).items():
            if NAMESPACES[program] is not namespace:
                continue
            requests = pod(each)["containers"][0]["resources"]["requests"]
            text = requests["cpu"]
            one = float(text.removesuffix("m")) / 1000 if text.endswith("m") else float(text)
            count = 1 if each.type.endswith("Job") or program is Program.CLICKHOUSE else replicas[program.value] + 1
            cpu += one * count
            memory += int(requests["memory"].removesuffix("Mi")) / 1024 * count
            for claim in each.inputs["spec"].get("volumeClaimTemplates", []):
                storage += int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi")) * (count - 1 or 1)
        quota = QUOTAS[namespace]
        assert cpu <= quota.cpu, namespace
        assert memory <= quota.memory_gib, namespace
        assert storage <= quota.storage_gib, namespace


def test_the_recorder_has_a_hundred_gibibytes_for_each_of_three(prod: Recording) -> None:
    spec = running(prod)[Program.MARKET_DATA_RECORDER].inputs["spec"]
    (claim,) = spec["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "100Gi"
    assert settings().platform.replicas[Program.MARKET_DATA_RECORDER] == 3


def test_volumes_are_under_our_key_and_outlive_their_claims(prod: Recording) -> None:
    (storage,) = prod.of_type("kubernetes:storage.k8s.io/v1:StorageClass")
    assert storage.inputs["parameters"]["encrypted"] == "true"
    assert storage.inputs["parameters"]["kmsKeyId"].endswith("keys-ebs")
    assert storage.inputs["reclaimPolicy"] == "Retain"


def test_switching_the_protection_off_changes_nothing_on_the_cluster(prod: Recording) -> None:
    """The first of the two updates that take prod down; much of Kubernetes cannot be changed in place."""
    found = changed(prod, settings().model_copy(update={"protect": False}))
    assert found
    assert not [name for kind, name in found if kind.startswith("kubernetes:")]


def test_only_the_console_has_a_port_on_the_nodes(prod: Recording) -> None:
    types = {each.name: each.inputs["spec"]["type"] for each in prod.of_type("kubernetes:core/v1:Service")}
    assert {name for name, kind in types.items() if kind != "ClusterIP"} == {"admin"}
    hard = {
        each.inputs["metadata"]["namespace"]: each.inputs["spec"]["hard"]
        for each in prod.of_type("kubernetes:core/v1:ResourceQuota")
    }
    assert {name for name, limits in hard.items() if limits["services.nodeports"] != "0"} == {"admin"}
    assert {limits["services.loadbalancers"] for limits in hard.values()} == {"0"}


def test_the_oms_accepts_its_configuration(prod: Recording, tmp_path: Path) -> None:
    """Of the real program: what is rendered here is what it reads."""
    config = prod.named("oms-config").inputs["data"]
    file = tmp_path / "config.json"
    file.write_text(config["config.json"])
    read = oms_config.load(file)
    spec = pod(running(prod)[Program.OMS])["containers"][0]
    assert read.http.port == spec["ports"][0]["containerPort"]
    mounts = {mount["mountPath"] for mount in spec["volumeMounts"]}
    assert read.nats.tls is not None
    assert str(Path(read.nats.tls.key_file).parent) in mounts
    assert read.nats.servers == ("tls://10.40.104.10:4222", "tls://10.40.105.10:4222", "tls://10.40.106.10:4222")
    assert "sslmode=verify-full&sslrootcert=/etc/ironlane/database-ca.pem" in read.database.dsn
    assert "database-ca.pem" in config
    (statement,) = json.loads(prod.named_of("aws:iam/rolePolicy:RolePolicy", "oms-aws").inputs["policy"])["Statement"]
    assert statement["Action"] == ["rds-db:connect"]
    assert statement["Resource"] == ["arn:aws:rds-db:us-east-1:111122223333:dbuser:database-id/oms"]


def test_the_job_that_makes_the_streams_is_understood_and_comes_first(
    prod: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = running(prod)
    job = made[Program.BUS_STREAMS]
    assert job.inputs["spec"]["suspend"] is False
    for program in (Program.OMS, Program.RISK_ENGINE, Program.MARKET_DATA_RECORDER, Program.ADMIN):
        assert prod.waits_for(made[program], job), program
    container = pod(job)["containers"][0]
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    words = list(container["command"])
    limits = words.index("--limits") + 1
    for option in ("--ca", "--cert", "--key", "--limits"):
        assert str(Path(words[words.index(option) + 1]).parent) in mounts
    words[limits] = str(tmp_path / "limits.json")
    Path(words[limits]).write_text(prod.named("bus-streams-config").inputs["data"]["limits.json"])
    told: list[tuple[BusSettings, str, BusLimits]] = []

    async def run(settings: BusSettings, environment: str, limits: BusLimits) -> list[str]:
        told.append((settings, environment, limits))
        return []

    monkeypatch.setattr(declare, "_run", run)
    assert words[:3] == ["python", "-m", "wire.declare"]
    assert declare.main(words[3:]) == 0
    ((bus, environment, read),) = told
    assert (environment, bus.user) == ("prod", "declarer")
    assert bus.servers == ("tls://10.40.104.10:4222", "tls://10.40.105.10:4222", "tls://10.40.106.10:4222")
    assert read.order_events.max_bytes > BusLimits().order_events.max_bytes


def test_the_job_that_makes_database_users_accepts_its_configuration_and_comes_first(
    prod: Recording, tmp_path: Path
) -> None:
    config = prod.named("database-users-config").inputs["data"]
    file = tmp_path / "config.json"
    file.write_text(config["config.json"])
    read = users_config.load(file)
    assert read.users == ("oms",)
    assert Path(read.server.ca_file or "").name in config
    made = running(prod)
    job = made[Program.DATABASE_USERS]
    assert job.inputs["spec"]["suspend"] is False
    for program in (Program.OMS, Program.REFERENCE_DATA, Program.REPORTING):
        assert prod.waits_for(made[program], job), program
    policy = json.loads(prod.named_of("aws:iam/rolePolicy:RolePolicy", "database-users-aws").inputs["policy"])
    assert [each["Action"] for each in policy["Statement"]] == [["secretsmanager:GetSecretValue"], ["kms:Decrypt"]]
    assert policy["Statement"][0]["Resource"] == [
        "arn:aws:secretsmanager:us-east-1:000000000000:secret:rds!database-id"
    ]


def test_another_image_of_the_risk_engine_changes_one_deployment(prod: Recording) -> None:
    images = {
        **settings().platform.images,
        Program.RISK_ENGINE: PinnedImage(repository="controlplane", digest=f"sha256:{'0b' * 32}"),
    }
    assert changed(prod, settings(images=images)) == {("kubernetes:apps/v1:Deployment", "risk-engine")}


def test_every_secret_that_a_pod_refers_to_is_documented(prod: Recording) -> None:
    text = (ROOT / "docs" / "cloud.md").read_text()
    for program, each in running(prod).items():
        spec = pod(each)
        names = {volume["secret"]["secretName"] for volume in spec["volumes"] if "secret" in volume}
        names |= {
            variable["valueFrom"]["secretKeyRef"]["name"]
            for variable in spec["containers"][0].get("env", [])
            if "valueFrom" in variable
        }
        for name in names - {f"bus-{program.value}"}:
            assert f"`{name}`" in text, f"docs/cloud.md: say where Secret {name} of {program.value} comes from"


def test_clickhouse_has_no_user_without_a_password_and_none_that_may_do_everything() -> None:
    ElementTree.fromstring(server_configuration())
    users = ElementTree.fromstring(users_configuration()).find("users")
    assert users is not None
    assert {user.tag for user in users} == set(GRANTS)
    for user in users:
        (password,) = user.findall("password_sha256_hex")
        assert password.get("from_env") == f"{user.tag.upper()}_PASSWORD_SHA256"
        (grant,) = user.findall("grants/query")
        assert grant.text is not None
        assert "ALL" not in grant.text.split()
    clients = {"market-data-recorder", "audit-ingest", "reporting", "backtest"}
    assert {
        flow.source.value for flow in POD_FLOWS if flow.target is Program.CLICKHOUSE and flow.port == 8123
    } == clients
    assert len(GRANTS) == len(clients)


def test_credentials_of_the_bus_become_secrets_that_the_programs_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    given = cloud.workload_context
    made = {
        user: BusCredential(ca="ca", certificate=f"certificate of {user}", key=f"key of {user}")
        for user in ("oms", "operator")
    }
    monkeypatch.setattr(
        cloud, "workload_context", lambda *args: given(*args).model_copy(update={"bus_credentials": made})
    )
    recording = updated(settings())
    secrets = {each.name: each for each in recording.of_type("kubernetes:core/v1:Secret")}
    # commands of people are sent by the console, as the operator
    users = {"bus-oms": ("trading", "oms"), "bus-admin": ("admin", "operator")}
    assert set(secrets) == set(users)
    for name, (namespace, user) in users.items():
        secret = secrets[name]
        assert secret.inputs["metadata"] == {"name": name, "namespace": namespace}
        assert "stringData" in secret.secret, "the engine gets it as a secret"
        assert secret.inputs["stringData"] == {
            "ca.crt": "ca",
            "tls.crt": f"certificate of {user}",
            "tls.key": f"key of {user}",
        }
        program = Program(name.removeprefix("bus-"))
        assert recording.waits_for(running(recording)[program], secret)
        mounted = {
            volume["secret"]["secretName"]
            for volume in pod(running(recording)[program])["volumes"][1:]
            if "secret" in volume
        }
        assert name in mounted


def test_nothing_but_credentials_of_the_bus_is_made_a_secret(prod: Recording) -> None:
    """All others are referred to; a person makes them, and no value of theirs is in the stack's state."""
    names = {each.name for each in prod.of_type("kubernetes:core/v1:Secret")}
    assert names <= {f"bus-{program.value}" for program in Program}
