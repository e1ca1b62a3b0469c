"""How a return shows itself in Temporal: search attributes, current details in Markdown, the plain-words answer."""

from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributePair, SearchAttributeUpdate, TypedSearchAttributes

from ordersaga.domain.return_rules import wanted
from ordersaga.domain.return_words import outcome_told
from ordersaga.domain.returns import ReturnCase
from ordersaga.domain.statuses import OrderStatus
from workflows.presentation import ATTENTION, CARRIER, CHANNEL, PROVIDER, REGION, SELLER, STATUS, asked_since
from workflows.return_state import ReturnState


def initial_attributes(case: ReturnCase) -> TypedSearchAttributes:
    """What whoever starts the workflow sets; in the clear, so nothing of it says who a shopper is."""
    order = case.order
    status = OrderStatus.COMPLETED if case.request.keeps_goods else OrderStatus.RETURNING
    pairs: list[SearchAttributePair[Any]] = [
        SearchAttributePair(STATUS, status.value),
        SearchAttributePair(SELLER, order.seller),
        SearchAttributePair(CHANNEL, order.channel),
        SearchAttributePair(REGION, f"{case.way_out.ship_to.country}-{case.way_out.ship_to.region}"),
        SearchAttributePair(PROVIDER, [case.plan.provider]),
    ]
    return TypedSearchAttributes(pairs)


def static_summary(case: ReturnCase) -> str:
    """The workflow's title in Temporal's UI; names no person."""
    return f"{case.return_id} · {case.order.seller} · {wanted(case)} · {case.request.reason}"


def upsert(state: ReturnState) -> None:
    """Bring the search attributes up to date; changed ones only, in one command."""
    now = workflow.info().typed_search_attributes
    lists: list[tuple[SearchAttributeKey[Any], Any]] = [
        (CARRIER, [state.carrier] if state.carrier else []),
        (ATTENTION, sorted({item.kind for item in state.open_attention})),
    ]
    wanted = [(STATUS, state.order_status.value), *((key, value) for key, value in lists if value or now.get(key))]
    changes: list[SearchAttributeUpdate[Any]] = [key.value_set(value) for key, value in wanted if now.get(key) != value]
    changes += asked_since(state.open_attention)
    if changes:
        workflow.upsert_search_attributes(changes)


def show(state: ReturnState, deadline: datetime | None) -> None:
    """Set the current details, which Temporal's UI and `temporal workflow metadata` show."""
    workflow.set_current_details(details(state, deadline))


def details(state: ReturnState, deadline: datetime | None) -> str:
    """The return in Markdown: what happened, what is awaited."""
    lines = [f"**{state.status.value}**{_because(state)}", ""]
    if not state.closed:
        lines += [f"Awaiting: {state.waits_for}{_by(deadline)}", ""]
    tracking = f", {state.carrier} {state.tracking_number}" if state.tracking_number else ""
    if not state.case.request.keeps_goods:
        lines.append(f"- way back to {state.case.plan.location}: {state.way_back.value}{tracking}")
    lines += [
        f"- attention `{item.item_id}`: {item.question} ({', '.join(item.choices)})" for item in state.open_attention
    ]
    lines += ["", *(f"- {entry.at:%d %b %H:%M:%S} {entry.text}" for entry in state.entries[-12:])]
    return "\n".join(lines)


def explain(state: ReturnState, deadline: datetime | None) -> str:
    """Plain words: where the return is, why, what comes next and by when."""
    name = "Goodwill" if state.case.request.keeps_goods else "Return"
    asked = f"{name} {state.case.return_id} of {wanted(state.case)}"
    said = f"{asked} is {state.status.value.replace('_', ' ')}{_because(state)}."
    told = outcome_told(state.record(), state.entries)
    if state.closed:
        return " ".join([said, *told, "Nothing more will happen."])
    questions = [
        f"A person must decide {item.item_id} ({', '.join(item.choices)}): {item.question}"
        for item in state.open_attention
    ]
    waiting = [] if questions else [f"It is waiting for {state.waits_for}{_by(deadline)}."]
    return " ".join([said, *told, *questions, *waiting])


def _because(state: ReturnState) -> str:
    return f" ({state.reason})" if state.reason else ""


def _by(deadline: datetime | None) -> str:
    return f", at the latest by {deadline:%Y-%m-%d %H:%M} UTC" if deadline else ""
