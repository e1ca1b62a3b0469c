"""Route: personal data is erased for good, of one order or of all orders of a buyer."""

from dataclasses import replace

import structlog
from fastapi import APIRouter

from ordersaga.api.access import Operator, ServicesDep, acting
from ordersaga.api.erasure_shapes import ErasedOrder, ErasureAnswer, ErasureBody
from ordersaga.api.problems import not_found
from ordersaga.bootstrap import Erasure, Services
from ordersaga.domain.erasure import UNTOLD, Ruling

router = APIRouter(prefix="/v1/erasures", tags=["privacy"])
log = structlog.get_logger(__name__)


@router.post("")
async def erase(body: ErasureBody, services: ServicesDep, key: Operator) -> ErasureAnswer:
    """Destroy the keys of orders that have ended; each order that cannot be erased yet says when it can.

    What no key has ever hidden is named with each order, and until when it stays: see `remains`.
    """
    erasure = Erasure(acting(key, body.by), body.reference)
    if body.order_id is not None:
        ruling = await _ruled(services, body.order_id, key.seller, None if body.dry_run else erasure)
        if ruling is None:
            raise not_found(body.order_id)
        return ErasureAnswer(dry_run=body.dry_run, orders=[ErasedOrder.of(body.order_id, ruling)])
    assert body.buyer is not None, "the body names an order or a buyer"
    found = []
    for order_id in await services.erasures.of_buyer(body.buyer, key.seller):
        ruling = await _ruled(services, order_id, key.seller, None if body.dry_run else erasure)
        if ruling is not None:
            found.append(ErasedOrder.of(order_id, ruling))
    return ErasureAnswer(dry_run=body.dry_run, orders=found)


async def _ruled(services: Services, order_id: str, seller: str | None, erasure: Erasure | None) -> Ruling | None:
    """What became of it, or, without an erasure, what would."""
    ruling = await services.erasures.look(order_id, seller)
    if ruling is None:
        return None
    found = await services.orders.histories(order_id) if ruling.asks_temporal else UNTOLD
    histories = replace(found, archived=services.settings.archive is not None)
    if erasure is None:
        return await services.erasures.look(order_id, seller, histories)
    done = await services.erasures.erase(order_id, seller, erasure, histories)
    if done is not None:
        told = {"by": erasure.by, "reference": erasure.reference, "verdict": done.verdict}
        log.info("erasure", order_id=order_id, **told, remains=[each.where for each in done.remains])
    return done
