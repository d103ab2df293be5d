"""Postgres as the engine would get it: survives a zone and a slip, reached by TLS only, no password of ours."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from components.control_plane.database import Database, DatabaseArgs, DatabaseSettings
from tests.recorder import Recording, deploy

SETTINGS: dict[str, Any] = {"engine_version": "17.6", "instance_class": "db.m7g.large"}
ARGS: dict[str, Any] = {
    "environment": "prod",
    "region": "us-east-1",
    "account_id": "111122223333",
    "settings": DatabaseSettings(**SETTINGS),
    "subnet_ids": ("subnet-a", "subnet-b", "subnet-c"),
    "security_group_id": "sg-db",
    "kms_key_arn": "arn:aws:kms:us-east-1:111122223333:key/database",
    "logs_key_arn": "arn:aws:kms:us-east-1:111122223333:key/logs",
    "protect": True,
}


def record(**change: Any) -> Recording:
    return deploy(lambda: Database("database", DatabaseArgs(**{**ARGS, **change})) and None)


def test_prod_survives_a_zone_and_a_slip() -> None:
    (instance,) = record().of_type("aws:rds/instance:Instance")
    inputs = instance.inputs
    assert instance.protect
    assert inputs["multiAz"] is True
    assert inputs["deletionProtection"] is True
    assert inputs["backupRetentionPeriod"] == 35
    assert inputs["skipFinalSnapshot"] is False
    assert inputs["finalSnapshotIdentifier"]
    assert inputs["deleteAutomatedBackups"] is False
    assert inputs["publiclyAccessible"] is False


def test_everything_at_rest_is_under_our_keys() -> None:
    recording = record()
    (instance,) = recording.of_type("aws:rds/instance:Instance")
    assert instance.inputs["storageEncrypted"] is True
    for key in ("kmsKeyId", "masterUserSecretKmsKeyId", "performanceInsightsKmsKeyId"):
        assert instance.inputs[key] == "arn:aws:kms:us-east-1:111122223333:key/database", key
    groups = recording.of_type("aws:cloudwatch/logGroup:LogGroup")
    assert {group.inputs["kmsKeyId"] for group in groups} == {"arn:aws:kms:us-east-1:111122223333:key/logs"}
    exported = {f"/aws/rds/instance/ironlane-prod/{each}" for each in instance.inputs["enabledCloudwatchLogsExports"]}
    assert {group.inputs["name"] for group in groups} == exported
    assert all(recording.waits_for(instance, group) for group in groups)


def test_connections_are_by_tls_and_no_password_is_in_the_stack() -> None:
    recording = record()
    (instance,) = recording.of_type("aws:rds/instance:Instance")
    (group,) = recording.of_type("aws:rds/parameterGroup:ParameterGroup")
    values = {each["name"]: each["value"] for each in group.inputs["parameters"]}
    assert values["rds.force_ssl"] == "1"
    assert group.inputs["family"] == "postgres17"
    assert instance.inputs["parameterGroupName"] == group.inputs.get("name", group.name)
    assert instance.inputs["manageMasterUserPassword"] is True
    assert instance.inputs["iamDatabaseAuthenticationEnabled"] is True
    assert "password" not in instance.inputs


def test_dev_can_be_taken_down() -> None:
    (instance,) = record(environment="dev", protect=False).of_type("aws:rds/instance:Instance")
    assert not instance.protect
    assert instance.inputs["deletionProtection"] is False
    assert instance.inputs["skipFinalSnapshot"] is True


def test_databases_that_must_not_be_are_refused() -> None:
    with pytest.raises(ValidationError, match="multi_az: must be true in prod"):
        DatabaseArgs(**{**ARGS, "settings": DatabaseSettings(**SETTINGS, multi_az=False)})
    with pytest.raises(ValidationError, match="must be 10 % above storage_gib"):
        DatabaseSettings(**SETTINGS, storage_gib=100, maximum_gib=105)
    with pytest.raises(ValidationError, match="engine_version"):
        DatabaseSettings(**{**SETTINGS, "engine_version": "17"})  # the minor version would not be pinned
