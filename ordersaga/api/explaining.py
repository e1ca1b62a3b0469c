"""Why an order or a return is where it is, in words: asked of its workflow, else read from its record."""

from collections.abc import Sequence
from typing import Final

import structlog

from ordersaga.api.obstacles import obstacles
from ordersaga.api.return_shapes import ReturnExplanation
from ordersaga.api.shapes import Explanation
from ordersaga.api.waiting import explained
from ordersaga.bootstrap import ApiKey, Services
from ordersaga.client_returns import ReturnClient
from ordersaga.domain.amounts import format_amount
from ordersaga.domain.errors import OrdersagaError
from ordersaga.domain.journal import OrderRecord, TimelineEntry
from ordersaga.domain.return_rules import wanted
from ordersaga.domain.return_words import outcome_told
from ordersaga.domain.returns import ReturnRecord
from ordersaga.domain.routing import StockOffer
from ordersaga.domain.routing_words import told as places_told
from ordersaga.domain.routing_words import told_briefly
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus
from workflows.explanation import stands

_LEFT: Final = FINAL_STATUSES | {OrderStatus.WAITLISTED, OrderStatus.SHIPPED, OrderStatus.DELIVERED}
_CANCELED: Final = ("cancel_requested", "canceled")
"""Entries that say who canceled an order, and why."""

log = structlog.get_logger(__name__)


async def order_explained(services: Services, record: OrderRecord, key: ApiKey) -> Explanation:
    """The saga's words; once goods are asked to be returned, it has ended and the returns say what is going on."""
    order_id = record.order.order_id
    returns = [await return_explained(services, one) for one in await services.returns.of_order(order_id)]
    if returns:
        stood = stands(order_id, record.status, await _written_off(services, record))
        text = " ".join([stood, *(one.text for one in returns)])
        return Explanation(order_id=order_id, status=record.status, text=text, live=all(one.live for one in returns))
    text, live = await _told(services, record)
    details = await _places(services, record, text) if live else []
    found = await obstacles(services, record, key)
    text = " ".join([text, *details, *(f"{one.text} {one.remedy}" for one in found)])
    return Explanation(
        order_id=order_id, status=record.status, text=text, live=live, obstacles=found, details=tuple(details)
    )


async def _written_off(services: Services, record: OrderRecord) -> str:
    """The amount that nobody will pay any more, in words; empty where there is none."""
    loss = (await services.effects.balance(record.order.order_id)).written_off
    return format_amount(loss, record.order.currency) if loss else ""


async def _told(services: Services, record: OrderRecord) -> tuple[str, bool]:
    """What its saga, or its line, says of it, and whether that could be asked."""
    if record.status is OrderStatus.WAITLISTED:
        return await explained(services, record), True
    try:
        return await services.orders.explain(record.order.order_id), True
    except OrdersagaError as error:
        log.info("saga_not_asked", code=error.code)
        return _of_order(record, await _cancellation(services, record)), False


async def _places(services: Services, record: OrderRecord, told: str) -> list[str]:
    """Why its parcels ship from where they do, as long as they may still leave; of those that moved the saga tells."""
    if record.status in _LEFT or not record.parcels:
        return []
    plans = [plan for plan in record.parcels if f"Parcel {plan.parcel} ships from" not in told]
    why = await services.places.why(record.order.order_id)
    if why is not None:
        return places_told(plans, why, record.order.currency)
    places = {place.location: StockOffer.at(place, {}) for place in await services.catalog.locations()}
    return [told_briefly(record.order, plan, places[plan.location]) for plan in plans if plan.location in places]


async def return_explained(services: Services, record: ReturnRecord) -> ReturnExplanation:
    """The return's own words."""
    case = record.case
    try:
        text, live = await ReturnClient(services.orders).explain(case.order_id, case.number), True
    except OrdersagaError as error:
        log.info("return_not_asked", code=error.code)
        text, live = _of_return(record, await services.journal.timeline(case.order_id)), False
    return ReturnExplanation(return_id=case.return_id, status=record.status, text=text, live=live)


async def _cancellation(services: Services, record: OrderRecord) -> str:
    """Who canceled it and why, as the journal has it."""
    if record.status is not OrderStatus.CANCELED:
        return ""
    story = await services.journal.timeline(record.order.order_id)
    asked = [entry.text for entry in story if entry.source == "journal" and entry.kind in _CANCELED]
    return f" In its story: {asked[-1]}." if asked else ""


def _of_order(record: OrderRecord, canceled: str) -> str:
    reason = f": {record.reason}" if record.reason else ""
    saga = "" if record.started else " Its saga has not started yet."
    return f"The order is {record.status} since {record.updated_at:%Y-%m-%d %H:%M:%S} UTC{reason}.{saga}{canceled}"


def _of_return(record: ReturnRecord, story: Sequence[TimelineEntry]) -> str:
    reason = f" ({record.reason})" if record.reason else ""
    name = "Goodwill" if record.case.request.keeps_goods else "Return"
    asked = f"{name} {record.case.return_id} of {wanted(record.case)}"
    stands_so = f"{asked} is {record.status.value.replace('_', ' ')}{reason}."
    return " ".join([stands_so, *outcome_told(record, story)])
