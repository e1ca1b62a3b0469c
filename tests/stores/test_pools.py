"""A database that goes away or is busy is nobody's fault: the same call may work later."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import TypeVar
from urllib.parse import urlsplit

import pytest

from ordersaga.domain.effects import EffectIntent
from ordersaga.domain.errors import RetryError
from ordersaga.embedded.sockets import free_ports
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.effects import PostgresEffects
from ordersaga.stores.pools import Pool, close_pool, connection, create_pool, transaction
from ordersaga.stores.stock import PostgresStock
from tests.chaos.proxy import Proxy
from tests.fakes.samples import EAST, catalog, order
from tests.support.emulators import free_port

T = TypeVar("T")
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> $1"


async def test_a_server_that_does_not_answer_is_worth_a_retry() -> None:
    """Starting before the database is up raises an error that says try again."""
    with pytest.raises(RetryError) as lost:
        await create_pool(f"postgresql://nobody@127.0.0.1:{free_port()}/none")

    assert (lost.value.code, lost.value.unknown) == ("database_lost", False)


async def test_a_connection_cut_in_mid_transaction_changes_nothing(pool: Pool) -> None:
    """The statement fails as retryable and not in doubt, and the next call gets a new connection."""

    async def load_while_cut_off() -> None:
        async with transaction(pool) as work:
            await work.execute("INSERT INTO sellers VALUES ('acme', 'Acme', '{}')")
            await cut_others(pool)
            await work.execute("SELECT 1")

    with pytest.raises(RetryError) as lost:
        await load_while_cut_off()

    assert (lost.value.code, lost.value.unknown) == ("database_lost", False)
    assert await PostgresCatalog(pool).sellers() == []


async def test_work_goes_on_after_every_connection_was_cut(pool: Pool) -> None:
    """Activities that retry get through: nothing is held twice and no effect is lost."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    stock, effects = PostgresStock(pool), PostgresEffects(pool)
    intent = EffectIntent(order_id="o1", step="capture", parcel=1, lease=timedelta(0))
    for _ in range(3):
        await cut_others(pool)
        assert await until_done(lambda: stock.confirm_hold(order("o1", ("MUG", 2)))) is not None
        await until_done(lambda: effects.begin(intent))

    balance = await effects.balance("o1")
    assert (balance.units_held, balance.unsettled_effects) == (2, ("o1/capture/1/1",))


@pytest.fixture
async def link(database_url: str) -> AsyncIterator[tuple[Proxy, Pool]]:
    """A pool of one connection, and the network between it and the database."""
    address = urlsplit(database_url)
    port = free_ports(("link",))["link"]
    url = address._replace(netloc=address.netloc.replace(f":{address.port}", f":{port}")).geturl()
    async with Proxy("database", port, address.port or 5432) as proxy:
        pool = await create_pool(url, max_size=1, statement_timeout=timedelta(milliseconds=200))
        yield proxy, pool
        pool.terminate()


async def test_a_connection_that_is_dead_and_looks_open_is_given_up(link: tuple[Proxy, Pool]) -> None:
    """No answer comes, not even a refusal: the statement fails as retryable, and the next call is served at once."""
    proxy, pool = link
    for use in (transaction, connection):
        async with use(pool) as work:
            await work.execute("SELECT 1")
        proxy.cut()
        await proxy.heal()
        with pytest.raises(RetryError) as busy:
            async with use(pool) as work:
                await work.execute("SELECT 1")
        assert busy.value.code == "database_busy"
        async with asyncio.timeout(5), use(pool) as work:
            assert await work.fetchval("SELECT 2") == 2


async def test_who_gives_up_on_a_dead_connection_leaves_none_behind(link: tuple[Proxy, Pool]) -> None:
    """An attempt that ran out of time is canceled: its connection is closed, not asked to roll back."""
    proxy, pool = link
    async with transaction(pool) as work:
        await work.execute("SELECT 1")
    proxy.cut()
    await proxy.heal()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3), transaction(pool) as work:
            await work.execute("SELECT 1")
    async with asyncio.timeout(5), transaction(pool) as work:
        assert await work.fetchval("SELECT 2") == 2


async def cut_others(pool: Pool) -> None:
    """Cut every connection to this database but one."""
    async with pool.acquire() as killer:
        await killer.execute(CUT, await killer.fetchval("SELECT pg_backend_pid()"))


async def until_done(call: Callable[[], Awaitable[T]]) -> T:
    """Retry as an activity would."""
    for _ in range(20):
        try:
            return await call()
        except RetryError:
            await asyncio.sleep(0.01)
    raise AssertionError("never got through")


async def test_a_lock_held_too_long_is_worth_a_retry(database_url: str) -> None:
    """A statement that waits too long is given up and may be repeated."""
    pool = await create_pool(database_url)
    hasty = await create_pool(database_url, statement_timeout=timedelta(milliseconds=100))
    try:
        await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
        async with transaction(pool) as work:
            await work.execute("SELECT * FROM stock FOR UPDATE")
            with pytest.raises(RetryError) as busy:
                await PostgresStock(hasty).confirm_hold(order("o1", ("MUG", 1)))
        assert (busy.value.code, busy.value.unknown) == ("database_busy", False)
        assert (await PostgresEffects(pool).balance("o1")).units_held == 0
    finally:
        await close_pool(hasty)
        await close_pool(pool)


async def test_what_a_use_leaves_open_does_not_reach_the_next(database_url: str) -> None:
    """Connections are not reset between uses; a transaction that was left open is rolled back all the same."""
    pool = await create_pool(database_url, application_name="ordersaga-tests", max_size=1)
    try:
        async with pool.acquire() as first:
            await first.execute("BEGIN")
            await first.execute("CREATE TABLE left_open (number integer)")
        async with pool.acquire() as second:
            assert await second.fetchval("SELECT to_regclass('left_open')") is None
            assert not second.is_in_transaction()
    finally:
        await close_pool(pool)
