"""Node pools of the cluster, and the label and taint that keep pods on theirs. No Pulumi import."""

from __future__ import annotations

from typing import Literal

Pool = Literal["system", "trading", "observability"]
POOL_LABEL = "ironlane/pool"
