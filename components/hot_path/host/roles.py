"""Roles that may run on a trading host: a list of types, so that an exchange's host is a list of other roles."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict


class Role(BaseModel):
    """pinned: has CPUs of its own, isolated from all else; otherwise it runs on the housekeeping CPUs.

    wire: talks to the network on its hot loop, so its CPUs must be on the network card's node.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    pinned: bool
    wire: bool


ROLES = {
    role.name: role
    for role in (
        Role(name="feed-handler", pinned=True, wire=True),
        Role(name="strategy", pinned=True, wire=False),
        Role(name="order-router", pinned=True, wire=True),
        Role(name="composite", pinned=True, wire=True),
        Role(name="venue", pinned=True, wire=True),
        Role(name="agent", pinned=False, wire=False),
    )
}


def known_roles(names: Iterable[str]) -> tuple[Role, ...]:
    """Raises ValueError for a name that is unknown or given twice."""
    wanted = list(names)
    unknown = sorted(set(wanted) - set(ROLES))
    if unknown:
        raise ValueError(f"roles {', '.join(unknown)}: unknown; known are {', '.join(ROLES)}")
    twice = sorted({name for name in wanted if wanted.count(name) > 1})
    if twice:
        raise ValueError(f"roles {', '.join(twice)}: named twice; a role runs once on a host")
    return tuple(ROLES[name] for name in wanted)
