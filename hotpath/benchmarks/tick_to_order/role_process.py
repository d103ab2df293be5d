"""`python -m benchmarks.tick_to_order.role_process LIBRARIES ROLE CONFIG`: `hotpath run` that finds the strategy."""

from __future__ import annotations

import ctypes
import signal
import sys
from pathlib import Path

from benchmarks.build import use
from hotpath.cli import main

PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # it may stand still: nothing milder would reach it
    use(Path(sys.argv[1]))
    sys.exit(main(["run", sys.argv[2], "--config", sys.argv[3]]))
