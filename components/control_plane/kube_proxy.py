"""Which kube-proxy mode a Kubernetes version can run. No Pulumi import.

nftables: general since 1.33. ipvs: deprecated by KEP-5495 from 1.35; EKS is announced to drop it in 1.36.
"""

from __future__ import annotations

from typing import Literal

Mode = Literal["nftables", "iptables", "ipvs"]

NFTABLES_SINCE = (1, 33)
IPVS_DEPRECATED_SINCE = (1, 35)
IPVS_GONE_SINCE = (1, 36)


def minor_version(version: str) -> tuple[int, int]:
    """("1.34") → (1, 34). Raises ValueError."""
    major, _, minor = version.partition(".")
    if not (major.isdecimal() and minor.isdecimal()):
        raise ValueError(f"kubernetes version {version!r}: must be major.minor, as in 1.34")
    return int(major), int(minor)


def check_mode(mode: Mode, version: str) -> str | None:
    """A warning for people, or None. Raises ValueError for a mode that this version does not have."""
    found = minor_version(version)
    if mode == "nftables" and found < NFTABLES_SINCE:
        raise ValueError(f"kube_proxy_mode nftables: needs Kubernetes 1.33, this is {version}; use iptables")
    if mode == "ipvs":
        if found >= IPVS_GONE_SINCE:
            raise ValueError(
                f"kube_proxy_mode ipvs: removed from EKS with Kubernetes 1.36, this is {version}; use nftables"
            )
        since = "deprecated" if found >= IPVS_DEPRECATED_SINCE else "to be deprecated in 1.35"
        return f"kube_proxy_mode ipvs is {since} and gone in 1.36; move to nftables before the next upgrade"
    return None


def configuration(mode: Mode) -> dict[str, object]:
    """Configuration values of the kube-proxy add-on."""
    if mode == "ipvs":
        return {"mode": mode, "ipvs": {"scheduler": "rr"}}
    return {"mode": mode}
