"""Images by digest only."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from components.control_plane.image_reference import PinnedImage

DIGEST = f"sha256:{'0a' * 32}"


def test_a_digest_pins() -> None:
    assert PinnedImage.model_validate(f"team/oms@{DIGEST}") == PinnedImage(repository="team/oms", digest=DIGEST)


@pytest.mark.parametrize(
    "unpinned",
    ["controlplane", "controlplane:1.2.3", "controlplane:latest", "controlplane@sha256:abc", f"controlplane@{DIGEST}0"],
)
def test_an_unpinned_image_is_refused_with_what_to_do(unpinned: str) -> None:
    with pytest.raises(ValidationError, match=r"is not pinned: .* Write controlplane@sha256:<64 hex digits>; `aws ecr"):
        PinnedImage.model_validate(unpinned)


@pytest.mark.parametrize("name", ["", "Upper", "host.test:5000/controlplane", "../controlplane"])
def test_a_repository_is_a_name_of_the_own_registry(name: str) -> None:
    with pytest.raises(ValidationError):
        PinnedImage.model_validate(f"{name}@{DIGEST}")
