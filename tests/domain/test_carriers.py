"""Which carrier account takes a parcel: rules over values."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from ordersaga.domain.carriers import CarrierAccount, Offers, Wish, candidates, choose, on_record, way_back
from ordersaga.domain.lanes import LanePause, carrier_lane
from ordersaga.domain.shipping import Quote

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ACCOUNTS = (
    CarrierAccount("easypost"),
    CarrierAccount("ups", carriers=("ups",)),
    CarrierAccount("courier", carriers=("rapid",)),
)
WISH = Wish(seller="acme", country="US", arrive_by=NOON + timedelta(days=6))


def quote(cost: int, **changes: object) -> Quote:
    """A price in USD, unless told otherwise."""
    return Quote.model_validate({"carrier": "any", "cost": cost, "currency": "USD", **changes})


def paused(account: str, wait: timedelta) -> LanePause:
    """An account whose lane hands nothing out."""
    return LanePause(
        lane=carrier_lane(account),
        paused_at=NOON,
        paused_until=NOON + wait,
        reason="limits us",
        by="company",
        remaining=wait,
    )


def chosen(wish: Wish = WISH, offers: Offers | None = None, accounts: tuple[CarrierAccount, ...] = ACCOUNTS) -> str:
    """The account and its rivals, best first, as one word."""
    choice = choose(accounts, wish, offers or Offers(), NOON)
    return ">".join([choice.account or "nobody", *choice.others])


def test_without_prices_the_configured_order_decides() -> None:
    """Whoever wrote an account first prefers it."""
    assert chosen() == "easypost>ups>courier"
    assert chosen(accounts=ACCOUNTS[::-1]) == "courier>ups>easypost"


@pytest.mark.parametrize(
    ("offers", "expected"),
    [
        ({"ups": quote(700), "courier": quote(500)}, "courier>ups>easypost"),
        ({"easypost": quote(499), "ups": quote(700), "courier": quote(500)}, "easypost>courier>ups"),
        ({"ups": quote(500), "courier": quote(500)}, "ups>courier>easypost"),
        ({"courier": None}, "easypost>ups"),
        ({"ups": quote(700), "courier": quote(1, currency="JPY")}, "ups>easypost>courier"),
        ({"ups": quote(1), "courier": quote(900, cut_off=NOON + timedelta(hours=1))}, "ups>courier>easypost"),
        ({"ups": quote(900), "courier": quote(1, cut_off=NOON)}, "ups>easypost>courier"),
        ({"ups": quote(900), "courier": quote(1, deliver_by=NOON + timedelta(days=7))}, "ups>easypost>courier"),
        ({"ups": quote(900), "courier": quote(1, deliver_by=NOON + timedelta(days=6))}, "courier>ups>easypost"),
    ],
)
def test_the_cheapest_that_is_in_time_takes_it(offers: dict[str, Quote | None], expected: str) -> None:
    """Ties go by the configured order; who names no comparable price comes after those that do."""
    assert chosen(offers=Offers(quotes=offers)) == expected


def test_a_paused_lane_comes_last_and_a_short_pause_is_waited_for() -> None:
    """Of several that are paused the first to end is the best; nobody is left out for being paused."""
    assert chosen(offers=Offers(pauses=[paused("easypost", timedelta(minutes=5))])) == "ups>courier>easypost"
    assert chosen(offers=Offers(pauses=[paused("easypost", timedelta(seconds=30))])) == "easypost>ups>courier"
    all_paused = [paused(one.code, timedelta(hours=hours)) for hours, one in zip((3, 1, 2), ACCOUNTS, strict=True)]
    assert chosen(offers=Offers(pauses=all_paused)) == "ups>courier>easypost"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"allowed": ("courier", "ups")}, "ups>courier"),
        ({"refused": {"easypost": "sold none (refused: unpaid)"}}, "ups>courier"),
        ({"carrier": "ups"}, "ups"),
        ({"carrier": "rapid"}, "courier"),
        ({"carrier": "courier"}, "courier"),
        ({"carrier": "easypost"}, "easypost"),
        ({"carrier": "fedex"}, "easypost"),
        ({"carrier": "ups", "refused": {"ups": "down"}}, "nobody"),
        ({"carrier": "ups", "allowed": ("courier",)}, "nobody"),
    ],
)
def test_a_wish_restricts_the_choice(changes: dict[str, object], expected: str) -> None:
    """Who names the carrier that is wanted wins over an aggregator that might find it."""
    assert chosen(replace(WISH, **changes)) == expected  # type: ignore[arg-type]


def test_accounts_have_sellers_and_countries_of_their_own() -> None:
    """A seller's own contract, and a network of one country, take nobody else's parcels."""
    accounts = (replace(ACCOUNTS[0], sellers=("bolt",)), replace(ACCOUNTS[1], countries=("CA",)), ACCOUNTS[2])
    assert chosen(accounts=accounts) == "courier"
    assert chosen(replace(WISH, seller="bolt", country="CA"), accounts=accounts) == "easypost>ups>courier"


def test_only_those_the_rules_leave_are_asked_for_a_price() -> None:
    """A quote is a call at a company."""
    asked = candidates(ACCOUNTS, replace(WISH, refused={"ups": "down"}, allowed=("ups", "courier")))
    assert [account.code for account in asked] == ["courier"]


def test_the_reasons_are_said_in_words() -> None:
    """Anyone who asks sees why this carrier, and why none of the others."""
    offers = Offers(
        quotes={"courier": quote(450), "ups": quote(700, cut_off=NOON - timedelta(hours=1))},
        unpriced={"easypost": "named no price in time"},
        pauses=[paused("ups", timedelta(minutes=5))],
    )
    assert choose(ACCOUNTS, WISH, offers, NOON).why == (
        "USD 4.50; easypost: named no price in time; "
        "ups: USD 7.00, paused until 12:05 UTC (limits us), its pick-up was at 11:00 UTC"
    )
    alone = choose(ACCOUNTS, replace(WISH, allowed=("ups",)), Offers(), NOON).why
    assert alone == (
        "the only one that can take it; easypost: not in the seller's terms; courier: not in the seller's terms"
    )
    nobody = choose(ACCOUNTS[2:], WISH, Offers(quotes={"courier": None}), NOON)
    assert (nobody.account, nobody.why) == (None, "courier: does not serve this address")


def test_prices_do_not_depend_on_who_is_asked_first() -> None:
    """With distinct prices of one currency every order of the accounts gives the same account."""
    offers = Offers(quotes={"easypost": quote(600), "ups": quote(700), "courier": quote(500)})
    assert {choose(order, WISH, offers, NOON).account for order in permutations(ACCOUNTS)} == {"courier"}


def test_an_account_is_asked_for_the_carrier_it_has() -> None:
    """Its own name is no carrier; without a wish it may take any of its carriers."""
    for wanted, told in ((None, None), ("courier", None), ("rapid", "rapid"), ("fedex", "fedex")):
        assert choose(ACCOUNTS, replace(WISH, carrier=wanted), Offers(), NOON).carrier == told


def test_the_way_back_is_sold_where_the_way_out_was_or_by_the_first_that_can() -> None:
    """The first account is never named on record."""
    accounts = (*ACCOUNTS[:2], replace(ACCOUNTS[2], returns=False))
    assert [way_back(accounts, out) for out in (None, "easypost", "ups", "courier", "gone")] == [
        *(None, None),
        "ups",
        *(None, None),
    ]
    assert (on_record(None), on_record("easypost"), on_record("ups")) == (None, None, "ups")


def test_a_sellers_own_account_takes_and_hinders_nobody_elses_parcels() -> None:
    """However cheap it is, and though it names the carrier that another asks for, which an aggregator still finds."""
    own = CarrierAccount("bolts-ups", carriers=("ups",), sellers=("bolt",))
    cheap = Offers(quotes={"bolts-ups": quote(1), "easypost": quote(900)})
    accounts = (own, ACCOUNTS[0])
    for wanted in (None, "ups"):
        assert chosen(replace(WISH, carrier=wanted), cheap, accounts) == "easypost"
        assert chosen(replace(WISH, seller="bolt", carrier=wanted), cheap, accounts).startswith("bolts-ups")
    refused = choose(accounts, replace(WISH, carrier="bolts-ups"), cheap, NOON)
    assert "bolts-ups: not for acme" in refused.why
    assert refused.account != "bolts-ups"
