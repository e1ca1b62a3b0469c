"""The relay gives to those who wait what came back, and ends the orders of those who waited long enough."""

from datetime import UTC, datetime, timedelta

from ordersaga.bootstrap import Accepted, Services, Waiting
from ordersaga.domain.catalog import Catalog, Product
from ordersaga.domain.statuses import OrderStatus
from tests.fakes.samples import SELLER, order
from tests.relay.test_relay import eventually, running_relay
from tests.support.api import StubOrders
from tests.support.starting import unreadable
from workers.relay_waitlist import LOOK_AGAIN, Waitlist


async def wait_for_mugs(services: Services, *order_ids: str) -> None:
    """One order has every MUG there is; these wait for one."""
    product = Product(sku="MUG", seller=SELLER, title="Mug", weight_grams=350, waitlist=True)
    await services.catalog.load(Catalog(products=(product,)))
    units = sum(level.available for level in await services.catalog.stock_levels(sku="MUG"))
    all_of_them = order("o1", ("MUG", units), placed_at=datetime.now(UTC))
    assert isinstance(await services.intake.accept(all_of_them, hold_ttl=timedelta(hours=1)), Accepted)
    until = datetime.now(UTC) + timedelta(days=1)
    for order_id in order_ids:
        wanted = order(order_id, placed_at=datetime.now(UTC))
        answer = await services.intake.accept(wanted, hold_ttl=timedelta(hours=1), wait_until=until)
        assert isinstance(answer, Waiting)


async def test_units_that_return_reach_whoever_waits_and_are_started(services: Services, orders: StubOrders) -> None:
    """The first in line gets them, and its saga is started like any other's; nothing of it happens before."""
    await wait_for_mugs(services, "w1", "w2")

    async def started() -> bool:
        return {("start", "w1"), ("start", "w2")} <= set(orders.asked)

    async with running_relay(services):
        await eventually(lambda: _asked(orders, "o1"))
        assert not await started()
        await services.stock.release("o1", 1)
        await eventually(started, 20)


async def test_who_could_not_be_read_is_looked_at_again(services: Services, orders: StubOrders) -> None:
    """When a relay begins, and once an hour: by then it may be one that can."""
    await wait_for_mugs(services, "w1")
    await unreadable(services.pool, "w1")
    await services.stock.release("o1", 1)
    now = [0.0]
    waitlist = Waitlist(services, clock=lambda: now[0])
    assert await waitlist.step() is False
    await services.pool.execute("UPDATE orders SET request = request - 'later'")
    assert await waitlist.step() is False
    now[0] = LOOK_AGAIN
    assert await waitlist.step() is True
    assert await Waitlist(services).step() is False


async def test_whoever_waited_in_vain_is_rejected_by_the_relay(services: Services, orders: StubOrders) -> None:
    """The order ends with its reason, and no saga is started for it."""
    await wait_for_mugs(services, "w1")
    await services.pool.execute("UPDATE waiting_orders SET until = now()")

    assert await Waitlist(services).step()
    assert not await Waitlist(services).step()

    record = await services.journal.get("w1")
    assert record is not None
    assert (record.status, record.outcome) == (OrderStatus.REJECTED, "sold_out")
    assert ("start", "w1") not in orders.asked


async def _asked(orders: StubOrders, order_id: str) -> bool:
    return ("start", order_id) in orders.asked
