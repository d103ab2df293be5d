"""The latency budget decides where a program runs; every program and every role has one."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from components.latency_budget import HOT_PATH_ROLES, LatencyBudget, Placement, check, role_budgets
from stacks.settings import HOT_PATH_ROLES as LOCAL_ROLES

REASON = "measured; the pod network is fast enough"


@pytest.mark.parametrize(
    ("placement", "p99_us", "refused"),
    [
        ("kubernetes", 999, "cannot be kept on Kubernetes"),
        ("kubernetes", 1_000, None),
        ("hot_path", 1_000, None),
        ("hot_path", 1_001, "needs no isolated core"),
    ],
)
def test_one_millisecond_is_the_boundary(placement: Placement, p99_us: int, refused: str | None) -> None:
    if refused is None:
        check("x", placement, LatencyBudget(p99_us=p99_us))
        return
    with pytest.raises(ValueError, match=f"x: .*{refused}.*latency.reason"):
        check("x", placement, LatencyBudget(p99_us=p99_us))
    check("x", placement, LatencyBudget(p99_us=p99_us, reason=REASON))


def test_a_reason_says_something() -> None:
    with pytest.raises(ValidationError, match="at least 10 characters"):
        LatencyBudget(p99_us=1, reason="because")


def test_every_role_of_the_engine_has_a_budget_that_fits() -> None:
    assert set(HOT_PATH_ROLES) == set(LOCAL_ROLES)
    assert role_budgets({}) == HOT_PATH_ROLES


def test_budgets_of_roles_are_checked_and_named() -> None:
    assert role_budgets({"strategy": LatencyBudget(p99_us=50)})["strategy"].p99_us == 50
    with pytest.raises(ValueError, match="strategy: a P99 of 5000 us"):
        role_budgets({"strategy": LatencyBudget(p99_us=5_000)})
    with pytest.raises(ValueError, match="quoter: no such role; roles: feed-handler"):
        role_budgets({"quoter": LatencyBudget(p99_us=50)})
