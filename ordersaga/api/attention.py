"""Routes: questions that wait for a person."""

from fastapi import APIRouter

from ordersaga.api.access import Agent, Operator, ServicesDep
from ordersaga.api.problems import FieldError, Problem, invalid
from ordersaga.api.request_log import bind_order
from ordersaga.api.shapes import AttentionList, ResolveBody
from ordersaga.bootstrap import ApiKey, Services
from ordersaga.client_errors import OrderClosedError, OrderNotFoundError
from ordersaga.domain.journal import AttentionItem
from workflows.messages import Resolution

router = APIRouter(prefix="/v1/attention", tags=["attention"])


@router.get("")
async def list_attention(services: ServicesDep, key: Agent) -> AttentionList:
    """Open questions, oldest first."""
    return AttentionList(items=tuple(await services.journal.open_attention(seller=key.seller)))


@router.post("/{item_id:path}/resolve")
async def resolve(item_id: str, body: ResolveBody, services: ServicesDep, key: Operator) -> AttentionItem:
    """Answer a question with one of its choices; one about an order that has ended is answered in the journal."""
    item = await _find(services, key, item_id, body.order_id)
    bind_order(item.order_id)
    if body.choice not in item.choices:
        advice = f"use one of {', '.join(item.choices)}"
        raise invalid([FieldError(field="choice", message=f"{body.choice} is no choice here", remedy=advice)])
    resolution = Resolution(item_id=item_id, choice=body.choice, by=body.by or key.name, reason=body.reason)
    try:
        return await services.orders.resolve_attention(item.order_id, resolution)
    except (OrderClosedError, OrderNotFoundError):
        return await _answer_in_journal(services, item, resolution)


async def _answer_in_journal(services: Services, item: AttentionItem, said: Resolution) -> AttentionItem:
    answered = await services.journal.answer_question(item, said.choice, by=said.by, reason=said.reason)
    if answered is None:
        raise _not_found(item.item_id)
    return answered


async def _find(services: Services, key: ApiKey, item_id: str, order_id: str | None) -> AttentionItem:
    items = await services.journal.open_attention(seller=key.seller, order_id=order_id)
    found = [item for item in items if item.item_id == item_id]
    if not found:
        raise _not_found(item_id)
    if len(found) > 1:
        message = f"{len(found)} orders have a question of this id"
        raise invalid([FieldError(field="order_id", message=message, remedy="say which order you mean")])
    return found[0]


def _not_found(item_id: str) -> Problem:
    return Problem(404, "attention_not_found", f"no open question has the id {item_id}; list them: /v1/attention")
