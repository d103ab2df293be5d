"""The bus as registered: topology, security, and the order in which servers are touched."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pulumi
import pytest
from pydantic import ValidationError

from components.bus.capacity import Load, Volume
from components.bus.cluster import LeafHost, NatsCluster, NatsClusterArgs, Place
from components.bus.nats_config import Limits
from components.bus.server_change import Release
from tests.recorder import Recording, Resource, deploy

SERVERS = ("nats-1", "nats-2", "nats-3")
RELEASE = Release(version="2.15.1", file="nats-server-v2.15.1-linux-amd64.tar.gz", sha256="0" * 64)
LOAD = Load(records_per_s=100, record_bytes=512, telemetry_per_s=200, telemetry_bytes=256, retention_days=7)


def args(**changes: Any) -> NatsClusterArgs:
    values: dict[str, Any] = {
        "environment": "prod",
        "region": "us-east-1",
        "places": tuple(
            Place(zone=f"us-east-1{zone}", subnet_id=f"subnet-{zone}", address=f"10.40.{number}.10")
            for number, zone in ((104, "a"), (105, "b"), (106, "c"))
        ),
        "security_group_id": "sg-bus",
        "instance_type": "m7i.xlarge",
        "ami_id": "ami-0123456789abcdef0",
        "key_name": "deploy",
        "profile_name": "bus",
        "release": RELEASE,
        "bucket": "artifacts",
        "volume": Volume(gib=100),
        "volume_key_arn": "arn:aws:kms:us-east-1:111122223333:key/ebs",
        "load": LOAD,
        "leaf_hosts": tuple(leaf_host(name) for name in ("hot-b", "hot-a")),
        "protect": True,
    }
    return NatsClusterArgs(**{**values, **changes})


def leaf_host(name: str) -> LeafHost:
    ready = pulumi.ComponentResource("test:test:Host", name)
    ready.register_outputs({})
    return LeafHost(name=name, address="10.40.97.5", instance_id=f"i-{name}", housekeeping=(0,), ready=ready)


def record(**changes: Any) -> Recording:
    return deploy(lambda: void(NatsCluster("bus", args(**changes))))


def void(_: object) -> None:
    """A program returns nothing."""


@pytest.fixture(scope="module")
def prod() -> Recording:
    return record()


def document(recording: Recording, name: str) -> dict[str, Any]:
    """What the change program of that server reads, which holds its keys."""
    change = recording.named(f"bus-{name}-change")
    assert "stdin" in change.secret
    found: dict[str, Any] = json.loads(change.inputs["stdin"])
    return found


def digest(recording: Recording, name: str) -> str:
    return str(recording.named(f"bus-{name}-change").inputs["create"]).rsplit(" ", 1)[1]


def instances(recording: Recording) -> list[Resource]:
    return recording.of_type("aws:ec2/instance:Instance")


def test_three_servers_stand_in_three_zones_and_on_different_racks(prod: Recording) -> None:
    assert {each.inputs["availabilityZone"] for each in instances(prod)} == {"us-east-1a", "us-east-1b", "us-east-1c"}
    assert [each.inputs["strategy"] for each in prod.of_type("aws:ec2/placementGroup:PlacementGroup")] == ["spread"]
    assert all("placementGroupId" in each.inputs for each in instances(prod))


def test_instances_are_closed_and_encrypted(prod: Recording) -> None:
    for each in instances(prod):
        assert each.inputs["metadataOptions"]["httpTokens"] == "required"
        assert each.inputs["metadataOptions"]["httpPutResponseHopLimit"] == 1
        assert each.inputs["associatePublicIpAddress"] is False
        assert each.inputs["rootBlockDevice"]["encrypted"] is True
        assert each.inputs["ami"].startswith("ami-")


def test_streams_are_on_a_volume_of_their_own_that_outlives_the_server(prod: Recording) -> None:
    volumes = prod.of_type("aws:ebs/volume:Volume")
    assert len(volumes) == 3
    for volume in volumes:
        assert volume.protect
        assert (volume.inputs["type"], volume.inputs["encrypted"]) == ("gp3", True)
        assert volume.inputs["kmsKeyId"].startswith("arn:aws:kms")
    attachments = prod.of_type("aws:ec2/volumeAttachment:VolumeAttachment")
    pairs = {(each.inputs["instanceId"], each.inputs["volumeId"]) for each in attachments}
    assert pairs == {(f"bus-{name}-id", f"bus-{name}-data-id") for name in SERVERS}


def test_prod_cannot_be_stopped_or_deleted_and_dev_can(prod: Recording) -> None:
    dev = record(environment="dev", protect=False)
    for recording, kept in ((prod, True), (dev, False)):
        for each in instances(recording):
            flags = (each.protect, each.inputs["disableApiTermination"], each.inputs["disableApiStop"])
            assert flags == (kept, kept, kept)


def test_servers_change_strictly_one_after_another(prod: Recording) -> None:
    """A server's instance and its steps wait until the one before runs on its wanted state."""
    steps = [prod.named(f"bus-{name}-change") for name in SERVERS]
    for earlier, later in pairwise(SERVERS):
        changed = prod.named(f"bus-{earlier}-change")
        for name in (f"bus-{later}", f"bus-{later}-program", f"bus-{later}-change"):
            assert prod.waits_for(prod.named(name), changed), name
    assert not prod.waits_for(steps[0], steps[1])
    for name in SERVERS:
        assert prod.waits_for(prod.named(f"bus-{name}-change"), prod.named(f"bus-{name}-data-attachment"))


def test_leaf_nodes_come_after_the_servers_and_the_standby_s_first(prod: Recording) -> None:
    standby, active = prod.named("bus-leaf-hot-b-change"), prod.named("bus-leaf-hot-a-change")
    assert prod.waits_for(standby, prod.named("bus-nats-3-change"))
    assert prod.waits_for(active, standby)
    assert not prod.waits_for(standby, active)


def test_a_replaced_server_is_gone_before_its_address_is_taken_again(prod: Recording) -> None:
    assert all(each.delete_before_replace for each in instances(prod))
    assert {each.inputs["privateIp"] for each in instances(prod)} == {"10.40.104.10", "10.40.105.10", "10.40.106.10"}


def test_a_replaced_or_stopped_instance_goes_through_the_steps_again(prod: Recording) -> None:
    for name in SERVERS:
        assert prod.named(f"bus-{name}-change").inputs["triggers"] == [f"bus-{name}-id", "m7i.xlarge"]


def test_keys_are_in_secrets_only(prod: Recording) -> None:
    for name in (*SERVERS, "leaf-hot-a"):
        files = document(prod, name)["files"]
        assert [file for file, text in files.items() if "privateKeyPem" in text]
    for each in prod.resources:
        shown = {key: value for key, value in each.inputs.items() if key not in each.secret}
        if not each.type.startswith("tls:"):
            assert "privateKeyPem" not in json.dumps(shown, default=str), each.name


def test_each_listener_has_an_authority_of_its_own(prod: Recording) -> None:
    files = document(prod, "nats-1")["files"]
    authorities = {files[f"tls/{listener}-ca.crt"] for listener in ("client", "route", "leaf")}
    assert authorities == {f"certPem of bus-{listener}-ca" for listener in ("client", "route", "leaf")}
    assert files["tls/route.crt"] == "certPem of bus-route-ca-nats-1"


def test_certificates_of_servers_are_none_of_users_and_the_reverse(prod: Recording) -> None:
    uses = {
        each.name: set(each.inputs["allowedUses"]) - {"digital_signature"}
        for each in prod.of_type("tls:index/locallySignedCert:LocallySignedCert")
    }
    assert uses["bus-client-ca-nats-1"] == {"server_auth"}
    assert uses["bus-client-ca-oms"] == {"client_auth"}
    assert uses["bus-leaf-ca-leaf-hot-a"] == {"client_auth"}
    assert uses["bus-route-ca-nats-1"] == {"server_auth", "client_auth"}
    users = {name.removeprefix("bus-client-ca-") for name in uses if name.startswith("bus-client-ca-")} - set(SERVERS)
    programs = {"oms", "risk-engine", "audit-ingest", "market-data-recorder", "reference-data"}
    assert users == {*programs, "operator", "declarer", "sys"}


def test_another_setting_reaches_every_server_and_no_instance(prod: Recording) -> None:
    other = record(limits=Limits(max_connections=2048))
    for name in SERVERS:
        assert digest(other, name) != digest(prod, name)
        assert other.named(f"bus-{name}").inputs == prod.named(f"bus-{name}").inputs
        assert other.named(f"bus-{name}-program").inputs == prod.named(f"bus-{name}-program").inputs
    assert digest(other, "leaf-hot-a") == digest(prod, "leaf-hot-a")


def test_the_release_is_named_by_its_digest_everywhere(prod: Recording) -> None:
    other = record(release=RELEASE.model_copy(update={"sha256": "1" * 64}))
    release = document(other, "nats-1")["release"]
    assert release["sha256"] == "1" * 64
    assert release["source"].startswith(f"s3://artifacts/releases/nats/{'1' * 64}/")
    assert "1" * 16 in document(other, "nats-1")["files"]["ironlane-nats.service"]
    assert digest(other, "leaf-hot-a") != digest(prod, "leaf-hot-a")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"instance_type": "t3.large"}, "burstable"),
        ({"release": RELEASE.model_copy(update={"version": "2.14.0"})}, "is not of release.version"),
        (
            {"load": LOAD.model_copy(update={"records_per_s": 2000})},
            "3 times the average",
        ),
        ({"ami_id": "latest"}, "ami_id"),
    ],
)
def test_what_cannot_work_is_refused_before_aws_is_asked(changes: dict[str, Any], told: str) -> None:
    def program() -> None:
        with pytest.raises(ValidationError, match=told):
            args(**changes)
        pulumi.ComponentResource("test:test:Reached", "reached").register_outputs({})

    assert deploy(program).named("reached")
