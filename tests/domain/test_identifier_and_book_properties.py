"""Identifiers read back as they were written; the entries of every event sum to zero."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersaga.domain import books
from ordersaga.domain.books import Account, Posting
from ordersaga.domain.identifiers import (
    ParcelReference,
    effect_key,
    parse_parcel_reference,
    parse_return_id,
    parse_return_reference,
)
from tests.domain.strategies import amounts, numbers, order_ids

ENTRIES = [
    books.authorized,
    books.authorization_ended,
    books.refunded,
    books.goods_shipped,
    books.goods_unshipped,
    books.written_off,
    books.allowance,
    books.allowance_reversed,
]


def sums(*transactions: tuple[Posting, ...]) -> dict[Account, int]:
    """Each account's balance, without the zero ones."""
    found: dict[Account, int] = {}
    for posting in (posting for postings in transactions for posting in postings):
        found[posting.account] = found.get(posting.account, 0) + posting.amount
    return {account: amount for account, amount in found.items() if amount}


@given(order_ids, numbers, numbers)
def test_a_reference_reads_back(order_id: str, parcel: int, generation: int) -> None:
    """What a provider tells us about a parcel leads back to it."""
    reference = ParcelReference(order_id, parcel, generation)

    assert parse_parcel_reference(str(reference)) == reference


@given(st.text(max_size=80))
def test_a_foreign_reference_never_raises(text: str) -> None:
    """Any text is either one of ours or None; what is ours reads back the same."""
    found = parse_parcel_reference(text)

    assert found is None or parse_parcel_reference(str(found)) == found


@pytest.mark.parametrize("number", ["9" * 10, "9" * 5_000, "\u0661", "\u00b2", "-1", ""])
def test_a_number_that_none_of_ours_is_makes_a_foreign_reference(number: str) -> None:
    """Too long for any column, or not written as we write them: of parcels, returns and their ways back."""
    assert parse_parcel_reference(f"o1-{number}-1") is None
    assert parse_parcel_reference(f"o1-1-{number}") is None
    assert parse_return_id(f"o1-r{number}") is None
    assert parse_return_reference(f"o1-r1-{number}") is None


@given(order_ids, st.sampled_from(["authorize", "capture"]), numbers, numbers)
def test_keys_of_different_effects_differ(order_id: str, step: str, parcel: int, generation: int) -> None:
    """A key names exactly one order, step, parcel and generation."""
    key = effect_key(order_id, step, parcel, generation)

    assert key.split("/") == [order_id, step, str(parcel), str(generation)]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.__name__)
@given(amount=amounts)
def test_every_entry_sums_to_zero(entry: Callable[[int], tuple[Posting, ...]], amount: int) -> None:
    """Debit and credit are equal, and nothing is written for nothing."""
    postings = entry(amount)

    assert sum(posting.amount for posting in postings) == 0
    assert len(postings) == (2 if amount else 0)


@given(amounts, amounts)
def test_a_capture_sums_to_zero_and_ends_the_reservation(amount: int, rest: int) -> None:
    """A partial capture takes its amount and leaves nothing reserved."""
    postings = books.captured(amount, amount + rest)

    assert sum(posting.amount for posting in postings) == 0
    balance = sums(books.authorized(amount + rest), postings)
    assert balance.get(Account.AUTHORIZATION, 0) == 0
    assert balance.get(Account.CASH, 0) == amount


@given(st.integers(1, 10**9))
def test_doing_and_undoing_leaves_nothing(amount: int) -> None:
    """An order that is shipped, paid, unshipped and refunded balances at zero in every account."""
    life = (books.authorized(amount), books.captured(amount, amount), books.goods_shipped(amount))

    assert sums(*life) == {Account.CASH: amount, Account.SALES: -amount}
    assert sums(*life, books.goods_unshipped(amount), books.refunded(amount)) == {}


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_goodwill_costs_us_and_not_the_shopper(price: int, gift: int) -> None:
    """Part of the price given back for goods kept: nobody owes anything, and the gift is on record."""
    life = (books.authorized(price), books.captured(price, price), books.goods_shipped(price))
    given_back = books.refunded(gift) + books.allowance(gift)

    assert Account.RECEIVABLE not in sums(*life, given_back)
    assert sums(*life, given_back)[Account.ALLOWANCE] == gift
    assert sums(*life, given_back, books.reversed_postings(given_back)) == sums(*life)
    assert sums(books.allowance(gift), books.allowance_reversed(gift)) == {}
