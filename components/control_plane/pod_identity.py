"""AWS rights of one Kubernetes service account, by EKS Pod Identity: a role of its own, no key in the cluster."""

from __future__ import annotations

import json
from typing import Any

import pulumi
from pulumi_aws import eks, iam
from pydantic import BaseModel, ConfigDict, Field, field_validator

from components.inputs import Text
from components.options import child_options
from components.tags import tags


class Statement(BaseModel):
    """Actions allowed on resources, each named."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    actions: tuple[str, ...] = Field(min_length=1)
    resources: tuple[Text, ...] = Field(min_length=1)

    @field_validator("actions")
    @classmethod
    def _named(cls, actions: tuple[str, ...]) -> tuple[str, ...]:
        for action in actions:
            if "*" in action or ":" not in action:
                raise ValueError(f"action {action!r}: name each action that the program calls, as service:Action")
        return actions

    @field_validator("resources")
    @classmethod
    def _narrow(cls, resources: tuple[Text, ...]) -> tuple[Text, ...]:
        if "*" in [each for each in resources if isinstance(each, str)]:
            raise ValueError("resource '*': name the resources that the program works on")
        return resources


class PodIdentityArgs(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    environment: str
    cluster_name: Text
    namespace: str
    service_account: str
    statements: tuple[Statement, ...] = Field(min_length=1)


class PodIdentity(pulumi.ComponentResource):
    """`role_arn`; `association` must be there before the pod is: credentials are given at its admission only."""

    role_arn: pulumi.Output[str]
    association: eks.PodIdentityAssociation

    def __init__(self, name: str, args: PodIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:control_plane:PodIdentity", name, {}, opts)
        own = tags(args.environment, name)
        role = iam.Role(
            name,
            assume_role_policy=json.dumps(_trust(args.namespace, args.service_account)),
            tags=own,
            opts=child_options(self, opts),
        )
        policy = iam.RolePolicy(
            name,
            role=role.name,
            policy=pulumi.Output.json_dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {"Effect": "Allow", "Action": list(each.actions), "Resource": list(each.resources)}
                        for each in args.statements
                    ],
                }
            ),
            opts=child_options(self, opts),
        )
        self.association = eks.PodIdentityAssociation(
            name,
            cluster_name=args.cluster_name,
            namespace=args.namespace,
            service_account=args.service_account,
            role_arn=role.arn,
            tags=own,
            opts=child_options(self, opts, [policy]),
        )
        self.role_arn = role.arn
        self.register_outputs({"role_arn": role.arn})


def _trust(namespace: str, service_account: str) -> dict[str, Any]:
    """EKS assumes the role for pods of this service account only, even if it is associated with another by mistake."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "pods.eks.amazonaws.com"},
                "Action": ["sts:AssumeRole", "sts:TagSession"],
                "Condition": {
                    "StringEquals": {
                        "aws:RequestTag/kubernetes-namespace": namespace,
                        "aws:RequestTag/kubernetes-service-account": service_account,
                    }
                },
            }
        ],
    }
