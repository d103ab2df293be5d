"""What a reader of numbered events counts."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.backoff import Backoff
from wire.client import BusSettings, GapCounter
from wire.consumer import parse_delivery


def test_missing_numbers_are_counted_per_source() -> None:
    counter = GapCounter()
    assert counter.observe(("h1", "router"), 1, 5) == 0
    assert counter.observe(("h2", "router"), 1, 1) == 0
    assert counter.observe(("h1", "router"), 1, 6) == 0
    assert counter.observe(("h1", "router"), 1, 10) == 3
    assert (counter.gaps, counter.missing) == (1, 3)


def test_a_journal_goes_on_over_epochs_and_telemetry_starts_again() -> None:
    journal, telemetry = GapCounter(), GapCounter(continues=False)
    for counter in (journal, telemetry):
        counter.observe("s", 1, 9)
    assert journal.observe("s", 2, 11) == 1
    assert telemetry.observe("s", 2, 3) == 2


def test_repeats_and_old_epochs_are_told_apart() -> None:
    counter = GapCounter()
    counter.observe("s", 2, 5)
    counter.observe("s", 2, 5)
    counter.observe("s", 1, 6)
    assert (counter.duplicates, counter.stale, counter.gaps) == (1, 1, 0)


def test_sources_are_bounded() -> None:
    counter = GapCounter(max_sources=1)
    counter.observe("a", 1, 1)
    with pytest.raises(ValueError, match="bounded"):
        counter.observe("b", 1, 1)


@given(st.sets(st.integers(1, 60), min_size=1))
def test_missing_is_what_was_left_out(kept: set[int]) -> None:
    counter = GapCounter()
    for number in sorted(kept):
        counter.observe("s", 1, number)
    assert counter.missing == max(kept) - min(kept) + 1 - len(kept)


def test_backoff_doubles_within_bounds_and_starts_again() -> None:
    backoff = Backoff(0.1, 0.4, rng=random.Random(1))
    waits = [backoff.next() for _ in range(6)]
    for wait, limit in zip(waits, (0.1, 0.2, 0.4, 0.4, 0.4, 0.4), strict=True):
        assert limit / 2 <= wait <= limit
    backoff.reset()
    assert backoff.next() <= 0.1
    with pytest.raises(ValueError, match="0 < minimum"):
        Backoff(0, 1)


@pytest.mark.parametrize(
    "reply",
    ["$JS.ACK.S.oms.2.41.17.1700000000000000000.9", "$JS.ACK._.Hash.S.oms.2.41.17.1700000000000000000.9.rnd"],
)
def test_both_acknowledgement_forms_are_read(reply: str) -> None:
    assert parse_delivery(reply) == (2, 41, 9)


@pytest.mark.parametrize("reply", ["", "$JS.ACK.S.oms.2.41", "a.b.c.d.e.f.g.h.i", "$JS.ACK.S.oms.x.41.17.1.9"])
def test_other_subjects_are_no_acknowledgement(reply: str) -> None:
    with pytest.raises(ValueError):
        parse_delivery(reply)


@pytest.mark.parametrize("servers", [(), ("nats://u:p@h:1",), ("h:4222",)])
def test_server_urls_are_checked(servers: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="servers"):
        BusSettings(servers=servers, user="oms", password="x", name="t")
