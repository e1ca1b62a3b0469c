"""Routes: messages of outside companies that could not be delivered, and delivering them after all."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from ordersaga.api.access import Operator, Overseer, ServicesDep
from ordersaga.api.problems import Problem
from ordersaga.api.shapes import MessageList, MessageRow
from ordersaga.bootstrap import ApiKey
from ordersaga.remedies import listed_at

LARGEST_ID = 2**63 - 1
router = APIRouter(prefix="/v1/inbox", tags=["inbox"])


@router.get("")
async def list_failed(
    services: ServicesDep, key: Overseer, limit: Annotated[int, Query(ge=1, le=1000)] = 200
) -> MessageList:
    """Messages given up on, newest first, each with the reason."""
    _whole_house(key)
    failed = await services.inbox.failed(limit)
    return MessageList(messages=tuple(MessageRow.model_validate(row, from_attributes=True) for row in failed))


@router.post("/{message_id}/requeue")
async def requeue(
    message_id: Annotated[int, Path(ge=1, le=LARGEST_ID)], services: ServicesDep, key: Operator
) -> MessageRow:
    """Deliver a message that was given up on after all, once what was in its way is repaired; the answer is which."""
    _whole_house(key)
    requeued = await services.inbox.requeue(message_id)
    if requeued is None:
        detail = f"no message that was given up on has the id {message_id}; {listed_at('/v1/inbox', 'inbox list')}"
        raise Problem(404, "message_not_found", detail)
    return MessageRow.model_validate(requeued, from_attributes=True)


def _whole_house(key: ApiKey) -> None:
    """A message may name no order, so it belongs to no seller."""
    if key.seller:
        raise Problem(403, "seller_forbidden", f"this key is {key.seller}'s; the inbox takes a key of no seller")
