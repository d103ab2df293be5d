"""`benchmarks` is a folder beside the engine's sources, in no package that is installed."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))
