"""How an order shows itself in Temporal: search attributes, and current details in Markdown."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributePair, SearchAttributeUpdate, TypedSearchAttributes

from ordersaga.domain.amounts import format_amount
from ordersaga.domain.journal import AttentionItem
from ordersaga.domain.orders import Order
from ordersaga.domain.statuses import OrderStatus
from workflows.order_state import OrderState

STATUS = SearchAttributeKey.for_keyword("OrderStatus")
SELLER = SearchAttributeKey.for_keyword("Seller")
CHANNEL = SearchAttributeKey.for_keyword("Channel")
REGION = SearchAttributeKey.for_keyword("Region")
SHIP_BY = SearchAttributeKey.for_datetime("ShipBy")
PROVIDER = SearchAttributeKey.for_keyword_list("Provider")
CARRIER = SearchAttributeKey.for_keyword_list("Carrier")
ATTENTION = SearchAttributeKey.for_keyword_list("Attention")
ATTENTION_SINCE = SearchAttributeKey.for_datetime("AttentionSince")


def initial_attributes(order: Order, providers: Iterable[str] = ()) -> TypedSearchAttributes:
    """What whoever starts the workflow sets: attributes given at the start cost nothing, changing them later does.

    `providers`: those the order's stock is already held at, when the starter knows.
    The status starts as what nearly every order is when its first workflow task ends. Anything else (an order that
    waits for the bank or the shopper, is held, or is refused) is written in that same task.
    """
    pairs: list[SearchAttributePair[Any]] = [
        SearchAttributePair(STATUS, OrderStatus.FULFILLING.value),
        SearchAttributePair(SELLER, order.seller),
        SearchAttributePair(CHANNEL, order.channel),
        SearchAttributePair(REGION, f"{order.ship_to.country}-{order.ship_to.region}"),
        SearchAttributePair(SHIP_BY, order.ship_by),
    ]
    at = sorted(set(providers))
    return TypedSearchAttributes([*pairs, SearchAttributePair(PROVIDER, at)] if at else pairs)


def static_summary(order: Order) -> str:
    """The workflow's title in Temporal's UI; names no person."""
    lines = "1 line" if len(order.lines) == 1 else f"{len(order.lines)} lines"
    return f"{order.order_id} · {order.seller} · {lines} · {format_amount(order.total, order.currency)}"


def upsert(state: OrderState) -> None:
    """Bring the search attributes up to date; changed ones only, in one command."""
    now = workflow.info().typed_search_attributes
    changes: list[SearchAttributeUpdate[Any]] = [
        key.value_set(value) for key, value in _wanted(state) if now.get(key) != value
    ]
    changes += asked_since(state.open_attention)
    if changes:
        workflow.upsert_search_attributes(changes)


def _wanted(state: OrderState) -> list[tuple[SearchAttributeKey[Any], Any]]:
    wanted: list[tuple[SearchAttributeKey[Any], Any]] = [
        (pair.key, pair.value) for pair in initial_attributes(state.order) if pair.key != STATUS
    ]
    wanted.append((STATUS, state.status.value))
    lists: list[tuple[SearchAttributeKey[Sequence[str]], set[str]]] = [
        (PROVIDER, {parcel.plan.provider for parcel in state.parcels}),
        (CARRIER, {parcel.carrier for parcel in state.parcels if parcel.carrier}),
        (ATTENTION, {item.kind for item in state.open_attention}),
    ]
    known = workflow.info().typed_search_attributes
    wanted += [(key, sorted(values)) for key, values in lists if values or known.get(key)]
    return wanted


def asked_since(questions: Iterable[AttentionItem]) -> list[SearchAttributeUpdate[Any]]:
    """What to change so that it says when the oldest open question was asked; absent when nobody is asked."""
    since = min((item.opened_at for item in questions), default=None)
    if workflow.info().typed_search_attributes.get(ATTENTION_SINCE) == since:
        return []
    return [ATTENTION_SINCE.value_set(since) if since else ATTENTION_SINCE.value_unset()]


def show(state: OrderState, deadline: datetime | None) -> None:
    """Set the current details, which Temporal's UI and `temporal workflow metadata` show."""
    workflow.set_current_details(details(state, deadline))


def details(state: OrderState, deadline: datetime | None) -> str:
    """The order in Markdown: what happened, what is awaited."""
    lines = [f"**{state.status.value}**{_because(state)}", ""]
    if state.closed_as is None:
        lines += [f"Awaiting: {state.awaiting}{_by(deadline)}", ""]
    for parcel in state.parcels:
        tracking = f", {parcel.carrier} {parcel.tracking_number}" if parcel.tracking_number else ""
        lines.append(
            f"- parcel {parcel.plan.parcel} from {parcel.plan.location}: {parcel.view().status.value}{tracking}"
        )
    lines += [f"- hold `{kind}`: {hold.reason}" for kind, hold in state.holds.items()]
    lines += [
        f"- attention `{item.item_id}`: {item.question} ({', '.join(item.choices)})" for item in state.open_attention
    ]
    lines += ["", *(f"- {entry.at:%d %b %H:%M:%S} {entry.text}" for entry in state.entries[-12:])]
    return "\n".join(lines)


def _because(state: OrderState) -> str:
    return f" ({state.reason})" if state.reason and state.reason != state.status else ""


def _by(deadline: datetime | None) -> str:
    return f", at the latest by {deadline:%Y-%m-%d %H:%M} UTC" if deadline else ""
