from __future__ import annotations

import json

from components.encryption_keys import EncryptionKeys, EncryptionKeysArgs, KeyUse
from tests.recorder import deploy


def test_every_use_has_a_rotated_protected_key_of_its_own() -> None:
    args = EncryptionKeysArgs(environment="prod", region="us-east-1", account_id="111122223333", protect=True)
    recording = deploy(lambda: EncryptionKeys("keys", args) and None)
    keys = recording.of_type("aws:kms/key:Key")
    assert len(keys) == len(KeyUse)
    for key in keys:
        assert key.protect
        assert key.inputs["enableKeyRotation"]
        principals = [json.dumps(each["Principal"]) for each in json.loads(key.inputs["policy"])["Statement"]]
        assert not [principal for principal in principals if '"*"' in principal]


def test_only_alarms_of_our_own_account_may_use_the_key_of_alerts() -> None:
    args = EncryptionKeysArgs(environment="prod", region="us-east-1", account_id="111122223333", protect=True)
    key = next(
        each
        for each in deploy(lambda: EncryptionKeys("keys", args) and None).of_type("aws:kms/key:Key")
        if each.name == f"keys-{KeyUse.ALERTS.value}"
    )
    (statement,) = [each for each in json.loads(key.inputs["policy"])["Statement"] if "Service" in each["Principal"]]
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "111122223333"}}
