"""Bundles in the object storage: only the file with the pinned digest gets there."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pydantic import ValidationError

from components.hot_path.bundle_pin import BundlePin
from components.hot_path.engine_bundles import EngineBundles, EngineBundlesArgs, _verified
from tests.recorder import Recording, deploy

CONTENT = b"a bundle"
PIN = BundlePin(version="0.2.0", sha256=hashlib.sha256(CONTENT).hexdigest())
OLD = BundlePin(version="0.1.0", sha256="ab" * 32)
OBJECT = "aws:s3/bucketObjectv2:BucketObjectv2"


def put(folder: Path, content: bytes) -> Path:
    file = folder / PIN.path
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    return file


def record(artifacts: Path | None, **change: Any) -> Recording:
    args = {"environment": "prod", "bucket": "engines", "pins": (PIN, OLD), "artifacts": artifacts, **change}
    return deploy(lambda: EngineBundles("engine", EngineBundlesArgs(**args)) and None)


def test_one_object_for_each_digest_that_outlives_its_pin(tmp_path: Path) -> None:
    put(tmp_path, CONTENT)
    new, old = record(tmp_path).of_type(OBJECT)
    assert new.inputs["key"] == f"engines/{PIN.sha256}/ironlane-engine-0.2.0.zip"
    assert new.name != old.name
    # a machine without the file must not see a change, nor upload another
    assert new.ignore_changes == old.ignore_changes == ("source",)
    assert new.hooks == old.hooks == ("before_create",), "the file is looked at again right before the upload"


def test_a_file_with_another_digest_is_refused_in_a_preview_too(tmp_path: Path) -> None:
    file = put(tmp_path, b"not it")
    with pytest.raises(ValueError, match=f"engine bundle {file}: its sha256 is [0-9a-f]{{64}}, pinned is {PIN.sha256}"):
        record(tmp_path)


def hook(file: Path | None) -> None:
    _verified(file, PIN)(pulumi.ResourceHookArgs(urn="", id="", name="", type=""))


def test_an_upload_is_refused_unless_the_pinned_file_is_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`make engine` builds it"):
        hook(tmp_path / PIN.path)
    with pytest.raises(ValueError, match="no folder of built artifacts"):
        hook(None)
    file = put(tmp_path, CONTENT)
    hook(file)
    file.write_bytes(b"exchanged after the preview")
    with pytest.raises(ValueError, match="must not run"):
        hook(file)


def test_without_the_file_a_preview_works() -> None:
    assert [each.hooks for each in record(None).of_type(OBJECT)] == [("before_create",)] * 2
    assert [each.hooks for each in record(None, must_exist=False).of_type(OBJECT)] == [()] * 2


def test_a_pin_that_is_kept_as_well_is_named() -> None:
    with pytest.raises(ValidationError, match="named twice"):
        record(None, pins=(PIN, PIN))
