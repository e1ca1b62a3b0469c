"""Stops and the seller's terms decide where no label is bought; what waits for a stop goes on by itself."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from ordersaga.domain.carriers import CarrierAccount
from ordersaga.domain.statuses import OrderStatus
from tests.workflows.accounts import ManyCarriers
from tests.workflows.world import World
from workers.activities import Ports


class OneCarrier(ManyCarriers):
    """The only account is FedEx's."""

    def ports(self) -> Ports:
        """The same with that account alone."""
        only = (CarrierAccount("easypost", carriers=("fedex",)),)
        return replace(super().ports(), carriers={"easypost": self.carrier}, accounts=only, quoting={})


@pytest_asyncio.fixture
async def many(environment: WorkflowEnvironment) -> AsyncIterator[ManyCarriers]:
    async with ManyCarriers(environment) as fresh:
        yield fresh
        assert await fresh.failed_tasks() == []


@pytest_asyncio.fixture
async def one(environment: WorkflowEnvironment) -> AsyncIterator[OneCarrier]:
    async with OneCarrier(environment) as fresh:
        yield fresh
        assert await fresh.failed_tasks() == []


async def test_a_stopped_carrier_sells_no_label_and_another_does(many: ManyCarriers) -> None:
    """The cheapest is stopped: it is not even asked for its price, and the story says why."""
    many.stop("Rapid")
    placed, handle = await many.accepted()
    assert await many.labeled(handle) == "ups"
    assert many.sold() == {"ups": [many.reference(placed)]}
    assert many.courier.calls == []
    assert (await many.deliver(handle)).status is OrderStatus.COMPLETED
    assert many.told("label") == [
        "ups label bought at ups: USD 7.00; easypost: names no price; courier: stopped by s1",
    ]
    await many.balanced(placed)


async def test_when_every_carrier_is_stopped_the_parcel_waits_and_goes_on_when_one_is_not(many: ManyCarriers) -> None:
    """A person is asked once; the end of the stop answers the question, without anybody."""
    for carrier in ("rapid", "ups", "easypost"):
        many.stop(carrier)
    placed, handle = await many.accepted()
    item = await many.question(handle, "step_failed")
    question = many.memory.attention[placed.order_id, item].question
    assert "carrier_stopped: courier: stopped by s1; ups: stopped by s2; easypost: stopped by s3" in question
    await many.pass_time(handle, timedelta(minutes=10))
    assert (await many.question(handle, "step_failed"), many.sold()) == (item, {})
    del many.rules[1]
    await many.pass_time(handle, timedelta(hours=1))
    assert await many.labeled(handle) == "ups"
    assert many.memory.attention[placed.order_id, item].resolved == "settled"
    assert many.sold() == {"ups": [many.reference(placed)]}
    assert (await many.deliver(handle)).captured == 1000
    await many.balanced(placed)


async def test_the_only_carrier_is_stopped_and_goes_on_when_it_is_not(one: OneCarrier) -> None:
    """Nothing is sent to it; a person who answers in between is told the same again."""
    one.stop("fedex")
    placed, handle = await one.accepted()
    item = await one.question(handle, "step_failed")
    assert "carrier_stopped: easypost: stopped by s1" in one.memory.attention[placed.order_id, item].question
    await one.resolve(handle, "retry", "step_failed")
    again = await one.question(handle, "step_failed")
    assert (again != item, one.carrier.calls) == (True, [])
    one.rules.clear()
    await one.pass_time(handle, timedelta(minutes=5))
    assert await one.labeled(handle) == "fedex"
    assert [label.reference for label in one.carrier.labels.values()] == [one.reference(placed, generation=3)]
    await one.deliver(handle)
    await one.balanced(placed)


async def test_an_order_canceled_while_it_waits_for_a_stop_ends(one: OneCarrier) -> None:
    """Nobody looks at the stop any more, nothing was bought, and the books balance."""
    one.stop("fedex")
    placed, handle = await one.accepted()
    await one.question(handle, "step_failed")
    await one.cancel(handle)
    assert (await one.result(handle)).status is OrderStatus.CANCELED
    assert (one.carrier.called("book"), one.sold()) == ([], {})
    await one.balanced(placed)


async def test_the_only_account_is_not_among_the_sellers(own: World) -> None:
    """Its terms name another: a person is asked, and nothing is bought where the seller does not want it."""
    placed, handle = await own.accepted(terms={"carriers": ("ups",)})
    item = await own.question(handle, "step_failed")
    question = own.memory.attention[placed.order_id, item].question
    assert "no_carrier: no allowed carrier: the seller's terms name ups; there is easypost only" in question
    assert own.carrier.calls == []
    await own.resolve(handle, "cancel", "step_failed")
    assert (await own.result(handle)).status is OrderStatus.CANCELED
    await own.balanced(placed)


@pytest_asyncio.fixture
async def own(world: World) -> World:
    """All stock at a warehouse of the seller's own, whose labels we buy."""
    world.restocked(("nj-1", "MUG", 10), provider="seller_warehouse")
    return world
