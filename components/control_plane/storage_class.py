"""Storage class of the workloads' volumes: gp3, encrypted with our key, made where the pod is."""

from __future__ import annotations

import pulumi
from pulumi_kubernetes.storage import v1
from pydantic import BaseModel, ConfigDict

from components.inputs import Text
from components.options import child_options

STORAGE_CLASS = "ironlane-gp3"


class StorageClassArgs(BaseModel):
    """keep: a volume outlives its claim, and a person deletes it."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    kms_key_arn: Text
    keep: bool


class StorageClass(pulumi.ComponentResource):
    def __init__(self, name: str, args: StorageClassArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:control_plane:StorageClass", name, {}, opts)
        v1.StorageClass(
            name,
            metadata={"name": STORAGE_CLASS},
            provisioner="ebs.csi.aws.com",
            parameters={
                "type": "gp3",
                "encrypted": "true",
                "kmsKeyId": args.kms_key_arn,
                "csi.storage.k8s.io/fstype": "ext4",
            },
            reclaim_policy="Retain" if args.keep else "Delete",
            # a volume lives in one zone: that of the pod that needs it
            volume_binding_mode="WaitForFirstConsumer",
            allow_volume_expansion=True,
            opts=child_options(self, opts),
        )
        self.register_outputs({"name": STORAGE_CLASS})
