"""Which of its roles a host runs. No Pulumi import."""

from __future__ import annotations

from typing import Literal

# the order session is the active host's alone, and nobody asks for orders where there is none
ORDER_ROLES = frozenset({"strategy", "order-router", "composite"})


def started_roles(place: Literal["active", "standby"], roles: tuple[str, ...]) -> tuple[str, ...]:
    """Of a host's roles those that run: a standby is specified like the active host, and keeps its books warm."""
    return roles if place == "active" else tuple(role for role in roles if role not in ORDER_ROLES)
