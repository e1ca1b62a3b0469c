"""Whom an account may speak about, however well its messages are signed.

| it is | it is heard about |
|---|---|
| a seller's own | that seller's orders |
| a carrier other than EasyPost | labels that were asked for at it, by generation |

EasyPost is looked up by its own id of a shipment that we made; providers are judged by the order they were given.
"""

from typing import Final

from ordersaga.bootstrap import Services
from ordersaga.domain.carriers import EASYPOST
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.shipping import ParcelEvent, PaymentEvent

_WAY_OUT: Final = "book_label"
_WAY_BACK: Final = "book_return_label"


async def why_unheard(services: Services, account: str | None, source: str, incoming: Incoming) -> str | None:
    """Why nobody listens; None: it is heard. `account`: at whose address the message came in, None: we asked.

    An outcome that nobody knows yet is no reason: a courier may speak of a label before its answer arrives.
    """
    if incoming.order_id is None:
        return None
    if await _is_anothers(services, account or source, incoming.order_id):
        return "of another seller's order"
    if account is None or account == EASYPOST or account not in services.carriers:
        return None
    for event in incoming.events:
        if not await _was_asked(services, account, incoming.order_id, event):
            return f"of a parcel that {account} was never asked to carry"
    return None


async def _is_anothers(services: Services, account: str, order_id: str) -> bool:
    owner = services.account_owners.get(account)
    record = await services.journal.get(order_id) if owner is not None else None
    return record is not None and record.order.seller != owner


async def _was_asked(services: Services, account: str, order_id: str, event: ParcelEvent | PaymentEvent) -> bool:
    """Whether this label was intended at this account."""
    if isinstance(event, PaymentEvent):
        return False
    step, generation = (_WAY_BACK, event.returning) if event.returning else (_WAY_OUT, event.generation)
    row = await services.effects.find(order_id, step, event.parcel, generation)
    return row is not None and row.account == account
