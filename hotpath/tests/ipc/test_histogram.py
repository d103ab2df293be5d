"""Histogram: error bound against exact percentiles, subtraction, merge, extremes."""

from __future__ import annotations

import math
import subprocess
import uuid
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotpath.ipc.histogram import (
    MAX_VALUE_NS,
    RELATIVE_ERROR,
    HistogramError,
    HistogramReader,
    HistogramSnapshot,
    HistogramWriter,
    bucket_bounds,
    bucket_of,
)
from hotpath.ipc.segment import SegmentError, remove_segments

VALUES = st.one_of(st.integers(0, 300), st.integers(0, 100_000), st.integers(0, MAX_VALUE_NS))
PERCENTILES = [0.0, 1.0, 50.0, 90.0, 99.0, 99.9, 100.0]


def exact(values: list[int], percent: float) -> int:
    return sorted(values)[max(1, math.ceil(percent * len(values) / 100.0)) - 1]


def assert_describes(snapshot: HistogramSnapshot, values: list[int]) -> None:
    assert snapshot.count == len(values)
    assert snapshot.sum == sum(values)
    for percent in PERCENTILES:
        found = snapshot.percentile(percent)
        if not values:
            assert found is None
            continue
        true = exact(values, percent)
        assert found is not None
        assert true <= found <= true * (1 + RELATIVE_ERROR)
        if true < 256:
            assert found == true


@settings(max_examples=40, deadline=None)
@given(first=st.lists(VALUES, max_size=120), second=st.lists(VALUES, max_size=120))
def test_percentiles_subtraction_and_merge(first: list[int], second: list[int]) -> None:
    prefix = f"test-hist-{uuid.uuid4().hex}"
    try:
        writer = HistogramWriter(prefix, "latency.x", ["other", "a"])
        reader = HistogramReader(prefix, "latency.x")
        for value in first:
            writer.record_ns(1, value)
        base = reader.snapshot("a")
        for value in second:
            writer.record_ns(1, value)
        both = reader.snapshot("a")
        assert_describes(base, first)
        assert_describes(both, first + second)
        assert (both.minimum, both.maximum) == (
            (min(first + second), max(first + second)) if first + second else (None, None)
        )
        delta = both.subtract(base)
        assert_describes(delta, second)
        assert_describes(base.merge(delta), first + second)
        if second:
            assert delta.maximum is not None
            assert delta.minimum is not None
            assert max(second) <= delta.maximum <= max(second) * (1 + RELATIVE_ERROR)
            assert min(second) * (1 - RELATIVE_ERROR) <= delta.minimum <= min(second)
        if base.count < both.count:
            with pytest.raises(HistogramError, match="the later one"):
                base.subtract(both)
        assert reader.snapshot("other").count == 0
    finally:
        remove_segments(prefix)


@given(value=st.integers(0, MAX_VALUE_NS))
def test_buckets_are_narrow_and_without_gaps(value: int) -> None:
    bucket = bucket_of(value)
    low, high = bucket_bounds(bucket)
    assert low <= value <= high
    assert high - low + 1 <= max(1, low * RELATIVE_ERROR)
    if bucket:
        assert bucket_bounds(bucket - 1)[1] + 1 == low


def test_last_bucket_ends_at_the_largest_value() -> None:
    assert bucket_bounds(bucket_of(MAX_VALUE_NS))[1] == MAX_VALUE_NS
    assert bucket_of(MAX_VALUE_NS + 1) == bucket_of(MAX_VALUE_NS)


def test_values_outside_the_range_are_counted(prefix: str) -> None:
    writer = HistogramWriter(prefix, "latency.x", ["a"])
    for value in (-5, 7, MAX_VALUE_NS * 4):
        writer.record_ns(0, value)
    snapshot = HistogramReader(prefix, "latency.x").snapshot("a")
    assert (snapshot.count, snapshot.negative, snapshot.overflow) == (2, 1, 1)
    assert (snapshot.minimum, snapshot.maximum) == (7, MAX_VALUE_NS * 4)
    assert snapshot.percentile(100) == MAX_VALUE_NS * 4
    with pytest.raises(IndexError):
        writer.record_ns(1, 1)


def test_nothing_recorded_is_unknown(prefix: str) -> None:
    writer = HistogramWriter(prefix, "latency.x", ["a"])
    summary = HistogramReader(prefix, "latency.x").snapshot("a").summary()
    assert summary["count"] == 0
    assert summary["p50_ns"] is summary["min_ns"] is summary["max_ns"] is summary["mean_ns"] is None
    assert writer.index("a") == 0
    with pytest.raises(KeyError, match="'b' is not one"):
        writer.index("b")


def test_cumulative_counts(prefix: str) -> None:
    writer = HistogramWriter(prefix, "latency.x", ["a"])
    for value in (1, 1, 50, 1000):
        writer.record_ns(0, value)
    snapshot = HistogramReader(prefix, "latency.x").snapshot("a")
    assert [snapshot.count_at_most(bound) for bound in (-1, 0, 1, 50, 999, 10**9)] == [0, 0, 2, 3, 3, 4]
    assert [count for _, _, count in snapshot.buckets()] == [2, 1, 1]


def test_another_process_reads_and_follows_a_restart(
    prefix: str, start_child: Callable[..., subprocess.Popen[str]]
) -> None:
    child = start_child("record_latency", prefix, "latency.x", 500)
    reader = HistogramReader(prefix, "latency.x")
    child.communicate("\n", timeout=10)
    base = reader.snapshot("a")
    assert_describes(base, list(range(500)))
    writer = HistogramWriter(prefix, "latency.x", ["a"], epoch=2)
    writer.record_ns(0, 3)
    assert reader.reattach()
    later = reader.snapshot("a")
    with pytest.raises(HistogramError, match="restarted"):
        later.subtract(base)
    assert later.since(base).count == 1


@pytest.mark.parametrize("names", [[], ["a", "a"], ["x" * 40], [""], [str(n) for n in range(65)]])
def test_names_are_checked(prefix: str, names: list[str]) -> None:
    with pytest.raises(SegmentError, match=r"latency\.x"):
        HistogramWriter(prefix, "latency.x", names)
