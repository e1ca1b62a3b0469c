"""What is kept in memory: known while we hear of changes, forgotten at once when something changes or may be missed."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from ordersaga.embedded.sockets import free_ports
from ordersaga.stores.accept import Accepted, AcceptRequest, IdempotencyKey, PostgresIntake, SoldOut
from ordersaga.stores.api_keys import ApiKeys
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.heard import Ear, Heard
from ordersaga.stores.pools import Pool, create_pool
from ordersaga.stores.repeats import Asked, Repeats
from ordersaga.stores.sold_out import EmptyShelves
from ordersaga.stores.stock import PostgresStock
from tests.chaos.proxy import Proxy
from tests.fakes.samples import EAST, catalog, order

TTL = timedelta(minutes=30)
CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
PROMPT = 3.0
"""Seconds that stand for "at once" on a busy machine; what is measured is printed."""


async def until(true: Callable[[], bool], limit: float = 20.0) -> float:
    """Seconds until it is true."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < limit, "it never came true"
        await asyncio.sleep(0.002)
    return time.monotonic() - began


@pytest.fixture
async def heard(pool: Pool) -> Heard:
    """Somebody who listens, once its users have been added and `alive` is waited for."""
    return Heard(pool)


async def sell_out(intake: PostgresIntake, shelves: EmptyShelves, sku: str = "MUG") -> None:
    """Sell the last unit of a SKU."""
    assert isinstance(await intake.accept(order(f"last_{sku}", (sku, 1)), hold_ttl=TTL), Accepted)
    assert shelves.among([sku]) == (sku,)


async def test_a_batch_that_takes_the_last_unit_marks_the_sku(pool: Pool, heard: Heard) -> None:
    """Not one of which some are left, though too few for an order; and nobody remembers when nobody listens."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 1), (EAST, "TEE", 2)))
    shelves = EmptyShelves(heard)
    intake = PostgresIntake(pool, shelves)
    async with heard.listening():
        await until(lambda: heard.alive)
        await sell_out(intake, shelves)
        answer = await intake.accept(order("o2", ("TEE", 3)), hold_ttl=TTL)
        assert isinstance(answer, SoldOut)
        assert shelves.among(["TEE", "MUG"]) == ("MUG",)
    assert shelves.among(["MUG"]) == ()


async def test_returning_units_open_a_sku_in_every_process(pool: Pool, heard: Heard) -> None:
    """The one that released them and another: within 100 ms of the commit on a quiet machine."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 1)))
    other = Heard(pool)
    here, there = EmptyShelves(heard), EmptyShelves(other)
    intakes = PostgresIntake(pool, here), PostgresIntake(pool, there)
    async with heard.listening(), other.listening():
        await until(lambda: heard.alive and other.alive)
        await sell_out(intakes[0], here)
        await intakes[1].accept(order("o2", ("MUG", 1)), hold_ttl=TTL)
        assert there.among(["MUG"]) == ("MUG",)
        await PostgresStock(pool).release("last_MUG", 1)
        took = await until(lambda: not here.among(["MUG"]) and not there.among(["MUG"]), PROMPT)
        print(f"open again {1000 * took:.1f} ms after the release")
        assert isinstance(await intakes[1].accept(order("o3", ("MUG", 1)), hold_ttl=TTL), Accepted)


async def test_what_was_read_before_units_returned_marks_nothing(pool: Pool, heard: Heard) -> None:
    """The message comes between the reading and the mark: the SKU stays open. What is read afterwards counts again."""
    shelves = EmptyShelves(heard)
    async with heard.listening():
        await until(lambda: heard.alive)
        look = shelves.look()
        await pool.execute("SELECT pg_notify('stock_available', 'MUG')")
        await until(lambda: shelves.look() > look)
        shelves.mark(look, ["MUG", "TEE"])
        assert shelves.among(["MUG", "TEE"]) == ("TEE",)
        shelves.mark(shelves.look(), ["MUG"])
        assert shelves.among(["MUG", "TEE"]) == ("MUG", "TEE")


async def test_a_release_that_crosses_a_batch_is_never_lost(pool: Pool, heard: Heard) -> None:
    """Orders and releases of one unit race many times: once all is quiet, a free unit's SKU is never marked."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 1)))
    shelves, stock = EmptyShelves(heard), PostgresStock(pool)
    intake = PostgresIntake(pool, shelves)

    async def come_and_go(number: int) -> None:
        answer = await intake.accept(order(f"o{number}", ("MUG", 1)), hold_ttl=TTL)
        if isinstance(answer, Accepted):
            await stock.release(answer.order_id, 1)

    async with heard.listening():
        await until(lambda: heard.alive)
        for round_ in range(10):
            await asyncio.gather(*(come_and_go(10 * round_ + number) for number in range(10)))
            await until(lambda: not shelves.among(["MUG"]), PROMPT)


async def test_who_does_not_listen_knows_nothing(pool: Pool, heard: Heard) -> None:
    """Nothing read before it listens, or before its connection was lost, is known afterwards."""
    shelves = EmptyShelves(heard)
    deaf = shelves.look()
    shelves.mark(deaf, ["MUG"])
    assert shelves.among(["MUG"]) == ()
    async with heard.listening():
        await until(lambda: heard.alive)
        shelves.mark(deaf, ["MUG"])
        assert shelves.among(["MUG"]) == ()
        before = shelves.look()
        shelves.mark(before, ["MUG"])
        await pool.execute(CUT)
        await until(lambda: not heard.alive)
        assert shelves.among(["MUG"]) == ()
        await until(lambda: heard.alive)
        shelves.mark(before, ["MUG"])
        assert shelves.among(["MUG"]) == ()
        shelves.mark(shelves.look(), ["MUG"])
        assert shelves.among(["MUG"]) == ("MUG",)
    assert shelves.among(["MUG"]) == ()


async def test_what_was_remembered_before_anybody_listened_is_forgotten(heard: Heard) -> None:
    """It may have changed unheard: whoever begins to listen begins with nothing."""
    lost: list[bool] = []
    heard.add(Ear("anything", lambda _: None, lambda: lost.append(heard.alive)))
    async with heard.listening():
        await until(lambda: heard.alive)
        assert lost == [False]


async def test_a_connection_that_is_dead_and_looks_open_is_noticed(database_url: str) -> None:
    """No message comes any more, and no error: within two seconds or so nothing is refused from memory."""
    address = urlsplit(database_url)
    port = free_ports(("link",))["link"]
    url = address._replace(netloc=address.netloc.replace(f":{address.port}", f":{port}")).geturl()
    async with Proxy("database", port, address.port or 5432) as link:
        pool = await create_pool(url)
        heard = Heard(pool)
        shelves = EmptyShelves(heard)
        async with heard.listening():
            await until(lambda: heard.alive)
            shelves.mark(shelves.look(), ["MUG"])
            link.cut()
            took = await until(lambda: not shelves.among(["MUG"]), 10)
            print(f"noticed after {took:.1f} s")
            await link.heal()
            await until(lambda: heard.alive)
        pool.terminate()


async def test_keys_and_terms_are_remembered_until_they_change(pool: Pool, heard: Heard) -> None:
    """A change made elsewhere is seen at once; one that is made behind everybody's back, when the value's life ends."""
    here, keys = PostgresCatalog(pool, heard), ApiKeys(pool, heard)
    elsewhere = PostgresCatalog(pool)
    await elsewhere.load(catalog())
    plain = await keys.issue("checkout", "web")
    async with heard.listening():
        await until(lambda: heard.alive)
        key, terms = await keys.verify(plain), await here.terms("acme")
        assert key is not None
        assert terms is not None
        assert not await here.unknown("acme", ["MUG"])
        await pool.execute("UPDATE sellers SET terms = jsonb_set(terms, '{capture}', '\"at_confirmation\"')")
        await pool.execute("UPDATE api_keys SET name = 'unheard of'")
        assert (await here.terms("acme"), await keys.verify(plain)) == (terms, key)
        await elsewhere.load(catalog((EAST, "MUG", 1)))
        await ApiKeys(pool).revoke(key.id)
        await until_revoked(keys, plain)
        await pool.execute("UPDATE sellers SET terms = jsonb_set(terms, '{capture}', '\"at_confirmation\"')")
        await elsewhere.load(catalog())
        assert await here.terms("nobody") is None
        assert await here.unknown("acme", ["MUG", "GHOST"])


async def until_revoked(keys: ApiKeys, plain: str) -> None:
    """Within 100 ms of the commit on a quiet machine."""
    began = time.monotonic()
    while await keys.verify(plain) is not None:
        assert time.monotonic() - began < PROMPT, "a revoked key is still taken"
        await asyncio.sleep(0.002)
    print(f"refused {1000 * (time.monotonic() - began):.1f} ms after the revocation")


async def test_without_listening_nothing_is_remembered(pool: Pool, heard: Heard) -> None:
    """Every look is at the database."""
    keys = ApiKeys(pool, heard)
    plain = await keys.issue("checkout", "web")
    assert await keys.verify(plain) is not None
    await pool.execute("UPDATE api_keys SET revoked_at = now()")
    assert await keys.verify(plain) is None


async def test_repeats_are_known_by_their_key_or_order_id(pool: Pool) -> None:
    """Many at once in one statement; a key counts for its own caller only; a request with neither is never known."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    intake, repeats = PostgresIntake(pool), Repeats(pool)
    claim = IdempotencyKey("key_1", "cart-1", "abc")
    await intake.accept_many([AcceptRequest(order("o1", ("MUG", 1)), TTL, claim)])
    asked = [
        Asked("key_1", "cart-1", None),
        Asked("key_2", "cart-1", None),
        Asked("key_2", "cart-1", "o1"),
        Asked("key_1", None, "o1"),
        Asked("key_1", None, "o2"),
        Asked("key_1", "cart-2", "o2"),
        Asked("key_1", None, None),
    ]
    known = await asyncio.gather(*map(repeats.known, asked))
    assert known == [True, False, True, True, False, False, False]
