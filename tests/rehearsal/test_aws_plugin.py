"""The stand-in for provider plugin `aws`: what it says of a change, and the ids that it gives."""

from __future__ import annotations

import re
from typing import Any

import pytest

from rehearsal.plugins.aws.identifiers import make_arn, make_id, own_name
from rehearsal.plugins.aws.semantics import Semantics, semantics

URN = "urn:pulumi:prod::ironlane::ironlane:hot_path:HotPathHosts$aws:ec2/instance:Instance::hot-a"
INSTANCE = semantics()["aws:ec2/instance:Instance"]


@pytest.mark.parametrize(
    ("path", "old", "new", "replaces"),
    [
        ("ami", {}, {}, True),
        ("placementGroupId", {}, {}, True),
        ("rootBlockDevice.volumeSize", {}, {}, False),
        ("rootBlockDevice.encrypted", {}, {}, True),
        ("tags.Name", {}, {}, False),
        ("instanceType", {"instanceType": "c7i.large"}, {"instanceType": "m5zn.metal"}, False),
        ("instanceType", {"instanceType": "c7i.large"}, {"instanceType": "c7g.large"}, True),
        ("userData", {}, {"userDataReplaceOnChange": True}, True),
        ("userData", {}, {"userDataReplaceOnChange": False}, False),
    ],
)
def test_what_replaces_an_instance(path: str, old: dict[str, Any], new: dict[str, Any], replaces: bool) -> None:
    assert INSTANCE.replaces(path, old, new) is replaces


@pytest.mark.parametrize(
    ("path", "effect"),
    [("instanceType", "stop_start"), ("rootBlockDevice.volumeSize", "irreversible"), ("tags.Name", None)],
)
def test_what_a_change_in_place_does_to_an_instance(path: str, effect: str | None) -> None:
    assert INSTANCE.effect(path) == effect


def test_removing_what_aws_keeps_is_no_change() -> None:
    """A host taken out of its placement group in the program stays in it: the real provider shows no difference."""
    assert INSTANCE.ignores("placementGroupId", removed=True)
    assert not INSTANCE.ignores("placementGroupId", removed=False)


def test_indexes_do_not_matter() -> None:
    kind = Semantics(replace=("subnets",), effects={"rules.port": "restart"})
    assert kind.replaces("subnets[3]", {}, {})
    assert kind.effect("rules[0].port") == "restart"
    assert not kind.replaces("subnetsOther", {}, {})


def test_ids_look_like_those_of_aws_and_stay() -> None:
    one = make_id(INSTANCE, URN, {}, "1")
    assert re.fullmatch(r"i-[0-9a-f]{17}", one)
    assert make_id(INSTANCE, URN, {}, "1") == one
    assert make_id(INSTANCE, URN, {}, "2") != one
    assert make_arn(INSTANCE, URN, {}, one, "us-east-1") == f"arn:aws:ec2:us-east-1:000000000000:instance/{one}"


def test_a_name_is_made_up_only_where_none_was_given() -> None:
    urn = "urn:pulumi:prod::ironlane::aws:s3/bucket:Bucket::engines"
    assert own_name(urn, {"bucket": "mine"}) == "mine"
    assert re.fullmatch(r"engines-[0-9a-f]{7}", own_name(urn, {}))
