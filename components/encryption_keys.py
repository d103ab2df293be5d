"""Customer-managed keys, one per use: who may use which data is decided key by key."""

from __future__ import annotations

import json
from enum import StrEnum

import pulumi
from pulumi_aws import kms
from pydantic import BaseModel, ConfigDict, Field

from components.tags import tags


class KeyUse(StrEnum):
    EBS = "ebs"  # volumes of trading hosts, NATS servers and nodes
    EKS = "eks"  # Kubernetes secrets
    S3 = "s3"  # engine artifacts, releases, archives
    DATABASE = "database"
    CACHE = "cache"
    LOGS = "logs"
    IMAGES = "images"
    ALERTS = "alerts"


class EncryptionKeysArgs(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: str
    region: str
    account_id: str = Field(pattern=r"^\d{12}$")
    protect: bool


class EncryptionKeys(pulumi.ComponentResource):
    """`arns` by use. Rotation is on; a deleted key can be had back for 30 days."""

    arns: dict[KeyUse, pulumi.Output[str]]

    def __init__(self, name: str, args: EncryptionKeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:EncryptionKeys", name, {}, opts)
        self.arns = {}
        for use in KeyUse:
            key = kms.Key(
                f"{name}-{use.value}",
                description=f"ironlane {args.environment} {use.value}",
                enable_key_rotation=True,
                deletion_window_in_days=30,
                policy=json.dumps(_policy(args, use)),
                tags=tags(args.environment, name),
                opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
            )
            kms.Alias(
                f"{name}-{use.value}",
                name=f"alias/ironlane-{args.environment}-{use.value}",
                target_key_id=key.id,
                opts=pulumi.ResourceOptions(parent=self),
            )
            self.arns[use] = key.arn
        self.register_outputs({"arns": {use.value: arn for use, arn in self.arns.items()}})


def _policy(args: EncryptionKeysArgs, use: KeyUse) -> dict[str, object]:
    """IAM of the account decides; services that use a key by themselves are named."""
    statements: list[dict[str, object]] = [
        {
            "Sid": "AccountDecidesByIam",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{args.account_id}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ]
    use_actions = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
    if use is KeyUse.LOGS:
        group = f"arn:aws:logs:{args.region}:{args.account_id}:log-group:*"
        statements.append(
            {
                "Sid": "CloudWatchLogs",
                "Effect": "Allow",
                "Principal": {"Service": f"logs.{args.region}.amazonaws.com"},
                "Action": use_actions,
                "Resource": "*",
                "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": group}},
            }
        )
    if use is KeyUse.ALERTS:
        statements.append(
            {
                "Sid": "AlarmsOfCloudWatch",
                "Effect": "Allow",
                "Principal": {"Service": "cloudwatch.amazonaws.com"},
                "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                "Resource": "*",
                "Condition": {"StringEquals": {"aws:SourceAccount": args.account_id}},
            }
        )
    if use is KeyUse.EBS:
        # the service-linked role that starts nodes of an autoscaling group with encrypted volumes
        roles = f"arn:aws:iam::{args.account_id}:role/aws-service-role"
        role = f"{roles}/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
        statements += [
            {
                "Sid": "NodeVolumes",
                "Effect": "Allow",
                "Principal": {"AWS": role},
                "Action": use_actions,
                "Resource": "*",
            },
            {
                "Sid": "NodeVolumeGrants",
                "Effect": "Allow",
                "Principal": {"AWS": role},
                "Action": "kms:CreateGrant",
                "Resource": "*",
                "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
            },
        ]
    return {"Version": "2012-10-17", "Statement": statements}
