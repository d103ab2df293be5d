"""What EC2 would refuse for the bus servers, and what would take the quorum with one zone: errors before AWS is asked.

Pure. Each message names the rule of the EC2 user guide, or of Raft, that it follows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_BURSTABLE = re.compile(r"^t\d")
_ARM = re.compile(r"^[a-z]+\d+[a-z]*g[a-z]*\.")  # Graviton: a g after the generation


def broken_rules(
    *, instance_type: str, release_file: str, zones: Sequence[str], addresses: Sequence[str], protect: bool
) -> list[str]:
    """Every rule that these settings break; empty when a launch can work. zones and addresses: one per server."""
    problems = []
    if len(zones) not in (3, 5):
        problems.append(
            f"servers: {len(zones)}; a stream with three replicas needs 3 servers, or 5: an even number tolerates no"
            " more losses than one less"
        )
    if len(set(zones)) < min(len(zones), 3):
        problems.append(
            f"zones {', '.join(zones)}: three different ones are needed; else the loss of one zone takes the quorum"
        )
    if len(set(addresses)) != len(addresses):
        problems.append(f"addresses {', '.join(addresses)}: each server needs one of its own")
    if protect and _BURSTABLE.match(instance_type):
        problems.append(
            f"instance_type {instance_type}: burstable; out of CPU credits it misses Raft heartbeats and the streams"
            " change leaders (EC2 burstable performance); choose another type for a protected environment"
        )
    wanted = "arm64" if _ARM.match(instance_type) else "amd64"
    if f"-linux-{wanted}." not in release_file:
        problems.append(f"release.file {release_file}: {instance_type} needs the build for linux-{wanted}")
    return problems
