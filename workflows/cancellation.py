"""Cancellation is a message, and its answer is the truth: canceled, partly, pending, or too late."""

from datetime import timedelta

from temporalio import workflow

from ordersaga.domain.amounts import format_amount
from workflows.desk import Desk
from workflows.messages import CancelAnswer, CancelRequest
from workflows.order_state import OrderState

ANSWER_WITHIN = timedelta(seconds=30)
"""How long the asker is kept waiting for a decision before being told `pending`."""


def request(desk: Desk, asked: CancelRequest) -> None:
    """Take a request, once: the first one counts, whichever way it came."""
    if desk.state.cancel is None and desk.state.closed_as is None:
        desk.state.cancel = asked
        desk.note("cancel_requested", f"{asked.by} asks to cancel: {asked.reason}")


async def answer(desk: Desk) -> CancelAnswer:
    """Wait, for a bounded time, until every parcel has its answer; then say it."""
    answer_by = workflow.now() + ANSWER_WITHIN
    decided = await desk.alarm.until(lambda: desk.state.cancel_decided, answer_by, "the answer to a cancellation")
    if decided:
        return _truth(desk.state)
    await desk.publish()
    return _pending(desk.state)


def _pending(state: OrderState) -> CancelAnswer:
    return CancelAnswer(
        order_id=state.order.order_id,
        outcome="pending",
        status=state.status,
        currency=state.order.currency,
        message="the order is being undone; a provider or the payment company has not answered yet",
        answer_by=workflow.now() + timedelta(hours=1),
    )


def _truth(state: OrderState) -> CancelAnswer:
    undone = [parcel.undone for parcel in state.parcels]
    voided = sum(parcel.voided for parcel in state.parcels)
    refunded = sum(parcel.refunded for parcel in state.parcels)
    return CancelAnswer(
        order_id=state.order.order_id,
        outcome="canceled" if all(undone) else "partly_canceled" if any(undone) else "too_late",
        status=state.status,
        currency=state.order.currency,
        voided=voided,
        refunded=refunded,
        message=_words(state, voided, refunded, undone),
    )


def _words(state: OrderState, voided: int, refunded: int, undone: list[bool]) -> str:
    currency = state.order.currency
    money = f"{format_amount(voided, currency)} released, {format_amount(refunded, currency)} refunded"
    if all(undone):
        return f"everything is undone: {money}"
    stopped = f"{sum(undone)} of {len(undone)} parcels stopped"
    return f"{stopped}: {money}; what has left can be returned after delivery"
