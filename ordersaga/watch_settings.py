"""Settings of what is told about a process while it runs: traces, metrics, log levels."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from pydantic import Field
from pydantic_settings import BaseSettings

Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

_ADDRESS: Final = r"^([^\s:]+:[0-9]{1,5})?$"


class WatchSettings(BaseSettings):
    """Where a process tells how it does. `ordersaga.settings` has the rest."""

    otlp_endpoint: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        description="an OpenTelemetry collector that takes OTLP over HTTP, as http://collector:4318; empty: no traces",
    )
    trace_share: float = Field(
        default=1.0, ge=0, le=1, description="of the traces that begin here; what a caller traces is traced on"
    )
    metrics_address: str = Field(
        default="",
        pattern=_ADDRESS,
        description="host:port on which a worker serves its own metrics; empty: nowhere. The API has /metrics",
    )
    temporal_metrics_address: str = Field(
        default="",
        pattern=_ADDRESS,
        description="host:port on which Temporal's SDK in this process serves its metrics; empty: nowhere",
    )
    metrics_sellers: int = Field(
        default=0,
        ge=0,
        le=200,
        description="so many sellers, those with the most orders to ship, are named in metrics; the others are one",
    )
    log_levels: Mapping[str, Level] = Field(
        default_factory=dict, description="of single loggers, which go before log_level"
    )
    log_levels_file: Path | None = Field(
        default=None, description="file of `logger=LEVEL` lines, read again whenever it changes; goes before log_levels"
    )
