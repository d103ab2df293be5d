"""For every test: no Pulumi resource outside of a recording, where nothing would check it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, NoReturn
from unittest import mock

import pytest


def _refuse(self: object, t: str, name: str, *more: Any, **named: Any) -> NoReturn:
    raise AssertionError(f"{t} {name} is made outside of tests.recorder.deploy(program): no assertion on it would run")


@pytest.fixture(autouse=True)
def _resources_only_in_recordings() -> Iterator[None]:
    pulumi = sys.modules.get("pulumi")  # most tests never load it
    if pulumi is None:
        yield
        return
    with mock.patch.object(pulumi.Resource, "__init__", _refuse):
        yield
