"""What reconciliation needs of our own side: ledgers, findings, sagas, inbox. What companies list is in `ports`.

As there: every method may raise RetryError when it got no final answer.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

from ordersaga.domain.evidence import OpenEffect, OrderEvidence, ShelfEvidence
from ordersaga.domain.journal import AttentionItem, JournalEntry
from ordersaga.domain.orders import Order
from ordersaga.domain.reconciliation import Finding, FindingStatus, RunRecord, StoredFinding
from ordersaga.domain.statuses import ParcelStatus


class Evidence(Protocol):
    """Our side of a reconciliation, read in portions so that a month of orders never sits in memory."""

    async def orders(self, order_ids: Sequence[str]) -> Mapping[str, OrderEvidence]:
        """What our ledgers hold of these orders; one we do not know is missing."""
        ...

    async def moving(self, after: str, limit: int) -> Sequence[str]:
        """Ids of orders that have not ended, by id, those behind `after`; none with a return under way."""
        ...

    async def handed_over(self, provider: str, since: datetime, after: str, limit: int) -> Sequence[str]:
        """Ids of orders not ended with a parcel handed to this provider since then, by id, behind `after`."""
        ...

    async def unsettled(self, before: datetime, after: str, limit: int) -> Sequence[OpenEffect]:
        """Effects intended before then whose outcome is unknown, by key, behind `after`."""
        ...

    async def shelves(self, provider: str, skus: Sequence[str], moved_since: datetime) -> Sequence[ShelfEvidence]:
        """Our count of these SKUs at a provider's locations; `moved_since`: what counts as moved just now."""
        ...

    async def differences(self, order_id: str) -> Sequence[str]:
        """Why the order's books do not balance; empty when they do."""
        ...

    async def adjust(self, changes: Mapping[tuple[str, str], int], reference: str, reason: str) -> bool:
        """Set on hand right by units per (location, SKU), once per reference; False: done before.

        OperatorError `promised`: fewer would be left than are promised to orders.
        """
        ...


class FindingStore(Protocol):
    """Where findings and what became of them are kept."""

    async def save(self, run_id: str, findings: Sequence[Finding], now: datetime) -> None:
        """Keep what a run found; a finding that stands is seen again, one that was settled has come about anew."""
        ...

    async def begin_run(self, run: RunRecord) -> None:
        """Write that a run began; again is harmless."""
        ...

    async def end_run(self, run: RunRecord, order_id: str | None = None) -> None:
        """Write what it came to. Open findings of the sources it finished that it did not find again are `gone`."""
        ...

    async def get(self, finding_id: str) -> StoredFinding | None: ...

    async def settle(self, finding_id: str, status: FindingStatus, outcome: str, now: datetime) -> None:
        """What became of its repair."""
        ...


class MessageInbox(Protocol):
    """Messages for orders, once each, as webhooks leave them."""

    async def store(self, source: str, source_id: str, order_id: str | None, body: Any) -> bool:
        """Keep a message (an `Incoming`, as JSON); False: it was there before."""
        ...


class Sagas(Protocol):
    """Whether anybody minds an order. Raises RetryError when nobody can tell."""

    async def standing(self, order_id: str) -> Literal["running", "ended", "never"]:
        """Whether its saga runs, has ended, or is not known (never started, or past the retention)."""
        ...

    async def parcels(self, order_id: str) -> Mapping[int, ParcelStatus]:
        """Where the running saga believes the parcels are; empty when it does not run."""
        ...

    async def start(self, order: Order) -> bool:
        """Start its saga, and mark it started. False: it had been started before."""
        ...


class OrderNotes(Protocol):
    """What is written into the story of an order whose saga need not know."""

    async def note(self, order_id: str, entry: JournalEntry) -> None:
        """Add a line; one already written is skipped."""
        ...

    async def open_question(self, item: AttentionItem) -> bool:
        """Ask a person; False when this kind was asked about its parcel before."""
        ...
