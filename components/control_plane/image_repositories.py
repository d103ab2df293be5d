"""Registries of our images: a pushed tag stays what it is, every image is scanned, old ones go."""

from __future__ import annotations

import json
from typing import Any

import pulumi
from pulumi_aws import ecr
from pydantic import BaseModel, ConfigDict, Field

from components.inputs import Text
from components.options import child_options
from components.tags import tags


class ImageRepositoriesArgs(BaseModel):
    """kept: the newest images that stay; what a stack pins must be among them."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    environment: str
    names: tuple[str, ...] = Field(min_length=1)
    kept: int = Field(200, ge=10, le=1_000)
    kms_key_arn: Text
    protect: bool


class ImageRepositories(pulumi.ComponentResource):
    """`urls` by name."""

    urls: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, args: ImageRepositoriesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:control_plane:ImageRepositories", name, {}, opts)
        self.urls = {}
        for image in args.names:
            options = child_options(self, opts)
            options.protect = args.protect
            repository = ecr.Repository(
                f"{name}-{image}",
                name=f"ironlane-{args.environment}/{image}",
                image_tag_mutability="IMMUTABLE",
                image_scanning_configuration=ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
                encryption_configurations=[
                    ecr.RepositoryEncryptionConfigurationArgs(encryption_type="KMS", kms_key=args.kms_key_arn)
                ],
                force_delete=not args.protect,
                tags=tags(args.environment, name),
                opts=options,
            )
            ecr.LifecyclePolicy(
                f"{name}-{image}",
                repository=repository.name,
                policy=json.dumps(_lifecycle(args.kept)),
                opts=child_options(self, opts),
            )
            self.urls[image] = repository.repository_url
        self.register_outputs({"urls": self.urls})


def _lifecycle(kept: int) -> dict[str, Any]:
    def rule(priority: int, what: str, **selection: Any) -> dict[str, Any]:
        return {
            "rulePriority": priority,
            "description": what,
            "selection": selection,
            "action": {"type": "expire"},
        }

    return {
        "rules": [
            rule(
                1,
                "layers of broken pushes",
                tagStatus="untagged",
                countType="sinceImagePushed",
                countUnit="days",
                countNumber=14,
            ),
            rule(2, f"all but the newest {kept}", tagStatus="any", countType="imageCountMoreThan", countNumber=kept),
        ]
    }
