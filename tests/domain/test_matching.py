"""Cases in which reconciliation must keep still, or must see through what looks alike."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import pytest

from ordersaga.domain.books import Account
from ordersaga.domain.effects import EffectStatus
from ordersaga.domain.evidence import Deed, Heard, OrderEvidence, ShelfEvidence
from ordersaga.domain.matching import Case, Moment
from ordersaga.domain.matching_orders import match_order
from ordersaga.domain.matching_parcels import (
    lost_track_of,
    match_labels,
    match_provider_order,
    missing_order,
    quiet_order,
)
from ordersaga.domain.matching_payments import match_payments
from ordersaga.domain.matching_stock import drift, spread
from ordersaga.domain.orders import ParcelPlan
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.reconciliation import FindingKind, LabelRecord, PaymentRecord, RefundRecord, StockLevel
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.domain.lives import AMOUNT, GRACE, LONG_AGO, NOW, PROVIDER, deed, label, payment, provider_order
from tests.fakes.samples import EAST, WEST, order

MOMENT = Moment(NOW, GRACE)
PLAN = ParcelPlan(parcel=1, location=EAST, provider=PROVIDER, lines=order().lines, amount=AMOUNT)
BOUGHT = (deed("authorize", said="authorized"), deed("hand_off"), deed("book_label"))
PAID = {(1, Account.CASH): AMOUNT, (1, Account.SALES): -AMOUNT}


def ours(status: OrderStatus = OrderStatus.COMPLETED, **known: Any) -> OrderEvidence:
    """An order of one parcel that was handed over with a label."""
    basis = OrderEvidence(order("o1"), status, (PLAN,), LONG_AGO, LONG_AGO, started=True, deeds=BOUGHT)
    return replace(basis, **known)


def money(case: Case, *records: PaymentRecord) -> list[FindingKind]:
    """What is found about money."""
    return [found.kind for found in match_payments(case, records, MOMENT)]


def labels(case: Case, *records: LabelRecord) -> list[str]:
    """Which labels are found."""
    return [found.subject for found in match_labels(case, records, MOMENT)]


def refunded(status: Literal["pending", "succeeded", "failed"]) -> PaymentRecord:
    """A captured payment with a refund of all of it."""
    refund = RefundRecord(refund_id="re_1", key="k", amount=AMOUNT, status=status)
    return payment(1, PaymentStatus.CAPTURED).model_copy(update={"refunds": (refund,)})


@pytest.mark.parametrize(("status", "agrees"), [("pending", True), ("succeeded", True), ("failed", False)])
def test_a_refund_counts_until_it_fails(status: Literal["pending", "succeeded", "failed"], agrees: bool) -> None:
    """Pending it is as good as made; one the bank sent back leaves the money with us."""
    case = Case(ours(shipped=frozenset({1}), money={**PAID, (1, Account.CASH): 0}), minded=False)
    assert money(case, refunded(status)) == ([] if agrees else [FindingKind.CASH_DIFFERS])


@pytest.mark.parametrize("step", ["capture", "refund", "refund_part", "refund_return", "void"])
def test_money_under_way_is_no_difference(step: str) -> None:
    """Whoever asked for it is not through yet: its outcome is unknown, or just known."""
    for changes in ({"status": EffectStatus.UNKNOWN, "settled_at": None}, {"settled_at": NOW - timedelta(minutes=1)}):
        moving = (*BOUGHT, deed(step, **changes))
        case = Case(ours(shipped=frozenset({1}), money=PAID, deeds=moving), minded=True)
        assert money(case, refunded("pending")) == []


def test_money_taken_by_hand_from_a_running_order_is_found_by_its_saga() -> None:
    """It captures later, and finds the money taken; under a key that is not ours it would not."""
    case = Case(ours(OrderStatus.FULFILLING), minded=True)
    taken = payment(1, PaymentStatus.CAPTURED)
    assert money(case, taken) == []
    foreign = taken.model_copy(update={"key": "o1/authorize/1/8", "payment_id": "pi_8"})
    assert money(case, foreign) == [FindingKind.CASH_DIFFERS]


def test_a_reservation_outlives_the_goods_that_were_given_up() -> None:
    """Written off, shipped and paid otherwise: nothing is due, so the reservation is an orphan, no missed capture."""
    given_up = {(1, Account.SALES): -AMOUNT, (1, Account.WRITE_OFF): AMOUNT}
    case = Case(ours(shipped=frozenset({1}), money=given_up), minded=False)
    assert money(case, payment(1, PaymentStatus.AUTHORIZED)) == [FindingKind.ORPHAN_AUTHORIZATION]


def test_of_two_reservations_the_newest_pays() -> None:
    """The saga was terminated after it had authorized anew."""
    deeds = (*BOUGHT, deed("authorize", 2, "authorized"))
    owed = {(1, Account.RECEIVABLE): AMOUNT}
    case = Case(ours(OrderStatus.SHIPPED, shipped=frozenset({1}), deeds=deeds, money=owed), minded=False)
    older, newer = payment(1, PaymentStatus.AUTHORIZED, at=LONG_AGO - GRACE), payment(2, PaymentStatus.AUTHORIZED)
    assert [found.subject for found in match_payments(case, [older, newer], MOMENT)] == ["authorize-2"]


def test_a_label_being_given_back_hides_no_money() -> None:
    """Its void is nobody's money: what was refunded by hand is found all the same."""
    refund = RefundRecord(refund_id="re_1", key="", amount=100, status="succeeded")
    waiting = deed("void_label", status=EffectStatus.UNKNOWN)
    case = Case(ours(shipped=frozenset({1}), money=PAID, deeds=(*BOUGHT, waiting)), minded=False)
    paid = payment(1, PaymentStatus.CAPTURED).model_copy(update={"refunds": (refund,)})
    assert money(case, paid) == [FindingKind.CASH_DIFFERS]


def test_a_forgotten_parcel_is_as_old_as_its_hand_over() -> None:
    """A run that does not look back as far has not seen it, and must not take it for gone."""
    handed = deed("hand_off")
    moving = ours(OrderStatus.FULFILLING, deeds=(handed,))
    found = missing_order(Case(moving, minded=True), PROVIDER, 1, MOMENT)
    assert found is not None
    assert found.at == handed.at


def test_the_label_in_use_is_never_the_one_too_many() -> None:
    """Of two under one reference the scanned one stays, though our ledger knows the other."""
    used = label(1, scanned=True).model_copy(update={"label_id": "another"})
    case = Case(ours(OrderStatus.SHIPPED, shipped=frozenset({1})), minded=True)
    assert labels(case, label(1), used) == ["book_label-1"]


def test_an_older_label_is_one_too_many() -> None:
    """The parcel moved; the label of its first generation was never given back."""
    case = Case(ours(deeds=(*BOUGHT, deed("book_label", 2)), shipped=frozenset({1})), minded=False)
    assert labels(case, label(1), label(2, scanned=True)) == ["book_label-1"]


def test_a_label_the_carrier_keeps_is_known() -> None:
    """Its void was rejected, and the order's story says so: a person was told."""
    deeds = (*BOUGHT, deed("void_label", said="pending"))
    case = Case(ours(OrderStatus.CANCELED, deeds=deeds), minded=False)
    assert labels(case, label(1)) == ["book_label-1"]
    told = replace(case, ours=replace(case.ours, told=frozenset({"void-1-1"})))
    assert labels(told, label(1)) == []


def test_a_label_of_the_way_back_is_its_returns_business() -> None:
    """Bought by the return; a second one under its reference, or one nobody asked for, is one too many."""
    back = label(1).model_copy(update={"label_id": "book_return_label-1", "reference": "o1-r1-1"})
    case = Case(ours(OrderStatus.RETURNED, deeds=(*BOUGHT, deed("book_return_label"))), minded=False)
    assert labels(case, back) == []
    assert labels(case, back, back.model_copy(update={"label_id": "another"})) == ["another"]
    unknown = replace(case, ours=ours(OrderStatus.RETURNED))
    assert labels(unknown, back) == ["book_return_label-1"]


def test_a_purchase_under_way_is_no_second_label() -> None:
    """The answer was lost; the saga will find it."""
    buying = deed("book_label", status=EffectStatus.UNKNOWN, external_id=None, settled_at=None)
    case = Case(ours(OrderStatus.FULFILLING, deeds=(buying,)), minded=True)
    assert labels(case, label(1)) == []


def test_a_withdrawal_under_way_is_no_live_order() -> None:
    """The provider has not decided; the saga asks again."""
    asking = deed("withdraw", status=EffectStatus.UNKNOWN, settled_at=None)
    case = Case(ours(OrderStatus.CANCELING, deeds=(*BOUGHT, asking)), minded=True)
    assert list(match_provider_order(case, PROVIDER, provider_order(1, ParcelStatus.PACKED), MOMENT)) == []


def test_a_running_order_is_not_withdrawn_under_its_own_reference() -> None:
    """Only what it took back, or never handed over."""
    case = Case(ours(OrderStatus.FULFILLING), minded=True)
    for generation, found in ((1, 0), (2, 1)):
        listed = provider_order(generation, ParcelStatus.ACCEPTED)
        assert len(list(match_provider_order(case, PROVIDER, listed, MOMENT))) == found


KEPT = (deed("authorize", said="authorized"), deed("set_aside"))


@pytest.mark.parametrize(
    ("status", "deeds", "why"),
    [
        (OrderStatus.ON_HOLD, KEPT, ""),
        (OrderStatus.FULFILLING, (*KEPT, deed("hand_off")), ""),
        (OrderStatus.CANCELED, KEPT, "the order is canceled, and the parcel did not ship"),
        (OrderStatus.CANCELED, (*KEPT, deed("let_go")), "they were let go"),
        (OrderStatus.ON_HOLD, (*KEPT, deed("set_aside", 2)), "it was handed over anew"),
        (OrderStatus.CANCELED, (*KEPT, deed("let_go", status=EffectStatus.UNKNOWN, settled_at=None)), ""),
        (OrderStatus.CANCELED, (), "we did not hand over o1-1-1"),
    ],
)
def test_units_are_kept_for_orders_that_wait_and_no_others(
    status: OrderStatus, deeds: tuple[Deed, ...], why: str
) -> None:
    """Found where nobody needs them any more; kept still where they wait, or somebody lets them go just now."""
    case = Case(ours(status, deeds=deeds), minded=status is not OrderStatus.CANCELED)
    found = list(match_provider_order(case, PROVIDER, provider_order(1, ParcelStatus.PLANNED), MOMENT))
    assert [(each.kind, each.ours) for each in found] == ([(FindingKind.LIVE_PROVIDER_ORDER, why)] if why else [])


def test_what_is_only_kept_must_not_ship() -> None:
    """Somebody ended the hold at the provider although the order waits."""
    case = Case(ours(OrderStatus.ON_HOLD, deeds=KEPT), minded=True)
    assert list(match_provider_order(case, PROVIDER, provider_order(1, ParcelStatus.ACCEPTED), MOMENT))


def test_a_report_that_contradicts_was_heard_all_the_same() -> None:
    """The story has it as a conflict: nobody need tell it again."""
    case = Case(ours(OrderStatus.FULFILLING), minded=True)
    listed = provider_order(1, ParcelStatus.PACKED)
    assert quiet_order(case, listed, MOMENT)
    said = Heard(1, "conflict", "shipbob: packed, which contradicts canceled", LONG_AGO)
    assert not quiet_order(replace(case, ours=replace(case.ours, heard=(said,))), listed, MOMENT)


def test_what_an_earlier_generation_heard_does_not_count() -> None:
    """The parcel was handed over anew since."""
    before = Heard(1, "packed", "shipbob: packed", LONG_AGO - timedelta(hours=1))
    case = Case(ours(OrderStatus.FULFILLING, heard=(before,)), minded=True)
    assert quiet_order(case, provider_order(1, ParcelStatus.PACKED), MOMENT)


@pytest.mark.parametrize(
    "changes",
    [
        {"heard": (Heard(1, "exception", "shipbob: exception", NOW),)},
        {"deeds": (*BOUGHT, deed("withdraw"))},
        {"shipped": frozenset({1})},
        {"status": OrderStatus.CANCELED},
    ],
)
def test_a_parcel_is_missed_once(changes: dict[str, Any]) -> None:
    """Not when the saga heard of it, or it need not be there."""
    moving = ours(OrderStatus.FULFILLING)
    assert lost_track_of(Case(moving, minded=True), PROVIDER, 1, MOMENT) == 1
    assert lost_track_of(Case(replace(moving, **changes), minded=True), PROVIDER, 1, MOMENT) is None


def test_an_order_with_a_return_under_way_is_not_deserted() -> None:
    """Its saga has ended as it should: the return's workflow minds it."""
    returning = ours(OrderStatus.RETURNING, returning=True)
    assert match_order(returning, "ended", MOMENT) is None
    assert match_order(replace(returning, returning=False), "ended", MOMENT) is not None


def test_an_order_that_waits_in_line_is_not_deserted() -> None:
    """It has no saga yet, however long it waits; once it got what it waited for, it must have one."""
    assert match_order(ours(OrderStatus.WAITLISTED, started=False), "never", MOMENT) is None
    found = match_order(ours(OrderStatus.PENDING, started=False), "never", MOMENT)
    assert found is not None
    assert found.kind is FindingKind.NEVER_STARTED


@pytest.mark.parametrize(("counted", "units"), [(20, 0), (17, 0), (22, 0), (16, -1), (23, 1)])
def test_a_count_may_lag_behind_either_way(counted: int, units: int) -> None:
    """Two units may have left unheard, one was just received, two were just booked as shipped."""
    shelves = [ShelfEvidence(EAST, "MUG", "acme", 20, 5, under_way=2, came=1, went=2)]
    assert drift(StockLevel(sku="MUG", on_hand=counted), shelves) == units


@pytest.mark.parametrize(("counted", "units"), [(10, 0), (12, 0), (13, 1), (9, -1)])
def test_goods_on_their_way_back_may_lie_on_the_shelf_already(counted: int, units: int) -> None:
    """The provider has them, their inspection is not booked yet: booked it will be, so a count adds nothing."""
    shelf = ShelfEvidence(EAST, "MUG", "acme", on_hand=10, held=0, coming=2)
    assert drift(StockLevel(sku="MUG", on_hand=counted), [shelf]) == units


def test_units_are_taken_where_they_are_free() -> None:
    """Added to the fullest shelf; what is promised is taken last, for the database to refuse."""
    shelves = [ShelfEvidence(EAST, "MUG", "acme", 10, 2), ShelfEvidence(WEST, "MUG", "acme", 7, 2)]
    east, west = (EAST, "MUG"), (WEST, "MUG")
    assert spread(3, shelves) == {east: 3}
    assert spread(-3, shelves) == {east: -3}
    assert spread(-10, shelves) == {east: -8, west: -2}
    assert spread(-15, shelves) == {east: -10, west: -5}
