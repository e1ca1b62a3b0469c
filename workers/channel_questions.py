"""What people are asked about orders of marketplaces; in PostgreSQL, for such an order may be none of ours yet.

| kind | what happened |
|---|---|
| `channel_order_not_taken` | an order cannot be accepted as it is: a SKU nobody knows, a limit, a stop |
| `channel_address` | its address cannot be one of ours, or came too late for the parcel |
| `channel_canceled_but_ships` | the marketplace canceled and refunds; the goods cannot be stopped |
| `cancel_request_open` | a shopper's request to cancel is about to lapse, which grants it |

The first two are tried again by themselves for as long as they stand, and settled with what they ask about.
"""

from datetime import UTC, datetime
from typing import Final

from ordersaga.bootstrap import Services
from ordersaga.domain.channels import CHANNEL_QUESTIONS
from ordersaga.domain.journal import AttentionItem

NOT_TAKEN, ADDRESS, SHIPS, REQUEST = CHANNEL_QUESTIONS
CHOICES: Final = ("acknowledge",)


async def ask(services: Services, order_id: str, kind: str, question: str, about: str = "") -> None:
    """Ask once; `about` tells several requests, cancellations or addresses of one order apart."""
    item = AttentionItem(
        item_id=f"{order_id}-{kind}" + (f"-{about}" if about else ""),
        order_id=order_id,
        parcel=0,
        kind=kind,
        question=question,
        choices=CHOICES,
        opened_at=datetime.now(UTC),
    )
    await services.journal.open_question(item, apart=bool(about))


async def settled(services: Services, order_id: str, *kinds: str) -> None:
    """What was asked is no question any more."""
    for item in await services.journal.open_attention(order_id=order_id):
        if item.kind in kinds:
            await services.journal.answer_question(item, "settled", by="ordersaga", reason="no longer needed")
