"""Parameters of the market maker, shared by its Cython and its Python form."""

from __future__ import annotations

from typing import Annotated

import msgspec

NS_PER_MS = 1_000_000


class MarketMakerParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Shares, ticks and milliseconds. The full spread is the wider of spread_ticks and spread_bps of the mid."""

    quote_size: Annotated[int, msgspec.Meta(ge=1, le=999_999)] = 100
    position_limit: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)] = 1_000
    spread_ticks: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 4
    spread_bps: Annotated[float, msgspec.Meta(ge=0, le=1_000)] = 0.0
    skew_ticks: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 4  # shift of both quotes at the position limit
    refresh_ticks: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1  # replace only when off by at least this
    requote_ms: Annotated[int, msgspec.Meta(ge=0, le=60_000)] = 5  # least time between two messages about one side
    cool_down_ms: Annotated[int, msgspec.Meta(ge=1, le=600_000)] = 500  # pause of a side after a refusal

    def __post_init__(self) -> None:
        if self.spread_ticks == 0 and self.spread_bps == 0:
            raise ValueError("spread_ticks and spread_bps are both 0; set at least one of them")

    @property
    def spread_hundredths_of_bps(self) -> int:
        """spread_bps as an integer, so that prices never come from floating point."""
        return round(self.spread_bps * 100)
