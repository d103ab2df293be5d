from __future__ import annotations

from typing import Any

import pytest

from components.bus.capacity import HEADROOM, INSTANCES, MESSAGES_PER_S, Load, Volume, shortages, stream_limits
from components.bus.launch_rules import broken_rules

FITS: dict[str, Any] = {
    "records_per_s": 100,
    "record_bytes": 512,
    "telemetry_per_s": 200,
    "telemetry_bytes": 256,
    "retention_days": 7,
}


def load(**changes: Any) -> Load:
    return Load.model_validate({**FITS, **changes})


def test_a_load_that_fits() -> None:
    assert shortages(load(), "m7i.xlarge", Volume(gib=100)) == []


@pytest.mark.parametrize(
    ("changes", "volume", "instance_type", "told"),
    [
        ({"telemetry_per_s": 3000}, Volume(gib=100), "m7i.xlarge", "messages/s"),
        ({"records_per_s": 1001, "retention_days": 0.1}, Volume(gib=100), "m7i.xlarge", "raise volume.iops"),
        (
            {"records_per_s": 400, "record_bytes": 200_000, "retention_days": 0.001},
            Volume(gib=100),
            "m7i.xlarge",
            "MiB/s to disk",
        ),
        (
            {"records_per_s": 300, "record_bytes": 50_000, "retention_days": 0.001, "consumers": 20},
            Volume(gib=100, throughput_mib=500, iops=3000),
            "m7i.large",
            "Gbit/s out of one server",
        ),
        ({"retention_days": 60}, Volume(gib=100), "m7i.xlarge", "retention_days 60: keeps"),
        ({}, Volume(gib=20, iops=16_000), "m7i.xlarge", "gp3 allows 500 for each GiB"),
        ({}, Volume(gib=100, throughput_mib=1000), "m7i.xlarge", "a quarter MiB/s for each IOPS"),
        ({}, Volume(gib=100), "z9.nano", "its baselines are not known here"),
    ],
)
def test_what_does_not_fit_is_named_with_the_remedy(
    changes: dict[str, Any], volume: Volume, instance_type: str, told: str
) -> None:
    assert told in "\n".join(shortages(load(**changes), instance_type, volume))


def test_three_times_the_average_must_fit_and_no_less() -> None:
    limit = MESSAGES_PER_S / HEADROOM - FITS["records_per_s"]
    assert shortages(load(telemetry_per_s=int(limit)), "m7i.4xlarge", Volume(gib=100)) == []
    assert shortages(load(telemetry_per_s=int(limit) + 1), "m7i.4xlarge", Volume(gib=100))


def test_the_disk_is_the_slower_of_instance_and_volume() -> None:
    """m7i.large keeps up 650 Mbit/s, 77 MiB/s; the volume alone would do 125."""
    heavy = load(records_per_s=100, record_bytes=150_000, retention_days=0.001)
    assert "77.4" in "\n".join(shortages(heavy, "m7i.large", Volume(gib=100)))
    assert shortages(heavy, "m7i.xlarge", Volume(gib=100)) == []


def test_streams_keep_what_the_load_asks_for() -> None:
    limits = stream_limits(load())["order_events"]
    assert limits == {"max_bytes": 100 * (512 + 160) * 7 * 86_400, "max_age_s": 7 * 86_400}


def test_stream_limits_are_read_by_wire() -> None:
    import msgspec

    from wire.streams import BusLimits

    decoded = msgspec.convert(stream_limits(load()), BusLimits)
    assert decoded.order_events.max_age_s == 7 * 86_400
    assert decoded.order_events.replicas == 3


def test_every_instance_that_is_known_can_carry_something() -> None:
    for name in INSTANCES:
        assert shortages(load(records_per_s=10, telemetry_per_s=10), name, Volume(gib=100)) == [], name


RULES: dict[str, Any] = {
    "instance_type": "m7i.xlarge",
    "release_file": "nats-server-v2.15.1-linux-amd64.tar.gz",
    "zones": ["a", "b", "c"],
    "addresses": ["10.0.0.1", "10.0.1.1", "10.0.2.1"],
    "protect": True,
}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ""),
        ({"zones": ["a", "a", "b"]}, "the loss of one zone takes the quorum"),
        ({"zones": ["a", "b"], "addresses": ["1", "2"]}, "needs 3 servers, or 5"),
        ({"zones": list("abca"), "addresses": list("1234")}, "an even number tolerates no more losses"),
        ({"addresses": ["1", "1", "2"]}, "one of its own"),
        ({"instance_type": "t3.large"}, "burstable"),
        ({"instance_type": "t3.large", "protect": False}, ""),
        ({"instance_type": "m7g.xlarge"}, "linux-arm64"),
        ({"instance_type": "c6gn.xlarge"}, "linux-arm64"),
    ],
)
def test_launch_rules(changes: dict[str, Any], told: str) -> None:
    problems = broken_rules(**{**RULES, **changes})
    assert (told in "\n".join(problems)) if told else problems == []
