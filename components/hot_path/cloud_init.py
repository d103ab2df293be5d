"""User data of a trading host: how its first boot gets to an engine, to its files and to one reboot (cloud-config).

It holds no setting and no digest, and is the same for every host. User data is read at the first boot only, and EC2
stops a host to change it. A sysctl or an engine pin in here would either be an outage that the preview shows as one
more `~ update`, or, when ignored, a stale value that a replaced host boots with. So the host asks what it is to be:

- its files (settings, units, role configuration) are one object in the engines' bucket, named by its sha256. The
  instance's tag `ironlane:host-files` names the object, and the host reads the tag from its metadata. A changed setting
  is a changed tag: in place, visible on the host in the preview, no stop.
- the engine is named, with its sha256, by the host's pin object, whose place is the tag `ironlane:engine-pin`. A new
  engine changes that object, not the instance.

Hosts that run are changed by the rollout, one after the other; these two are what a new or replaced host starts from.
"""

from __future__ import annotations

import gzip
from typing import Any

import yaml

from components.hot_path.host.roles import ROLES
from components.hot_path.host.specification import KERNEL_ARGUMENTS_FILE
from components.hot_path.host.template import template
from components.hot_path.launch_rules import USER_DATA_LIMIT_BYTES
from components.hot_path.units import TARGET

FILES_TAG = "ironlane:host-files"
PIN_TAG = "ironlane:engine-pin"
HOST_PYTHON = "3.11"  # of the image; the engine bundle is built for it
FIRST_BOOT = "/usr/local/sbin/ironlane-first-boot"
REBOOT_MARK = "/run/ironlane-reboot"


def first_boot_script() -> str:
    """Shell: fetches and checks everything, then installs, writes, and asks for the reboot."""
    return template(
        "first-boot.sh",
        python=HOST_PYTHON,
        files_tag=FILES_TAG,
        pin_tag=PIN_TAG,
        roles=",".join(ROLES),
        reboot_mark=REBOOT_MARK,
    )


def pin_text(sha256: str, uri: str) -> str:
    """The host's pin object: the engine that a first boot installs."""
    return f"{sha256} {uri}\n"


def apply_script(enabled: tuple[str, ...], masked: tuple[str, ...]) -> str:
    """Shell, one of the host's files: what the files alone do not bring about. enabled, masked: systemd units."""
    return template(
        "apply-host.sh",
        kernel_arguments=KERNEL_ARGUMENTS_FILE,
        # the target last: until all else is in place, a boot starts nothing
        enabled=" ".join((*enabled, TARGET)),
        masked=" ".join(masked),
    )


def cloud_init() -> str:
    """The cloud-config. Raises ValueError when EC2 would not take it, even compressed."""
    document: dict[str, Any] = {
        "ssh_pwauth": False,
        "disable_root": True,
        "package_update": False,
        "package_upgrade": False,
        "write_files": [
            {"path": FIRST_BOOT, "owner": "root:root", "permissions": "0755", "content": first_boot_script()},
        ],
        "runcmd": [["/bin/sh", FIRST_BOOT]],
        # the kernel command line counts from here on; without the mark the first boot has failed, and its log stays
        "power_state": {
            "mode": "reboot",
            "delay": "now",
            "timeout": 60,
            "message": "Ironlane: first boot is done",
            "condition": ["test", "-e", REBOOT_MARK],
        },
    }
    text = "#cloud-config\n" + yaml.dump(document, Dumper=_Readable, sort_keys=False, width=1000)
    size = len(gzip.compress(text.encode(), mtime=0))
    if size > USER_DATA_LIMIT_BYTES:
        raise ValueError(
            f"user data: {size} bytes compressed, EC2 takes {USER_DATA_LIMIT_BYTES}: move parts to the host's files"
        )
    return text


class _Readable(yaml.SafeDumper):
    """Scripts as they are, line by line."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Readable.add_representer(str, _text)
