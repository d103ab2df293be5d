"""Hosts in a stack file: what cannot be is refused with file, key and fix."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from stacks.cloud_settings import from_file, parse
from stacks.stack_file import SettingsError, read_stack_file

ROOT = Path(__file__).resolve().parents[2]
Change = Callable[[dict[str, Any]], None]


def errors(change: Change, environment: str = "prod") -> list[str]:
    file = f"Pulumi.{environment}.yaml"
    raw = deepcopy(read_stack_file(ROOT / file))
    change(raw["hot_path"])
    with pytest.raises(SettingsError) as caught:
        parse(raw, file)
    return str(caught.value).splitlines()


def cores(host: int, **changed: Any) -> Change:
    return lambda hot_path: hot_path["hosts"][host]["cores"].update(changed)


def of_tuning(**changed: Any) -> Change:
    return lambda hot_path: hot_path["tuning"].update(changed)


def of_all(**changed: Any) -> Change:
    return lambda hot_path: hot_path.update(changed)


ROLES = {"feed-handler": 6, "strategy": 7, "order-router": 8}
PROD = "Pulumi.prod.yaml: ironlane:hot_path"


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_hosts_of_the_stack_files_can_be_specified(environment: str) -> None:
    hot_path = from_file(ROOT / f"Pulumi.{environment}.yaml").hot_path
    for host in hot_path.hosts:
        specification = hot_path.specification(host)
        assert specification.core_map.housekeeping[0] == 0
        assert set(specification.core_map.roles) == {"feed-handler", "strategy", "order-router"}


def test_active_and_standby_are_specified_alike() -> None:
    hot_path = from_file(ROOT / "Pulumi.prod.yaml").hot_path
    assert len({hot_path.specification(host).digest for host in hot_path.hosts}) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            cores(0, roles={**ROLES, "strategy": 6}, spare="7,9-47"),
            (
                f"{PROD}.hosts.0.cores: roles.feed-handler and roles.strategy: both own CPU 6; a CPU has one owner,"
                " move one of them."
            ),
        ),
        (
            cores(1, roles={**ROLES, "strategy": 55}, spare="7,9-47"),
            (
                f"{PROD}.hosts.1.cores: roles.strategy: CPU 55 is an SMT sibling, which is switched off; use the core's"
                " first thread, 7, or leave SMT on."
            ),
        ),
        (
            cores(0, spare="9-40"),
            f"{PROD}.hosts.0.cores: CPU 41-47: belongs to nobody; add it to spare, or to whom it is meant for.",
        ),
        (
            cores(0, interrupts="4-"),
            (
                f"{PROD}.hosts.0.cores.interrupts = '4-': '4-' is not a CPU list: '4-' is neither a number nor a range"
                " like 2-5."
            ),
        ),
        (
            cores(0, housekeping="0-3"),
            (
                f"{PROD}.hosts.0.cores.housekeping = '0-3': unknown key; known here: housekeeping, interrupts, roles,"
                " spare. Remove or rename it."
            ),
        ),
        (
            lambda hot_path: hot_path["hosts"][0].update(roles=["strategy", "market-maker"]),
            (
                f"{PROD}.hosts.0.roles market-maker: unknown; known are feed-handler, strategy, order-router,"
                " composite, venue, agent."
            ),
        ),
        (
            of_tuning(clock="ptpd"),
            f"{PROD}.tuning.clock = 'ptpd': Input should be 'ptp' or 'ntp'.",
        ),
        (
            of_tuning(network_card={"send_ring": 1024}),
            (
                f"{PROD}.tuning.network_card: send_ring 1024: ENA takes 512 at most with large LLQ, and refuses the"
                " whole change otherwise; use less, or large_llq: false where `ethtool -g` shows 1024."
            ),
        ),
        (
            of_tuning(hugepages=[{"node": 1, "pages": 512}]),
            f"{PROD}.tuning: hugepages: node 1 does not exist; the machine has node 0.",
        ),
        (
            of_all(instance_type="c9x.metal"),
            (
                f"{PROD}.instance_type: no topology is known for c9x.metal; known are c7i.metal-24xl, c7i.metal-48xl,"
                " m5zn.metal, c8a.metal-24xl, c8a.metal-48xl, m8a.metal-24xl, m8a.metal-48xl, 12x2node, and the virtual"
                " sizes of c7i, m7i, m5zn, c8a, m8a. Read it from such a host (topology.from_sys) and add it to"
                " machines.py."
            ),
        ),
    ],
)
def test_a_host_that_cannot_be_is_refused_with_file_key_and_fix(change: Change, told: str) -> None:
    assert errors(change) == [told]


def test_the_map_of_another_instance_type_is_refused_line_by_line() -> None:
    lines = errors(of_all(instance_type="m5zn.metal"))
    assert len(lines) >= 2
    assert all(line.startswith(f"{PROD}.hosts.") for line in lines)
    assert any("spare: CPU 24-47 is an SMT sibling" in line for line in lines)


def test_a_virtual_host_without_cpu_options_is_refused() -> None:
    (line,) = errors(lambda hot_path: hot_path.pop("cpu_options"), "dev")
    assert line == (
        "Pulumi.dev.yaml: ironlane:hot_path.instance_type: c7i.4xlarge is virtual: state cpu_options, its cores follow"
        " from them."
    )
