"""Answering attention items, one or many: each by the workflow that asked, or in the journal when that has ended."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from ordersaga.api.access import seller_scope
from ordersaga.api.attention_shapes import (
    MOST,
    ItemFilter,
    ResolvedItem,
    ResolvedMany,
    ResolvedTotals,
    ResolveManyBody,
    Result,
)
from ordersaga.api.problems import FieldError, Problem, invalid
from ordersaga.bootstrap import ApiKey, Services
from ordersaga.client_errors import OrderClosedError, OrderNotFoundError
from ordersaga.domain.approvals import same_person, waits_for_second_person
from ordersaga.domain.channels import CHANNEL_QUESTIONS
from ordersaga.domain.errors import OrdersagaError
from ordersaga.domain.journal import AttentionItem
from ordersaga.domain.recovering import RECOVERY
from ordersaga.domain.starting import START_QUESTIONS
from ordersaga.domain.stops import STOP_FAILED
from ordersaga.remedies import listed_at
from workflows.messages import Resolution

AT_ONCE: Final = 16
_SECOND: Final = "a second person must make the same choice"

log = structlog.get_logger(__name__)


async def open_items(
    services: Services,
    key: ApiKey,
    *,
    kind: str | None = None,
    seller: str | None = None,
    provider: str | None = None,
    order_id: str | None = None,
    older_than_hours: int | None = None,
) -> Sequence[AttentionItem]:
    """Open questions that the key may see, oldest first; only those that match what is named."""
    before = datetime.now(UTC) - timedelta(hours=older_than_hours) if older_than_hours else None
    return await services.journal.open_attention(
        seller=seller_scope(key, seller), kind=kind, provider=provider, order_id=order_id, opened_before=before
    )


async def answer(services: Services, item: AttentionItem, resolution: Resolution) -> AttentionItem:
    """Answer a question. Problem 422 for a choice it does not offer, 404 when somebody answered before."""
    if resolution.choice not in item.choices:
        advice = f"use one of {', '.join(item.choices)}"
        raise invalid([FieldError(field="choice", message=f"{resolution.choice} is no choice here", remedy=advice)])
    if item.kind in (RECOVERY, STOP_FAILED, *CHANNEL_QUESTIONS, *START_QUESTIONS):
        return await _answer_in_journal(services, item, resolution)  # no saga asked it
    try:
        return await services.orders.resolve_attention(item.order_id, resolution)
    except (OrderClosedError, OrderNotFoundError):
        return await _answer_in_journal(services, item, resolution)


async def _answer_in_journal(services: Services, item: AttentionItem, said: Resolution) -> AttentionItem:
    answered = await services.journal.answer_question(item, said.choice, by=said.by, reason=said.reason)
    if answered is None:
        raise not_open(item.item_id)
    return answered


def not_open(item_id: str) -> Problem:
    """404: nobody asks this, or somebody answered."""
    detail = f"no open question has the id {item_id}; {listed_at('/v1/attention', 'attention list')}"
    return Problem(404, "attention_not_found", detail)


async def resolve_many(services: Services, key: ApiKey, body: ResolveManyBody, by: str) -> ResolvedMany:
    """Answer every matching question, at most a thousand; one that fails does not keep the others from it."""
    found = await _matching(services, key, body.filter)
    resolver = _Resolver(services, body, by)
    items = await asyncio.gather(*map(resolver.settle, found[:MOST]))
    totals = _totals(items, left=max(0, len(found) - MOST))
    log.info("attention_resolved_many", key=key.name, choice=body.choice, dry_run=body.dry_run, **totals.model_dump())
    return ResolvedMany(dry_run=body.dry_run, choice=body.choice, items=tuple(items), totals=totals)


async def _matching(services: Services, key: ApiKey, wanted: ItemFilter) -> list[AttentionItem]:
    named = {name: getattr(wanted, name) for name in ("kind", "seller", "provider", "older_than_hours")}
    return [
        item
        for item in await open_items(services, key, **named)
        if (wanted.order_ids is None or item.order_id in wanted.order_ids)
        and (wanted.item_ids is None or item.item_id in wanted.item_ids)
    ]


class _Resolver:
    """Settles items, a few at once."""

    def __init__(self, services: Services, body: ResolveManyBody, by: str) -> None:
        self._services, self._body, self._by = services, body, by
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def settle(self, item: AttentionItem) -> ResolvedItem:
        """What was done about the item, or would be."""
        if self._body.choice not in item.choices:
            return _row(item, "not_offered", detail=f"its choices are {', '.join(item.choices)}")
        if item.proposed == self._body.choice and same_person(item.proposed_by or "", self._by):
            return _row(item, "proposed", proposed_by=item.proposed_by, detail=_SECOND)
        async with self._turn:
            try:
                return await (self._foretell(item) if self._body.dry_run else self._answer(item))
            except OrdersagaError as error:
                return _row(item, "failed", code=error.code, detail=error.message)
            except Problem as problem:
                return _row(item, "failed", code=problem.code, detail=str(problem.body["detail"]))

    async def _answer(self, item: AttentionItem) -> ResolvedItem:
        body = self._body
        said = Resolution(item_id=item.item_id, choice=body.choice, by=self._by, reason=body.reason)
        return _settled(item, await answer(self._services, item, said))

    async def _foretell(self, item: AttentionItem) -> ResolvedItem:
        record = await self._services.journal.get(item.order_id)
        above = record.order.terms.second_person_above if record else 0
        if waits_for_second_person(item, self._body.choice, self._by, above):
            return _row(item, "proposed", proposed_by=self._by, detail=_SECOND)
        return _row(item, "resolved")


def _settled(item: AttentionItem, answered: AttentionItem) -> ResolvedItem:
    if answered.resolved is None:
        return _row(item, "proposed", proposed_by=answered.proposed_by, detail=_SECOND)
    return _row(item, "resolved")


def _row(item: AttentionItem, result: Result, **more: str | None) -> ResolvedItem:
    known = item.model_dump(include={"item_id", "order_id", "kind", "opened_at", "money", "currency"})
    return ResolvedItem(**{**known, "result": result, **more})


def _totals(items: Sequence[ResolvedItem], left: int) -> ResolvedTotals:
    results, money = Counter(item.result for item in items), Counter[str]()
    for item in items:
        if item.money and item.result in ("resolved", "proposed"):
            money[item.currency] += item.money
    return ResolvedTotals(
        count=len(items),
        resolved=results["resolved"],
        waiting_for_second_person=results["proposed"],
        not_offered=results["not_offered"],
        failed=results["failed"],
        left=left,
        money=dict(money),
    )
