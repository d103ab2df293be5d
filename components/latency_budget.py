"""The latency budget decides where a program runs. No Pulumi import.

Under 1 ms belongs on the hot path, over it on Kubernetes; the other way round needs a reason. README has the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Placement = Literal["hot_path", "kubernetes"]
BOUNDARY_US = 1_000


class LatencyBudget(BaseModel):
    """p99_us: what 99 % of the program's answers must keep, microseconds. reason: why it runs where it should not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    p99_us: int = Field(ge=1, le=24 * 3600 * 1_000_000)
    reason: str | None = Field(None, min_length=10)


def check(name: str, placement: Placement, budget: LatencyBudget) -> None:
    """Raises ValueError for a budget on the wrong side of 1 ms without a reason. Exactly 1 ms fits both sides."""
    if budget.reason is not None:
        return
    if placement == "kubernetes" and budget.p99_us < BOUNDARY_US:
        raise ValueError(
            f"{name}: a P99 of {budget.p99_us} us cannot be kept on Kubernetes (shared cores, pod network); make it a"
            " role of the hot path, or state in latency.reason why it stays"
        )
    if placement == "hot_path" and budget.p99_us > BOUNDARY_US:
        raise ValueError(
            f"{name}: a P99 of {budget.p99_us} us needs no isolated core; make it a workload on Kubernetes, or state in"
            " latency.reason why it stays on the trading host"
        )


# roles of the engine, as deployed on trading hosts
HOT_PATH_ROLES: Mapping[str, LatencyBudget] = {
    "feed-handler": LatencyBudget(p99_us=200),
    "strategy": LatencyBudget(p99_us=200),
    "order-router": LatencyBudget(p99_us=200),
    "venue": LatencyBudget(p99_us=200),
    "agent": LatencyBudget(
        p99_us=100_000, reason="reads the shared memory of the roles beside it; runs on housekeeping cores"
    ),
}


def role_budgets(overrides: Mapping[str, LatencyBudget]) -> dict[str, LatencyBudget]:
    """Budget of every role, those of the settings first. Raises ValueError for an unknown role or a wrong budget."""
    unknown = sorted(set(overrides) - set(HOT_PATH_ROLES))
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: no such role; roles: {', '.join(HOT_PATH_ROLES)}")
    budgets = {**HOT_PATH_ROLES, **overrides}
    for role, budget in budgets.items():
        check(role, "hot_path", budget)
    return budgets
