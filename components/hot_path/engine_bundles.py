"""Engine bundles in the object storage: the pinned one, and those kept for the way back. One object per digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pulumi
from pulumi_aws import s3
from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.hot_path.bundle_pin import BundlePin
from components.inputs import Text
from components.tags import tags


class EngineBundlesArgs(BaseModel):
    """pins: the one that runs comes first. artifacts: folder of what was built on this machine; a bundle that is not
    there can be previewed and, once it is in the storage, rolled out, but not uploaded. must_exist: False in a
    rehearsal only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    environment: str
    bucket: Text
    pins: tuple[BundlePin, ...] = Field(min_length=1)
    artifacts: Path | None
    must_exist: bool = True

    @model_validator(mode="after")
    def _each_once(self) -> EngineBundlesArgs:
        digests = [pin.sha256 for pin in self.pins]
        twice = sorted({each for each in digests if digests.count(each) > 1})
        if twice:
            raise ValueError(f"engine {', '.join(twice)}: named twice; the pinned bundle is kept anyway")
        return self


class EngineBundles(pulumi.ComponentResource):
    """`objects` in the order of the pins. Raises ValueError, in a preview too, for a file with another digest."""

    objects: tuple[s3.BucketObjectv2, ...]

    def __init__(self, name: str, args: EngineBundlesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:hot_path:EngineBundles", name, {}, opts)
        self.objects = tuple(self._object(name, args, pin) for pin in args.pins)
        self.register_outputs({"keys": [pin.key for pin in args.pins]})

    def _object(self, name: str, args: EngineBundlesArgs, pin: BundlePin) -> s3.BucketObjectv2:
        file = None if args.artifacts is None else args.artifacts / pin.path
        built = file is not None and file.exists()
        if file is not None and built:
            verify(file, pin)
        hooks = None
        if built or args.must_exist:
            hooks = pulumi.ResourceHookBinding(before_create=[_verified(file, pin)])
        return s3.BucketObjectv2(
            f"{name}-{pin.sha256[:12]}",
            bucket=args.bucket,
            key=pin.key,
            # the hook keeps the stand-in text from ever being uploaded
            source=pulumi.FileAsset(str(file)) if built else pulumi.StringAsset("not built on this machine"),
            content_type="application/zip",
            tags=tags(args.environment, name),
            opts=pulumi.ResourceOptions(
                parent=self,
                hooks=hooks,
                # the key is the content's digest: what is there is right, whether or not this machine has the file
                ignore_changes=["source"],
                # no longer listed is no reason to delete it; the bucket's lock would refuse it anyway
                retain_on_delete=True,
            ),
        )


def verify(file: Path, pin: BundlePin) -> None:
    """Raises ValueError unless the file is the pinned bundle."""
    try:
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ValueError(
            f"engine bundle {file}: {error.strerror}; `make engine` builds it, or copy it here from where it was built"
        ) from None
    if found != pin.sha256:
        raise ValueError(f"engine bundle {file}: its sha256 is {found}, pinned is {pin.sha256}: it must not run")


def _verified(file: Path | None, pin: BundlePin) -> Callable[[pulumi.ResourceHookArgs], None]:
    """Before an upload, and only then: the file is needed here."""

    def check(args: pulumi.ResourceHookArgs) -> None:
        if file is None:
            raise ValueError(f"engine bundle {pin.sha256}: no folder of built artifacts was given")
        verify(file, pin)

    return check
