"""What one backtest is asked to do, and what it is done with. Errors name the option and the fix."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from hotpath.config import ConfigError, Instrument, Limits
from hotpath.venue.flow import FlowError, FlowSource
from hotpath.venue.generator import GeneratedFlow
from hotpath.venue.lobster import RecordedFlow, read_lobster

# those of the local stack
DEFAULT_LIMITS = Limits(
    max_order_quantity=1_000,
    max_notional=10_000_000_000,  # 1,000,000.00 dollar
    max_position=2_000,
    collar_bps=500,
    max_messages_per_second=2_000,
    max_open_orders=64,
)
MAX_LATENCY_US = 60_000_000
Value = int | float | str | bool


class Backtest(msgspec.Struct, frozen=True, kw_only=True):
    """One run. Latencies are one way, in microseconds; either `replay` or `rows` and `seed` say what happens."""

    strategy: str
    parameters: dict[str, Value] = {}
    replay: Path | None = None
    on_bad_row: str = "stop"
    rows: int | None = None
    seed: int = 1
    rows_per_second: float = 200.0
    reference_price: int = 1_000_000
    instrument: Instrument = Instrument(symbol="IRON")
    limits: Limits = DEFAULT_LIMITS
    market_data_latency_us: Annotated[int, msgspec.Meta(ge=0, le=MAX_LATENCY_US)] = 0
    order_latency_us: Annotated[int, msgspec.Meta(ge=0, le=MAX_LATENCY_US)] = 0
    timer_ms: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 100
    sample_ms: Annotated[int, msgspec.Meta(ge=1, le=3_600_000)] = 1_000


def read_source(settings: Backtest) -> FlowSource:
    """The other participants' rows. Raises ConfigError."""
    try:
        if settings.replay is not None:
            return read_lobster(settings.replay, settings.on_bad_row)
        return GeneratedFlow(
            settings.seed,
            settings.rows_per_second,
            settings.reference_price,
            settings.instrument.tick,
            settings.rows,
        )
    except FlowError as error:
        raise ConfigError(f"backtest: {error}") from error


def parse_parameters(given: list[str]) -> dict[str, Value]:
    """--parameters: name=value pairs and JSON files, later ones win. Raises ConfigError."""
    values: dict[str, Value] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if equals and name.isidentifier():
            values[name] = _value(value)
        else:
            values.update(_read_parameters(Path(text)))
    return values


def parse_limits(given: list[str]) -> Limits:
    """--limit: name=value pairs over the local stack's limits. Raises ConfigError."""
    names = [field.name for field in msgspec.structs.fields(Limits)]
    values: dict[str, int] = {}
    for text in given:
        name, _, value = text.partition("=")
        if name not in names:
            raise ConfigError(f"--limit {text}: unknown limit; the valid ones are: {', '.join(names)}")
        if not value.isdecimal():
            raise ConfigError(f"--limit {text}: the value must be a whole number of 0 or more")
        values[name] = int(value)
    return msgspec.structs.replace(DEFAULT_LIMITS, **values)


def recorded_symbol(source: FlowSource) -> str:
    """What the file's name says that it recorded; empty when it does not."""
    return source.symbol if isinstance(source, RecordedFlow) else ""


def _value(text: str) -> Value:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _read_parameters(path: Path) -> dict[str, Value]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"--parameters {path}: cannot be read ({error.strerror}); give name=value or a JSON file"
        ) from error
    try:
        return msgspec.json.decode(raw, type=dict[str, Value])
    except msgspec.DecodeError as error:
        raise ConfigError(f"--parameters {path}: {error}; it must be one JSON object of parameters") from error
