"""A stack's file: reading it, and checking it against the typed settings of its environment, all errors at once."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

PROJECT = "ironlane"
CONFIG_FILE_VARIABLE = "IRONLANE_CONFIG_FILE"  # set by the command line when the stack file is not Pulumi.<stack>.yaml

Model = TypeVar("Model", bound=BaseModel)


class SettingsError(Exception):
    """Settings that cannot be used. The text lists every error with its stack file, key, value and fix."""


class Settings(BaseModel):
    """Base of every section of a stack file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


def _section(model: type[BaseModel], path: list[str]) -> type[BaseModel]:
    """The model that a path of keys leads to, as far as it can be followed."""
    for part in path:
        field = model.model_fields.get(part)
        kinds = [] if field is None else [field.annotation, *get_args(field.annotation)]
        found = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        if found is not None:
            model = found
    return model


def _describe(model: type[BaseModel], source: str, error: Mapping[str, Any]) -> str:
    loc = [str(part) for part in error["loc"]]
    key = f"{PROJECT}:{'.'.join(loc)}" if loc else f"{PROJECT}:*"
    value = error.get("input")
    kind = error["type"]
    if kind == "extra_forbidden":
        fields = _section(model, loc[:-1]).model_fields
        known = ", ".join(sorted(field.alias or name for name, field in fields.items()))
        return f"{source}: {key} = {value!r}: unknown key; known here: {known}. Remove or rename it."
    if kind == "missing":
        return f"{source}: {key} is missing; add it."
    shown = "" if isinstance(value, (dict, BaseModel)) else f" = {value!r}"
    lines = error["msg"].removeprefix("Value error, ").splitlines()
    # a section's own rules name the rest of the key first: `.hosts.0.cores: ...`
    return "\n".join(f"{source}: {key}{line if line.startswith('.') else f'{shown}: {line}'}." for line in lines)


def validate(model: type[Model], raw: Mapping[str, Any], source: str) -> Model:
    """The `ironlane:` keys (without the prefix) as settings. Raises SettingsError with every error."""
    try:
        return model.model_validate(dict(raw))
    except ValidationError as error:
        lines = [_describe(model, source, dict(e)) for e in error.errors()]
        raise SettingsError("\n".join(lines)) from None


def read_stack_file(path: Path) -> dict[str, Any]:
    """The `ironlane:` keys of a stack file, unprefixed. Raises SettingsError when it is not a stack file."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such stack file; stacks here: {_stack_files(path.parent)}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    config = document.get("config") if isinstance(document, dict) else None
    if not isinstance(config, dict):
        raise SettingsError(f"{path}: has no `config:` mapping; start from Pulumi.local.yaml")
    foreign = [key for key in config if not str(key).startswith(f"{PROJECT}:")]
    if foreign:
        raise SettingsError(
            "\n".join(
                f"{path.name}: {key}: unknown key; settings of this program begin with {PROJECT}:" for key in foreign
            )
        )
    return unprefixed(config)


def unprefixed(config: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key).removeprefix(f"{PROJECT}:"): value for key, value in config.items()}


def _stack_files(folder: Path) -> str:
    return ", ".join(sorted(p.name for p in folder.glob("Pulumi.*.yaml"))) or "none"


def received(stack: str) -> tuple[dict[str, Any], str]:
    """The keys as the running Pulumi program received them, and the name of the file for messages."""
    values: dict[str, str] = json.loads(os.environ.get("PULUMI_CONFIG", "{}"))
    raw: dict[str, Any] = {}
    for key, text in values.items():
        namespace, _, name = key.partition(":")
        if namespace != PROJECT:
            continue
        raw[name] = json.loads(text) if text[:1] in "{[" else text
    return raw, Path(os.environ.get(CONFIG_FILE_VARIABLE, f"Pulumi.{stack}.yaml")).name
