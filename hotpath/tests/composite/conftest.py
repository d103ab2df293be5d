"""The scripted order port and market data of the router's and the feed handler's tests."""

from __future__ import annotations

import sys
from pathlib import Path

for neighbour in ("feed", "router"):
    sys.path.append(str(Path(__file__).resolve().parents[1] / neighbour))
