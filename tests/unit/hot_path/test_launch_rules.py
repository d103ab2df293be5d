from __future__ import annotations

from typing import Any

import pytest

from components.hot_path.launch_rules import broken_rules, is_metal

GOOD: dict[str, Any] = {
    "instance_type": "c7i.metal-24xl",
    "threads_per_core": None,
    "core_count": None,
    "zone": "us-east-1b",
    "subnet_zone": "us-east-1b",
    "hosts": 2,
    "reserved": 2,
    "user_data_bytes": (9_000, 9_000),
    "protect": True,
}
VIRTUAL = {"instance_type": "c7i.4xlarge", "reserved": None, "protect": False}


@pytest.mark.parametrize("change", [{}, VIRTUAL, {**VIRTUAL, "threads_per_core": 1, "core_count": 8}])
def test_what_can_be_launched(change: dict[str, Any]) -> None:
    assert broken_rules(**{**GOOD, **change}) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"threads_per_core": 1, "core_count": 48}, "cpu_options: cannot be set for bare metal"),
        ({**VIRTUAL, "threads_per_core": 1}, "core_count and threads_per_core together"),
        ({**VIRTUAL, "threads_per_core": 3, "core_count": 8}, "threads_per_core 3"),
        ({"instance_type": "t3.large"}, "burstable and Mac types"),
        ({"instance_type": "large"}, "not the name of an EC2 instance type"),
        ({"subnet_zone": "us-east-1a"}, "cannot span zones"),
        ({"reserved": 1}, "reserve one per host"),
        ({"reserved": None}, "needs a capacity reservation"),
        ({"user_data_bytes": (9_000, 20_000)}, "user data of host 2: 20000 bytes"),
    ],
)
def test_what_aws_would_refuse_or_misplace(change: dict[str, Any], told: str) -> None:
    problems = broken_rules(**{**GOOD, **change})
    assert len(problems) == 1
    assert told in problems[0]


@pytest.mark.parametrize(
    ("name", "metal"), [("c7i.metal-24xl", True), ("m5zn.metal", True), ("c7i.24xlarge", False), ("metal", True)]
)
def test_metal_is_told_by_the_size(name: str, metal: bool) -> None:
    assert is_metal(name) is metal
