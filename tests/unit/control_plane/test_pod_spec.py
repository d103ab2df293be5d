"""What every pod has, whatever its program: no privilege, bounds on everything, nothing added unasked."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from components.control_plane.pod_spec import (
    Container,
    Port,
    Probe,
    Resources,
    Scratch,
    SecretFile,
    SecretVariable,
    VolumeClaim,
    pod_template,
)

BASE: dict[str, Any] = {
    "name": "oms",
    "command": ("python", "-m", "program"),
    "pool": "observability",
    "priority_class": "ironlane-trading",
    "resources": Resources(cpu_millicores=500, memory_mib=512),
}


def container(**change: Any) -> Container:
    return Container(**{**BASE, **change})


def template(made: Container, config: str | None = None, restart: Any = "Always") -> dict[str, Any]:
    return pod_template(made, "trading", "registry.test/oms@sha256:0", "oms", False, config, restart)


FULL = container(
    ports=(Port(name="http", number=8080),),
    readiness=Probe(port="http", path="/readyz"),
    config=("config.json",),
    secret_files=(SecretFile(secret="bus-oms", key="tls.key"), SecretFile(secret="bus-oms", key="tls.crt")),
    secret_variables=(SecretVariable(variable="PASSWORD", secret="users", key="oms"),),
    volumes=(VolumeClaim(name="data", path="/var/lib/oms", gib=10),),
    scratch=(Scratch(name="work", path="/var/work", mib=100),),
    drain_s=5,
)


def test_a_pod_is_restricted() -> None:
    """Pod Security Standards, profile restricted, and what goes beyond it."""
    spec = template(FULL, "oms-abc")["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    (only,) = spec["containers"]
    assert only["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {kind for volume in spec["volumes"] for kind in volume if kind != "name"} <= {
        "configMap",
        "secret",
        "emptyDir",
    }
    assert not [port for port in only["ports"] if "hostPort" in port]
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False


def test_everything_writable_is_bounded_and_the_rest_is_read_only() -> None:
    spec = template(FULL, "oms-abc")["spec"]
    for volume in spec["volumes"]:
        if "emptyDir" in volume:
            assert volume["emptyDir"]["sizeLimit"]
    writable = {mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"] if not mount.get("readOnly")}
    assert writable == {"/tmp", "/var/work", "/var/lib/oms"}
    # the claim's volume comes from the StatefulSet: a volume of that name here would hide it
    assert "data" not in {volume["name"] for volume in spec["volumes"]}


def test_secrets_are_referred_to_key_by_key() -> None:
    spec = template(FULL, "oms-abc")["spec"]
    (secret,) = [volume["secret"] for volume in spec["volumes"] if "secret" in volume]
    assert secret["secretName"] == "bus-oms"
    assert {item["key"] for item in secret["items"]} == {"tls.key", "tls.crt"}
    assert FULL.secret_files[0].path == "/run/secrets/ironlane/bus-oms/tls.key"
    (variable,) = spec["containers"][0]["env"]
    assert variable["valueFrom"]["secretKeyRef"] == {"name": "users", "key": "oms"}


def test_where_latency_matters_limits_equal_requests() -> None:
    guaranteed = template(container(resources=Resources(cpu_millicores=2_000, memory_mib=1_024, guaranteed=True)))
    resources = guaranteed["spec"]["containers"][0]["resources"]
    assert resources["requests"] == resources["limits"] == {"cpu": "2", "memory": "1024Mi"}
    shared = template(container())["spec"]["containers"][0]["resources"]
    assert shared["limits"] == {"memory": "512Mi"}  # a CPU limit would throttle beside idle CPUs


def test_replicas_are_kept_apart_and_on_their_pool() -> None:
    spec = template(container())["spec"]
    hard = {each["topologyKey"]: each["whenUnsatisfiable"] for each in spec["topologySpreadConstraints"]}
    assert hard == {"topology.kubernetes.io/zone": "ScheduleAnyway", "kubernetes.io/hostname": "DoNotSchedule"}
    assert spec["nodeSelector"] == {"ironlane/pool": "observability"}
    assert spec["tolerations"][0]["value"] == "observability"
    assert "topologySpreadConstraints" not in template(container(), restart="Never")["spec"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"pool": "trading"}, "guaranteed: must be true on the trading pool"),
        (
            {"pool": "trading", "resources": Resources(cpu_millicores=1_500, memory_mib=64, guaranteed=True)},
            "must be whole CPUs on the trading pool",
        ),
        ({"readiness": Probe(port="http")}, "readiness: asks port 'http'; ports: none"),
        ({"drain_s": 30, "stop_timeout_s": 30}, "must be below stop_timeout_s"),
        ({"user": 0}, "greater than or equal to 1"),
    ],
)
def test_pods_that_must_not_be_are_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        container(**change)


def test_no_port_below_1024() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 1024"):
        Port(name="http", number=80)
