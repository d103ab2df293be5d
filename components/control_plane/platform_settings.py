"""Settings of the platform on Kubernetes, and of its database, cache and images. No Pulumi import but by its parts."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.control_plane.cache import CacheSettings
from components.control_plane.database import DatabaseSettings
from components.control_plane.image_reference import PinnedImage
from components.control_plane.platform import Sizes
from components.control_plane.pod_flows import Program

REPLICATED = frozenset({Program.MARKET_DATA_RECORDER, Program.REFERENCE_DATA, Program.ADMIN, Program.AUDIT_INGEST})


class PlatformSettings(BaseModel):
    """placed: whether the objects on the cluster are part of the stack.

    database_ca_pem: the authority that RDS certificates of the region come from, as AWS publishes it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    placed: bool
    database: DatabaseSettings
    database_ca_pem: str = Field(pattern=r"^-----BEGIN CERTIFICATE-----")
    cache: CacheSettings
    images: dict[Program, PinnedImage]
    replicas: dict[Program, Annotated[int, Field(ge=1, le=100)]] = Field(default_factory=dict)
    sizes: Sizes = Sizes()

    @model_validator(mode="after")
    def _complete(self) -> PlatformSettings:
        missing = sorted(set(Program) - set(self.images))
        if missing:
            raise ValueError(f"images: {', '.join(missing)} missing; pin each program's image by digest")
        fixed = sorted(set(self.replicas) - REPLICATED)
        if fixed:
            raise ValueError(
                f"replicas: {', '.join(fixed)} run as one, scale by themselves (sizes) or are jobs; set those of"
                f" {', '.join(sorted(REPLICATED))}"
            )
        return self
