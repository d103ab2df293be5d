"""What the first boot of a trading host is told, and what its scripts do; the programs of the host are scripts, too."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from host_samples import GOLDEN, NETWORK, ROLES, inputs, specification

from components.hot_path import cloud_init as boot
from components.hot_path import host_rollout
from components.hot_path.cloud_init import REBOOT_MARK, cloud_init, pin_text
from components.hot_path.host_files import HostFiles, host_files
from components.hot_path.host_rollout.configure import APPLY
from components.hot_path.launch_rules import USER_DATA_LIMIT_BYTES

SCHEMA = Path(__file__).parents[2] / "schemas" / "cloud-config.json"
FILES = host_files(specification(), NETWORK, ROLES, inputs())
ENGINE = b"an engine"
ENGINE_SHA256 = hashlib.sha256(ENGINE).hexdigest()
HOST_PACKAGES = Path(host_rollout.__file__).parents[1]
RECORD = 'echo "${0##*/} $*" >>"$CALLS"\n'
# the host's programs as the scripts call them
CURL = """
case "$*" in
*api/token*) echo a-token ;;
*placement/region*) echo us-east-1 ;;
*"X-aws-ec2-metadata-token: a-token"*tags/instance/*)
    file="$TAGS/${*##*/}"
    [ -e "$file" ] || exit 22
    cat "$file" ;;
*) exit 22 ;;
esac
"""
AWS = """
[ "$1 $2 $3" = "s3 cp --only-show-errors" ] || exit 2
[ "$AWS_DEFAULT_REGION" = us-east-1 ] || exit 3
cp "$BUCKET/${4#s3://engines/}" "$5"
"""
# `host_rollout` out of the bundle: the real one writes the files, what needs a real bundle is only recorded
PYTHON = f"""
shift
echo "engine $*" >>"$CALLS"
[ "$1" = configure ] || exit 0
PYTHONPATH={HOST_PACKAGES} exec {sys.executable} -m host_rollout --root "$ROOT" "$@"
"""


class Host:
    """A tree for the host's root, a folder for the bucket, and the calls that were made, in their order."""

    def __init__(self, folder: Path) -> None:
        self.root, self.bucket, self.tags, self.bin = (folder / name for name in ("root", "bucket", "tags", "bin"))
        self.calls = folder / "calls"
        self.calls.touch()
        for path in (self.root / "run", self.root / "proc", self.bucket / "hosts", self.tags, self.bin):
            path.mkdir(parents=True)
        (self.root / "proc/cmdline").write_text("BOOT_IMAGE=x root=/dev/nvme0n1p1\n")
        self.program("curl", CURL, recorded=False)
        self.program("aws", AWS, recorded=False)
        self.program(f"python{boot.HOST_PYTHON}", PYTHON, recorded=False)
        for name in ("grubby", "sysctl", "systemctl", "systemd-sysusers", "systemd-tmpfiles"):
            self.program(name)

    def program(self, name: str, body: str = "", recorded: bool = True) -> None:
        file = self.bin / name
        file.write_text("#!/bin/sh\n" + (RECORD if recorded else "") + body)
        file.chmod(0o755)

    def offer(self, files: HostFiles, engine: bytes = ENGINE) -> None:
        (self.bucket / f"hosts/{files.sha256}.json").write_text(files.document)
        (self.bucket / "engine.zip").write_bytes(engine)
        (self.bucket / "hosts/hot-a").write_text(pin_text(ENGINE_SHA256, "s3://engines/engine.zip"))
        (self.tags / boot.FILES_TAG).write_text(f"s3://engines/hosts/{files.sha256}.json")
        (self.tags / boot.PIN_TAG).write_text("s3://engines/hosts/hot-a")

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        places = {"ROOT": self.root, "BUCKET": self.bucket, "TAGS": self.tags, "CALLS": self.calls}
        return subprocess.run(
            ["/bin/sh", "-s", str(self.root)],
            input=script,
            env={"PATH": f"{self.bin}:{os.defpath}", **{key: str(value) for key, value in places.items()}},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    def heard(self) -> list[str]:
        lines = self.calls.read_text().splitlines()
        self.calls.write_text("")
        return lines


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(cloud_init())
    return loaded


def test_user_data_fits_the_schema_of_cloud_init() -> None:
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft4Validator.check_schema(schema)
    jsonschema.Draft4Validator(schema).validate(document())
    for wrong in ({"power_state": {"mode": "restart"}}, {"run_cmd": ["x"]}, {"write_files": [{"content": "x"}]}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft4Validator(schema).validate(document() | wrong)


@pytest.mark.skipif(shutil.which("cloud-init") is None, reason="no cloud-init on this machine")
def test_cloud_init_itself_accepts_it(tmp_path: Path) -> None:
    file = tmp_path / "user-data"
    file.write_text(cloud_init())
    subprocess.run(["cloud-init", "schema", "--config-file", str(file)], check=True, timeout=60)


def test_user_data_is_as_reviewed_and_fits() -> None:
    assert cloud_init() == (GOLDEN / "user-data.yaml").read_text()
    assert cloud_init().startswith("#cloud-config\n")
    assert len(gzip.compress(cloud_init().encode())) < USER_DATA_LIMIT_BYTES


def test_user_data_that_ec2_would_not_take_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boot, "first_boot_script", lambda: os.urandom(USER_DATA_LIMIT_BYTES).hex())
    with pytest.raises(ValueError, match="EC2 takes 16384"):
        cloud_init()


def test_no_setting_changes_user_data() -> None:
    """It would stop the host. What a change of a setting does change is the object's name, which the tag carries."""
    text = cloud_init()
    for path in ("host-check.json", "sysctl", "ironlane-order-router", ENGINE_SHA256):
        assert path not in text


def test_scripts_are_shell() -> None:
    for script in (boot.first_boot_script(), FILES.files[APPLY]):
        subprocess.run(["/bin/sh", "-n"], input=script, text=True, check=True, timeout=10)
    assert FILES.files[APPLY] == (GOLDEN / "apply-host.sh").read_text()


def test_first_boot_installs_writes_applies_and_asks_for_the_reboot(host: Host) -> None:
    host.offer(FILES)
    done = host.run(boot.first_boot_script())
    assert done.returncode == 0, done.stderr
    heard = host.heard()
    assert [line.split()[:2] for line in heard[:3]] == [
        ["engine", "install"],
        ["engine", "switch"],
        ["engine", "configure"],
    ]
    assert all(f"--sha256 {ENGINE_SHA256}" in line for line in heard[:2])
    for path, text in FILES.files.items():
        assert (host.root / path.lstrip("/")).read_text() == text
    assert (host.root / "var/lib/ironlane/specification.sha256").read_text() == f"{FILES.sha256}\n"
    assert heard[-1] == "systemctl enable ironlane.target"
    assert not [line for line in heard if line.startswith("systemctl start")]
    assert (host.root / REBOOT_MARK.lstrip("/")).exists()
    condition = document()["power_state"]["condition"]
    assert condition == ["test", "-e", REBOOT_MARK]


@pytest.mark.parametrize("what", ["engine", "files"])
def test_a_digest_that_differs_stops_everything(host: Host, what: str) -> None:
    host.offer(FILES)
    if what == "engine":
        (host.bucket / "engine.zip").write_bytes(ENGINE + b"!")
    else:
        (host.bucket / f"hosts/{FILES.sha256}.json").write_text(FILES.document.replace("prod", "prodd", 1))
    done = host.run(boot.first_boot_script())
    assert done.returncode == 1
    assert "expected is" in done.stderr
    assert "nothing of it is used" in done.stderr
    assert host.heard() == []
    assert not (host.root / REBOOT_MARK.lstrip("/")).exists()


def test_what_a_first_boot_cannot_do_it_says(host: Host) -> None:
    assert "no tags/instance/ironlane:host-files; are instance tags in metadata enabled?" in (
        host.run(boot.first_boot_script()).stderr
    )
    host.offer(FILES)
    (host.bucket / "hosts/hot-a").write_text(pin_text("latest", "s3://engines/engine.zip"))
    assert "latest is no sha256" in host.run(boot.first_boot_script()).stderr
    (host.bucket / "hosts/hot-a").unlink()
    assert "s3://engines/hosts/hot-a: cannot be fetched" in host.run(boot.first_boot_script()).stderr
    assert host.heard() == []


def write(host: Host, files: HostFiles) -> None:
    for path, text in files.files.items():
        file = host.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def test_kernel_arguments_are_set_once_and_replaced_when_they_change(host: Host) -> None:
    arguments = specification().kernel_command_line
    write(host, FILES)
    done = host.run(FILES.files[APPLY])
    assert done.returncode == 0, done.stderr
    assert "reboot needed: the kernel runs without" in done.stdout
    assert [line for line in host.heard() if line.startswith("grubby")] == [
        f"grubby --update-kernel=ALL --args={arguments}"
    ]
    (host.root / "proc/cmdline").write_text(f"BOOT_IMAGE=x {arguments}\n")
    done = host.run(FILES.files[APPLY])
    assert (done.returncode, done.stdout) == (0, "")
    assert not [line for line in host.heard() if line.startswith("grubby")]
    (host.root / "etc/ironlane/kernel-arguments").write_text("nosmt quiet\n")
    done = host.run(FILES.files[APPLY])
    assert [line for line in host.heard() if line.startswith("grubby")] == [
        f"grubby --update-kernel=ALL --remove-args={arguments}",
        "grubby --update-kernel=ALL --args=nosmt quiet",
    ]
    assert done.stdout.rstrip().endswith("the kernel runs without quiet" if "nosmt" in arguments else "nosmt quiet")


def test_an_image_without_grubby_never_starts_the_roles(host: Host) -> None:
    (host.bin / "grubby").unlink()
    write(host, FILES)
    done = host.run(FILES.files[APPLY])
    assert done.returncode == 1
    assert "no grubby" in done.stderr
    assert not [line for line in host.heard() if "enable" in line]


def test_units_of_the_specification_are_enabled_before_the_target_and_others_masked(host: Host) -> None:
    write(host, FILES)
    assert host.run(FILES.files[APPLY]).returncode == 0
    heard = host.heard()
    enabled = [line.split()[-1] for line in heard if line.startswith("systemctl enable")]
    assert enabled == [*specification().enabled_units, "ironlane.target"]
    masked = [line.split()[-1] for line in heard if line.startswith("systemctl mask")]
    assert masked == list(specification().masked_units)
