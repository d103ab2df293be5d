"""For every test: no Pulumi resource outside of a recording, where nothing would check it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from typing import Any, NoReturn
from unittest import mock

import pytest


def pytest_configure(config: pytest.Config) -> None:
    # the cloud SDKs leave millions of objects alive, and every full collection walks through them
    gc.set_threshold(100_000, 20, 50)


def pytest_collection_finish(session: pytest.Session) -> None:
    # what the modules made stays: pytest's own search for lost errors need not walk through it either
    gc.freeze()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from tests.support.scheduling import SharedFixtures

    return SharedFixtures(config, log)


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
