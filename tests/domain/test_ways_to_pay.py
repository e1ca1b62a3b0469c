"""How an order says that it is paid: one way each, written as it always was where that is a card."""

import pytest
from pydantic import ValidationError

from ordersaga.domain.books import Account, goods_shipped, goods_unshipped, platform_collected, platform_refunded
from ordersaga.domain.closing import Entry, OrderBooks
from ordersaga.domain.orders import Payment, SellerTerms
from ordersaga.domain.payment_methods import CAPABILITIES, MethodType
from tests.fakes.samples import order

CARD = '{"payment_method":"pm_1","customer":null}'
BACK = "https://shop.example/thanks"


@pytest.mark.parametrize("text", [CARD, '{"payment_method":"pm_1","customer":"cus_1"}'])
def test_a_card_is_written_as_it_always_was(text: str) -> None:
    """Orders accepted by an earlier version, and their fingerprints, stay what they are."""
    assert Payment.model_validate_json(text).model_dump_json() == text
    assert "slow_payment_window" not in SellerTerms().model_dump_json()


@pytest.mark.parametrize(
    "payment",
    [
        Payment(pay_link=True, return_url=BACK),
        Payment(payment_method="pm_1", type=MethodType.IDEAL, return_url=BACK),
        Payment(collected_by="tiktok_shop"),
    ],
)
def test_every_way_survives_writing(payment: Payment) -> None:
    """Read back it is the same."""
    assert Payment.model_validate_json(payment.model_dump_json()) == payment


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "payment_method"),
        ({"payment_method": "pm_1", "pay_link": True}, "payment_method"),
        ({"payment_method": "pm_1", "collected_by": "shop"}, "payment_method"),
        ({"pay_link": True}, "return_url"),
        ({"payment_method": "pm_1", "type": "klarna"}, "return_url"),
        ({"pay_link": True, "return_url": BACK, "customer": "cus_1"}, "customer"),
        ({"collected_by": "shop", "customer": "cus_1"}, "collected_by"),
    ],
)
def test_what_contradicts_itself_is_refused_by_name(fields: dict[str, object], named: str) -> None:
    """The error names the field."""
    with pytest.raises(ValidationError, match=rf"Value error, {named}: .*; "):
        Payment.model_validate(fields)


def test_a_currency_a_way_is_not_paid_in_is_refused() -> None:
    """iDEAL is paid in euros."""
    ideal = Payment(payment_method="pm_1", type=MethodType.IDEAL, return_url=BACK)
    with pytest.raises(ValidationError, match="currency: ideal is paid in EUR; ask for another way"):
        order(payment=ideal)
    assert order(payment=ideal, currency="EUR").payment is ideal


def test_several_parcels_take_what_reserves_and_can_be_charged_again() -> None:
    """Of those known, cards only."""
    assert set(CAPABILITIES) == set(MethodType)
    assert {kind for kind, can in CAPABILITIES.items() if can.several_parcels} == {MethodType.CARD}


@pytest.mark.parametrize(
    ("refunded", "unshipped", "problems"),
    [
        (0, 0, []),
        (300, 300, []),
        (300, 0, ["parcel 1: receivable is 300 minor units, not 0"]),
        (0, 300, ["parcel 1: receivable is -300 minor units, not 0"]),
    ],
)
def test_what_a_platform_keeps_is_what_the_shopper_keeps(refunded: int, unshipped: int, problems: list[str]) -> None:
    """Collected less given back is the value of the goods kept; otherwise the order does not close."""
    postings = [*platform_collected(1000), *goods_shipped(1000), *platform_refunded(refunded)]
    postings += goods_unshipped(unshipped)
    entries = [Entry("t", 1, posting.account, posting.amount) for posting in postings]
    balance = OrderBooks(entries, [], frozenset({1}), 0).balance()
    assert balance.differences() == problems
    assert balance.captured_net == 1000 - refunded
    assert sum(posting.amount for posting in postings) == 0
    assert Account.CASH not in {posting.account for posting in postings}


def test_collected_for_goods_that_never_left_is_told() -> None:
    """The order does not close before the platform has given it back."""
    entries = [Entry("t", 1, posting.account, posting.amount) for posting in platform_collected(1000)]
    (problem,) = OrderBooks(entries, [], frozenset(), 0).balance().differences()
    assert problem == "parcel 1: 1000 minor units captured, but neither shipped nor refunded"
