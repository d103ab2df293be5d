"""What the agent shows of itself, apart from how it is shown: its pages are loaded after it has begun to work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hotpath.agent.control import ControlState


@dataclass(frozen=True)
class AgentView:
    """What the agent tells of itself. journal: sequence numbers by point; events: counters; gates as on /readyz."""

    gates: list[dict[str, Any]]
    events: Mapping[str, int]
    journal: Mapping[str, int]
    control: ControlState
