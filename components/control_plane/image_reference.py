"""Container images by digest: a tag can be moved to another image after the review. No Pulumi import."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, model_validator

REPOSITORY = r"^[a-z0-9]+(?:[._-][a-z0-9]+)*(?:/[a-z0-9]+(?:[._-][a-z0-9]+)*)*$"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


class PinnedImage(BaseModel):
    """`repository@sha256:digest`; repository: name in the account's own registry, without host."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repository: str = Field(pattern=REPOSITORY)
    digest: str

    @model_validator(mode="before")
    @classmethod
    def _text(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        repository, at, digest = value.partition("@")
        if not at or not _DIGEST.match(digest):
            name = repository.split(":", 1)[0]
            raise ValueError(
                f"image {value!r} is not pinned: a tag can be moved. Write {name}@sha256:<64 hex digits>; `aws ecr"
                f" describe-images --repository-name ironlane-<environment>/{name}` shows the digests"
            )
        return {"repository": repository, "digest": digest}
