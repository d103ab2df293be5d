"""Trading hosts as the engine would get them: where they are placed, what protects them, in what order they come."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import pytest
from pydantic import ValidationError

from components.hot_path.hosts import HostPlace, HotPathHosts, HotPathHostsArgs
from tests.recorder import Recording, Resource, deploy

PLACES = (
    HostPlace(name="hot-a", role="active", user_data="#cloud-config\n"),
    HostPlace(name="hot-b", role="standby", user_data="#cloud-config\n"),
)
ARGS: dict[str, Any] = {
    "environment": "prod",
    "zone": "us-east-1b",
    "subnet_zone": "us-east-1b",
    "subnet_id": "subnet-hot",
    "market_data_subnet_id": "subnet-md",
    "security_group_id": "sg-hot",
    "market_data_security_group_id": "sg-md",
    "instance_type": "c7i.metal-24xl",
    "ami_id": "ami-0123456789abcdef0",
    "key_name": "deploy",
    "profile_name": "hot",
    "volume_key_arn": "arn:aws:kms:us-east-1:111122223333:key/ebs",
    "hosts": PLACES,
    "reserved": 2,
    "protect": True,
}


def record(**change: Any) -> Recording:
    return deploy(lambda: HotPathHosts("hosts", HotPathHostsArgs(**{**ARGS, **change})) and None)


@pytest.fixture(scope="module")
def prod() -> Recording:
    return record()


def instances(recording: Recording) -> list[Resource]:
    return recording.of_type("aws:ec2/instance:Instance")


def test_hosts_are_launched_into_the_reservation_inside_the_group(prod: Recording) -> None:
    group, reservation = prod.named("hosts-group"), prod.named("hosts-reservation")
    assert group.inputs["strategy"] == "cluster"
    assert reservation.inputs["placementGroupArn"].endswith("hosts-group")
    assert reservation.inputs["instanceMatchCriteria"] == "targeted"
    assert len(instances(prod)) == 2
    for instance in instances(prod):
        target = instance.inputs["capacityReservationSpecification"]["capacityReservationTarget"]
        # by the reservation's id: a resource group may fall back to capacity outside of the placement group
        assert target == {"capacityReservationId": "hosts-reservation-id"}
        assert prod.waits_for(instance, group)
        assert prod.waits_for(instance, reservation)


def test_nothing_of_production_can_be_lost_by_a_slip(prod: Recording) -> None:
    kinds = ("placementGroup:PlacementGroup", "capacityReservation:CapacityReservation", "instance:Instance")
    kept = [each for kind in kinds for each in prod.of_type(f"aws:ec2/{kind}")]
    assert len(kept) == 4
    assert all(each.protect for each in kept)
    for instance in instances(prod):
        assert instance.inputs["disableApiStop"]
        assert instance.inputs["disableApiTermination"]
        assert not instance.inputs["rootBlockDevice"]["deleteOnTermination"]


def test_dev_can_be_taken_down() -> None:
    recording = record(protect=False, reserved=None, instance_type="c7i.4xlarge", hosts=PLACES[:1])
    assert recording.of_type("aws:ec2/capacityReservation:CapacityReservation") == []
    (instance,) = instances(recording)
    assert not instance.protect
    assert not instance.inputs["disableApiStop"]


def test_no_host_is_reachable_from_the_internet_and_metadata_needs_a_token(prod: Recording) -> None:
    for instance in instances(prod):
        assert instance.inputs["associatePublicIpAddress"] is False
        assert instance.inputs["metadataOptions"]["httpTokens"] == "required"
        assert instance.inputs["metadataOptions"]["httpPutResponseHopLimit"] == 1
        assert instance.inputs["rootBlockDevice"]["encrypted"]


def test_market_data_has_an_interface_of_its_own(prod: Recording) -> None:
    attachments = prod.of_type("aws:ec2/networkInterfaceAttachment:NetworkInterfaceAttachment")
    assert {each.inputs["instanceId"] for each in attachments} == {"hosts-hot-a-id", "hosts-hot-b-id"}
    for interface in prod.of_type("aws:ec2/networkInterface:NetworkInterface"):
        assert interface.inputs["securityGroups"] == ["sg-md"]
        assert interface.protect


def test_changed_user_data_never_stops_a_running_host(prod: Recording) -> None:
    for instance in instances(prod):
        assert "userDataBase64" in instance.ignore_changes
        assert gzip.decompress(base64.b64decode(instance.inputs["userDataBase64"])) == b"#cloud-config\n"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"hosts": (PLACES[0], PLACES[0].model_copy(update={"role": "standby"}))}, "name of its own"),
        ({"hosts": (PLACES[0], PLACES[1].model_copy(update={"role": "active"}))}, "exactly one must be active"),
        ({"ami_id": "latest"}, "ami_id"),
        ({"cpu_options": {"core_count": 48}}, "cannot be set for bare metal"),
        ({"reserved": 1}, "reserve one per host"),
    ],
)
def test_settings_that_cannot_work_are_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        HotPathHostsArgs(**{**ARGS, **change})


def test_what_a_first_boot_reads_is_a_tag_that_its_metadata_shows() -> None:
    """User data is ignored once a host exists, since a change would stop it: what may change has to be in the tags."""
    place = PLACES[0].model_copy(update={"instance_tags": {"ironlane:host-files": "s3://engines/hosts/1.json"}})
    (instance,) = instances(record(hosts=(place,), reserved=2))
    assert instance.inputs["tags"]["ironlane:host-files"] == "s3://engines/hosts/1.json"
    assert instance.inputs["metadataOptions"]["instanceMetadataTags"] == "enabled"
    assert instance.ignore_changes == ("userDataBase64",)
    assert not instance.inputs["userDataReplaceOnChange"]
