"""What may come back and what it is worth: named cases, and what holds for every order."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ordersaga.domain.exchanges import EXCHANGE_CHANNEL, exchange_order
from ordersaga.domain.identifiers import ReturnReference as Reference
from ordersaga.domain.identifiers import (
    parse_label_reference,
    parse_parcel_reference,
    parse_return_id,
    parse_return_reference,
    return_id,
    return_workflow_id,
    workflow_id,
    workflow_of,
)
from ordersaga.domain.orders import LineQuantity, Order, ParcelPlan, Payment, price_parcels
from ordersaga.domain.return_rules import (
    OrderFacts,
    ParcelFacts,
    accept,
    answered,
    counted,
    order_status,
    outcome_of,
    refund_value,
    wrong_inspection,
)
from ordersaga.domain.returns import (
    InspectedLine,
    Inspection,
    Opened,
    Refusal,
    ReturnAsk,
    ReturnCase,
    ReturnRecord,
    ReturnRequest,
    ReturnStatus,
)
from ordersaga.domain.statuses import OrderStatus
from tests.domain.strategies import order_ids, orders
from tests.fakes.samples import PLACED_AT, order

NOW = PLACED_AT + timedelta(days=10)
DELIVERED = PLACED_AT + timedelta(days=4)


def units(**quantities: int) -> tuple[LineQuantity, ...]:
    """Units by SKU."""
    return tuple(LineQuantity(sku=sku, quantity=quantity) for sku, quantity in quantities.items())


def asked(**changes: Any) -> ReturnRequest:
    """A request for one MUG."""
    return ReturnRequest(**{"lines": units(MUG=1), "reason": "unwanted", **changes})


def plan_of(bought: Order, parcel: int = 1) -> ParcelPlan:
    """All of an order in one parcel."""
    return ParcelPlan(parcel=parcel, location="nj-1", provider="shipbob", lines=bought.lines, amount=bought.total)


def facts(*parcels: ParcelFacts, status: OrderStatus = OrderStatus.COMPLETED, **changes: Any) -> OrderFacts:
    """An order of two MUG, delivered and paid, unless told otherwise."""
    bought = changes.pop("bought", order("o1", ("MUG", 2)))
    known = parcels or (ParcelFacts(plan=plan_of(bought), delivered_at=DELIVERED, captured=bought.total),)
    return OrderFacts(bought, status, known, **changes)


def case(bought: Order, **changes: Any) -> ReturnCase:
    """A return of one MUG of an order."""
    request = changes.pop("request", asked())
    known = {"plan": plan_of(bought), "number": 1, "delivered_at": DELIVERED, "accepted_at": NOW}
    return ReturnCase(order=bought, request=request, **{**known, **changes})


def code(answer: ReturnCase | Refusal) -> str | None:
    """Why it is refused; None: it is not."""
    return answer.code if isinstance(answer, Refusal) else None


def record(status: ReturnStatus, *, inspection: Inspection | None = None, refunded: int = 0) -> ReturnRecord:
    """A return of one MUG of the order above."""
    found = case(order("o1", ("MUG", 2)))
    return ReturnRecord(case=found, status=status, inspection=inspection, refunded=refunded)


SOUND = Inspection(lines=(InspectedLine(sku="MUG", sellable=1),), by="w")


@pytest.mark.parametrize("status", sorted(set(OrderStatus) - {"completed", "returning", "returned"}))
def test_only_an_order_that_has_ended_with_goods_takes_returns(status: OrderStatus) -> None:
    """Nothing else may move its money or goods at the same time."""
    assert code(accept(facts(status=status), asked(), NOW)) == "order_not_completed"


@pytest.mark.parametrize(
    ("request_", "now", "expected"),
    [
        (asked(), NOW, None),
        (asked(), DELIVERED + timedelta(days=30) - timedelta(seconds=1), None),
        (asked(), DELIVERED + timedelta(days=30), "window_closed"),
        (asked(reason="damaged"), DELIVERED + timedelta(days=30), "window_closed"),
        (asked(lines=units(TEE=1)), NOW, "unknown_sku"),
        (asked(lines=units(MUG=3)), NOW, "too_many_units"),
        (asked(parcel=2), NOW, "unknown_parcel"),
        (asked(wish="exchange", exchange_for=({"sku": "TEE", "quantity": 1},)), NOW, "price_missing"),
        (asked(wish="exchange", exchange_for=({"sku": "MUG", "quantity": 9},)), NOW, None),
    ],
)
def test_requests_and_their_answers(request_: ReturnRequest, now: datetime, expected: str | None) -> None:
    """Each refusal has a code of its own, and says what can be done instead."""
    answer = accept(facts(), request_, now)
    assert code(answer) == expected
    assert not isinstance(answer, Refusal) or (answer.reason and answer.alternative)


def test_open_returns_are_named_only_where_one_has_a_claim() -> None:
    """More goodwill than is left is refused with what stands in its way, and with nothing that does not."""
    gift = ReturnRequest(wish="keep", reason="goodwill", amount=10**6, by="ann")
    claim = "; open returns have a claim on their goods' price"
    for status, expected in ((ReturnStatus.AWAITING_GOODS, claim), (ReturnStatus.CANCELED, "")):
        answer = accept(facts(returns=(record(status),)), gift, NOW)
        assert isinstance(answer, Refusal)
        assert (answer.code, answer.alternative) == ("too_much", f"ask for at most that{expected}")
    alone = accept(facts(), gift, NOW)
    assert isinstance(alone, Refusal)
    assert alone.alternative == "ask for at most that"


def test_one_return_is_of_one_delivered_parcel() -> None:
    """Units of two parcels are two returns; a parcel on its way, or unpaid, is none."""
    bought = order("o1", ("MUG", 3))
    two, one = (bought.lines[0].model_copy(update={"quantity": quantity}) for quantity in (2, 1))
    first = ParcelPlan(parcel=1, location="nj-1", provider="shipbob", lines=(two,), amount=2000)
    second = ParcelPlan(parcel=2, location="ca-1", provider="shipbob", lines=(one,), amount=1000)
    here = ParcelFacts(plan=first, delivered_at=DELIVERED, captured=2000)
    known = facts(here, ParcelFacts(plan=second), bought=bought)
    whole = accept(known, asked(lines=units(MUG=3)), NOW)
    assert isinstance(whole, Refusal)
    assert (whole.code, whole.alternative) == (
        "several_parcels",
        "ask for one return for each parcel (parcel 1: 2 MUG)",
    )
    assert code(accept(known, asked(parcel=2), NOW)) == "not_delivered"
    accepted = accept(known, asked(lines=units(MUG=2)), NOW)
    assert isinstance(accepted, ReturnCase)
    assert accepted.plan == first
    assert code(accept(facts(here.model_copy(update={"captured": 0}), bought=bought), asked(), NOW)) == "nothing_paid"


@pytest.mark.parametrize(
    ("standing", "left"),
    [
        (record(ReturnStatus.AWAITING_GOODS), 1),
        (record(ReturnStatus.REFUNDED, inspection=SOUND), 1),
        (record(ReturnStatus.LOST, refunded=1000), 1),
        (record(ReturnStatus.LOST), 2),
        (record(ReturnStatus.CANCELED), 2),
        (record(ReturnStatus.EXPIRED), 2),
        (record(ReturnStatus.REFUSED, inspection=Inspection(lines=(InspectedLine(sku="MUG", missing=1),), by="w")), 2),
    ],
)
def test_units_come_back_once(standing: ReturnRecord, left: int) -> None:
    """An open return has its units; an ended one those that were accepted, or lost and refunded."""
    known = facts(returns=[standing])
    assert known.left(known.parcels[0]) == {"MUG": left}
    assert code(accept(known, asked(lines=units(MUG=2)), NOW)) == (None if left == 2 else "returned_before")


def test_the_order_shows_its_returns() -> None:
    """Returning while one is open; returned when the shopper has nothing left; else completed as before."""
    back = record(ReturnStatus.REFUNDED, inspection=SOUND)
    assert order_status(facts(returns=[record(ReturnStatus.REQUESTED), back])) is OrderStatus.RETURNING
    assert order_status(facts(returns=[back])) is OrderStatus.COMPLETED
    assert order_status(facts(returns=[back, back])) is OrderStatus.RETURNED
    assert order_status(facts(returns=[record(ReturnStatus.CANCELED)])) is OrderStatus.COMPLETED


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (InspectedLine(sku="MUG", sellable=2), ReturnStatus.REFUNDED),
        (InspectedLine(sku="MUG", sellable=1, damaged=1), ReturnStatus.REFUNDED),
        (InspectedLine(sku="MUG", sellable=1, missing=1), ReturnStatus.PARTLY_REFUNDED),
        (InspectedLine(sku="MUG", damaged=1, refused=1), ReturnStatus.PARTLY_REFUNDED),
        (InspectedLine(sku="MUG", refused=2), ReturnStatus.REFUSED),
        (InspectedLine(sku="MUG", missing=2), ReturnStatus.REFUSED),
    ],
)
def test_a_return_ends_by_what_was_accepted(line: InspectedLine, status: ReturnStatus) -> None:
    """Damaged units count: the shopper sent them back."""
    found = Inspection(lines=(line,), by="w", reason="r")
    assert outcome_of(found) is status
    assert wrong_inspection(asked(lines=units(MUG=2)), found) is None


def gift(amount: int = 500, **changes: Any) -> ReturnRequest:
    """Goods kept, part of their price back."""
    return ReturnRequest(**{"wish": "keep", "reason": "goodwill", "amount": amount, **changes})


def goodwill(status: ReturnStatus, amount: int = 500, refunded: int = 0) -> ReturnRecord:
    """Goodwill for the order above."""
    found = case(order("o1", ("MUG", 2)), request=gift(amount))
    return ReturnRecord(case=found, status=status, refunded=refunded)


@pytest.mark.parametrize(
    ("request_", "standing", "expected"),
    [
        (gift(2000), (), None),
        (gift(2001), (), "too_much"),
        (gift(1, parcel=2), (), "unknown_parcel"),
        (gift(1500), (goodwill(ReturnStatus.REQUESTED),), None),
        (gift(1501), (goodwill(ReturnStatus.NEEDS_ATTENTION),), "too_much"),
        (gift(2000), (goodwill(ReturnStatus.REFUSED), goodwill(ReturnStatus.CANCELED)), None),
        (gift(2000), (goodwill(ReturnStatus.REFUND_PENDING), goodwill(ReturnStatus.REQUESTED, refunded=500)), None),
        (gift(1000), (record(ReturnStatus.AWAITING_GOODS),), None),
        (gift(1001), (record(ReturnStatus.AWAITING_GOODS),), "too_much"),
    ],
)
def test_goodwill_is_what_is_left_and_not_promised(
    request_: ReturnRequest, standing: tuple[ReturnRecord, ...], expected: str | None
) -> None:
    """Whenever it is asked for; what the books show as given back is not counted twice."""
    answer = accept(facts(returns=standing), request_, NOW + timedelta(days=900))
    assert code(answer) == expected
    assert not isinstance(answer, ReturnCase) or answer.plan.parcel == 1


def test_goodwill_is_of_a_delivered_parcel_that_has_that_much_left() -> None:
    """The first one, unless it is named."""
    bought = order("o1", ("MUG", 2))
    parcels = [
        ParcelFacts(plan=plan_of(bought, number), delivered_at=arrived, captured=captured)
        for number, arrived, captured in ((1, None, 2000), (2, DELIVERED, 300), (3, DELIVERED, 900))
    ]
    known = facts(*parcels, bought=bought)
    found = accept(known, gift(500), NOW)
    assert isinstance(found, ReturnCase)
    assert found.plan.parcel == 3
    assert code(accept(known, gift(500, parcel=1), NOW)) == "not_delivered"
    refused = accept(known, gift(1000), NOW)
    assert isinstance(refused, Refusal)
    assert refused.reason == "at most USD 9.00 of what was paid for a parcel can still be given back"


def test_goodwill_leaves_the_order_and_its_units_alone() -> None:
    """Open or given, the order is what its goods make it; every unit may still come back."""
    for standing in (goodwill(ReturnStatus.REQUESTED), goodwill(ReturnStatus.REFUNDED, refunded=500)):
        known = facts(returns=[standing])
        assert order_status(known) is OrderStatus.COMPLETED
        assert known.left(known.parcels[0]) == {"MUG": 2}
    back = record(ReturnStatus.REFUNDED, inspection=SOUND)
    assert order_status(facts(returns=[back, back, goodwill(ReturnStatus.REQUESTED)])) is OrderStatus.RETURNED
    assert "nothing comes back" in str(wrong_inspection(gift(), SOUND))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"lines": units(MUG=1)}, "lines"),
        ({"amount": None}, "amount"),
        ({"amount": 0}, "amount"),
        ({"wish": "refund"}, "lines"),
        ({"wish": "refund", "lines": units(MUG=1)}, "amount"),
        ({"wish": "refund", "lines": units(MUG=1), "amount": None}, "reason"),
    ],
)
def test_goods_or_money_never_both(changes: dict[str, Any], field: str) -> None:
    """What contradicts itself names the field."""
    with pytest.raises(ValidationError, match=field):
        gift(**changes)


def test_requests_that_contradict_themselves_are_refused() -> None:
    """A SKU twice, or goods wished for without an exchange."""
    with pytest.raises(ValidationError, match="a SKU appears twice"):
        asked(lines=(*units(MUG=1), *units(MUG=1)))
    with pytest.raises(ValidationError, match="only with the wish exchange"):
        asked(exchange_for=({"sku": "MUG", "quantity": 1},))
    twice = Inspection(lines=(InspectedLine(sku="MUG", sellable=1), InspectedLine(sku="MUG")), by="w")
    assert "appears twice" in str(wrong_inspection(asked(), twice))


# ---- what it is worth ---------------------------------------------------------------------------------------------


@st.composite
def broken_up(draw: st.DrawFn) -> tuple[Order, ParcelPlan, list[tuple[LineQuantity, ...]]]:
    """An order, one of its parcels, and that parcel's units sent back in several pieces, all of them."""
    bought = draw(orders())
    cut = draw(st.integers(0, len(bought.lines) - 1))
    shares = [lines for lines in (bought.lines[:cut], bought.lines[cut:]) if lines]
    lines, amount = shares[-1], price_parcels(bought, shares)[-1]
    plan = ParcelPlan(parcel=1, location="nj-1", provider="shipbob", lines=lines, amount=amount)
    single = [LineQuantity(sku=line.sku, quantity=1) for line in lines for _ in range(line.quantity)]
    shuffled, pieces = draw(st.permutations(single)), draw(st.integers(1, 4))
    grouped = [counted(shuffled[piece::pieces]) for piece in range(pieces)]
    return bought, plan, [units(**group) for group in grouped if group]


@given(broken_up(), st.booleans())
def test_piece_by_piece_is_worth_what_it_is_worth_at_once(
    found: tuple[Order, ParcelPlan, list[tuple[LineQuantity, ...]]], fault: bool
) -> None:
    """No order of returns gains or loses a cent; no piece is worth less than its goods; never more than was paid."""
    bought, plan, pieces = found
    before: tuple[LineQuantity, ...] = ()
    worth = 0
    for piece in pieces:
        value = refund_value(bought, plan, before, piece, sellers_fault=fault)
        prices = {line.sku: line.unit_price for line in plan.lines}
        assert value >= sum(prices[one.sku] * one.quantity for one in piece)
        before, worth = (*before, *piece), worth + value
    assert worth == refund_value(bought, plan, (), plan.units(), sellers_fault=fault)
    assert worth <= plan.amount
    assert worth == plan.amount or not fault


@given(broken_up())
def test_the_sellers_fault_is_never_worth_less(
    found: tuple[Order, ParcelPlan, list[tuple[LineQuantity, ...]]],
) -> None:
    """Shipping comes on top."""
    bought, plan, pieces = found
    unwanted = refund_value(bought, plan, (), pieces[0], sellers_fault=False)
    assert refund_value(bought, plan, (), pieces[0], sellers_fault=True) >= unwanted


def test_goods_and_tax_without_shipping_unless_the_seller_is_at_fault() -> None:
    """1000 a piece, 500 shipping, 90 tax: half of it back."""
    bought = order("o1", ("MUG", 2), shipping=500, tax=90)
    plan = plan_of(bought)
    assert refund_value(bought, plan, (), units(MUG=1), sellers_fault=False) == 1045
    assert refund_value(bought, plan, (), units(MUG=1), sellers_fault=True) == 1295


def test_goods_sold_below_their_price_are_worth_what_was_paid() -> None:
    """A parcel whose amount is less than its goods (part of it was given up) shares that out, too."""
    bought = order("o1", ("MUG", 2))
    plan = plan_of(bought).model_copy(update={"amount": 1500})
    assert refund_value(bought, plan, (), units(MUG=1), sellers_fault=False) == 750
    assert refund_value(bought, plan, (), units(MUG=2), sellers_fault=True) == 1500


# ---- exchanges ----------------------------------------------------------------------------------------------------

SAVED = Payment(payment_method="pm_card_visa", customer="cus_ada")


def test_an_exchange_is_an_order_with_the_saved_card() -> None:
    """The same goods at the price paid, or the wished ones at theirs; taxed at the same rate, shipped free."""
    bought = order("o1", ("MUG", 2), shipping=500, tax=200, payment=SAVED)
    same = exchange_order(case(bought), units(MUG=1), NOW)
    assert isinstance(same, Order)
    assert (same.order_id, same.channel, same.total, same.tax) == ("o1x1", EXCHANGE_CHANNEL, 1100, 100)
    wished = asked(wish="exchange", exchange_for=({"sku": "TEE", "quantity": 3, "unit_price": 500},))
    other = exchange_order(case(bought, request=wished), units(MUG=1), NOW)
    assert isinstance(other, Order)
    assert [(line.sku, line.quantity, line.unit_price) for line in other.lines] == [("TEE", 3, 500)]
    assert other.total == 1650


def test_an_exchange_that_cannot_be_an_order_says_why() -> None:
    """No saved card; nothing of any price; an id that would be too long."""
    saved = order("o1", ("MUG", 1), payment=SAVED)
    refused = [
        exchange_order(case(order("o1", ("MUG", 1))), units(MUG=1), NOW),
        exchange_order(case(saved), (), NOW),
        exchange_order(case(order("o" * 63, ("MUG", 1), payment=SAVED)), units(MUG=1), NOW),
    ]
    assert [each.code for each in refused if isinstance(each, Refusal)] == [
        "no_saved_card",
        "nothing_to_exchange",
        "order_id_too_long",
    ]


# ---- identifiers --------------------------------------------------------------------------------------------------


@given(order_ids, st.integers(1, 99), st.integers(1, 100))
def test_a_way_back_is_never_taken_for_a_parcel(order_id: str, number: int, parcel: int) -> None:
    """References of returns read back, and as nothing else; questions lead to who asked them."""
    reference = str(Reference(order_id, number, parcel))
    assert parse_return_reference(reference) == (order_id, number, parcel)
    assert parse_parcel_reference(reference) is None
    assert parse_label_reference(reference) == (order_id, parcel, 1, number)
    assert parse_label_reference(f"{order_id}-{parcel}-2") == (order_id, parcel, 2, 0)
    assert parse_return_reference(f"{order_id}-{parcel}-2") is None
    assert parse_return_id(return_id(order_id, number)) == (order_id, number)
    assert workflow_of(f"{order_id}-r{number}-a3", order_id) == return_workflow_id(order_id, number)
    assert workflow_of(f"{order_id}-a3", order_id) == workflow_id(order_id)


@pytest.mark.parametrize("text", ["", "o1", "o1-r", "o1-rx", "-r1", "o1-2-r1", "o1-r1-r2", "o1-r1-", "o1-r1-x", "r1"])
def test_texts_that_name_no_return(text: str) -> None:
    """Other systems share the carrier's account."""
    assert parse_return_reference(text) is None
    assert parse_return_id(text) is None


@pytest.mark.parametrize(("first", "again", "same"), [("not given", None, True), ("late", None, False)])
def test_a_gift_that_had_no_reason_is_the_same_when_asked_for_again(first: str, again: str | None, same: bool) -> None:
    """Such gifts once stood with `not given`: their key gives nothing twice."""
    stood = accept(facts(), gift(note=first), NOW)
    assert isinstance(stood, ReturnCase)
    answer = answered(facts(), ReturnRecord(case=stood), ReturnAsk(gift(note=again), "k"), NOW)
    assert isinstance(answer, Opened) is same
