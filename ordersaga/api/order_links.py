"""Routes: where else an order can be looked at, and what is asked about it."""

from collections.abc import Iterator, Sequence

from fastapi import APIRouter

from ordersaga.api.access import ServicesDep, Watcher, find_order
from ordersaga.api.attention_shapes import AttentionList, OpenItem
from ordersaga.company_pages import CompanyPages
from ordersaga.domain.effects import EffectRow
from ordersaga.domain.identifiers import OrderId, workflow_id
from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.values import Message
from ordersaga.settings import Settings

router = APIRouter(prefix="/v1/orders/{order_id}", tags=["orders"])


class OrderLink(Message):
    """One of them. `name`: what it is called there; `url`: its page, None where we know of none."""

    what: str
    name: str
    parcel: int = 0
    url: str | None = None


class OrderLinks(Message):
    """The order's workflow first, then what outside companies made for it, oldest first."""

    order_id: str
    links: tuple[OrderLink, ...]


@router.get("/links")
async def links(order_id: OrderId, services: ServicesDep, key: Watcher) -> OrderLinks:
    """The order in Temporal's UI, and its payments, providers' orders, labels and tracking numbers where they are."""
    record = await find_order(services, key, order_id)
    effects = await services.effects.of_order(order_id)
    outside = _outside(CompanyPages(services.settings), record, effects)
    return OrderLinks(order_id=order_id, links=(_workflow(services.settings, order_id), *dict.fromkeys(outside)))


@router.get("/questions")
async def questions(order_id: OrderId, services: ServicesDep, key: Watcher) -> AttentionList:
    """Open questions about the order, oldest first."""
    await find_order(services, key, order_id)
    items = await services.journal.open_attention(order_id=order_id)
    return AttentionList(items=tuple(map(OpenItem.of, items)))


def _workflow(settings: Settings, order_id: str) -> OrderLink:
    name = workflow_id(order_id)
    base = f"{settings.temporal_ui_url.rstrip('/')}/namespaces/{settings.temporal_namespace}"
    return OrderLink(what="workflow", name=name, url=f"{base}/workflows/{name}")


def _outside(pages: CompanyPages, record: OrderRecord, effects: Sequence[EffectRow]) -> Iterator[OrderLink]:
    provider_of = {plan.parcel: plan.provider for plan in record.parcels}
    latest = {effect.parcel: effect.generation for effect in effects if effect.step == "hand_off"}
    for effect in effects:
        name, parcel = effect.external_id, effect.parcel
        if not name:
            continue
        if effect.step == "authorize":
            yield OrderLink(what="payment", name=name, parcel=parcel, url=pages.payment(name))
        elif effect.step == "hand_off":  # one before the latest may have been at another provider
            there = provider_of.get(parcel, "") if effect.generation == latest[parcel] else ""
            url = pages.page(there, name)
            yield OrderLink(what="provider's order", name=name, parcel=parcel, url=url)
        elif effect.step == "book_label":
            yield from _label(pages, effect, name)


def _label(pages: CompanyPages, effect: EffectRow, name: str) -> Iterator[OrderLink]:
    """A label, where it was bought, and its parcel, where its carrier tells of it."""
    told = {field: str(effect.answer.get(field) or "") for field in ("account", "carrier", "tracking_number")}
    yield OrderLink(what="label", name=name, parcel=effect.parcel, url=pages.page(told["account"], name))
    if number := told["tracking_number"]:
        url = pages.tracking(told["carrier"], number)
        yield OrderLink(what="tracking number", name=number, parcel=effect.parcel, url=url)
