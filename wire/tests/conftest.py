"""Fixtures: one real three-server cluster per test session."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

from nats_cluster import BINARY, Cluster, running


@pytest.fixture(scope="session")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if BINARY is None:
        pytest.skip("nats-server is not installed")
    with running(Cluster(tmp_path_factory.mktemp("nats"))) as cluster:
        yield cluster


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Iterator[Cluster]:
    """The shared cluster, whole again after a test that killed members."""
    yield shared_cluster
    shared_cluster.revive()
