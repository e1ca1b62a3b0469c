"""Why an order is where it is, what comes next and by when, in plain words: for people on the phone with a shopper."""

from collections.abc import Iterator
from datetime import datetime

from ordersaga.domain.amounts import format_amount
from ordersaga.domain.shipping import InterceptDecision
from ordersaga.domain.statuses import OrderStatus as S
from ordersaga.domain.statuses import ParcelStatus
from workflows.messages import NO_REASON
from workflows.order_state import OrderState, ParcelState

_STANDS: dict[S, str] = {
    S.WAITLISTED: "waits in line: nothing is held or charged",
    S.PENDING: "is pending: its stock is being held and its payment authorized",
    S.ACTION_REQUIRED: "waits for the shopper, who has one more step to pay; its stock is held meanwhile",
    S.CONFIRMED: "is confirmed: stock is held and the payment authorized, and nothing is handed off yet",
    S.ON_HOLD: "is on hold: stock and payment stand, and nothing is handed off before the last hold is released",
    S.FULFILLING: "is being fulfilled: it is with its provider and no carrier has scanned it yet",
    S.PARTIALLY_SHIPPED: "has left in part: no carrier has scanned the rest yet",
    S.SHIPPED: "is on its way to the shopper, and {paid}",
    S.DELIVERED: "is delivered",
    S.COMPLETED: "is completed: delivered, {paid}, and its books balance",
    S.CANCELING: "is being canceled: what can be stopped is stopped, then stock and money are given back",
    S.CANCELED: "is canceled: nothing of it is held, shipped or charged",
    S.REJECTED: "was rejected before anything was shipped or charged",
    S.NEEDS_ATTENTION: "needs a person's decision; everything else of it goes on",
    S.RETURNING: "is delivered, and a return is under way",
    S.RETURNED: "came back, and the shopper's money was given back",
}
_NEXT: dict[S, str] = {
    S.WAITLISTED: "it gets what it waits for, in the order of arrival",
    S.PENDING: "the checkout hears the outcome",
    S.ACTION_REQUIRED: "the shopper finishes paying; otherwise the order is given up and its stock freed",
    S.CONFIRMED: "its parcels are handed to their providers",
    S.ON_HOLD: "somebody releases the holds, or cancels",
    S.FULFILLING: "the carrier's first scan; then the money is taken",
    S.PARTIALLY_SHIPPED: "the carrier's first scan of the rest; then the money for it is taken",
    S.SHIPPED: "the carrier delivers it",
    S.DELIVERED: "the books are checked and the order is closed",
    S.CANCELING: "the provider and the payment company answer",
    S.NEEDS_ATTENTION: "a person answers: ordersaga attention resolve",
    S.RETURNING: "the goods come back and are inspected; then money is given back",
}


_HANDED_OVER = "is being fulfilled: it is being handed to its provider, and no carrier has scanned it yet"
_TAKEN_NEXT = "its provider takes it; then the carrier scans it, and the money is taken"
_GONE = frozenset({ParcelStatus.LOST, ParcelStatus.RETURNED_TO_SENDER})


def explain(state: OrderState, deadline: datetime | None) -> str:
    """Where the order is, why, the next action and its deadline: one paragraph."""
    return " ".join(_sentences(state, deadline))


def stands(order_id: str, status: S, written_off: str = "") -> str:
    """Where an order is, in a sentence; `written_off`: the amount that nobody will pay any more, in words."""
    return f"Order {order_id} {_STANDS[status].format(paid=_paid(written_off))}."


def _paid(written_off: str) -> str:
    return f"{written_off} of it written off instead of paid" if written_off else "paid for"


def _sentences(state: OrderState, deadline: datetime | None) -> Iterator[str]:
    words = _HANDED_OVER if _is_handed_over(state) else _STANDS[state.status]
    yield f"Order {state.order.order_id} {words.format(paid=_money(state))}{_because(state)}."
    yield from _asked(state)
    if state.closed_as is not None:
        yield "Nothing more will happen by itself."
        return
    for item in state.open_attention:
        yield f"Question {item.item_id}: {_stop(item.question)} Choices: {', '.join(item.choices)}."
        if item.proposed:
            yield f"{item.proposed_by} proposes {item.proposed}; a second person must agree."
    for kind, hold in state.holds.items():
        yield f"Hold {kind}: {_stop(hold.reason)}"
    for parcel in state.parcels:
        yield from _parcel(parcel)
    for own in state.elsewhere():
        region = f"{own.ship_to.country}-{own.ship_to.region}"
        yield f"Parcel {own.parcel} goes to {region}, to another address than the order."
    following = _TAKEN_NEXT if _is_handed_over(state) else _NEXT[state.status]
    yield f"Next: {following}. It is waiting for {_stop(_awaited(state))}{_by(deadline)}"


def _asked(state: OrderState) -> Iterator[str]:
    """By whom an order is canceled and why; else why its parcels were."""
    if state.status not in (S.CANCELING, S.CANCELED):
        return
    if state.cancel is not None:
        why = "no reason given" if state.cancel.reason == NO_REASON else state.cancel.reason
        yield f"{state.cancel.by} asked to cancel it: {_stop(why)}"
    elif state.closed_as is not None:
        stops = {parcel.stop.message or parcel.stop.code for parcel in state.parcels if parcel.stop is not None}
        yield from (f"It was {_stop(why)}" if why.startswith("canceled") else _stop(why) for why in sorted(stops))


def _is_handed_over(state: OrderState) -> bool:
    """Some of it is still to be taken by its provider."""
    going = [parcel for parcel in state.parcels if not parcel.undone]
    waits = any(not parcel.given_away and parcel.status is ParcelStatus.PLANNED for parcel in going)
    return state.status is S.FULFILLING and waits


def _money(state: OrderState) -> str:
    """What became of the price of what was not lost."""
    going = [parcel for parcel in state.parcels if not parcel.undone and parcel.status not in _GONE]
    loss = sum(parcel.written_off for parcel in going)
    if not loss and any(parcel.plan.amount and not parcel.captured for parcel in going):
        return "its money is still to be taken"
    return _paid(format_amount(loss, state.order.currency) if loss else "")


def _parcel(parcel: ParcelState) -> Iterator[str]:
    """What is unusual about a parcel."""
    name = f"Parcel {parcel.plan.parcel}"
    if parcel.stop is not None and not parcel.undone:
        yield f"{name} is being canceled: {_stop(parcel.stop.message or parcel.stop.code)}"
    if parcel.wanted is not None:
        yield f"A change waits for it: {_stop(parcel.wanted.what)}"
    if parcel.too_late and not parcel.ended:
        yield f"{name} could not be stopped any more: it ships."
    if parcel.intercept is InterceptDecision.ACCEPTED and not parcel.ended:
        yield f"{name} is being turned around by its carrier; its money goes back when it is received."
    if parcel.consent_wanted and not parcel.delay_consent and parcel.movable:
        yield f"{name} is canceled and refunded unless the shopper agrees to wait."
    elif parcel.delay_told and parcel.movable:
        yield f"The shopper was told that {name.lower()} is late, and may cancel."
    if parcel.moved_from:
        yield f"{name} ships from {parcel.plan.location}: {_stop(parcel.moved_why)}"
    if parcel.replaces:
        yield f"{name} was sent for parcel {parcel.replaces}, which was lost."
    if parcel.status is ParcelStatus.EXCEPTION and not parcel.undone:
        yield f"{name} has a problem at its provider: {_stop(parcel.problem or 'no reason given')}"


def _awaited(state: OrderState) -> str:
    return "an answer to the question above" if state.open_attention else state.awaiting


def _because(state: OrderState) -> str:
    return f" ({state.reason})" if state.reason and state.reason != state.status else ""


def _by(deadline: datetime | None) -> str:
    return f" It is looked at again by {deadline:%Y-%m-%d %H:%M} UTC at the latest." if deadline else ""


def _stop(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."
