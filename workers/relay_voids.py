"""Voided labels whose refund is undecided: the carrier is asked what became of it, until it says.

EasyPost tells by itself of refunds that succeed, and of none that is rejected.
"""

from typing import Final

import structlog

from ordersaga.bootstrap import Services
from ordersaga.domain.carriers import EASYPOST
from ordersaga.domain.effects import EffectRow
from ordersaga.domain.errors import OrdersagaError, RetryError
from ordersaga.domain.identifiers import ParcelReference, ReturnReference
from ordersaga.domain.messages_in import Incoming

VOIDS_PER_ROUND: Final = 50
WAY_BACK: Final = "void_return_label"
"""The step of labels of returns; its generation is the return's number."""

log = structlog.get_logger(__name__)


class VoidPoller:
    """Asks an account about a few each round, taking turns; an answer goes through the inbox like any message."""

    def __init__(self, services: Services, account: str = EASYPOST) -> None:
        self._services = services
        self._account = account
        self._after = ""

    async def step(self) -> bool:
        """Ask about the next ones."""
        rows = await self._services.effects.open_voids(after=self._after, limit=VOIDS_PER_ROUND)
        self._after = rows[-1].key if len(rows) == VOIDS_PER_ROUND else ""
        for row in rows:
            if (row.account or EASYPOST) == self._account:
                await self._try(row)
        return False

    async def _try(self, row: EffectRow) -> None:
        """A label the carrier will not talk about keeps nobody from the others; a carrier that is away ends a round."""
        try:
            await self._look(row)
        except RetryError:
            raise
        except OrdersagaError as error:
            log.warning("void_not_told", key=row.key, error=str(error))

    async def _look(self, row: EffectRow) -> None:
        reference = _reference(row)
        event = await self._services.carriers[self._account].void_news(reference)
        if event is None:
            return
        source_id = f"poll:{reference}:{event.notice}"
        told = event.model_copy(update={"source_id": source_id})
        message = Incoming(source=event.source, source_id=source_id, order_id=row.order_id, events=(told,))
        body = message.model_dump(mode="json")
        if await self._services.inbox.store(event.source, source_id, row.order_id, body):
            log.info("poll_found", order_id=row.order_id, reference=reference, notice=event.notice)


def _reference(row: EffectRow) -> str:
    """What the carrier knows the voided label by."""
    if row.step == WAY_BACK:
        return str(ReturnReference(row.order_id, row.generation, row.parcel))
    return str(ParcelReference(row.order_id, row.parcel, row.generation))
