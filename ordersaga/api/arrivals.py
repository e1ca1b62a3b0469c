"""Route: a parcel arrived, and only a person knows: its provider never hears of deliveries (docs/providers.md)."""

from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter

from ordersaga.api.access import Agent, ServicesDep, acting, find_order
from ordersaga.api.change_shapes import ArrivalBody
from ordersaga.api.problems import Problem
from ordersaga.api.shapes import Arrival
from ordersaga.api.started import refuse_if_ended
from ordersaga.api.waiting import refuse_if_waiting
from ordersaga.bootstrap import Services
from ordersaga.domain.identifiers import OrderId
from ordersaga.domain.shipping import ParcelEvent
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.polled import from_event

SOURCE: Final = "support"
_HAND_OFF: Final = "hand_off"
_ON_ITS_WAY: Final = frozenset({ParcelStatus.LEFT_WAREHOUSE, ParcelStatus.IN_TRANSIT})

router = APIRouter(prefix="/v1/orders/{order_id}", tags=["order actions"])


@router.post("/arrivals", status_code=202)
async def arrived(order_id: OrderId, body: ArrivalBody, services: ServicesDep, key: Agent) -> Arrival:
    """The shopper has the parcel. Kept with who said so, then told to the order; 409 for one that has not left."""
    record = await find_order(services, key, order_id)
    refuse_if_ended(record)
    refuse_if_waiting(record)
    said = f"{acting(key, body.by)}: {body.reason}"
    refusal = cannot_arrive(body.parcel, await parcel_status(services, order_id, body.parcel))
    if refusal is not None:
        raise Problem(409, "not_on_its_way", refusal)
    handed = await services.effects.find(order_id, _HAND_OFF, body.parcel)
    generation = handed.generation if handed else 1
    event = ParcelEvent(
        source=SOURCE,
        source_id=f"{order_id}-{body.parcel}-{generation}-arrived",
        parcel=body.parcel,
        generation=generation,
        status=ParcelStatus.DELIVERED,
        occurred_at=datetime.now(UTC),
        detail=said,
    )
    message = from_event(order_id, event).model_dump(mode="json")
    await services.inbox.store(SOURCE, event.source_id, order_id, message)
    return Arrival(order_id=order_id, parcel=body.parcel, status=ParcelStatus.DELIVERED)


async def parcel_status(services: Services, order_id: str, number: int) -> ParcelStatus:
    """Where its saga says the parcel is. Problem 404 for one that the order does not have."""
    parcels = {view.plan.parcel: view.status for view in (await services.orders.state(order_id)).parcels}
    if number not in parcels:
        raise Problem(404, "parcel_unknown", f"order {order_id} has no parcel {number}")
    return parcels[number]


def cannot_arrive(number: int, status: ParcelStatus) -> str | None:
    """Why not. A parcel that arrived already is taken once more: the order hears of it once."""
    possible = status in _ON_ITS_WAY | {ParcelStatus.DELIVERED}
    return None if possible else f"parcel {number} is {status}: only what left can arrive"
