"""Which roles run on which host. No Pulumi import."""

from __future__ import annotations

from typing import Literal

# in the order in which each can get ready
ACTIVE_ROLES = ("feed-handler", "order-router", "strategy", "agent")
# its books are warm; the order session is the active host's alone
STANDBY_ROLES = ("feed-handler", "agent")


def roles_of(place: Literal["active", "standby"]) -> tuple[str, ...]:
    return ACTIVE_ROLES if place == "active" else STANDBY_ROLES
