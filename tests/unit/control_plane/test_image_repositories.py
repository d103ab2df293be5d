"""Registries as the engine would get them: what was pushed stays, is scanned and encrypted."""

from __future__ import annotations

import json

from components.control_plane.image_repositories import ImageRepositories, ImageRepositoriesArgs
from tests.recorder import deploy


def test_a_tag_cannot_be_moved_and_every_image_is_scanned_and_encrypted() -> None:
    args = ImageRepositoriesArgs(environment="prod", names=("controlplane", "backtest"), kms_key_arn="k", protect=True)
    recording = deploy(lambda: ImageRepositories("images", args) and None)
    repositories = recording.of_type("aws:ecr/repository:Repository")
    assert {each.inputs["name"] for each in repositories} == {"ironlane-prod/controlplane", "ironlane-prod/backtest"}
    for each in repositories:
        assert each.protect
        assert each.inputs["imageTagMutability"] == "IMMUTABLE"
        assert each.inputs["imageScanningConfiguration"] == {"scanOnPush": True}
        assert each.inputs["encryptionConfigurations"] == [{"encryptionType": "KMS", "kmsKey": "k"}]
        assert each.inputs["forceDelete"] is False
    policies = recording.of_type("aws:ecr/lifecyclePolicy:LifecyclePolicy")
    assert {policy.inputs["repository"] for policy in policies} == {each.inputs["name"] for each in repositories}
    rules = json.loads(policies[0].inputs["policy"])["rules"]
    # AWS: a rule for any tag must be the last
    assert [rule["selection"]["tagStatus"] for rule in sorted(rules, key=lambda rule: rule["rulePriority"])] == [
        "untagged",
        "any",
    ]
