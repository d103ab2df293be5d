"""What a new host starts from, as the engine would get it."""

from __future__ import annotations

import json

from host_samples import NETWORK, ROLES, inputs, specification

from components.hot_path.boot_objects import BootObjects, BootObjectsArgs
from components.hot_path.host_files import HostFiles, host_files
from tests.recorder import Recording, deploy

FILES = host_files(specification(), NETWORK, ROLES, inputs())


def record(files: HostFiles = FILES) -> Recording:
    engine = {"engine_sha256": "ab" * 32, "engine_key": "engines/x.zip"}
    args = BootObjectsArgs(environment="prod", bucket="engines", hosts={"hot-a": files}, **engine)
    return deploy(lambda: BootObjects("boot", args) and None)


def test_files_are_named_by_their_digest_and_those_of_before_stay() -> None:
    stored = record().named("boot-hot-a-files")
    assert stored.inputs["key"] == f"hosts/{FILES.sha256}.json"
    assert json.loads(stored.inputs["content"]) == FILES.files
    assert stored.retain_on_delete
    changed = FILES.model_copy(update={"files": FILES.files | {"/etc/ironlane/x": "1"}})
    assert record(changed).named("boot-hot-a-files").inputs["key"] != stored.inputs["key"]


def test_the_pin_names_the_engine_with_its_digest_under_a_key_that_never_changes() -> None:
    stored = record().named("boot-hot-a-pin")
    assert stored.inputs["key"] == "hosts/hot-a/engine"
    assert stored.inputs["content"] == f"{'ab' * 32} s3://engines/engines/x.zip\n"
