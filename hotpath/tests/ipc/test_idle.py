"""Idle strategy: settings, length of waits, wake-up by a descriptor."""

from __future__ import annotations

import os
import time

import pytest

from hotpath.ipc.idle import IdleStrategy


@pytest.mark.parametrize(("mode", "sleep"), [("sleep", 100), ("", 100), ("spin", 0), ("back_off", 100_001)])
def test_bad_settings(mode: str, sleep: int) -> None:
    with pytest.raises(ValueError, match=r"idle\."):
        IdleStrategy(mode, sleep)


def test_spinning_never_sleeps() -> None:
    idle = IdleStrategy("spin")
    before = os.times()
    start = time.monotonic()
    for _ in range(20_000):
        idle.wait()
    wall = time.monotonic() - start
    after = os.times()
    # 20,000 shortest sleeps would cost over 60 ms of wall time without CPU time
    assert wall - (after.user + after.system - before.user - before.system) < 1.0
    assert idle.spinning


def test_back_off_reaches_and_keeps_the_longest_sleep() -> None:
    idle = IdleStrategy("back_off", 2000)
    for _ in range(160):
        idle.wait()
    waits = []
    for _ in range(14):
        start = time.monotonic_ns()
        idle.wait()
        waits.append(time.monotonic_ns() - start)
    # 1, 2, 4 ... 1024, 2000, 2000, 2000 us: each is a lower bound of what the kernel grants
    for n, waited in enumerate(waits):
        assert waited >= min(1000 << n, 2_000_000)
    idle.worked()
    start = time.monotonic_ns()
    for _ in range(32):
        idle.wait()
    assert time.monotonic_ns() - start < 32 * 2_000_000, "work starts the ladder anew"


def test_readable_descriptor_ends_the_wait() -> None:
    idle = IdleStrategy("back_off", 100_000)
    reader, writer = os.pipe()
    try:
        found = [idle.wait_fds([reader, -1]) for _ in range(170)]
        assert set(found) == {0}
        os.write(writer, b"x")
        start = time.monotonic()
        assert [idle.wait_fds([-1, reader]) for _ in range(20)] == [1] * 20
        assert time.monotonic() - start < 0.1, "20 full sleeps would take far longer"
        with pytest.raises(ValueError, match="at most 40"):
            idle.wait_fds([reader] * 41)
    finally:
        os.close(reader)
        os.close(writer)


def test_a_wait_until_due_ends_with_the_due_time_or_with_input() -> None:
    idle = IdleStrategy("back_off", 100)
    reader, writer = os.pipe()
    try:
        for _ in range(8):
            assert idle.wait_fds([reader], time.monotonic_ns() + 10_000_000_000) == 0, "no sleep yet"
        due = time.monotonic_ns() + 20_000_000
        before = time.process_time()
        assert idle.wait_fds([reader, -1], due) == 0
        assert due <= time.monotonic_ns(), "one wait, however short max_sleep_us is"
        assert time.process_time() - before < 0.01
        assert idle.wait_fds([reader], due) == 0, "past due: no wait"
        os.write(writer, b"x")
        assert idle.wait_fds([reader], time.monotonic_ns() + 10_000_000_000) == 1
    finally:
        os.close(reader)
        os.close(writer)
