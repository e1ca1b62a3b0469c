"""Routes: where else an order can be looked at, and what is asked about it."""

from typing import Final

from fastapi import APIRouter

from ordersaga.api.access import ServicesDep, Watcher, find_order
from ordersaga.api.attention_shapes import AttentionList, OpenItem
from ordersaga.domain.effects import EffectRow
from ordersaga.domain.identifiers import OrderId, workflow_id
from ordersaga.domain.values import Message
from ordersaga.settings import Settings

router = APIRouter(prefix="/v1/orders/{order_id}", tags=["orders"])

_NAMED: Final = {"authorize": "payment", "hand_off": "provider's order", "book_label": "label"}
_STRIPE: Final = "https://api.stripe.com"
_PAYMENTS: Final = "https://dashboard.stripe.com/payments/"


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
    """The order in Temporal's UI, and the ids of its payments, provider's orders and labels."""
    await find_order(services, key, order_id)
    settings = services.settings
    made = [effect for effect in await services.effects.of_order(order_id) if effect.step in _NAMED]
    outside = [_link(settings, effect) for effect in made if effect.external_id]
    return OrderLinks(order_id=order_id, links=(_workflow(settings, order_id), *dict.fromkeys(outside)))


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


def _link(settings: Settings, effect: EffectRow) -> OrderLink:
    name = effect.external_id or ""
    real = effect.step == "authorize" and settings.stripe_base_url == _STRIPE and name.startswith("pi_")
    return OrderLink(
        what=_NAMED[effect.step], name=name, parcel=effect.parcel, url=f"{_PAYMENTS}{name}" if real else None
    )
