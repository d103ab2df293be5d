"""What a new or replaced trading host starts from, in the engines bucket: its files by digest, the pin of its engine.

Hosts that run are changed by the rollout; nothing here reaches them.
"""

from __future__ import annotations

import pulumi
from pulumi_aws import s3
from pydantic import BaseModel, ConfigDict

from components.hot_path.cloud_init import pin_text
from components.hot_path.host_files import HostFiles
from components.inputs import Text
from components.tags import tags

PREFIX = "hosts/"  # of the keys


class BootObjectsArgs(BaseModel):
    """engine_key: of the bundle's object, so that a host boots only when the bundle is there. hosts: files by name."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    environment: str
    bucket: Text
    engine_sha256: str
    engine_key: Text
    hosts: dict[str, HostFiles]


class BootObjects(pulumi.ComponentResource):
    """files_uris, pin_uris: by host name, for the tags that the host reads."""

    files_uris: dict[str, pulumi.Output[str]]
    pin_uris: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, args: BootObjectsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:hot_path:BootObjects", name, {}, opts)
        self._name = name
        self._args = args
        self.files_uris, self.pin_uris = {}, {}
        for host, files in args.hosts.items():
            # one object per digest: those of before stay, a host may still be booting from one
            self.files_uris[host] = self._object(
                f"{host}-files", f"{PREFIX}{files.sha256}.json", files.document, retain_on_delete=True
            )
            pin = pulumi.Output.concat("s3://", args.bucket, "/", args.engine_key).apply(
                lambda uri: pin_text(args.engine_sha256, uri)
            )
            self.pin_uris[host] = self._object(f"{host}-pin", f"{PREFIX}{host}/engine", pin)
        self.register_outputs({"files": {host: files.sha256 for host, files in args.hosts.items()}})

    def _object(self, suffix: str, key: str, content: Text, *, retain_on_delete: bool = False) -> pulumi.Output[str]:
        stored = s3.BucketObjectv2(
            f"{self._name}-{suffix}",
            bucket=self._args.bucket,
            key=key,
            content=content,
            content_type="application/json" if key.endswith(".json") else "text/plain",
            tags=tags(self._args.environment, self._name),
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=retain_on_delete),
        )
        return pulumi.Output.concat("s3://", stored.bucket, "/", stored.key)
