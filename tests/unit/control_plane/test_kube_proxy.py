from __future__ import annotations

import pytest

from components.control_plane.kube_proxy import Mode, check_mode, configuration, minor_version


@pytest.mark.parametrize(
    ("mode", "version"), [("nftables", "1.33"), ("nftables", "1.34"), ("iptables", "1.29"), ("iptables", "1.40")]
)
def test_modes_that_a_version_has(mode: Mode, version: str) -> None:
    assert check_mode(mode, version) is None


@pytest.mark.parametrize(("version", "told"), [("1.34", "to be deprecated in 1.35"), ("1.35", "is deprecated")])
def test_ipvs_is_warned_about_before_it_is_gone(version: str, told: str) -> None:
    warning = check_mode("ipvs", version)
    assert warning is not None
    assert told in warning
    assert "nftables" in warning


@pytest.mark.parametrize(
    ("mode", "version", "told"),
    [("ipvs", "1.36", "use nftables"), ("ipvs", "1.43", "removed"), ("nftables", "1.32", "1.33")],
)
def test_modes_that_a_version_lacks_are_refused(mode: Mode, version: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        check_mode(mode, version)


def test_versions_are_compared_as_numbers() -> None:
    assert minor_version("1.9") < minor_version("1.33")
    with pytest.raises(ValueError, match=r"major\.minor"):
        minor_version("v1.34.1")


def test_what_the_addon_is_told() -> None:
    assert configuration("nftables") == {"mode": "nftables"}
    assert configuration("ipvs")["ipvs"] == {"scheduler": "rr"}
