"""Flow logs of the VPC: every connection accepted or refused, kept encrypted."""

from __future__ import annotations

import json

import pulumi
from pulumi_aws import cloudwatch, ec2, iam
from pydantic import BaseModel, ConfigDict, Field

from components.inputs import Text
from components.tags import tags

# the retentions that CloudWatch Logs has
RETENTIONS_DAYS = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)


class FlowLogsArgs(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    environment: str
    vpc_id: Text
    kms_key_arn: Text
    retention_days: int = Field(365, ge=1)


class FlowLogs(pulumi.ComponentResource):
    def __init__(self, name: str, args: FlowLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:network:FlowLogs", name, {}, opts)
        if args.retention_days not in RETENTIONS_DAYS:
            raise ValueError(f"retention_days {args.retention_days}: CloudWatch Logs takes one of {RETENTIONS_DAYS}")
        child = pulumi.ResourceOptions(parent=self)
        group = cloudwatch.LogGroup(
            f"{name}-group",
            kms_key_id=args.kms_key_arn,
            retention_in_days=args.retention_days,
            tags=tags(args.environment, name),
            opts=child,
        )
        role = iam.Role(
            f"{name}-role",
            assume_role_policy=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                }
            ),
            tags=tags(args.environment, name),
            opts=child,
        )
        iam.RolePolicy(
            f"{name}-write",
            role=role.name,
            policy=pulumi.Output.json_dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
                            "Resource": [group.arn, pulumi.Output.concat(group.arn, ":*")],
                        }
                    ],
                }
            ),
            opts=child,
        )
        ec2.FlowLog(
            f"{name}-log",
            vpc_id=args.vpc_id,
            traffic_type="ALL",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=60,
            tags=tags(args.environment, name),
            opts=child,
        )
        self.register_outputs({"log_group": group.name})
