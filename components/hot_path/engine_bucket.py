"""Where engine artifacts are kept: versioned, locked against change, encrypted, closed to the public."""

from __future__ import annotations

import pulumi
from pulumi_aws import s3
from pydantic import BaseModel, ConfigDict, Field

from components.inputs import Text
from components.tags import tags


class EngineBucketArgs(BaseModel):
    """retention_days: an artifact cannot be changed or deleted for so long, by anybody."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    environment: str
    kms_key_arn: Text
    retention_days: int = Field(365, ge=1, le=3650)
    protect: bool


class EngineBucket(pulumi.ComponentResource):
    name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: EngineBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:hot_path:EngineBucket", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        bucket = s3.Bucket(
            name,
            object_lock_enabled=True,
            tags=tags(args.environment, name),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        versioning = s3.BucketVersioning(
            f"{name}-versioning",
            bucket=bucket.bucket,
            versioning_configuration=s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=child,
        )
        s3.BucketObjectLockConfiguration(
            f"{name}-lock",
            bucket=bucket.bucket,
            rule=s3.BucketObjectLockConfigurationRuleArgs(
                default_retention=s3.BucketObjectLockConfigurationRuleDefaultRetentionArgs(
                    # dev can be taken down
                    mode="COMPLIANCE" if args.protect else "GOVERNANCE",
                    days=args.retention_days,
                )
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
        s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.bucket,
            rules=[
                s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                        sse_algorithm="aws:kms", kms_master_key_id=args.kms_key_arn
                    ),
                    bucket_key_enabled=True,
                )
            ],
            opts=child,
        )
        s3.BucketPublicAccessBlock(
            f"{name}-private",
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        self.name = bucket.bucket
        self.arn = bucket.arn
        self.register_outputs({"name": bucket.bucket})
