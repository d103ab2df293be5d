"""What clears a kill latch, and what does not: only a Rearm command, only once the kill file is gone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from router_support import Desk, wait_for

LATCHED = "a person must re-arm it"


def still_latched(desk: Desk) -> bool:
    """After several looks of the router at its control block, at the kill file, and at who writes the block."""
    time.sleep(0.15)
    return LATCHED in desk.gate("not_killed")


@pytest.mark.parametrize("way", ["file", "bus"])
def test_no_other_change_of_the_control_block_rearms(tmp_path: Path, way: str) -> None:
    with Desk(tmp_path) as desk:
        desk.set_control(1, rearms=4)
        desk.start()
        kill = desk.run_dir / "KILL"
        if way == "file":
            kill.touch()
            wait_for("file seen", lambda: "KILL exists" in desk.gate("not_killed"))
            kill.unlink()
        else:
            desk.set_control(2, rearms=4, killed=1)
        wait_for("latched", lambda: LATCHED in desk.gate("not_killed"))

        desk.set_control(3, rearms=4)  # killed = 0, and nothing else is new
        assert still_latched(desk)
        desk.set_control(4, rearms=4, mode=1, max_position=1)
        assert still_latched(desk)
        desk.set_control(5, rearms=3)  # a count that fell is no Rearm either
        assert still_latched(desk)

        kill.touch()
        wait_for("file seen", lambda: "KILL exists" in desk.gate("not_killed"))
        desk.set_control(6, rearms=5)  # too early
        time.sleep(0.05)
        kill.unlink()
        assert still_latched(desk)

        desk.set_control(7, rearms=6)
        wait_for("re-armed", lambda: desk.gate("not_killed") == "")


def test_restarts_of_agent_and_router_neither_lose_the_latch_nor_rearm(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.set_control(1)
        desk.start()
        desk.set_control(2, killed=1)
        wait_for("latched", lambda: LATCHED in desk.gate("not_killed"))

        # an agent that has lost its file begins anew, one that came back counts higher: no command came from either
        for version, rearms in ((1, 0), (9, 5)):
            assert desk.control is not None
            desk.control.close()
            desk.control = None
            desk.set_control(version, rearms=rearms)
            assert still_latched(desk)

        desk.kill()
        desk.start(ready=False)
        wait_for("reconciled", lambda: desk.gate("reconciled") == "")
        assert still_latched(desk)
        desk.set_control(10, rearms=6)
        wait_for("re-armed", lambda: desk.gate("not_killed") == "")

        # a kill that only the block holds: given while no router ran
        desk.kill()
        desk.set_control(11, rearms=6, killed=1)
        desk.start(ready=False)
        wait_for("latched", lambda: LATCHED in desk.gate("not_killed"))
