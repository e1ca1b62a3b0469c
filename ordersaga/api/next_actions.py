"""The shopper's next step to pay: fetched from the payment company when it is answered, and kept nowhere.

Whoever holds its `client_secret` or `url` can act for the shopper, so they pass through this process only.
"""

import json
from typing import Any, Final

import structlog
from fastapi.responses import JSONResponse

from ordersaga.domain.errors import OrdersagaError
from ordersaga.domain.payments import NextAction, PaymentStatus
from ordersaga.domain.statuses import ConfirmOutcome
from ordersaga.ports import PaymentGateway

_SECRET: Final = ("url", "client_secret")
_UNREACHABLE: Final = "the payment company cannot be asked right now: repeat the request, with the same Idempotency-Key"

log = structlog.get_logger(__name__)


def needs_shopper(body: Any) -> bool:
    """Whether an answer's body says that the shopper has one more step to pay."""
    return isinstance(body, dict) and body.get("outcome") == ConfirmOutcome.ACTION_REQUIRED


def storable(body: Any) -> Any:
    """An answer's body as it may be kept: which payment it is about, and no way into it."""
    if not needs_shopper(body) or not body.get("next_action"):
        return body
    kept = {name: value for name, value in body["next_action"].items() if name not in _SECRET}
    return {**body, "next_action": kept}


async def with_next_action(payments: PaymentGateway, answer: JSONResponse) -> JSONResponse:
    """The same answer, with the step the shopper can take now; other answers stay as they are."""
    body = json.loads(bytes(answer.body))
    if not needs_shopper(body) or not body.get("next_action"):
        return answer
    action = NextAction.model_validate(body["next_action"])
    if not (action.url or action.client_secret):
        action, body["next_action_missing"] = await _ask(payments, action)
    body["next_action"] = action.model_dump(mode="json")
    headers = {name: value for name, value in answer.headers.items() if name not in ("content-length", "content-type")}
    return JSONResponse(body, answer.status_code, headers={**headers, "Cache-Control": "no-store"})


async def _ask(payments: PaymentGateway, kept: NextAction) -> tuple[NextAction, str | None]:
    """The step as it is now, or the one known and why it lacks its secret."""
    if kept.payment_id is None:
        return kept, "the payment is not known: ask for another way to pay"
    try:
        state = await payments.inquire(kept.payment_id)
    except OrdersagaError as error:
        log.warning("next_action_not_fetched", payment_id=kept.payment_id, code=error.code)
        return kept, _UNREACHABLE
    if state.status is PaymentStatus.REQUIRES_ACTION and state.next_action is not None:
        return state.next_action.model_copy(update={"payment_id": kept.payment_id}), None
    return kept, f"the payment is {state.status} by now: nothing is left for the shopper to do"
