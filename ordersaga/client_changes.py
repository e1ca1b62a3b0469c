"""Which update of an order's saga takes which change, and under which id: the same request again is the same update."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from temporalio.client import WorkflowHandle, WorkflowUpdateRPCTimeoutOrCancelledError, WorkflowUpdateStage

from ordersaga.client_errors import UndecidedError
from workflows.messages import (
    AddressChange,
    Asked,
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
