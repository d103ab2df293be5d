"""One JSON object per line in, one out: `benchmarks/peer_process.py` describes them. The argument names the module."""

from __future__ import annotations

import gc
import json
import sys
from importlib import import_module
from typing import Any

from benchmarks.peers.python.measuring import Session


def answer(request: dict[str, Any], contender: str, sessions: list[Session]) -> Any:
    """What to say to one request. sessions: the open one, or none yet."""
    do = request.get("do")
    if do == "open":
        session: Session = import_module(f"benchmarks.peers.python.{contender}").open_session(request)
        sessions[:] = [session]
        # the input stays: no reason to look at it in a collection
        gc.collect()
        gc.freeze()
        return {}
    if not sessions:
        return {"error": f"{do} before open"}
    if do not in ("throughput", "latency"):
        return {"error": f"unknown request {do}"}
    gc.collect()
    gc.disable()
    try:
        return sessions[0].throughput() if do == "throughput" else sessions[0].latency()
    finally:
        gc.enable()


def main(contender: str) -> None:
    # what a contender prints must not get between the answers
    answers, sys.stdout = sys.stdout, sys.stderr
    sessions: list[Session] = []
    for line in sys.stdin:
        try:
            said = answer(json.loads(line), contender, sessions)
        except Exception as error:
            said = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(said) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
