"""Which update of an order's saga takes which change, and under which id: the same request again is the same update."""

import asyncio
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, TypeVar

from temporalio.client import Client, WorkflowHandle, WorkflowUpdateRPCTimeoutOrCancelledError, WorkflowUpdateStage

from ordersaga.client_errors import OrderClosedError, OrderNotFoundError, UndecidedError, translated
from ordersaga.domain.identifiers import workflow_id
from workflows.messages import (
    AddressChange,
    Asked,
    CancelRequest,
    ChangeAnswer,
    ChangeCarrier,
    ChangePayment,
    DelayConsent,
    Expedite,
    GoodwillRefund,
    MoveParcel,
    OrderResult,
    SplitParcel,
)
from workflows.order_fulfillment import OrderFulfillment

Handle = WorkflowHandle[OrderFulfillment, OrderResult]
R = TypeVar("R", Asked, CancelRequest)

_LOOK_BACK: Final = timedelta(seconds=5)

UPDATES: Final[Mapping[type[Asked], str]] = {
    AddressChange: "change_address",
    Expedite: "expedite",
    SplitParcel: "split_parcel",
    MoveParcel: "move_parcel",
    ChangeCarrier: "change_carrier",
    GoodwillRefund: "refund",
    ChangePayment: "change_payment",
    DelayConsent: "answer_delay",
}


def named(asked: R) -> R:
    """The request with an id: one that has none gets its own, so that sending it again is not asking again."""
    return asked if asked.request_id else asked.model_copy(update={"request_id": uuid.uuid4().hex})


def new_update_id(update: str) -> str:
    """For an update whose message has no id: made once per call, so that the call's repeats are one update."""
    return f"{update}-{uuid.uuid4().hex}"


def update_id(update: str, request_id: str | None) -> str | None:
    """The id of an update, per order; None lets every call be a new one."""
    return f"{update}-{request_id}" if request_id else None


async def ask_change(order: Handle, asked: Asked, limit: timedelta) -> ChangeAnswer:
    """Ask for the change and wait for the answer until `limit`. Raises UndecidedError once the saga has taken it."""
    until = asyncio.get_running_loop().time() + limit.total_seconds()
    update = UPDATES[type(asked)]
    taken = await order.start_update(
        update,
        asked,
        id=update_id(update, asked.request_id),
        wait_for_stage=WorkflowUpdateStage.ACCEPTED,
        result_type=ChangeAnswer,
        rpc_timeout=limit,
    )
    try:
        async with asyncio.timeout_at(until):
            answer: ChangeAnswer = await taken.result()
    except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError) as error:
        raise UndecidedError("it has taken the request and goes on with it") from error
    return answer


async def answered_before(client: Client, order_id: str, asked: Asked) -> ChangeAnswer | None:
    """What the order's saga, which has ended, had answered to this request; None when it never took it.

    Raises SagaUnreachableError when Temporal does not answer: nobody knows then.
    """
    order: Handle = client.get_workflow_handle_for(OrderFulfillment.run, workflow_id(order_id))
    name = update_id(UPDATES[type(asked)], asked.request_id)
    if name is None:
        return None
    taken = order.get_update_handle(name, result_type=ChangeAnswer)
    try:
        async with translated(order_id), asyncio.timeout(_LOOK_BACK.total_seconds() + 1):
            answer: ChangeAnswer = await taken.result(rpc_timeout=_LOOK_BACK)
    except (OrderNotFoundError, OrderClosedError):
        return None
    return answer
