"""Which subnet gets which addresses: fixed places inside the VPC's block, so that a new tier moves no other."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Network


class Tier(StrEnum):
    HOT_PATH = "hot-path"
    MARKET_DATA = "market-data"
    BUS = "bus"
    EKS_CONTROL_PLANE = "eks-control-plane"
    EKS_NODES = "eks-nodes"
    DATA = "data"
    INGRESS = "ingress"  # the only public one


# (prefix bits below the VPC's, index among the blocks of that size per zone)
_PLACES = {
    Tier.EKS_NODES: (3, (0, 1, 2)),  # a /19 per zone in a /16: pods take addresses of the VPC
    Tier.HOT_PATH: (8, (96, 97, 98)),
    Tier.MARKET_DATA: (8, (100, 101, 102)),
    Tier.BUS: (8, (104, 105, 106)),
    Tier.EKS_CONTROL_PLANE: (8, (108, 109, 110)),
    Tier.DATA: (8, (112, 113, 114)),
    Tier.INGRESS: (8, (116, 117, 118)),
}
PREFIX_LENGTHS = (16, 17, 18)  # a subnet of AWS has at most 28 bits of prefix, and EKS wants room for pods


def subnet_cidr(vpc_cidr: str, tier: Tier, zone_index: int) -> str:
    """zone_index: place of the zone in the settings, 0..2. Raises ValueError for a block that cannot be divided."""
    block = IPv4Network(vpc_cidr)
    if block.prefixlen not in PREFIX_LENGTHS:
        lengths = ", ".join(f"/{length}" for length in PREFIX_LENGTHS)
        raise ValueError(f"vpc_cidr {vpc_cidr}: must be a block of {lengths}")
    if not block.is_private:
        raise ValueError(f"vpc_cidr {vpc_cidr}: must be a private block (RFC 1918)")
    bits, indexes = _PLACES[tier]
    base = int(block.network_address)
    size = 1 << (32 - block.prefixlen - bits)
    return f"{IPv4Network((base + indexes[zone_index] * size, block.prefixlen + bits))}"
