"""`GET /metrics`: gauges in Prometheus' text format, read from PostgreSQL when they are asked for, and this process's
own meters (`ordersaga.meters`).

| gauge | labels |
|---|---|
| `ordersaga_orders` | `status` |
| `ordersaga_inbox_messages` | `status` |
| `ordersaga_attention_open` | `kind` |
| `ordersaga_attention_oldest_age_seconds` | `kind` |
| `ordersaga_attention_money_minor_units` | `kind`, `currency` |
| `ordersaga_findings_open` | `kind` |
| `ordersaga_lane_paused`, `ordersaga_lane_backlog`, `ordersaga_lane_oldest_age_seconds` | `lane` |
| `ordersaga_lane_breaker` (0 closed, 1 half-open, 2 open) | `lane` |
| `ordersaga_reconciliation_age_seconds` | none: since the schedule's last run ended; absent before the first one |
| `ordersaga_stops_standing` | none: stops that keep orders out, or will |
| `ordersaga_stop_orders` | `answer`; of stops that have not ended |
| `ordersaga_checkouts_refused_total` | `reason`: `sold_out`, `stopped`, `queue`, `lag`; since the process began |

What stands open is in `standing_gauges`. Nothing in it names an order or a person, and sellers only where a setting
says so.
"""

import asyncio
import ipaddress
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from fastapi.security import HTTPAuthorizationCredentials
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ordersaga import meters
from ordersaga.api.access import ServicesDep, bearer, whole_overseer
from ordersaga.api.lane_metrics import LaneReadings
from ordersaga.api.lane_shapes import LaneView
from ordersaga.api.lanes import lane_views
from ordersaga.api.pressure_gauges import BacklogGauges
from ordersaga.api.standing_gauges import Standing, StandingGauges
from ordersaga.api.stop_metrics import StopReadings
from ordersaga.bootstrap import Services
from ordersaga.domain.journal import AttentionAge
from ordersaga.domain.statuses import OrderStatus
from ordersaga.settings import Settings

FRESH: Final = 5.0
"""Seconds for which one reading is answered to everybody who asks."""
EASY: Final = 0.1
"""Seconds that a look may take: after one that takes longer, the next comes as many times later."""
LATEST: Final = 100
"""Runs among which the schedule's last one is looked for."""
MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

router = APIRouter(tags=["health"])


@dataclass(frozen=True)
class Reconciled:
    """Open findings by kind, and when the schedule's last run ended."""

    findings: Mapping[str, int]
    ended_at: datetime | None


class Readings(Collector):
    """One look at the database, as gauges."""

    def __init__(
        self,
        orders: Mapping[OrderStatus, int],
        inbox: Mapping[str, int],
        ages: Sequence[AttentionAge],
        now: datetime,
        reconciled: Reconciled | None = None,
    ) -> None:
        self._orders, self._inbox, self._ages, self._now = orders, inbox, ages, now
        self._reconciled = reconciled or Reconciled({}, None)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The gauges; a kind of question that nobody asks has none."""
        yield _by_status("ordersaga_orders", "Orders by status.", self._orders.items())
        help_text = "Messages of outside companies that wait for their delivery, or were given up."
        yield _by_status("ordersaga_inbox_messages", help_text, self._inbox.items())
        yield from self._attention()
        yield from self._reconciliation()

    def _reconciliation(self) -> Iterable[GaugeMetricFamily]:
        counts: dict[tuple[str, ...], float] = {(kind,): count for kind, count in self._reconciled.findings.items()}
        yield _gauge("ordersaga_findings_open", "Disagreements with the companies' records.", ("kind",), counts)
        ended = self._reconciled.ended_at
        age: dict[tuple[str, ...], float] = {(): max(0.0, (self._now - ended).total_seconds())} if ended else {}
        yield _gauge("ordersaga_reconciliation_age_seconds", "Since the schedule's last run ended.", (), age)

    def _attention(self) -> Iterable[GaugeMetricFamily]:
        count, money, oldest = Counter[tuple[str, ...]](), Counter[tuple[str, ...]](), dict[tuple[str, ...], float]()
        for row in self._ages:
            kind, seconds = (row.kind,), max(0.0, (self._now - row.oldest_opened_at).total_seconds())
            count[kind] += row.open
            oldest[kind] = max(seconds, oldest.get(kind, 0.0))
            if row.currency:
                money[row.kind, row.currency] += row.money
        yield _gauge("ordersaga_attention_open", "Questions that wait for a person.", ("kind",), count)
        help_text = "How long the oldest question of a kind has been waiting."
        yield _gauge("ordersaga_attention_oldest_age_seconds", help_text, ("kind",), oldest)
        help_text = "Money at stake in open questions."
        yield _gauge("ordersaga_attention_money_minor_units", help_text, ("kind", "currency"), money)


def _by_status(name: str, help_text: str, counts: Iterable[tuple[str, int]]) -> GaugeMetricFamily:
    return _gauge(name, help_text, ("status",), {(str(status),): count for status, count in counts})


def _gauge(
    name: str, help_text: str, labels: Sequence[str], values: Mapping[tuple[str, ...], float]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_text, labels=labels)
    for label_values, value in sorted(values.items()):
        family.add_metric(label_values, value)
    return family


class Metrics:
    """The text of the gauges; scrapes that come together, or within `FRESH`, cost one look at the database."""

    def __init__(self, services: Services, fresh: float = FRESH, collectors: Iterable[Collector] = ()) -> None:
        self._services, self._fresh, self._collectors = services, fresh, tuple(collectors)
        self._turn = asyncio.Lock()
        self._text, self._due = b"", float("-inf")

    async def text(self) -> bytes:
        """The gauges. Raises RetryError (503) when PostgreSQL does not answer: old numbers are never shown as new."""
        async with self._turn:
            if time.monotonic() >= self._due:
                lanes = await lane_views(self._services)  # Temporal's time is not the database's
                began = time.monotonic()
                self._text = await self._read(lanes)
                took = time.monotonic() - began
                meters.READING.set(took)
                self._due = time.monotonic() + self._fresh * max(1.0, took / EASY)
            return self._text

    async def _read(self, lanes: Sequence[LaneView]) -> bytes:
        journal, inbox = self._services.journal, self._services.inbox
        orders, ages = await journal.count_by_status(), await journal.attention_ages()
        registry = CollectorRegistry()
        messages, reconciled = await inbox.waiting(), await self._reconciled()
        now = datetime.now(UTC)
        registry.register(Readings(orders, messages, ages, now, reconciled))
        registry.register(StandingGauges(await self._standing(ages), now, self._services.settings.metrics_sellers))
        for collector in self._collectors:
            registry.register(collector)
        registry.register(LaneReadings(lanes))
        registry.register(BacklogGauges(await self._services.starting.backlog(count_to=None)))
        stops = self._services.stops
        registry.register(StopReadings(len(await self._services.stop_rules.standing()), await stops.counts()))
        return generate_latest(registry)

    async def _standing(self, ages: Sequence[AttentionAge]) -> Standing:
        standing = self._services.live
        return Standing(await standing.to_ship(), await standing.open_effects(), await standing.undelivered(), ages)

    async def _reconciled(self) -> Reconciled:
        findings = self._services.findings
        ended = [run.ended_at for run in await findings.runs(LATEST) if run.requested_by == "schedule" and run.ended_at]
        return Reconciled(await findings.counts(), max(ended, default=None))


def is_open(settings: Settings) -> bool:
    """Whether anybody who reaches the API may read the metrics: it is bound to loopback, or a setting says so."""
    return settings.metrics_open or _loopback(settings.api_host)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _may_read(
    request: Request,
    services: ServicesDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> None:
    if not is_open(services.settings):
        await whole_overseer(request, services, credentials)


@router.get("/metrics", dependencies=[Depends(_may_read)], response_class=Response)
async def metrics(request: Request) -> Response:
    """Gauges in Prometheus' text format. Takes a viewer's or an operator's key unless the API is bound to loopback."""
    readings: Metrics = request.app.state.metrics
    read = await readings.text()
    return Response(read + generate_latest(meters.REGISTRY), media_type=MEDIA_TYPE)
