"""Looking: a source's word about one order laid beside our ledgers, asking only where the rules found something.

Matching looks at everything a company lists; a repair looks again at the one thing it is about to mend.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from activities.carrier_accounts import carrier_at
from activities.standing import standing
from ordersaga.domain.carriers import EASYPOST
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.evidence import Deed, OpenEffect, OrderEvidence
from ordersaga.domain.identifiers import ParcelReference, parse_label_reference
from ordersaga.domain.lattices import goods_left
from ordersaga.domain.matching import CAME_TO_NOTHING, Case, Moment
from ordersaga.domain.matching_orders import Standing, match_effect, match_order
from ordersaga.domain.matching_parcels import (
    lost_track_of,
    match_labels,
    match_provider_order,
    missing_order,
    quiet_labels,
    quiet_order,
    unheard_order,
    unheard_scan,
)
from ordersaga.domain.matching_payments import match_payments
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.payments import PaymentState
from ordersaga.domain.reconciliation import Finding, LabelRecord, PaymentRecord, RefundRecord
from ordersaga.domain.shipping import ParcelEvent, ProviderOrder
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.polled import from_carrier, from_provider
from ordersaga.ports import Carrier, LabelHistory, PaymentGateway, PaymentHistory, Provider, ProviderStock
from ordersaga.reconciliation_ports import Evidence, FindingStore, Sagas

Rule = Callable[[Case], Iterable[Finding]]
_NOWHERE: Final = ParcelStatus.PLANNED


@dataclass(frozen=True)
class Sources:
    """What reconciliation asks. `carriers` by account, `labels` of those that list what was bought at them.

    `stock` by provider: only of those that count their shelves.
    """

    evidence: Evidence
    findings: FindingStore
    sagas: Sagas
    payments: PaymentGateway
    payment_history: PaymentHistory
    carriers: Mapping[str, Carrier]
    labels: Mapping[str, LabelHistory]
    providers: Mapping[str, Provider]
    stock: Mapping[str, ProviderStock]

    async def listing(self, account: str, since: datetime) -> AsyncIterator[LabelRecord]:
        """The labels bought since then at an account, each with its name; '' is the first account."""
        async for record in self.history(account).labels_since(since):
            yield record.model_copy(update={"account": account})

    def history(self, account: str) -> LabelHistory:
        """Who lists an account's labels; OperatorError `no_history` when nobody does."""
        name = account or EASYPOST
        if name not in self.labels:
            raise OperatorError("no_history", f"the carrier account {name!r} lists no labels")
        return self.labels[name]


class Looker:
    """Applies the rules to one order at a time."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    async def at_payments(self, ours: OrderEvidence, records: Sequence[PaymentRecord], moment: Moment) -> list[Finding]:
        """What differs about an order's money. Payments that were not listed are asked for once something does."""
        if not await self._judged(ours, records, moment):
            return []
        return await self._judged(ours, [*records, *await self.unlisted(ours, records)], moment)

    async def _judged(self, ours: OrderEvidence, records: Sequence[PaymentRecord], moment: Moment) -> list[Finding]:
        def rule(case: Case) -> Iterable[Finding]:
            return match_payments(case, records, moment)

        return await self._judge(ours, {record.parcel for record in records}, rule)

    async def unlisted(self, ours: OrderEvidence, listed: Sequence[PaymentRecord]) -> list[PaymentRecord]:
        """The order's other payments of the same parcels, each asked for."""
        known, parcels = frozenset(record.payment_id for record in listed), {record.parcel for record in listed}
        return [record for parcel in sorted(parcels) for record in await self._of_parcel(ours, parcel, known)]

    async def _of_parcel(
        self, ours: OrderEvidence, parcel: int, known: frozenset[str] = frozenset()
    ) -> list[PaymentRecord]:
        return [
            _of_deed(ours, deed, await self._sources.payments.inquire(payment_id))
            for payment_id, deed in dict(ours.payments(parcel)).items()
            if payment_id not in known
        ]

    async def named(self, finding: Finding, ours: OrderEvidence | None) -> list[PaymentRecord]:
        """The payments a finding names, and the order's others of its parcel, each asked for as it stands now."""
        known = dict(ours.payments(finding.parcel)) if ours is not None else {}
        strays = [named for named in finding.payments if named not in known]
        records = [_stray(finding, await self._sources.payments.inquire(payment_id)) for payment_id in strays]
        return [*records, *(await self._of_parcel(ours, finding.parcel) if ours is not None else ())]

    async def at_labels(self, ours: OrderEvidence, records: Sequence[LabelRecord], moment: Moment) -> list[Finding]:
        """What differs about an order's labels, and scans nobody told the order of."""

        def rule(case: Case) -> Iterable[Finding]:
            return match_labels(case, records, moment)

        found = await self._judge(ours, (), rule)
        for record in quiet_labels(Case(ours, minded=False), records):
            found += await self._at_scan(ours, record, moment)
        return found

    async def _at_scan(self, ours: OrderEvidence, record: LabelRecord, moment: Moment) -> list[Finding]:
        told = await carrier_at(self._sources.carriers, record.account).look(record.reference)
        event = _event(from_carrier(record.reference, told)) if told is not None else None
        if event is None:
            return []
        case, known = await self._knows(ours, event)
        return unheard_scan(case, record, event, known, moment)

    async def at_provider_order(
        self, ours: OrderEvidence, provider: str, order: ProviderOrder, moment: Moment
    ) -> list[Finding]:
        """What differs about one order of a provider."""

        def rule(case: Case) -> Iterable[Finding]:
            return match_provider_order(case, provider, order, moment)

        found = await self._judge(ours, (), rule)
        event = _event(from_provider(provider, order, moment.now))
        if not found and event is not None and quiet_order(Case(ours, minded=False), order, moment):
            case, known = await self._knows(ours, event)
            found = unheard_order(case, provider, order, event, known)
        return found

    async def at_missing_orders(
        self, ours: OrderEvidence, provider: str, listed: frozenset[str], moment: Moment
    ) -> list[Finding]:
        """Parcels a provider accepted and does not know any more; those it listed it knows."""
        found, case = [], Case(ours, minded=False)
        for parcel in ours.plans:
            generation = lost_track_of(case, provider, parcel, moment)
            reference = str(ParcelReference(ours.order_id, parcel, generation or 0))
            if generation is None or reference in listed:
                continue
            if await standing(self._sources.providers[provider], reference) is None:
                finding = missing_order(case, provider, parcel, moment)
                found += [finding] if finding is not None else []
        return found

    async def at_order(self, ours: OrderEvidence, moment: Moment) -> Finding | None:
        """Whether anybody minds an order that has not ended. A person who was asked about it does not mend it."""
        if match_order(ours, "never", moment) is None and match_order(ours, "ended", moment) is None:
            return None
        standing = await self._sources.sagas.standing(ours.order_id)
        if match_order(ours, standing, moment) is None:
            return None
        return match_order(await self._now(ours), standing, moment)

    async def at_effect(self, effect: OpenEffect, moment: Moment) -> Finding | None:
        """Whether anybody will ask what came of a call."""
        if match_effect(effect, "ended", moment) is None:
            return None
        standing: Standing = "ended" if effect.final else await self._sources.sagas.standing(effect.order_id)
        return match_effect(effect, standing, moment)

    async def _judge(self, ours: OrderEvidence, parcels: Iterable[int], rule: Rule) -> list[Finding]:
        """Apply a rule; who minds the order, and what left, is asked only where it makes a difference."""
        every = frozenset(parcels)
        thinkable = [Case(ours, False, every), Case(ours, False), *([] if ours.final else [Case(ours, True)])]
        if not any(list(rule(case)) for case in thinkable):
            return []
        minded = await self.minded(ours)
        ours = ours if minded else await self._now(ours)
        where = {} if minded else {parcel: await self._where(ours, parcel) for parcel in sorted(every)}
        left = frozenset(parcel for parcel, told in where.items() if any(map(goods_left, told)))
        back = frozenset(parcel for parcel, told in where.items() if not CAME_TO_NOTHING.isdisjoint(told))
        return list(rule(Case(ours, minded, left, back)))

    async def _now(self, ours: OrderEvidence) -> OrderEvidence:
        """An order nobody minds, read anew: its saga may have ended it just after it was read."""
        known = {} if ours.final else await self._sources.evidence.orders([ours.order_id])
        return known.get(ours.order_id, ours)

    async def minded(self, ours: OrderEvidence) -> bool:
        """Whether the order's saga minds it, or will once it is started."""
        if ours.final:
            return False
        standing = await self._sources.sagas.standing(ours.order_id)
        return standing == "running" or (standing == "never" and not ours.started)

    async def _where(self, ours: OrderEvidence, parcel: int) -> frozenset[ParcelStatus]:
        """Where a parcel is, as those say who had it in any of its generations."""
        told = frozenset[ParcelStatus]()
        for label in ours.of("book_label", parcel):
            carrier = carrier_at(self._sources.carriers, label.account)
            event = await carrier.look(_reference(ours, label)) if label.done else None
            told |= {event.status} if event is not None else set()
        provider = self._sources.providers.get(ours.plans[parcel].provider) if parcel in ours.plans else None
        for handed in ours.of("hand_off", parcel) if provider is not None else ():
            order = await standing(provider, _reference(ours, handed)) if provider and handed.done else None
            told |= {order.status} if order is not None else set()
        return told

    async def _knows(self, ours: OrderEvidence, event: ParcelEvent) -> tuple[Case, ParcelStatus]:
        """Who minds the order, and where its saga believes the parcel is."""
        if not await self.minded(ours):
            return Case(ours, minded=False), _NOWHERE
        known = await self._sources.sagas.parcels(ours.order_id)
        return Case(ours, minded=True), known.get(event.parcel, event.status)


def _of_deed(ours: OrderEvidence, deed: Deed, state: PaymentState) -> PaymentRecord:
    return _record(state, deed.intended_at, order_id=ours.order_id, parcel=deed.parcel, key=deed.key)


def _stray(finding: Finding, state: PaymentState) -> PaymentRecord:
    """A payment that no authorization of ours led to, as the finding knows it."""
    owner, key = finding.order_id or finding.facts.get("order", ""), finding.facts.get("key", "")
    made = finding.at or datetime.fromtimestamp(0, UTC)
    return _record(state, made, order_id=owner, parcel=finding.parcel, key=key)


def _record(state: PaymentState, made: datetime, *, order_id: str, parcel: int, key: str) -> PaymentRecord:
    """A payment that was asked for by its id, as if it had been listed."""
    refund = RefundRecord(refund_id="", key="", amount=state.refunded, status="succeeded")
    return PaymentRecord(
        payment_id=state.payment_id,
        order_id=order_id,
        parcel=parcel,
        key=key,
        status=state.status,
        amount=state.amount,
        captured=state.captured,
        currency=state.currency,
        created_at=made,
        refunds=(refund,) if state.refunded else (),
    )


def _reference(ours: OrderEvidence, deed: Deed) -> str:
    return str(ParcelReference(ours.order_id, deed.parcel, deed.generation))


def owner_of(reference: str) -> str:
    """The order a label or a provider's order is for; '' when it is not ours."""
    owner = parse_label_reference(reference)
    return owner.order_id if owner is not None else ""


def _event(incoming: Incoming | None) -> ParcelEvent | None:
    events = incoming.events if incoming is not None else ()
    return next((event for event in events if isinstance(event, ParcelEvent)), None)
