"""Reconciliation: each source laid beside our ledgers, and the findings kept. Nothing is repaired here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from pydantic import AwareDatetime, Field
from temporalio import activity

from activities.failures import translated
from ordersaga.domain.reconciliation import FindingKind, RunRecord
from ordersaga.domain.values import Message
from ordersaga.ports import Carrier, LabelHistory, PaymentGateway, PaymentHistory, Provider, ProviderStock
from ordersaga.reconciliation_ports import Evidence, FindingStore, Sagas


class MatchAsk(Message):
    """What a source is asked. `since`: what happened earlier is not looked at; `order_id`: only this order.

    `provider` names one where the source is a provider. Nothing younger than `grace` at `now` is a finding.
    """

    run_id: str
    since: AwareDatetime
    now: AwareDatetime
    grace: timedelta
    order_id: str | None = None
    provider: str = ""


class MatchResult(Message):
    """How much was compared, and what was found. The findings themselves are in the database."""

    looked_at: int = 0
    found: dict[FindingKind, int] = Field(default_factory=dict)


class CloseRun(Message):
    """How a run ended: its record, and the one order it was about, if any."""

    run: RunRecord
    order_id: str | None = None


@dataclass(frozen=True)
class Sources:
    """What reconciliation asks. `stock` by provider: only of those that count their shelves."""

    evidence: Evidence
    findings: FindingStore
    sagas: Sagas
    payments: PaymentGateway
    payment_history: PaymentHistory
    carrier: Carrier
    labels: LabelHistory
    providers: Mapping[str, Provider]
    stock: Mapping[str, ProviderStock]


class Reconciling:
    """Activities that match one source each, and keep the runs."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    @activity.defn
    @translated
    async def open_run(self, run: RunRecord) -> None:
        """Write that a run began."""
        await self._sources.findings.begin_run(run)

    @activity.defn
    @translated
    async def match_payments(self, ask: MatchAsk) -> MatchResult:
        """The payment company's payments and refunds beside our books."""
        return MatchResult()

    @activity.defn
    @translated
    async def match_labels(self, ask: MatchAsk) -> MatchResult:
        """The carrier's labels beside our parcels."""
        return MatchResult()

    @activity.defn
    @translated
    async def match_provider(self, ask: MatchAsk) -> MatchResult:
        """A provider's orders beside our parcels."""
        return MatchResult()

    @activity.defn
    @translated
    async def match_stock(self, ask: MatchAsk) -> MatchResult:
        """A provider's count beside our shelves; nothing for a provider that does not count."""
        return MatchResult()

    @activity.defn
    @translated
    async def match_orders(self, ask: MatchAsk) -> MatchResult:
        """Our own orders: never started, deserted by their saga, ended with a call nobody knows the outcome of."""
        return MatchResult()

    @activity.defn
    @translated
    async def close_run(self, closing: CloseRun) -> None:
        """Write what a run came to; what it did not find again is gone."""
        await self._sources.findings.end_run(closing.run, closing.order_id)
