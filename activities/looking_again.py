"""A repair looks again at the one thing it is about to mend: the same rules, asked of the company anew."""

from collections.abc import Iterable, Sequence

from activities.looking import Looker, Sources
from activities.repairs_money import Job
from activities.standing import standing
from ordersaga.domain.evidence import OpenEffect, OrderEvidence
from ordersaga.domain.matching import Moment
from ordersaga.domain.matching_payments import stray_payment
from ordersaga.domain.matching_stock import match_stock
from ordersaga.domain.reconciliation import (
    LABELS,
    ORDERS,
    PAYMENTS,
    STOCK,
    Finding,
    FindingKind,
    LabelRecord,
    read_source,
)


class LookingAgain:
    """Finds a finding anew."""

    def __init__(self, sources: Sources, look: Looker) -> None:
        self._sources = sources
        self._look = look

    async def look(self, job: Job, moment: Moment) -> Finding | None:
        """The finding as it stands now; None: it is gone."""
        found = await self._found(job, moment)
        return next((finding for finding in found if finding.finding_id == job.finding.finding_id), None)

    async def _found(self, job: Job, moment: Moment) -> Iterable[Finding]:
        source, provider = read_source(job.finding.source)
        if source == PAYMENTS:
            return await self._payments(job, moment)
        if source == LABELS:
            return await self._look.at_labels(job.order, await self._labels(job, provider), moment)
        if source == ORDERS:
            return await self._order(job, moment)
        if source == STOCK:
            return await self._stock(provider, job.finding.facts["sku"], moment)
        return await self._provider(job, provider, moment)

    async def _payments(self, job: Job, moment: Moment) -> Sequence[Finding]:
        """Asked for one by one: a listing may be tens of thousands of payments long."""
        records = await self._look.named(job.finding, job.ours)
        if job.ours is None:
            return [finding for record in records for finding in stray_payment(record, moment)]
        return await self._look.at_payments(job.ours, records, moment)

    async def _labels(self, job: Job, account: str) -> list[LabelRecord]:
        finding, order = job.finding, job.order
        owner = finding.facts["reference"]
        listing = self._sources.listing(account, finding.at or order.accepted_at)
        return [record async for record in listing if record.reference == owner]

    async def _order(self, job: Job, moment: Moment) -> Sequence[Finding]:
        if job.finding.kind is FindingKind.EFFECT_UNSETTLED:
            effect = _effect(job.order, job.finding.facts["key"])
            found = await self._look.at_effect(effect, moment) if effect is not None else None
        else:
            found = await self._look.at_order(job.order, moment)
        return [found] if found is not None else []

    async def _stock(self, provider: str, sku: str, moment: Moment) -> Sequence[Finding]:
        levels = [level for level in await self._sources.stock[provider].stock() if level.sku == sku]
        shelves = await self._sources.evidence.shelves(provider, [sku], moment.now - moment.grace)
        return list(match_stock(provider, levels, shelves))

    async def _provider(self, job: Job, provider: str, moment: Moment) -> Sequence[Finding]:
        reference = job.finding.facts["reference"]
        order = await standing(self._sources.providers[provider], reference)
        if order is not None:
            return await self._look.at_provider_order(job.order, provider, order, moment)
        return await self._look.at_missing_orders(job.order, provider, frozenset(), moment)


def _effect(ours: OrderEvidence, key: str) -> OpenEffect | None:
    """The call in question; None when its outcome is known by now."""
    deed = next((deed for deed in ours.deeds if deed.key == key and deed.open), None)
    if deed is None:
        return None
    return OpenEffect(
        key=deed.key,
        order_id=ours.order_id,
        step=deed.step,
        parcel=deed.parcel,
        generation=deed.generation,
        intended_at=deed.intended_at,
        seller=ours.order.seller,
        final=ours.final,
        updated_at=ours.updated_at,
    )
