"""Valkey as the engine would get it: encrypted on both ways, over zones, each program with its own keys only."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from components.control_plane.cache import Cache, CacheArgs, CacheSettings, CacheUser
from tests.recorder import Recording, deploy

ARGS: dict[str, Any] = {
    "environment": "prod",
    "settings": CacheSettings(engine_version="8.1", node_type="cache.m7g.large", nodes=2),
    "users": (CacheUser(name="risk-engine"), CacheUser(name="admin")),
    "subnet_ids": ("subnet-a", "subnet-b", "subnet-c"),
    "security_group_id": "sg-cache",
    "kms_key_arn": "arn:aws:kms:us-east-1:111122223333:key/cache",
    "protect": True,
}


@pytest.fixture(scope="module")
def recording() -> Recording:
    return deploy(lambda: Cache("cache", CacheArgs(**ARGS)) and None)


def test_it_is_encrypted_and_survives_a_zone(recording: Recording) -> None:
    (group,) = recording.of_type("aws:elasticache/replicationGroup:ReplicationGroup")
    inputs = group.inputs
    assert group.protect
    assert (inputs["engine"], inputs["multiAzEnabled"], inputs["automaticFailoverEnabled"]) == ("valkey", True, True)
    assert (inputs["atRestEncryptionEnabled"], inputs["kmsKeyId"]) == (
        True,
        "arn:aws:kms:us-east-1:111122223333:key/cache",
    )
    assert (inputs["transitEncryptionEnabled"], inputs["transitEncryptionMode"]) == (True, "required")


def test_nobody_gets_in_without_a_user_and_a_user_reaches_its_own_keys_only(recording: Recording) -> None:
    (group,) = recording.of_type("aws:elasticache/replicationGroup:ReplicationGroup")
    (users,) = recording.of_type("aws:elasticache/userGroup:UserGroup")
    assert group.inputs["userGroupIds"] == [users.inputs["userGroupId"]]
    made = recording.of_type("aws:elasticache/user:User")
    assert {user.inputs["userId"] for user in made} == set(users.inputs["userIds"])
    for user in made:
        name = user.name.removeprefix("cache-")
        words = user.inputs["accessString"].split()
        assert [word for word in words if word[0] == "~"] == [f"~{name}:*"]
        assert [word for word in words if word[0] == "&"] == [f"&{name}:*"]
        assert words.index("-@all") < words.index("+@read")
        assert words[-1] == "-@dangerous"
        assert user.inputs["authenticationMode"] == {"type": "iam"}
        assert user.inputs["userId"] == user.inputs["userName"]
        assert "passwords" not in user.inputs


def test_one_node_has_nothing_to_fail_over_to() -> None:
    settings = CacheSettings(engine_version="8.1", node_type="cache.t4g.small", nodes=1)
    dev = {**ARGS, "environment": "dev", "settings": settings, "protect": False}
    recording = deploy(lambda: Cache("cache", CacheArgs(**dev)) and None)
    (group,) = recording.of_type("aws:elasticache/replicationGroup:ReplicationGroup")
    assert (group.inputs["multiAzEnabled"], group.inputs["automaticFailoverEnabled"]) == (False, False)
    with pytest.raises(ValidationError, match="must be 2 or more in prod"):
        CacheArgs(**{**ARGS, "settings": settings})
