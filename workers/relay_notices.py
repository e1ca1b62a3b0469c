"""Notices: what a carrier says about a label, not about its parcel. They stand in the order's journal, once each.

| kind | what happened | who hears of it |
|---|---|---|
| `void_rejected` | the refund of a voided label was rejected | the saga; a person once ended, or of a return |
| `void_settled` | the refund came through, or nothing was billed | nobody |
"""

from typing import Final

from ordersaga.bootstrap import Services
from ordersaga.domain.journal import JournalEntry
from ordersaga.domain.shipping import ParcelEvent, PaymentEvent

VOID_SETTLED: Final = "void_settled"


async def write_notice(services: Services, order_id: str, event: ParcelEvent | PaymentEvent) -> bool:
    """Write a notice into its order's journal. True: that is all; False: no notice, or somebody must hear of it."""
    if not isinstance(event, ParcelEvent) or event.notice is None:
        return False
    if await services.journal.get(order_id) is not None:
        await services.journal.note(order_id, _entry(event, event.notice))
    return event.notice == VOID_SETTLED


def _entry(event: ParcelEvent, kind: str) -> JournalEntry:
    """One per label, whichever message brought it: the decision on a refund is final."""
    label = f"r{event.returning}-{event.parcel}" if event.returning else f"{event.parcel}-{event.generation}"
    return JournalEntry(
        entry_id=f"void-{label}",
        at=event.occurred_at,
        kind=kind,
        text=f"{event.source}: {event.detail or kind}",
        parcel=event.parcel,
    )
