"""Which engine bundle runs: its version and its digest, and from them every name it has."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

BUNDLES = "engines/"  # prefix in the artifact bucket


class BundlePin(BaseModel):
    """`make engine` prints both; only the file with this digest is uploaded, installed or run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = Field(pattern=r"^[0-9][0-9A-Za-z.+-]{0,40}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @property
    def file(self) -> str:
        return f"ironlane-engine-{self.version}.zip"

    @property
    def key(self) -> str:
        """Of the object in the bucket."""
        return f"{BUNDLES}{self.sha256}/{self.file}"

    @property
    def path(self) -> str:
        """Below the folder of built artifacts."""
        return f"{self.sha256}/{self.file}"
