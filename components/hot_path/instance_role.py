"""What a host of ours may ask of AWS: fetch its artifacts, decrypt them, be reached by SSM."""

from __future__ import annotations

import json

import pulumi
from pulumi_aws import iam
from pydantic import BaseModel, ConfigDict, Field

from components.inputs import Text
from components.tags import tags

# break-glass: a session on the housekeeping cores when SSH does not answer
_SSM = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"


class InstanceRoleArgs(BaseModel):
    """artifact_prefixes: keys below them may be read, nothing else of the bucket."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    environment: str
    artifact_bucket_arn: Text
    artifact_prefixes: tuple[str, ...] = Field(min_length=1)
    artifact_key_arn: Text


class InstanceRole(pulumi.ComponentResource):
    """`profile_name` for the instances."""

    profile_name: pulumi.Output[str]

    def __init__(self, name: str, args: InstanceRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:hot_path:InstanceRole", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = iam.Role(
            f"{name}-role",
            assume_role_policy=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
                    ],
                }
            ),
            tags=tags(args.environment, name),
            opts=child,
        )
        iam.RolePolicyAttachment(f"{name}-ssm", role=role.name, policy_arn=_SSM, opts=child)
        iam.RolePolicy(
            f"{name}-artifact",
            role=role.name,
            policy=pulumi.Output.json_dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": ["s3:GetObject", "s3:GetObjectVersion"],
                            "Resource": [
                                pulumi.Output.concat(args.artifact_bucket_arn, "/", prefix, "*")
                                for prefix in args.artifact_prefixes
                            ],
                        },
                        {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": args.artifact_key_arn},
                    ],
                }
            ),
            opts=child,
        )
        profile = iam.InstanceProfile(f"{name}-profile", role=role.name, opts=child)
        self.profile_name = profile.name
        self.register_outputs({"profile_name": profile.name})
