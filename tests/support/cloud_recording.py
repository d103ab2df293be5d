"""The cloud stacks as recorded, once per process: they are the most expensive programs to record."""

from __future__ import annotations

import functools
from pathlib import Path

from stacks import cloud
from stacks.cloud_settings import CloudSettings, from_file
from tests.recorder import Recording, deploy

ROOT = Path(__file__).resolve().parents[2]


def settings(environment: str) -> CloudSettings:
    return from_file(ROOT / f"Pulumi.{environment}.yaml")


@functools.cache
def recorded(environment: str) -> Recording:
    return deploy(lambda: cloud.program(settings(environment)), stack=environment)
