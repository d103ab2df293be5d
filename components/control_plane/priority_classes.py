"""Who is evicted for whom when the nodes are full."""

from __future__ import annotations

from enum import StrEnum

import pulumi
from pulumi_kubernetes.scheduling.v1 import PriorityClass

from components.options import child_options


class Priority(StrEnum):
    TRADING = "ironlane-trading"
    SUPPORT = "ironlane-support"
    BATCH = "ironlane-batch"


# below the classes of Kubernetes itself (2,000,000,000), above pods without a class (0)
VALUES = {
    Priority.TRADING: (1_000_000, "PreemptLowerPriority", "orders and risk"),
    Priority.SUPPORT: (100_000, "PreemptLowerPriority", "records, reference data, console"),
    # waits for room instead of taking it
    Priority.BATCH: (1_000, "Never", "reports and backtests"),
}


class PriorityClasses(pulumi.ComponentResource):
    """Cluster-wide objects, one per priority."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:control_plane:PriorityClasses", name, {}, opts)
        for priority, (value, preemption, what) in VALUES.items():
            PriorityClass(
                f"{name}-{priority.name.lower()}",
                metadata={"name": priority.value},
                value=value,
                preemption_policy=preemption,
                description=what,
                global_default=False,
                opts=child_options(self, opts),
            )
        self.register_outputs({})
