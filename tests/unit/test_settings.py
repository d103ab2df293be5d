"""Stack settings: every error names the stack file, the key, the value and the fix, all at once."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stacks.settings import LocalSettings, Ports, from_file, parse, price4
from stacks.stack_file import SettingsError, read_stack_file

ROOT = Path(__file__).resolve().parents[2]
STACK_FILE = ROOT / "Pulumi.local.yaml"


@pytest.fixture
def raw() -> dict[str, Any]:
    return deepcopy(read_stack_file(STACK_FILE))


def errors_of(raw: dict[str, Any]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse(raw, "Pulumi.local.yaml")
    return str(caught.value).splitlines()


def test_the_shipped_stack_file_is_valid() -> None:
    settings = from_file(STACK_FILE)
    assert settings.environment == "local"
    assert settings.symbol == "IRON"


@pytest.mark.parametrize(
    ("section", "key", "value", "expected"),
    [
        ("strategy", "quote_size", 5, "ironlane:strategy.quote_size = 5: unknown key; known here: class, parameters"),
        ("ports", "base", "17000", "ironlane:ports.base = '17000': Input should be a valid integer"),
        ("ports", "base", 80, "ironlane:ports.base = 80: Input should be greater than or equal to 1024"),
        ("replay", "speed", "fast", "ironlane:replay.speed = 'fast': must be a number above 0, or the word max"),
        ("replay", "speed", 0, "ironlane:replay.speed = 0: must be a number above 0, or the word max"),
        ("replay", "on_bad_row", "ignore", "ironlane:replay.on_bad_row = 'ignore': Input should be 'stop' or 'skip'"),
        ("limits", "max_order_quantity", 0, "ironlane:limits.max_order_quantity = 0: Input should be greater"),
        ("limits", "max_notional", "lots", "ironlane:limits.max_notional = 'lots'"),
        ("instrument", "tick", "0.00001", "ironlane:instrument.tick = '0.00001'"),
        ("instrument", "symbol", "iron", "ironlane:instrument.symbol = 'iron'"),
    ],
)
def test_each_error_names_file_key_value(
    raw: dict[str, Any], section: str, key: str, value: object, expected: str
) -> None:
    raw[section][key] = value
    (line,) = errors_of(raw)
    assert line.startswith(f"Pulumi.local.yaml: {expected}")


def test_all_errors_at_once(raw: dict[str, Any]) -> None:
    raw["nonsense"] = 1
    raw["ports"]["base"] = "x"
    raw["replay"]["seed"] = -1
    assert len(errors_of(raw)) == 3


def test_overlapping_cpus_name_both_roles_and_the_cpu(raw: dict[str, Any]) -> None:
    raw["placement"] |= {"strategy": {"cpus": [2, 3]}, "order_router": {"cpus": [3]}}
    (line,) = errors_of(raw)
    assert "ironlane:placement" in line
    assert "strategy and order-router both claim cpu 3" in line


def test_a_foreign_key_and_a_missing_file_are_named(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.x.yaml"
    with pytest.raises(SettingsError, match="no such stack file"):
        from_file(file)
    file.write_text("config:\n  aws:region: x\n")
    with pytest.raises(SettingsError, match="aws:region: unknown key"):
        from_file(file)
    file.write_text("config: [\n")
    with pytest.raises(SettingsError, match="not readable as YAML"):
        from_file(file)


def test_a_recorded_flow_brings_its_symbol(raw: dict[str, Any]) -> None:
    raw["replay"]["file"] = "x/AAPL_2012-06-21_34200000_37800000_message_50.csv.gz"
    assert parse(raw, "f").symbol == "AAPL"


def test_settings_are_frozen(raw: dict[str, Any]) -> None:
    settings = parse(raw, "f")
    with pytest.raises(ValueError, match="frozen"):
        settings.ports = Ports()  # type: ignore[misc]


def test_ports_never_collide() -> None:
    settings = LocalSettings(environment="local")
    ports = settings.ports
    every = [ports.venue_order_entry, ports.venue_glimpse, ports.venue_rerequest, *ports.feed_lines, ports.venue_admin]
    every += [ports.agent, ports.oms, ports.postgres, *ports.nats_client, *ports.nats_cluster, *ports.nats_monitor]
    assert len(set(every)) == len(every)


@given(st.integers(min_value=1, max_value=10**12))
def test_price4_is_exact(units: int) -> None:
    assert price4(Decimal(units) / 10_000) == units
