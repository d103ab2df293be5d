"""The cloud environments as composed: what holds over all components together."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from cli.credentials import has_credentials
from stacks import cloud
from stacks.cloud_settings import from_file, parse
from stacks.stack_file import SettingsError, read_stack_file
from tests.recorder import Recording, deploy

ROOT = Path(__file__).resolve().parents[2]


def record(environment: str, preview: bool = False) -> Recording:
    settings = from_file(ROOT / f"Pulumi.{environment}.yaml")
    return deploy(lambda: cloud.program(settings), stack=environment, preview=preview)


@pytest.fixture(scope="module")
def prod() -> Recording:
    return record("prod")


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_a_preview_registers_what_an_update_does(environment: str) -> None:
    """Nothing is created inside an apply: it would be missing from the first preview."""
    planned, made = (record(environment, preview) for preview in (True, False))
    assert {(each.type, each.name) for each in planned.resources} == {(each.type, each.name) for each in made.resources}


def test_every_resource_of_prod_that_holds_data_or_capacity_is_protected(prod: Recording) -> None:
    held = (
        "aws:ec2/instance:Instance",
        "aws:ec2/placementGroup:PlacementGroup",
        "aws:ec2/capacityReservation:CapacityReservation",
        "aws:kms/key:Key",
        "aws:s3/bucket:Bucket",
        "aws:eks/cluster:Cluster",
    )
    for kind in held:
        found = prod.of_type(kind)
        assert found, kind
        assert all(each.protect for each in found), kind


def test_nothing_of_dev_is_protected() -> None:
    assert not [each.name for each in record("dev").resources if each.protect]


def test_every_custom_resource_has_a_parent_of_ours_or_the_stack(prod: Recording) -> None:
    components = {each.urn for each in prod.resources if not each.custom}
    orphans = {each.name for each in prod.resources if each.custom and each.parent not in components}
    assert orphans == {"aws", "deploy"}


def test_every_resource_of_aws_uses_the_one_provider_of_the_account(prod: Recording) -> None:
    """A default provider would take whatever region and account the shell has."""
    assert {each.provider.split("::")[-2] for each in prod.resources if each.type.startswith("aws:")} == {"aws"}


def errors(change: dict[str, Any]) -> str:
    raw = deepcopy(read_stack_file(ROOT / "Pulumi.prod.yaml"))
    for path, value in change.items():
        section = raw
        *keys, last = path.split(".")
        for key in keys:
            section = section[key]
        section[last] = value
    with pytest.raises(SettingsError) as caught:
        parse(raw, "Pulumi.prod.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"aws.region": "Virginia"}, "Pulumi.prod.yaml: ironlane:aws.region = 'Virginia'"),
        ({"eks.addon": {}}, "ironlane:eks.addon = {}: unknown key; known here: addons, administrators"),
        ({"eks.pools.trading.kubelet.cpus": 3}, "ironlane:eks.pools.trading.kubelet.cpus = 3: unknown key"),
        ({"hot_path.hosts": [{"name": "hot-a", "role": "active"}]}, "prod needs a standby"),
        ({"environment": "staging"}, "ironlane:environment = 'staging': Input should be 'dev' or 'prod'"),
    ],
)
def test_errors_name_file_key_and_fix(change: dict[str, Any], told: str) -> None:
    assert told in errors(change)


def test_credentials_are_looked_for_where_the_sdk_looks(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    assert not has_credentials(home)
    assert has_credentials({**home, "AWS_PROFILE": "prod"})
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").touch()
    assert has_credentials(home)
