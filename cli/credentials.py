"""Whether this machine has credentials for AWS. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


def has_credentials(env: Mapping[str, str]) -> bool:
    """Whether the AWS SDK would find any where it looks first; whether they are good only AWS knows."""
    files = Path(env.get("HOME", "/")) / ".aws"
    named = any(env.get(name) for name in _VARIABLES)
    return named or any((files / name).exists() for name in ("credentials", "config"))
