"""Stock activities on the fakes: plans changed, goods back, and a lost sale taken out of the books whole."""

from datetime import UTC, datetime

import pytest
from temporalio.exceptions import ApplicationError

from activities.inventory import HoldResult, Inventory, ParcelUnits, Replan, ShipUnits, TakeBack
from ordersaga.domain.books import Account, MoneyTransaction, allowance, refunded, written_off
from ordersaga.domain.orders import LineQuantity, ParcelPlan
from ordersaga.domain.stops import StopMatch, StopRule
from tests.activities.conftest import Bench
from tests.fakes.samples import EAST, order
from tests.fakes.stock import FakeStock


@pytest.fixture
def inventory(bench: Bench) -> Inventory:
    """The activities, on the bench's stock of ten MUGs and its ledger."""
    return Inventory(FakeStock(bench.memory), bench.ledger)


async def held(inventory: Inventory, quantity: int) -> ParcelPlan:
    """The only parcel of o1."""
    result = await inventory.hold_stock(order("o1", ("MUG", quantity)))
    (plan,) = result.parcels
    return plan


def of_quantity(plan: ParcelPlan, quantity: int) -> ParcelPlan:
    """The same parcel with another number of MUGs."""
    line = plan.lines[0].model_copy(update={"quantity": quantity})
    return plan.model_copy(update={"lines": (line,), "amount": quantity * line.unit_price})


def shelf(bench: Bench) -> tuple[int, int]:
    """MUGs on hand and held."""
    return bench.memory.shelf(EAST, "MUG").on_hand, bench.memory.shelf(EAST, "MUG").held


def accounts(bench: Bench) -> dict[Account, int]:
    """Every account that is not 0."""
    found: dict[Account, int] = {}
    for transaction in bench.memory.money.values():
        for posting in transaction.postings:
            found[posting.account] = found.get(posting.account, 0) + posting.amount
    return {account: amount for account, amount in found.items() if amount}


async def test_a_changed_plan_is_held_or_nothing_changes(bench: Bench, inventory: Inventory) -> None:
    """Six of ten are there, eleven are not; the answer of the first hold is the plan that stands."""
    plan = await held(inventory, 2)

    assert await inventory.replan(Replan(order_id="o1", parcels=(of_quantity(plan, 6),))) is True
    assert await inventory.replan(Replan(order_id="o1", parcels=(of_quantity(plan, 11),))) is False

    assert shelf(bench) == (10, 6)
    assert await inventory.hold_stock(order("o1", ("MUG", 2))) == HoldResult(parcels=(of_quantity(plan, 6),))
    assert await inventory.release_stock(ParcelUnits(order_id="o1", parcel=1)) == 6


class Stops:
    """What stands stopped."""

    def __init__(self) -> None:
        self.rules: list[StopRule] = []

    def stop(self, **match: str) -> None:
        """From now on."""
        now = datetime.now(UTC)
        self.rules.append(StopRule(stop_id="s1", match=StopMatch.model_validate(match), effective_at=now))

    async def standing(self) -> list[StopRule]:
        """All of it."""
        return self.rules


@pytest.mark.parametrize("match", [{"region": "US"}, {"sku": "MUG"}, {"provider": "shipbob"}])
async def test_nothing_is_sent_once_more_while_a_stop_forbids_it(bench: Bench, match: dict[str, str]) -> None:
    """Not even by an attempt that is repeated after it held the units; other plans are no new parcels."""
    stops = Stops()
    inventory = Inventory(FakeStock(bench.memory), bench.ledger, stops=stops)
    plan, placed = await held(inventory, 2), order("o1", ("MUG", 2))
    again = Replan(order_id="o1", parcels=(plan.model_copy(update={"parcel": 2, "amount": 0}),), again=placed)
    assert await inventory.replan(again) is True
    assert shelf(bench) == (10, 4)
    stops.stop(**match)
    assert await inventory.replan(again) is False
    assert shelf(bench) == (10, 2)
    assert await inventory.replan(Replan(order_id="o1", parcels=(of_quantity(plan, 3),))) is True


async def test_goods_come_back_once_and_no_more_than_left(bench: Bench, inventory: Inventory) -> None:
    """More than left is an operator's question, not something to try again."""
    plan = await held(inventory, 3)
    await inventory.ship_stock(ShipUnits(order_id="o1", plan=plan, currency="USD"))
    lines = (LineQuantity(sku="MUG", quantity=2),)
    back = TakeBack(order_id="o1", parcel=1, reference="o1-r1", lines=lines, location=EAST, sellable=True)

    assert [await inventory.take_back(back) for _ in range(2)] == [2, 2]
    with pytest.raises(ApplicationError) as refused:
        await inventory.take_back(back.model_copy(update={"reference": "o1-r2"}))

    assert (refused.value.type, refused.value.details[0], refused.value.non_retryable) == (
        "operator",
        "not_shipped",
        True,
    )
    assert shelf(bench) == (9, 0)


@pytest.mark.parametrize(("written", "allowed"), [(0, 0), (1500, 0), (0, 500), (1200, 300)])
async def test_lost_goods_leave_nothing_in_the_books(
    bench: Bench, inventory: Inventory, written: int, allowed: int
) -> None:
    """What was written off or given as goodwill for them is taken out with the sale; a repeat changes nothing."""
    plan = await held(inventory, 2)
    await inventory.ship_stock(ShipUnits(order_id="o1", plan=plan, currency="USD"))
    given = MoneyTransaction(
        transaction_id="o1/given/1/1",
        order_id="o1",
        parcel=1,
        currency="USD",
        memo="test",
        postings=written_off(written) + refunded(allowed) + allowance(allowed),
    )
    await bench.ledger.post(given)
    lost = ShipUnits(order_id="o1", plan=plan, currency="USD", written_off=written, allowed=allowed)

    for _ in range(2):
        await inventory.lose_goods(lost)

    expected = {Account.CASH: -allowed, Account.RECEIVABLE: allowed} if allowed else {}
    assert accounts(bench) == expected
