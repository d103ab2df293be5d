from __future__ import annotations

from ipaddress import IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.network.address_plan import PREFIX_LENGTHS, Tier, subnet_cidr


@given(st.sampled_from(PREFIX_LENGTHS), st.integers(0, 255))
def test_subnets_lie_inside_the_block_and_never_overlap(length: int, second: int) -> None:
    block = IPv4Network(f"10.{second}.0.0/{length}")
    subnets = [IPv4Network(subnet_cidr(str(block), tier, zone)) for tier in Tier for zone in range(3)]
    assert all(subnet.subnet_of(block) for subnet in subnets)
    assert not [pair for pair in combinations(subnets, 2) if pair[0].overlaps(pair[1])]
    # the smallest subnet that AWS makes
    assert all(subnet.prefixlen <= 28 for subnet in subnets)


def test_nodes_have_room_for_pods() -> None:
    assert IPv4Network(subnet_cidr("10.40.0.0/16", Tier.EKS_NODES, 0)).num_addresses == 8192


@pytest.mark.parametrize(("cidr", "told"), [("10.0.0.0/24", "block of /16, /17, /18"), ("8.0.0.0/16", "private")])
def test_a_block_that_cannot_be_divided_is_refused(cidr: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        subnet_cidr(cidr, Tier.BUS, 0)
