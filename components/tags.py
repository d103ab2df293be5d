"""Tags of every AWS resource: which environment it belongs to and which component made it."""

from __future__ import annotations


def tags(environment: str, component: str, **more: str) -> dict[str, str]:
    return {"ironlane:environment": environment, "ironlane:component": component, **more}
