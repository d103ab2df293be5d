"""What the API answers, as OpenAPI knows it. Prices are decimal strings, with the Price(4) integer beside them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, Field

_SCALE = 10_000


def decimal(raw: int) -> str:
    """A Price(4) integer (or a sum of price x shares) as dollars with four decimals, exactly."""
    whole, fraction = divmod(abs(raw), _SCALE)
    return f"{'-' if raw < 0 else ''}{whole}.{fraction:04d}"


class OrderView(BaseModel):
    id: int
    host: str
    session: str = Field(description="Venue session; empty for an order refused before it left the host")
    user_ref_num: int = Field(description="OUCH number, 0 for a refused order")
    strategy_epoch: int
    order_id: int
    orig_user_ref_num: int
    replaced_by: int
    cl_ord_id: str
    order_reference_number: int
    symbol: str
    side: str
    time_in_force: str
    flags: int
    price: str
    price_raw: int
    quantity: int = Field(description="Total of the replace chain")
    leaves: int
    filled: int = Field(description="Shares filled in the whole replace chain")
    executed: int = Field(description="Shares filled under this number")
    average_price: str | None = Field(description="Of the shares filled under this number, rounded down")
    canceled: int
    state: str
    accepted: bool
    reason: str
    first_sequence: int
    last_epoch: int
    last_sequence: int
    created_ns: int
    updated_ns: int

    @classmethod
    def of(cls, row: Any) -> OrderView:
        values = dict(row)
        notional = values.pop("executed_notional")
        values.pop("last_venue_sequence")
        raw = values.pop("price")
        average = decimal(notional // values["executed"]) if values["executed"] else None
        return cls(**values, price=decimal(raw), price_raw=raw, average_price=average)


class FillView(BaseModel):
    id: int
    host: str
    session: str
    user_ref_num: int
    match_number: int
    symbol: str
    side: str
    price: str
    price_raw: int
    quantity: int
    realised: str = Field(description="Profit realised by this fill, average cost")
    realised_raw: int
    broken: bool
    venue_ns: int
    wall_ns: int
    epoch: int
    sequence: int

    @classmethod
    def of(cls, row: Any) -> FillView:
        values = dict(row)
        price, realised = values.pop("price"), values.pop("realised")
        return cls(**values, price=decimal(price), price_raw=price, realised=decimal(realised), realised_raw=realised)


class PositionView(BaseModel):
    host: str
    symbol: str
    quantity: int
    average_price: str | None = Field(description="Average cost of the open position, rounded down")
    cost: str
    cost_raw: int
    realised: str
    realised_raw: int
    bought: int
    sold: int
    bought_notional: str
    sold_notional: str
    fills: int
    updated_ns: int

    @classmethod
    def of(cls, row: Any) -> PositionView:
        held = abs(row["quantity"])
        return cls(
            host=row["host"],
            symbol=row["symbol"],
            quantity=row["quantity"],
            average_price=decimal(row["cost"] // held) if held else None,
            cost=decimal(row["cost"]),
            cost_raw=row["cost"],
            realised=decimal(row["realised"]),
            realised_raw=row["realised"],
            bought=row["bought"],
            sold=row["sold"],
            bought_notional=decimal(row["bought_notional"]),
            sold_notional=decimal(row["sold_notional"]),
            fills=row["fills"],
            updated_ns=row["updated_ns"],
        )


class IncidentView(BaseModel):
    id: int
    kind: str
    stream_sequence: int
    host: str
    role: str
    epoch: int
    sequence: int
    detail: str
    at: datetime
    acknowledged_by: str | None
    acknowledged_reason: str | None
    acknowledged_at: datetime | None


class SourceView(BaseModel):
    host: str
    role: str
    epoch: int
    applied_sequence: int
    highest_sequence: int
    held: int = Field(description="Events stored behind a gap")
    position_mismatches: int = Field(description="Fills after which the router's position differed from ours")
    updated_ns: int


class GateView(BaseModel):
    name: str
    ok: bool
    reason: str


class ReadyView(BaseModel):
    ready: bool
    gates: list[GateView]


class CountsView(BaseModel):
    orders: int
    open_orders: int
    canceled: int
    refused: int
    fills: int
    events: int


class StatusView(BaseModel):
    environment: str
    ready: bool
    gates: list[GateView]
    schema_version: int
    bus_server: str
    bus_connects: int
    lag: int | None = Field(description="Events in the stream that are not stored yet; null when unknown")
    sources: list[SourceView]
    incidents_open: int | None
    stored_events: int = Field(description="By this process")
    duplicates: int
    applied_events: int
    database_errors: int
    stream_errors: int
    last_batch_s: float
    counts: CountsView
    refusals: dict[str, int]


_Item = TypeVar("_Item")


class Page(BaseModel, Generic[_Item]):
    """`next` goes into the parameter of the same request that continues it; null on the last page."""

    items: list[_Item]
    next: str | None
