"""Routes: questions that wait for a person."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from ordersaga.api.access import Operator, ServicesDep, Watcher, acting
from ordersaga.api.attention_shapes import (
    AttentionGroups,
    AttentionList,
    Hours,
    Kind,
    OpenItem,
    ResolveBody,
    ResolvedMany,
    ResolveManyBody,
    grouped,
)
from ordersaga.api.problems import FieldError, invalid
from ordersaga.api.request_log import bind_order
from ordersaga.api.resolving import answer, not_open, open_items, resolve_many
from ordersaga.bootstrap import ApiKey, Services
from ordersaga.domain.identifiers import Code, OrderId
from ordersaga.domain.journal import AttentionItem
from workflows.messages import Resolution

router = APIRouter(prefix="/v1/attention", tags=["attention"])


@router.get("")
async def list_attention(
    services: ServicesDep,
    key: Watcher,
    kind: Annotated[Kind | None, Query()] = None,
    seller: Annotated[Code | None, Query()] = None,
    provider: Annotated[Code | None, Query()] = None,
    older_than_hours: Annotated[Hours | None, Query()] = None,
    order_id: Annotated[OrderId | None, Query()] = None,
) -> AttentionList:
    """Open questions, oldest first, with their age."""
    named = {"kind": kind, "seller": seller, "provider": provider, "order_id": order_id}
    items = await open_items(services, key, **named, older_than_hours=older_than_hours)
    return AttentionList(items=tuple(map(OpenItem.of, items)))


@router.get("/groups")
async def list_groups(
    services: ServicesDep,
    key: Watcher,
    seller: Annotated[Code | None, Query()] = None,
    provider: Annotated[Code | None, Query()] = None,
    older_than_hours: Annotated[Hours | None, Query()] = None,
) -> AttentionGroups:
    """Open questions counted by kind, with the age of the oldest and the money at stake."""
    items = await open_items(services, key, seller=seller, provider=provider, older_than_hours=older_than_hours)
    return grouped(items)


@router.post("/resolve-many")
async def resolve_all(body: ResolveManyBody, services: ServicesDep, key: Operator) -> ResolvedMany:
    """Give one answer to every matching question, a thousand at most; without `dry_run: false` only say what it does.

    Never stops at a failure: each is named beside its question, which stays open.
    """
    return await resolve_many(services, key, body, acting(key, body.by))


@router.post(
    "/{item_id:path}/resolve",
    responses={202: {"model": AttentionItem, "description": "Proposed; a second person must make the same choice."}},
)
async def resolve(
    item_id: str, body: ResolveBody, services: ServicesDep, key: Operator, response: Response
) -> AttentionItem:
    """Answer a question with one of its choices; one about an order that has ended is answered in the journal."""
    item = await _find(services, key, item_id, body.order_id)
    bind_order(item.order_id)
    said = Resolution(item_id=item_id, choice=body.choice, by=acting(key, body.by), reason=body.reason)
    answered = await answer(services, item, said)
    response.status_code = 200 if answered.resolved else 202
    return answered


async def _find(services: Services, key: ApiKey, item_id: str, order_id: str | None) -> AttentionItem:
    items = await services.journal.open_attention(seller=key.seller, order_id=order_id)
    found = [item for item in items if item.item_id == item_id]
    if not found:
        raise not_open(item_id)
    if len(found) > 1:
        message = f"{len(found)} orders have a question of this id"
        raise invalid([FieldError(field="order_id", message=message, remedy="say which order you mean")])
    return found[0]
