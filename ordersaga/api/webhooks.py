"""Routes: what outside companies tell us. Verified, stored once, answered at once; the relay delivers it later."""

from typing import Final

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import Response

from ordersaga.api.access import ServicesDep
from ordersaga.api.problems import Problem
from ordersaga.api.request_log import bind_order
from ordersaga.domain.errors import OperatorError

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])
log = structlog.get_logger(__name__)

_REFUSED: Final = {
    "bad_signature": "the message is not signed with the secret we share with {source}",
    "another_shop": "the message is of a shop that is not {source}'s: give each shop the address of its own account",
}


@router.post(
    "/{source}",
    status_code=204,
    responses={
        400: {"description": "It is not signed with our secret, or is about another account than this one."},
        413: {"description": "It is too large."},
    },
)
async def receive(source: str, request: Request, services: ServicesDep) -> Response:
    """Take a signed message. 204 also for one seen before or not for us: the sender shall not repeat it."""
    read = services.webhooks.get(source)
    if read is None:
        known = ", ".join(sorted(services.webhooks))
        raise Problem(404, "unknown_source", f"messages are taken from {known}")
    try:
        incoming = read(request.headers, await request.body())
    except OperatorError as error:
        if error.code not in _REFUSED:
            raise
        log.warning(error.code, source=source)
        raise Problem(400, error.code, _REFUSED[error.code].format(source=source)) from None
    if incoming.order_id:
        bind_order(incoming.order_id)
    body = incoming.model_copy(update={"account": source}).model_dump(mode="json")
    new = await services.inbox.store(incoming.source, incoming.source_id, incoming.order_id, body)
    log.info("message_received", source=source, source_id=incoming.source_id, new=new)
    return Response(status_code=204)
