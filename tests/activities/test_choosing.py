"""Choosing the account of a label, and keeping every later call at the account that sold it."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.exceptions import ApplicationError

from activities import choosing
from activities.carriers import BookLabel, Carriers, InterceptParcel, LookAtLabel, VoidLabel
from activities.choosing import ChooseCarrier, ChoosingCarriers
from ordersaga.domain.carriers import CarrierAccount
from ordersaga.domain.errors import CustomerError, OperatorError, RetryError
from ordersaga.domain.lanes import LanePause
from ordersaga.domain.orders import ParcelPlan, SellerTerms
from ordersaga.domain.shipping import CancelDecision, InterceptDecision
from ordersaga.domain.statuses import ParcelStatus
from tests.activities.conftest import REFERENCE, Bench
from tests.fakes.quoting import FakeQuotingCarrier
from tests.fakes.samples import EAST, order
from tests.fakes.stock import FakeStock

PLAN = ParcelPlan(parcel=1, location=EAST, provider="seller_warehouse", lines=order().lines, amount=1000)
ACCOUNTS = (
    CarrierAccount("easypost"),
    CarrierAccount("ups", carriers=("ups",)),
    CarrierAccount("courier", carriers=("rapid",)),
)
ASKED = ChooseCarrier(order=order(), plan=PLAN, generation=1)
AT_UPS = BookLabel(order=order(), plan=PLAN, account="ups")
LOST = RetryError("timeout", "no answer", unknown=True)


class Pauses:
    """The lanes that are paused."""

    def __init__(self, *lanes: str) -> None:
        self._lanes = lanes

    async def pauses(self) -> Sequence[LanePause]:
        now, wait = datetime.now(UTC), timedelta(minutes=5)
        return [
            LanePause(lane=lane, paused_at=now, paused_until=now + wait, reason="limits us", by="x", remaining=wait)
            for lane in self._lanes
        ]

    async def pause(self, lane: str, wait: timedelta, reason: str, by: str) -> bool:
        raise NotImplementedError(f"{lane} is not paused by a choice")

    async def resume(self, lane: str, reason: str, by: str) -> bool:
        raise NotImplementedError(f"{lane} is not resumed by a choice")


class Counter:
    """Three accounts behind one bench; two of them name prices."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.ups, self.courier = FakeQuotingCarrier("ups", cost=700), FakeQuotingCarrier("rapid", cost=500)
        self.carriers = {"easypost": bench.carrier, "ups": self.ups, "courier": self.courier}
        self.selling = Carriers(self.carriers, FakeStock(bench.memory), bench.effects, bench.ledger)

    def choosing(self, *paused: str) -> ChoosingCarriers:
        """The activity that chooses."""
        quoting = {"ups": self.ups, "courier": self.courier}
        return ChoosingCarriers(ACCOUNTS, quoting, FakeStock(self.bench.memory), Pauses(*paused))

    def labels(self) -> dict[str, list[str]]:
        """References of the labels that each account has sold."""
        return {name: list(carrier.labels) for name, carrier in self.carriers.items() if carrier.labels}


@pytest.fixture
def counter(bench: Bench) -> Counter:
    """Three accounts."""
    return Counter(bench)


async def test_the_cheapest_quote_wins_and_nothing_is_bought(counter: Counter) -> None:
    """The parcel is described to those that name prices as it will be to the one that sells."""
    choice = await counter.choosing().choose_carrier(ASKED)
    assert (choice.account, choice.others) == ("courier", ("ups", "easypost"))
    assert choice.why == "USD 5.00; ups: USD 7.00; easypost: names no price"
    (asked,) = counter.courier.asked
    assert (asked.reference, asked.weight_grams, asked.carrier) == (REFERENCE, 350, None)
    assert (counter.labels(), counter.bench.steps()) == ({}, {})


async def test_a_failed_quote_removes_the_price_and_not_the_account(counter: Counter) -> None:
    """It can still be chosen, after those that said what they cost."""
    counter.courier.fail_next("quote", RetryError("down", "no answer"))
    choice = await counter.choosing().choose_carrier(ASKED)
    assert (choice.account, choice.others) == ("ups", ("easypost", "courier"))
    assert "courier: named no price (down)" in choice.why


async def test_a_slow_quote_is_not_waited_for(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are asked at the same time, and decide."""
    monkeypatch.setattr(choosing, "QUOTE_WITHIN", timedelta(milliseconds=50))
    counter.courier.answers.clear()
    choice = await asyncio.wait_for(counter.choosing().choose_carrier(ASKED), 20)
    assert choice.account == "ups"
    assert "courier: named no price in time" in choice.why


async def test_terms_wish_and_refusals_are_asked_before_anybody_else(counter: Counter) -> None:
    """Whoever is left out by a rule is not even asked for a price."""
    terms = order(terms=SellerTerms(carriers=("easypost", "ups")))
    only = await counter.choosing().choose_carrier(ASKED.model_copy(update={"order": terms}))
    assert (only.account, counter.courier.asked) == ("ups", [])
    wished = await counter.choosing().choose_carrier(ASKED.model_copy(update={"carrier": "rapid"}))
    assert (wished.account, wished.carrier, wished.others) == ("courier", "rapid", ())
    again = await counter.choosing().choose_carrier(ASKED.model_copy(update={"refused": {"courier": "sold none"}}))
    assert (again.account, again.others) == ("ups", ("easypost",))
    assert "courier: sold none" in again.why


async def test_a_paused_lane_sends_the_parcel_elsewhere(counter: Counter) -> None:
    """The same record that keeps the lane keeps it from being chosen."""
    choice = await counter.choosing("carrier-courier", "carriers").choose_carrier(ASKED)
    assert choice.account == "ups"
    assert "courier: USD 5.00, paused until" in choice.why


async def test_everything_about_a_label_is_asked_where_it_was_bought(counter: Counter) -> None:
    """Looked at, turned around and given back at its account; the others never hear of it."""
    counter.ups.can_intercept = True
    bought = await counter.selling.book_label(AT_UPS)
    assert (bought.bought, bought.carrier) == (True, "ups")
    row = counter.bench.row("book_label")
    assert (row.account, row.answer["account"]) == ("ups", "ups")
    counter.ups.track(REFERENCE, ParcelStatus.IN_TRANSIT)
    told = await counter.selling.look(LookAtLabel(order_id="o1", reference=REFERENCE, account="ups"))
    assert told is not None
    assert told.status is ParcelStatus.IN_TRANSIT
    turned = await counter.selling.intercept(InterceptParcel(order_id="o1", parcel=1))
    assert turned is InterceptDecision.ACCEPTED
    assert await counter.selling.void_label(VoidLabel(order_id="o1", parcel=1)) is CancelDecision.CANCELED
    assert counter.ups.labels[REFERENCE].voided
    assert counter.bench.row("void_label").account == "ups"
    assert (counter.bench.carrier.calls, counter.courier.calls) == ([], [])


async def test_the_first_account_is_not_named_on_record(counter: Counter) -> None:
    """Effects of the builds before, and of those after, are of the same account."""
    await counter.selling.book_label(BookLabel(order=order(), plan=PLAN))
    row = counter.bench.row("book_label")
    assert (row.account, row.answer["account"], counter.labels()) == (None, "easypost", {"easypost": [REFERENCE]})


@pytest.mark.parametrize("after_doing", [False, True])
async def test_an_unanswered_purchase_is_looked_for_and_nothing_bought(counter: Counter, after_doing: bool) -> None:
    """Found, it is the label; absent for long enough, it is on record that there is none."""
    counter.ups.fail_next("book", LOST, after_doing=after_doing)
    with pytest.raises(ApplicationError):
        await counter.selling.book_label(AT_UPS)
    if not after_doing:
        with pytest.raises(ApplicationError, match="proves nothing yet"):
            await counter.selling.find_label(AT_UPS)
    counter.bench.time_has_passed()
    found = await counter.selling.find_label(AT_UPS)
    assert (found.bought, found.code) == ((True, None) if after_doing else (False, "not_found"))
    assert len(counter.ups.called("book")) == 1
    assert (await counter.selling.book_label(AT_UPS)).bought is after_doing
    assert len(counter.ups.called("book")) == 1


async def test_a_purchase_that_never_began_is_closed_by_looking_for_it(counter: Counter) -> None:
    """An attempt that was only late finds on record that nothing is to be bought any more."""
    assert (await counter.selling.find_label(AT_UPS)).code == "not_found"
    assert not (await counter.selling.book_label(AT_UPS)).bought
    assert counter.labels() == {}


async def test_an_unknown_purchase_is_never_repeated_elsewhere(counter: Counter) -> None:
    """Neither under its own generation nor under the next, before it is known what became of it."""
    counter.ups.fail_next("book", LOST)
    with pytest.raises(ApplicationError):
        await counter.selling.book_label(AT_UPS)
    for changes in ({"account": "courier"}, {"account": "courier", "generation": 2}):
        with pytest.raises(ApplicationError) as refused:
            await counter.selling.book_label(AT_UPS.model_copy(update=changes))
        assert refused.value.type == "operator"
    assert counter.labels() == {}
    counter.bench.time_has_passed()
    assert not (await counter.selling.find_label(AT_UPS)).bought
    elsewhere = AT_UPS.model_copy(update={"account": "courier", "generation": 2})
    assert (await counter.selling.book_label(elsewhere)).bought
    assert counter.labels() == {"courier": ["o1-1-2"]}


async def test_an_account_that_is_not_configured_is_named(counter: Counter) -> None:
    """Its labels wait for an operator; no other account is asked about them."""
    with pytest.raises(ApplicationError, match="no carrier account is named 'gone'; configured: courier, easypost"):
        await counter.selling.book_label(AT_UPS.model_copy(update={"account": "gone"}))
    assert counter.labels() == {}


@pytest.mark.parametrize("error", [OperatorError("account_blocked", "unpaid"), CustomerError("label_refused", "no")])
async def test_a_refused_purchase_leaves_nothing_to_give_back(counter: Counter, error: Exception) -> None:
    """The generation is closed: the next one may be sold by another account."""
    assert isinstance(error, OperatorError | CustomerError)
    counter.ups.fail_next("book", error)
    if isinstance(error, OperatorError):
        with pytest.raises(ApplicationError):
            await counter.selling.book_label(AT_UPS)
    else:
        assert (await counter.selling.book_label(AT_UPS)).code == "label_refused"
    undone = await counter.selling.void_label(VoidLabel(order_id="o1", parcel=1))
    assert undone is CancelDecision.NOTHING_TO_UNDO
    sold = await counter.selling.book_label(BookLabel(order=order(), plan=PLAN, generation=2))
    assert sold.bought
    assert counter.labels() == {"easypost": ["o1-1-2"]}
