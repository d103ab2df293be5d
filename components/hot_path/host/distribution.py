"""The Linux distributions whose file names are known."""

from __future__ import annotations

from typing import Literal

Distribution = Literal["amazon-linux-2023", "debian"]
