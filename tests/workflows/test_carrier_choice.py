"""Labels at several carrier accounts: the best by the rules, the next when one sells none, never two."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from ordersaga.domain.errors import CustomerError, OperatorError, RetryError
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.accounts import ManyCarriers
from tests.workflows.changes import change
from tests.workflows.returns import started
from workflows import labels
from workflows.labels import ELSEWHERE_AFTER
from workflows.messages import ChangeCarrier

UNPAID = OperatorError("account_blocked", "unpaid invoice")
LOST = RetryError("timeout", "no answer", unknown=True)


@pytest_asyncio.fixture
async def many(environment: WorkflowEnvironment) -> AsyncIterator[ManyCarriers]:
    async with ManyCarriers(environment) as fresh:
        yield fresh
        assert await fresh.failed_tasks() == []


async def test_the_cheapest_takes_it_and_the_story_says_why(many: ManyCarriers) -> None:
    """One label, one choice; what each of the others would have cost is in the label's entry."""
    placed, handle = await many.accepted()
    assert await many.labeled(handle) == "rapid"
    assert many.sold() == {"courier": [many.reference(placed)]}
    result = await many.deliver(handle)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 1000)
    assert many.told("label") == [
        "rapid label bought at courier: USD 5.00; ups: USD 7.00; easypost: names no price",
    ]
    assert (many.ups.called("book"), many.carrier.calls) == ([], [])
    await many.balanced(placed)


async def test_who_has_picked_up_already_and_who_does_not_go_there_are_passed_over(many: ManyCarriers) -> None:
    """The courier's last pick-up was an hour ago; UPS does not serve the address."""
    many.courier.offers(cut_off=datetime.now(UTC) - timedelta(hours=1))
    many.ups.offer = None
    placed, handle = await many.accepted()
    assert await many.labeled(handle) == "fedex"
    assert many.sold() == {"easypost": [many.reference(placed)]}


async def test_terms_of_the_seller_name_the_accounts(many: ManyCarriers) -> None:
    """The dearest of all, and no other is asked for its price."""
    _, handle = await many.accepted(terms={"carriers": ("easypost",)})
    assert await many.labeled(handle) == "fedex"
    assert (many.courier.calls, many.ups.calls) == ([], [])


async def test_an_account_that_refuses_us_is_passed_over_for_the_next(many: ManyCarriers) -> None:
    """A new generation of the label at the next account; nobody is asked anything."""
    many.courier.fail_next("book", UNPAID)
    placed, handle = await many.accepted()
    assert await many.labeled(handle) == "ups"
    assert many.sold() == {"ups": [many.reference(placed, generation=2)]}
    assert (await many.deliver(handle)).captured == 1000
    assert many.told("carrier_refused") == [
        "courier sold no label (account_blocked: unpaid invoice): another is asked",
    ]
    assert many.memory.attention == {}
    await many.balanced(placed)


async def test_a_refused_address_is_asked_of_nobody_else(many: ManyCarriers) -> None:
    """It is the shopper's to change: everything is undone, as with one carrier."""
    many.courier.fail_next("book", CustomerError("label_refused", "no such street"))
    placed, handle = await many.confirmed()
    result = await many.result(handle)
    assert (result.status, result.reason) == (OrderStatus.CANCELED, "label_refused")
    assert (many.sold(), many.ups.called("book")) == ({}, [])
    await many.balanced(placed)


async def test_one_that_is_down_is_left_once_it_is_proved_that_it_sold_nothing(many: ManyCarriers) -> None:
    """It never answered; asked afterwards it has no label of ours, and only then the next one sells it."""
    many.down(many.courier, "book")
    placed, handle = await many.accepted()
    await many.called(many.courier, "book", 1)
    await many.pass_time(handle, ELSEWHERE_AFTER)
    assert await many.labeled(handle) == "ups"
    assert many.courier.called("inquire")
    assert many.sold() == {"ups": [many.reference(placed, generation=2)]}
    many.up(many.courier, "book")
    assert (await many.deliver(handle)).captured == 1000
    await many.balanced(placed)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time does not skip what waits in a lane: that is left soon."""
    for name in ("ELSEWHERE_AFTER", "PATIENCE"):
        monkeypatch.setattr(labels, name, timedelta(seconds=3))


@pytest.mark.usefixtures("impatient")
async def test_a_lane_that_hands_nothing_out_is_left_without_asking_its_account(
    environment: WorkflowEnvironment,
) -> None:
    """Nothing was ever sent there: the next account sells the label; canceled, only that one is asked."""
    async with ManyCarriers(environment, full=["courier"], sandboxed=False) as many:
        placed, handle = await many.accepted()
        assert await many.labeled(handle) == "ups"
        assert many.sold() == {"ups": [many.reference(placed, generation=2)]}
        await many.cancel(handle)
        assert (await many.result(handle)).status is OrderStatus.CANCELED
        assert (many.sold(), {call[0] for call in many.courier.calls}) == ({}, {"quote"})
        await many.balanced(placed)
        assert await many.failed_tasks() == []


@pytest.mark.usefixtures("impatient")
async def test_when_the_last_lane_is_full_too_all_accounts_are_asked_anew(environment: WorkflowEnvironment) -> None:
    """The first refused, the last handed nothing out: nobody is asked a question, the first sells it by now."""
    async with ManyCarriers(environment, full=["easypost"], sandboxed=False) as many:
        many.courier.fail_next("book", UNPAID)
        many.ups.offer = None
        _, handle = await many.accepted()
        assert await many.labeled(handle) == "rapid"
        assert list(many.sold()) == ["courier"]
        assert many.memory.attention == {}
        assert await many.failed_tasks() == []


async def test_nobody_else_is_asked_while_an_outcome_is_unknown(many: ManyCarriers) -> None:
    """It bought the label, lost the answer and can be asked nothing: when it can, that label is the one."""
    many.courier.fail_next("book", LOST, after_doing=True)
    many.down(many.courier, "inquire")
    placed, handle = await many.accepted()
    await many.called(many.courier, "inquire", 1)
    await many.pass_time(handle, ELSEWHERE_AFTER + timedelta(minutes=5))
    assert (many.ups.called("book"), many.carrier.called("book")) == ([], [])
    many.up(many.courier, "inquire")
    await many.pass_time(handle, timedelta(minutes=2))
    assert await many.labeled(handle) == "rapid"
    assert many.sold() == {"courier": [many.reference(placed)]}
    assert (await many.deliver(handle)).captured == 1000
    await many.balanced(placed)


async def test_silence_without_proof_is_a_question_to_a_person(many: ManyCarriers) -> None:
    """Its account stays the one that is asked, until it says what it did."""
    many.down(many.courier, "book", 1)
    many.down(many.courier, "inquire")
    placed, handle = await many.accepted()
    await many.called(many.courier, "inquire", 1)
    await many.pass_time(handle, ELSEWHERE_AFTER + timedelta(hours=1))
    await many.question(handle, "provider_silent")
    assert many.sold() == {}
    many.up(many.courier, "inquire")
    await many.resolve(handle, "retry", "provider_silent")
    await many.pass_time(handle, timedelta(minutes=1))
    assert await many.labeled(handle) == "rapid"
    assert many.sold() == {"courier": [many.reference(placed)]}


async def test_when_no_account_is_left_a_person_is_asked_and_all_may_be_asked_anew(many: ManyCarriers) -> None:
    """The question names what each of them said."""
    for carrier in many.sellers.values():
        carrier.fail_next("book", UNPAID)
    placed, handle = await many.accepted()
    item = await many.question(handle, "step_failed")
    question = many.memory.attention[placed.order_id, item].question
    assert "courier: sold none (account_blocked: unpaid invoice); ups: sold none" in question
    await many.resolve(handle, "retry", "step_failed")
    assert await many.labeled(handle) == "rapid"
    assert many.sold() == {"courier": [many.reference(placed, generation=4)]}
    await many.cancel(handle)
    await many.result(handle)
    assert many.sold() == {}
    await many.balanced(placed)


async def test_a_label_goes_back_to_the_account_that_sold_it(many: ManyCarriers) -> None:
    """Canceled after the second account sold it: that one takes it back, the first is not asked."""
    many.courier.fail_next("book", UNPAID)
    placed, handle = await many.accepted()
    await many.labeled(handle)
    assert (await many.cancel(handle)).outcome == "canceled"
    await many.result(handle)
    assert many.ups.called("void") == [(many.reference(placed, generation=2),)]
    assert (many.courier.called("void"), many.carrier.called("void"), many.sold()) == ([], [], {})
    await many.balanced(placed)


async def test_canceled_while_the_first_is_silent_nothing_is_bought_elsewhere(many: ManyCarriers) -> None:
    """The undo finds the label that was bought after all, and gives it back."""
    many.courier.fail_next("book", LOST, after_doing=True)
    many.courier.fail_next("inquire", LOST)
    placed, handle = await many.accepted()
    await many.called(many.courier, "inquire", 1)
    await many.waiting(handle, many.cancel(handle))
    assert (await many.result(handle)).status is OrderStatus.CANCELED
    assert (many.sold(), many.ups.called("book")) == ({}, [])
    assert many.courier.labels[many.reference(placed)].voided
    await many.balanced(placed)


async def test_a_wish_for_one_carrier_restricts_the_choice(many: ManyCarriers) -> None:
    """The label of the cheapest goes back, and the carrier that was asked for takes the parcel."""
    placed, handle = await many.accepted()
    await many.labeled(handle)
    answer = await change(handle, "change_carrier", ChangeCarrier(by="agent", parcel=1, carrier="ups"))
    assert answer.outcome == "done"
    await many.until(handle, lambda view: view.parcels[0].carrier == "ups")
    assert many.sold() == {"ups": [many.reference(placed, generation=2)]}
    assert many.ups.requests[many.reference(placed, generation=2)].carrier == "ups"


async def test_a_wish_nobody_can_meet_is_a_question(many: ManyCarriers) -> None:
    """The seller's terms exclude the only account that ships with it."""
    _, handle = await many.accepted(terms={"carriers": ("ups",)})
    await many.labeled(handle)
    await change(handle, "change_carrier", ChangeCarrier(by="agent", parcel=1, carrier="rapid"))
    await many.question(handle, "step_failed")
    assert many.sold() == {}
    await many.resolve(handle, "cancel", "step_failed")
    assert (await many.result(handle)).status is OrderStatus.CANCELED


async def test_its_account_is_asked_where_the_parcel_is(many: ManyCarriers) -> None:
    """Nobody reports a scan by the promised day: the account that sold the label knows of it."""
    placed, handle = await many.accepted()
    await many.labeled(handle)
    many.courier.track(many.reference(placed), ParcelStatus.IN_TRANSIT)
    await many.pass_time(handle, timedelta(days=2, hours=1))
    await many.until(handle, lambda view: view.parcels[0].status is ParcelStatus.IN_TRANSIT)
    assert (many.ups.called("look"), many.carrier.called("look")) == ([], [])


async def test_a_parcel_on_its_way_is_turned_around_by_its_own_carrier(many: ManyCarriers) -> None:
    """The others cannot even be asked."""
    many.courier.can_intercept = True
    placed, handle = await many.accepted()
    await many.labeled(handle)
    many.courier.track(many.reference(placed), ParcelStatus.IN_TRANSIT)
    await many.report(handle, ParcelStatus.IN_TRANSIT)
    await many.until(handle, lambda view: view.parcels[0].captured > 0)
    assert (await many.cancel(handle)).outcome == "intercepting"
    assert many.courier.called("intercept") == [(many.reference(placed),)]
    assert (many.ups.called("intercept"), many.carrier.called("intercept")) == ([], [])


async def test_a_returns_label_is_bought_and_given_back_where_the_way_out_was_sold(many: ManyCarriers) -> None:
    """UPS took the parcel out; the shopper changes their mind and keeps the goods: nobody else is asked."""
    many.courier.offer = None
    placed, handle = await many.accepted()
    assert await many.labeled(handle) == "ups"
    await many.deliver(handle)
    back = await (await started(many, placed)).awaited()
    assert list(many.ups.labels) == [many.reference(placed), back.reference]
    assert many.ups.requests[back.reference].returning
    await back.cancel()
    await back.result()
    assert many.ups.called("void") == [(back.reference,)]
    assert (many.carrier.calls, many.courier.called("book")) == ([], [])
    await many.balanced(placed)
