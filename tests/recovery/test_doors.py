"""While a recovery is under way nobody else accepts orders, and nobody else recovers."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.orders import LineQuantity, OrderLine, ParcelPlan
from ordersaga.domain.recovering import Recovery
from ordersaga.domain.returns import ReturnCase, ReturnReason, ReturnRequest
from ordersaga.stores.accept import Accepted, PostgresIntake
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.inbox import WebhookInbox
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.pools import Pool, close_pool, create_pool
from ordersaga.stores.recovery import PostgresRecovery, ToldStock
from ordersaga.stores.returns import PostgresReturns
from tests.fakes.samples import EAST, WEST, catalog, order

TTL = timedelta(minutes=30)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def recovery_of(pool: Pool) -> PostgresRecovery:
    """PostgreSQL's side of a recovery."""
    return PostgresRecovery(pool, ToldStock(pool))


def parcel(location: str, line: tuple[str, int]) -> ParcelPlan:
    """An order's only parcel."""
    sku, quantity = line
    lines = (OrderLine(sku=sku, quantity=quantity, unit_price=1000),)
    return ParcelPlan(parcel=1, location=location, provider="shipbob", lines=lines, amount=1000 * quantity)


async def test_orders_are_refused_before_anything_is_stored(pool: Pool) -> None:
    """A 503, no promise: neither the order nor its hold stands; once it has ended orders are taken again."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    recovery, intake = recovery_of(pool), PostgresIntake(pool)
    await recovery.begin("r1", NOW)
    with pytest.raises(RetryError) as refused:
        await intake.accept(order("o1", ("MUG", 2)), hold_ttl=TTL)
    assert (refused.value.code, refused.value.unknown) == ("recovering", False)
    assert [(level.on_hand, level.held) for level in await PostgresCatalog(pool).stock_levels()] == [(5, 0)]
    assert await PostgresJournal(pool).get("o1") is None
    await recovery.end(Recovery(recovery_id="r1", dry_run=False, remembered=NOW))
    assert isinstance(await intake.accept(order("o1", ("MUG", 2)), hold_ttl=TTL), Accepted)


async def test_a_recovery_that_died_goes_on_behind_closed_doors(pool: Pool) -> None:
    """What PostgreSQL remembered when it began is what counts, whatever was written since; and what it found then."""
    recovery = recovery_of(pool)
    assert await recovery.begun() is None
    await recovery.begin("r1", NOW)
    found = await recovery.begun()
    assert found is not None
    assert (found.recovery_id, found.remembered, found.behind) == ("r1", NOW, {})
    await recovery.found_behind("r1", {"o1": NOW})
    again = await recovery.begun()
    assert again is not None
    assert again.behind == {"o1": NOW}
    await recovery.found_lost("r1", {"o1": 3})
    await recovery.found_failed("r1", "o2", "too few units are left")
    await recovery.found_failed("r1", "o3", "refused")
    again = await recovery.begun()
    assert again is not None
    assert (again.behind, again.lost) == ({"o1": NOW}, {"o1": 3})
    assert again.failed == {"o2": "too few units are left", "o3": "refused"}
    with pytest.raises(OperatorError, match="integrity"):
        await recovery.begin("r2", NOW)


async def test_only_one_recovers(pool: Pool) -> None:
    """The second is told so, and may when the first is done."""
    recovery = recovery_of(pool)
    async with recovery.alone():
        with pytest.raises(OperatorError, match="recovering_elsewhere"):
            async with recovery.alone():
                pass
    async with recovery.alone():
        pass


async def test_workers_must_be_stopped(pool: Pool, database_url: str) -> None:
    """A worker would go on with orders that are not compared yet."""
    worker = await create_pool(database_url, application_name="ordersaga-worker", max_size=1)
    try:
        with pytest.raises(OperatorError, match="workers_at_work"):
            async with recovery_of(pool).alone():
                pass
    finally:
        await close_pool(worker)


async def test_a_forgotten_order_holds_what_its_saga_was_told(pool: Pool, database_url: str) -> None:
    """Not where it would be routed now; written twice it holds once."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5), (WEST, "MUG", 5)))
    mine = await create_pool(database_url, application_name="ordersaga-recover", max_size=2)
    try:
        recovery = recovery_of(mine)
        await recovery.begin("r1", NOW)
        told = parcel(WEST, ("MUG", 2))
        for _ in range(2):
            await recovery.stand(order("o1", ("MUG", 2)), [told], NOW)
    finally:
        await close_pool(mine)
    levels = {level.location: level.held for level in await PostgresCatalog(pool).stock_levels()}
    assert levels == {EAST: 0, WEST: 2}


async def test_units_that_were_sold_twice_are_not_promised_again(pool: Pool, database_url: str) -> None:
    """A person decides: the database refuses to hold more than there is."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 1)))
    mine = await create_pool(database_url, application_name="ordersaga-recover", max_size=2)
    try:
        recovery, told = recovery_of(mine), parcel(EAST, ("MUG", 1))
        await recovery.stand(order("o1", ("MUG", 1)), [told], NOW)
        with pytest.raises(OperatorError, match="integrity_violation"):
            await recovery.stand(order("o2", ("MUG", 1)), [told], NOW)
    finally:
        await close_pool(mine)


async def test_nobody_is_just_accepting_when_the_doors_are_closed(pool: Pool) -> None:
    """A commit under way is waited for: what it accepted is seen by the recovery."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    recovery = recovery_of(pool)
    async with pool.acquire() as other:
        work = other.transaction()
        await work.start()
        await other.execute("UPDATE orders SET status = status")
        closing = asyncio.create_task(recovery.begin("r1", NOW))
        done, _ = await asyncio.wait([closing], timeout=0.5)
        assert not done
        await work.commit()
        await closing


async def test_a_forgotten_return_stands_again_and_lost_ones_are_started_anew(pool: Pool) -> None:
    """Written once; of one whose workflow is gone the relay is told, as of a stop."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    recovery = recovery_of(pool)
    wanted = order("o1", ("MUG", 1))
    await recovery.stand(wanted, [parcel(EAST, ("MUG", 1))], NOW)
    request = ReturnRequest(parcel=1, lines=(LineQuantity(sku="MUG", quantity=1),), reason=ReturnReason.DAMAGED)
    case = ReturnCase(
        order=wanted,
        plan=parcel(EAST, ("MUG", 1)),
        number=1,
        request=request,
        delivered_at=NOW,
        accepted_at=NOW,
    )
    for _ in range(2):
        await recovery.stand_return(case)
    returns = PostgresReturns(pool)
    await returns.mark_started(case)
    assert await recovery.open_returns(["refunded"]) == [("o1", 1, False)]
    await recovery.start_return_again("o1", 1)
    assert [found.number for found in await returns.unstarted(older_than=timedelta(0), limit=10)] == [1]
    assert await recovery.standing_stops() == []
    await recovery.start_stop_again("none")


async def test_messages_are_told_again_from_the_moment_on_that_was_forgotten(pool: Pool) -> None:
    """Those handed on since; what waits, waits on."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    recovery, inbox = recovery_of(pool), WebhookInbox(pool)
    await recovery.stand(order("o1", ("MUG", 1)), [parcel(EAST, ("MUG", 1))], NOW)
    await inbox.store("shipbob", "evt_1", "o1", {"source": "shipbob"})
    [message] = await inbox.claim(1)
    await inbox.mark_delivered(message.id)
    assert await recovery.open_orders() == ["o1"]
    assert await recovery.untold("o1", datetime.now(UTC) + timedelta(hours=1)) == 0
    assert await recovery.untold("o1", NOW) == 1
    await recovery.tell_again("o1", NOW)
    assert await inbox.count_by_status() == {"pending": 1}
