"""Settings of what watches an environment."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from components.observability.alert_delivery import Subscriptions
from components.observability.chart_values import ChartSettings


class ObservabilitySettings(BaseModel):
    """repository_url: where people read this repository, so that alerts link to their runbooks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    chart: ChartSettings
    subscriptions: Subscriptions
    repository_url: str | None = Field(None, pattern=r"^https://")
