"""Reconciliation: each source laid beside our ledgers, and the findings kept. Nothing is repaired here."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from pydantic import AwareDatetime, Field
from temporalio import activity

from activities.failures import translated
from activities.looking import Looker, Sources, owner_of
from activities.standing import standing
from ordersaga.domain.evidence import OpenEffect, OrderEvidence
from ordersaga.domain.matching import Moment
from ordersaga.domain.matching_payments import stray_payment
from ordersaga.domain.matching_stock import match_stock
from ordersaga.domain.orders import not_given
from ordersaga.domain.reconciliation import Finding, FindingKind, LabelRecord, PaymentRecord, RunRecord
from ordersaga.domain.shipping import ProviderOrder
from ordersaga.domain.values import Message

CHUNK: Final = 200
"""How much of a listing is compared at a time."""
AT_ONCE: Final = 16
BEAT: Final = timedelta(seconds=10)

P = ParamSpec("P")
T = TypeVar("T")


def kept_alive(every: timedelta = BEAT) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Awaitable[T]]]:
    """An activity that shows it is alive while it waits for a company: pages of others' things yield nothing."""

    def wrapped(act: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        @wraps(act)
        async def run(*args: P.args, **kwargs: P.kwargs) -> T:
            beating = asyncio.create_task(_beat(every))
            try:
                return await act(*args, **kwargs)
            finally:
                beating.cancel()

        return run

    return wrapped


async def _beat(every: timedelta) -> None:
    while True:
        await asyncio.sleep(every.total_seconds())
        _alive()


class MatchAsk(Message):
    """What a source is asked. `since`: what happened earlier is not looked at; `order_id`: only this order.

    `provider` names one where the source is a provider, `account` one where it is a carrier account that is not the
    first. Nothing younger than `grace` at `now` is a finding.
    """

    run_id: str
    since: AwareDatetime
    now: AwareDatetime
    grace: timedelta
    order_id: str | None = None
    provider: str = ""
    account: str = Field(default="", exclude_if=not_given)

    @property
    def moment(self) -> Moment:
        """When we look."""
        return Moment(self.now, self.grace)


class MatchResult(Message):
    """How much was compared, and what was found. The findings themselves are in the database."""

    looked_at: int = 0
    found: dict[FindingKind, int] = Field(default_factory=dict)


class CloseRun(Message):
    """How a run ended: its record, and the one order it was about, if any."""

    run: RunRecord
    order_id: str | None = None


class Reconciling:
    """Activities that match one source each, and keep the runs."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._look = Looker(sources)

    @activity.defn
    @translated
    async def open_run(self, run: RunRecord) -> None:
        """Write that a run began."""
        await self._sources.findings.begin_run(run)

    @activity.defn
    @translated
    @kept_alive()
    async def match_payments(self, ask: MatchAsk) -> MatchResult:
        """The payment company's payments and refunds beside our books."""
        tally = _Tally(self._sources, ask)
        listing = self._sources.payment_history.payments_since(await self._since(ask))
        async for records in _chunks(_of_orders(listing, lambda record: record.order_id, ask)):
            await tally.add(len(records), await self._payments(records, ask.moment))
        return tally.result()

    async def _payments(self, records: Sequence[PaymentRecord], moment: Moment) -> list[Finding]:
        by_order = _by_order(records, lambda record: record.order_id)
        evidence = await self._sources.evidence.orders(sorted(by_order))

        async def of_order(order_id: str) -> list[Finding]:
            ours = evidence.get(order_id)
            if ours is not None:
                return await self._look.at_payments(ours, by_order[order_id], moment)
            return [finding for record in by_order[order_id] for finding in stray_payment(record, moment)]

        return await _each(by_order, of_order)

    @activity.defn
    @translated
    @kept_alive()
    async def match_labels(self, ask: MatchAsk) -> MatchResult:
        """The labels of a carrier account beside our parcels."""
        tally = _Tally(self._sources, ask)
        listing = self._sources.listing(ask.account, await self._since(ask))
        async for records in _chunks(_of_orders(listing, lambda record: owner_of(record.reference), ask)):
            await tally.add(len(records), await self._labels(records, ask.moment))
        return tally.result()

    async def _labels(self, records: Sequence[LabelRecord], moment: Moment) -> list[Finding]:
        by_order = _by_order(records, lambda record: owner_of(record.reference))
        evidence = await self._sources.evidence.orders(sorted(by_order))

        async def of_order(order_id: str) -> list[Finding]:
            return await self._look.at_labels(evidence[order_id], by_order[order_id], moment)

        return await _each(evidence, of_order)

    @activity.defn
    @translated
    @kept_alive()
    async def match_provider(self, ask: MatchAsk) -> MatchResult:
        """A provider's orders beside our parcels."""
        tally = _Tally(self._sources, ask)
        listed = await self._listed(ask)
        orders = [order for order in listed if owner_of(order.reference)]
        for start in range(0, len(orders), CHUNK):
            chunk = orders[start : start + CHUNK]
            await tally.add(len(chunk), await self._provider_orders(chunk, ask))
        known = frozenset(order.reference for order in orders)
        async for ids in self._handed_over(ask):
            await tally.add(len(ids), await self._missing(ids, known, ask))
        return tally.result()

    async def _listed(self, ask: MatchAsk) -> Sequence[ProviderOrder]:
        """What the provider lists; of one order, what it answers to each of its references."""
        provider = self._sources.providers[ask.provider]
        if ask.order_id is None:
            return await provider.changes_since(ask.since)
        found = []
        for ours in (await self._sources.evidence.orders([ask.order_id])).values():
            for reference in _references(ours, ask.provider):
                found.append(await standing(provider, reference))
        return [order for order in found if order is not None]

    async def _provider_orders(self, orders: Sequence[ProviderOrder], ask: MatchAsk) -> list[Finding]:
        by_order = _by_order(orders, lambda order: owner_of(order.reference))
        evidence = await self._sources.evidence.orders(sorted(by_order))

        async def of_order(order_id: str) -> list[Finding]:
            found = []
            for order in by_order[order_id]:
                found += await self._look.at_provider_order(evidence[order_id], ask.provider, order, ask.moment)
            return found

        return await _each(evidence, of_order)

    async def _missing(self, ids: Sequence[str], known: frozenset[str], ask: MatchAsk) -> list[Finding]:
        evidence = await self._sources.evidence.orders(ids)

        async def of_order(order_id: str) -> list[Finding]:
            return await self._look.at_missing_orders(evidence[order_id], ask.provider, known, ask.moment)

        return await _each(evidence, of_order)

    def _handed_over(self, ask: MatchAsk) -> AsyncIterator[Sequence[str]]:
        def page(after: str) -> Awaitable[Sequence[str]]:
            return self._sources.evidence.handed_over(ask.provider, ask.since, after, CHUNK)

        return _pages(page, lambda order_id: order_id) if ask.order_id is None else _only([ask.order_id])

    @activity.defn
    @translated
    @kept_alive()
    async def match_stock(self, ask: MatchAsk) -> MatchResult:
        """A provider's count beside our shelves; nothing for a provider that does not count, or for one order."""
        tally = _Tally(self._sources, ask)
        counting = self._sources.stock.get(ask.provider)
        levels = await counting.stock() if counting is not None and ask.order_id is None else ()
        for start in range(0, len(levels), CHUNK):
            chunk = levels[start : start + CHUNK]
            skus = [level.sku for level in chunk]
            shelves = await self._sources.evidence.shelves(ask.provider, skus, ask.now - ask.grace)
            await tally.add(len(chunk), list(match_stock(ask.provider, chunk, shelves)))
        return tally.result()

    @activity.defn
    @translated
    @kept_alive()
    async def match_orders(self, ask: MatchAsk) -> MatchResult:
        """Our own orders: never started, deserted by their saga, ended with a call nobody knows the outcome of."""
        tally = _Tally(self._sources, ask)
        async for ids in self._moving(ask):
            await tally.add(len(ids), await self._deserted(ids, ask.moment))
        async for effects in _pages(lambda after: self._unsettled(ask, after), lambda effect: effect.key):
            wanted = [effect for effect in effects if ask.order_id in (None, effect.order_id)]
            found = [await self._look.at_effect(effect, ask.moment) for effect in wanted]
            await tally.add(len(wanted), [finding for finding in found if finding is not None])
        return tally.result()

    async def _deserted(self, ids: Sequence[str], moment: Moment) -> list[Finding]:
        evidence = await self._sources.evidence.orders(ids)

        async def of_order(order_id: str) -> list[Finding]:
            finding = await self._look.at_order(evidence[order_id], moment)
            return [finding] if finding is not None else []

        return await _each(evidence, of_order)

    def _moving(self, ask: MatchAsk) -> AsyncIterator[Sequence[str]]:
        def page(after: str) -> Awaitable[Sequence[str]]:
            return self._sources.evidence.moving(after, CHUNK)

        return _pages(page, lambda order_id: order_id) if ask.order_id is None else _only([ask.order_id])

    def _unsettled(self, ask: MatchAsk, after: str) -> Awaitable[Sequence[OpenEffect]]:
        return self._sources.evidence.unsettled(ask.now - ask.grace, after, CHUNK)

    @activity.defn
    @translated
    async def close_run(self, closing: CloseRun) -> None:
        """Write what a run came to; what it did not find again is gone."""
        await self._sources.findings.end_run(closing.run, closing.order_id)

    async def _since(self, ask: MatchAsk) -> datetime:
        """How far back a listing goes: for one order, to before it was accepted."""
        known = await self._sources.evidence.orders([ask.order_id]) if ask.order_id else {}
        return min([ask.since, *(ours.accepted_at - ask.grace for ours in known.values())])


class _Tally:
    """Keeps what is found as it is found, and counts."""

    def __init__(self, sources: Sources, ask: MatchAsk) -> None:
        self._store, self._ask = sources.findings, ask
        self._looked_at = 0
        self._found: dict[str, FindingKind] = {}

    async def add(self, looked_at: int, findings: Sequence[Finding]) -> None:
        self._looked_at += looked_at
        self._found |= {finding.finding_id: finding.kind for finding in findings}
        await self._store.save(self._ask.run_id, findings, self._ask.now)

    def result(self) -> MatchResult:
        return MatchResult(looked_at=self._looked_at, found=dict(Counter(self._found.values())))


def _alive() -> None:
    if activity.in_activity():
        activity.heartbeat()


def _references(ours: OrderEvidence, provider: str) -> list[str]:
    """Every reference under which a provider may know parcels of the order."""
    return [
        plan.reference(ours.order_id, deed.generation)
        for plan in ours.parcels
        for deed in (*ours.of("set_aside", plan.parcel), *ours.of("hand_off", plan.parcel))
        if plan.provider == provider
    ]


def _by_order(records: Iterable[T], order_of: Callable[[T], str]) -> dict[str, list[T]]:
    found: defaultdict[str, list[T]] = defaultdict(list)
    for record in records:
        found[order_of(record)].append(record)
    return found


async def _each(order_ids: Iterable[str], look: Callable[[str], Awaitable[list[Finding]]]) -> list[Finding]:
    """Look at several orders, a few at once."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(order_id: str) -> list[Finding]:
        async with places:
            return await look(order_id)

    found = await asyncio.gather(*(one(order_id) for order_id in sorted(order_ids)))
    return [finding for findings in found for finding in findings]


async def _of_orders(listing: AsyncIterator[T], order_of: Callable[[T], str], ask: MatchAsk) -> AsyncIterator[T]:
    """Records that bear our marks; of one order only, where one is asked about."""
    async for record in listing:
        owner = order_of(record)
        if owner and ask.order_id in (None, owner):
            yield record


async def _chunks(records: AsyncIterator[T]) -> AsyncIterator[list[T]]:
    chunk: list[T] = []
    async for record in records:
        chunk.append(record)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


async def _pages(page: Callable[[str], Awaitable[Sequence[T]]], key: Callable[[T], str]) -> AsyncIterator[Sequence[T]]:
    """Pages of our own rows, by their key."""
    after = ""
    while rows := await page(after):
        yield rows
        after = key(rows[-1])


async def _only(page: Sequence[T]) -> AsyncIterator[Sequence[T]]:
    yield page
