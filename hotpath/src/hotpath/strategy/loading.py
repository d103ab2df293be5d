"""From a `module:Class` name and a table of parameters to a strategy object, with errors that name key and fix."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import msgspec

from hotpath.config import ConfigError, Instrument
from hotpath.strategy.base import Strategy
from hotpath.strategy.python_base import PythonDesk, PythonStrategy


def load_class(name: str) -> type[Strategy] | type[PythonStrategy]:
    """The class that `module:Class` names. Raises ConfigError."""
    module_name, _, class_name = name.partition(":")
    if not module_name or not class_name:
        raise ConfigError(
            f"strategy: {name!r} must be module:Class, for example hotpath.strategy.market_maker:MarketMaker"
        )
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ConfigError(
            f"strategy: module {module_name!r} cannot be imported ({error}); is it installed and built?"
        ) from error
    found = getattr(module, class_name, None)
    if found is None:
        raise ConfigError(f"strategy: module {module_name!r} has no {class_name!r}")
    if not isinstance(found, type) or not issubclass(found, (Strategy, PythonStrategy)):
        raise ConfigError(
            f"strategy: {name} must extend hotpath.strategy.base.Strategy (Cython) or "
            "hotpath.strategy.python_base.PythonStrategy"
        )
    return found


def bind_parameters(kind: type[msgspec.Struct], values: Mapping[str, object]) -> msgspec.Struct:
    """An instance of a strategy's Parameters. ConfigError for unknown, missing, mistyped and out-of-range ones."""
    valid = msgspec.structs.fields(kind)
    names = ", ".join(field.name for field in valid) or "none"
    unknown = sorted(set(values) - {field.name for field in valid})
    if unknown:
        raise ConfigError(f"parameters: unknown {', '.join(unknown)}; the valid ones are: {names}")
    try:
        return msgspec.convert(dict(values), kind)
    except msgspec.ValidationError as error:  # names the key as `$.key`
        raise ConfigError(f"parameters: {error}; the valid ones are: {names}") from error


def make_strategy(
    name: str, values: Mapping[str, object], instrument: Instrument, strategy_epoch: int
) -> tuple[Strategy, bool]:
    """The strategy, and whether it is a Python one (the slow path). Raises ConfigError."""
    found = load_class(name)
    parameters: Any = bind_parameters(found.Parameters, values)
    try:
        if issubclass(found, PythonStrategy):
            return PythonDesk(parameters, instrument, strategy_epoch, found), True
        return found(parameters, instrument, strategy_epoch), False
    except ValueError as error:
        raise ConfigError(f"parameters: {error}") from error
