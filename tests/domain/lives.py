"""Orders at every stage, with listings of companies that agree with our books."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from ordersaga.domain.books import Account
from ordersaga.domain.effects import EffectStatus
from ordersaga.domain.evidence import Deed, Heard, OpenEffect, OrderEvidence, ShelfEvidence
from ordersaga.domain.matching import Case, Moment
from ordersaga.domain.matching_orders import Standing, match_effect, match_order
from ordersaga.domain.matching_parcels import (
    lost_track_of,
    match_labels,
    match_provider_order,
    missing_order,
    quiet_labels,
    quiet_order,
)
from ordersaga.domain.matching_payments import match_payments
from ordersaga.domain.matching_stock import match_stock
from ordersaga.domain.orders import ParcelPlan
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.reconciliation import FindingKind, LabelRecord, PaymentRecord, RefundRecord, StockLevel
from ordersaga.domain.shipping import ProviderOrder
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.fakes.samples import EAST, order

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=2)
GRACE = timedelta(minutes=10)
AMOUNT = 1000
PROVIDER = "shipbob"


@dataclass(frozen=True)
class Scene:
    """One order with one parcel, and all that companies list of it."""

    ours: OrderEvidence
    standing: Standing
    payments: tuple[PaymentRecord, ...] = ()
    labels: tuple[LabelRecord, ...] = ()
    orders: tuple[ProviderOrder, ...] = ()
    levels: tuple[StockLevel, ...] = ()
    shelves: tuple[ShelfEvidence, ...] = ()

    @property
    def left(self) -> bool:
        """Whether the provider says that the goods left."""
        return any(order.status is ParcelStatus.IN_TRANSIT for order in self.orders)

    def kinds(self) -> set[FindingKind]:
        """Everything the rules find, the companies asked at once."""
        moment = Moment(NOW, GRACE)
        case = Case(
            self.ours,
            minded=not self.ours.final and self.standing == "running",
            left=frozenset({1}) if self.left else frozenset(),
        )
        found = [*match_payments(case, self.payments, moment), *match_labels(case, self.labels, moment)]
        for listed in self.orders:
            found += match_provider_order(case, PROVIDER, listed, moment)
        found += match_stock(PROVIDER, self.levels, self.shelves)
        kinds = {finding.kind for finding in found}
        kinds |= {FindingKind.MESSAGE_LOST for listed in self.orders if quiet_order(case, listed, moment)}
        kinds |= {FindingKind.MESSAGE_LOST for _ in quiet_labels(case, self.labels)}
        if not self.orders and lost_track_of(case, PROVIDER, 1, moment):
            assert missing_order(case, PROVIDER, 1, moment) is not None
            kinds.add(FindingKind.PROVIDER_ORDER_MISSING)
        alone = match_order(self.ours, self.standing, moment)
        open_calls = [match_effect(self._open(deed), self.standing, moment) for deed in self.ours.deeds if deed.open]
        return kinds | {finding.kind for finding in [alone, *open_calls] if finding is not None}

    def _open(self, deed: Deed) -> OpenEffect:
        return OpenEffect(
            key=deed.key,
            order_id="o1",
            step=deed.step,
            parcel=1,
            generation=deed.generation,
            intended_at=deed.intended_at,
            seller="acme",
            final=self.ours.final,
            updated_at=self.ours.updated_at,
        )


def deed(step: str, generation: int = 1, said: str = "", at: datetime = LONG_AGO, **changes: Any) -> Deed:
    """An effect of parcel 1 that is done."""
    known = Deed(
        key=f"o1/{step}/1/{generation}",
        step=step,
        parcel=1,
        generation=generation,
        status=EffectStatus.DONE,
        external_id=f"{step}-{generation}",
        amount=AMOUNT,
        said=said,
        intended_at=at,
        settled_at=at,
    )
    return replace(known, **changes)


def payment(generation: int, status: PaymentStatus, refunded: int = 0, *, at: datetime = LONG_AGO) -> PaymentRecord:
    """A payment of ours as the company lists it."""
    captured = AMOUNT if status is PaymentStatus.CAPTURED else 0
    refund = RefundRecord(refund_id="re_1", key="o1/refund_part/1/1", amount=refunded, status="pending")
    return PaymentRecord(
        payment_id=f"authorize-{generation}",
        order_id="o1",
        parcel=1,
        key=f"o1/authorize/1/{generation}",
        status=status,
        amount=AMOUNT,
        captured=captured,
        currency="USD",
        created_at=at,
        refunds=(refund,) if refunded else (),
    )


def label(generation: int, *, voided: bool = False, scanned: bool = False) -> LabelRecord:
    """A label of ours as the carrier lists it."""
    return LabelRecord(
        label_id=f"book_label-{generation}",
        reference=f"o1-1-{generation}",
        carrier="fedex",
        tracking_number=f"1Z{generation}",
        voided=voided,
        scanned=scanned,
        created_at=LONG_AGO,
    )


def provider_order(generation: int, status: ParcelStatus) -> ProviderOrder:
    """A parcel as its provider lists it."""
    return ProviderOrder(
        provider_id=f"hand_off-{generation}", reference=f"o1-1-{generation}", status=status, changed_at=LONG_AGO
    )


@dataclass
class _Draft:
    """A scene in the making."""

    deeds: list[Deed] = field(default_factory=list)
    payments: list[PaymentRecord] = field(default_factory=list)
    labels: list[LabelRecord] = field(default_factory=list)
    orders: list[ProviderOrder] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    money: dict[tuple[int, Account], int] = field(default_factory=dict)

    def earlier(self, generations: int) -> None:
        """What was asked for, and undone before the one that counts."""
        for number in range(1, generations):
            self.deeds += [deed("authorize", number, "authorized"), deed("void", number)]
            self.payments.append(payment(number, PaymentStatus.VOIDED))
            self.deeds += [deed("hand_off", number), deed("withdraw", number, "canceled")]
            self.orders.append(provider_order(number, ParcelStatus.CANCELED))
            self.deeds += [deed("book_label", number), deed("void_label", number, "pending")]
            self.labels.append(label(number, voided=True))

    def hear(self, status: ParcelStatus) -> None:
        self.heard.append(Heard(1, status.value, f"told: {status}", LONG_AGO))


STAGES = ("waiting", "handed_over", "shipped", "completed", "canceled", "partly_refunded", "returned_goods")


@st.composite
def scenes(draw: st.DrawFn, stages: tuple[str, ...] = STAGES) -> Scene:
    """An order at some stage, after up to two earlier generations, with listings that agree."""
    stage, last = draw(st.sampled_from(stages)), draw(st.integers(1, 3))
    ours = _Draft()
    ours.earlier(last)
    status = _BUILD[stage](ours, last)
    plan = ParcelPlan(parcel=1, location=EAST, provider=PROVIDER, lines=order().lines, amount=AMOUNT)
    on_hand, under_way = draw(st.integers(0, 50)), draw(st.integers(0, 5))
    evidence = OrderEvidence(
        order=order("o1"),
        status=status,
        parcels=(plan,),
        accepted_at=LONG_AGO,
        updated_at=LONG_AGO,
        started=True,
        deeds=tuple(ours.deeds),
        money=ours.money,
        shipped=frozenset({1}) if Account.SALES in {account for _, account in ours.money} else frozenset(),
        heard=tuple(ours.heard),
    )
    return Scene(
        evidence,
        "ended" if evidence.final else "running",
        tuple(ours.payments),
        tuple(ours.labels),
        tuple(ours.orders),
        (StockLevel(sku="MUG", on_hand=on_hand), StockLevel(sku="OTHER", on_hand=7)),
        (ShelfEvidence(EAST, "MUG", "acme", on_hand + draw(st.integers(0, under_way)), 0, under_way),),
    )


def _waiting(draft: _Draft, last: int) -> OrderStatus:
    draft.deeds.append(deed("authorize", last, "authorized"))
    draft.payments.append(payment(last, PaymentStatus.AUTHORIZED))
    draft.money[1, Account.AUTHORIZATION] = AMOUNT
    return OrderStatus.CONFIRMED


def _handed_over(draft: _Draft, last: int) -> OrderStatus:
    _waiting(draft, last)
    draft.deeds += [deed("hand_off", last), deed("book_label", last)]
    draft.orders.append(provider_order(last, ParcelStatus.PACKED))
    draft.labels.append(label(last))
    draft.hear(ParcelStatus.PACKED)
    return OrderStatus.FULFILLING


def _shipped(draft: _Draft, last: int) -> OrderStatus:
    _handed_over(draft, last)
    draft.hear(ParcelStatus.IN_TRANSIT)
    draft.deeds.append(deed("capture", last))
    draft.orders[-1] = provider_order(last, ParcelStatus.IN_TRANSIT)
    draft.labels[-1] = label(last, scanned=True)
    draft.payments[-1] = payment(last, PaymentStatus.CAPTURED)
    draft.money = {(1, Account.CASH): AMOUNT, (1, Account.SALES): -AMOUNT, (1, Account.AUTHORIZATION): 0}
    return OrderStatus.SHIPPED


def _completed(draft: _Draft, last: int) -> OrderStatus:
    _shipped(draft, last)
    return OrderStatus.COMPLETED


def _canceled(draft: _Draft, last: int) -> OrderStatus:
    _handed_over(draft, last)
    draft.deeds += [deed("withdraw", last, "canceled"), deed("void_label", last, "canceled"), deed("void", last)]
    draft.orders[-1] = provider_order(last, ParcelStatus.CANCELED)
    draft.labels[-1] = label(last, voided=True)
    draft.payments[-1] = payment(last, PaymentStatus.VOIDED)
    draft.money = {(1, Account.AUTHORIZATION): 0}
    return OrderStatus.CANCELED


def _partly_refunded(draft: _Draft, last: int) -> OrderStatus:
    _shipped(draft, last)
    draft.deeds.append(deed("refund_part"))
    draft.payments[-1] = payment(last, PaymentStatus.CAPTURED, 300)
    draft.money |= {(1, Account.CASH): AMOUNT - 300, (1, Account.ALLOWANCE): 300}
    return OrderStatus.COMPLETED


def _returned(draft: _Draft, last: int) -> OrderStatus:
    _shipped(draft, last)
    draft.deeds += [deed("refund_return"), deed("book_return_label")]
    back = label(1).model_copy(update={"label_id": "book_return_label-1", "reference": "o1-r1-1", "scanned": True})
    draft.labels.append(back)
    draft.payments[-1] = payment(last, PaymentStatus.CAPTURED, AMOUNT)
    draft.money = {(1, Account.CASH): 0, (1, Account.SALES): 0}
    return OrderStatus.RETURNED


_BUILD = {
    "waiting": _waiting,
    "handed_over": _handed_over,
    "shipped": _shipped,
    "completed": _completed,
    "canceled": _canceled,
    "partly_refunded": _partly_refunded,
    "returned_goods": _returned,
}
