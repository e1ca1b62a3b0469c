"""A database goes back in time, its keys' copies do not: what was written is read, what was erased stays so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
import pytest_asyncio
from pydantic import SecretStr
from temporalio.converter import WorkflowSerializationContext
from typer.testing import CliRunner

from ordersaga.bootstrap import Accepted, Agreement, KeyMismatch, Services, copies_of, open_services
from ordersaga.commands import build
from ordersaga.doctor.database import key_lines
from ordersaga.domain.erasure import Verdict
from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.orders import Order
from ordersaga.privacy.key_ring import KeyErasedError, KeyLostError, KeyRing
from ordersaga.privacy.master_keys import read_master_keys
from ordersaga.settings import SettingsError, require_credentials
from ordersaga.stores.acceptances import AcceptRequest
from ordersaga.stores.erasures import Erasure
from ordersaga.stores.key_copies import KeyCopies, opened_keys, prepare_copies
from ordersaga.stores.order_keys import OrderKeys
from ordersaga.stores.pools import opened_pool, transaction
from ordersaga.stores.vault import Vault
from tests.fakes.samples import catalog, order
from tests.privacy.keys import ONE, TWO
from tests.support.api import StubOrders, order_body, serving, settings_for
from tests.support.database import DatabaseServer
from tests.support.emulators import free_port


@dataclass
class Ground:
    """A database that can be backed up and restored, and the place of its keys' copies, which is never."""

    server: DatabaseServer
    url: str
    copies: str

    async def restored(self) -> "Ground":
        """The database as it is now, put back later. Nobody may be connected to it."""
        name = f"{self.url.rsplit('/', 1)[1]}_restored"
        await self.server.run(f"CREATE DATABASE {name} TEMPLATE {self.url.rsplit('/', 1)[1]}")
        return Ground(self.server, self.server.url_of(name), self.copies)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Services]:
        """A process of the deployment."""
        settings = settings_for(self.url, encryption_keys=ONE, key_copies_url=self.copies)
        async with open_services(settings, orders=StubOrders()) as services:
            yield services


@pytest_asyncio.fixture
async def ground(database_server: DatabaseServer) -> AsyncIterator[Ground]:
    """Nothing is kept yet."""
    found = Ground(database_server, await database_server.create(), await database_server.create(migrated=False))
    assert await prepare_copies(found.copies) == ["0001_copies.sql"]
    assert await prepare_copies(found.copies) == []
    yield found
    for url in (found.url, found.copies, f"{found.url}_restored"):
        await database_server.drop(url)


async def accepted(services: Services, order_id: str) -> None:
    """An order of somebody's, on record under its key."""
    assert services.key_ring is not None
    await services.key_ring.of(order_id)
    await services.stock.confirm_hold(order(order_id))


async def test_a_restored_database_finds_the_keys_of_orders_accepted_since(ground: Ground) -> None:
    """Their histories are read at once, before anything is brought back; without copies the key is said to be lost."""
    older = await ground.restored()
    context = WorkflowSerializationContext(namespace="default", workflow_id="order-o1")
    async with ground.opened() as services:
        assert services.key_ring is not None
        key = await services.key_ring.of("o1")
        (payload,) = await services.converter.with_context(context).encode([order("o1")])
    async with older.opened() as services:
        assert await services.order_keys.read(["o1"]) == {}
        assert await services.converter.with_context(context).decode([payload], [Order]) == [order("o1")]
        assert await services.order_keys.read(["o1"]) == {}
        lonely = KeyRing(OrderKeys(services.pool), read_master_keys(ONE))
        with pytest.raises(KeyLostError):
            await lonely.existing("o1")
        copies = copies_of(services)
        assert copies is not None
        assert await copies.agree() == Agreement(brought_back=1, copied=0, destroyed=0)
        assert await lonely.existing("o1") == key


async def test_an_order_told_again_has_the_key_it_had(ground: Ground) -> None:
    """Its row is written under the same key, so that both halves are erased with one."""
    older = await ground.restored()
    async with ground.opened() as services:
        assert services.key_ring is not None
        key = await services.key_ring.of("o1")
    async with older.opened() as services:
        assert services.key_ring is not None
        async with transaction(services.pool, scoped=False) as work:
            assert await Vault(services.key_ring).new_keys(work, ["o1"]) == {"o1": key}
        assert (await services.order_keys.read(["o1"]))["o1"].key_id == key.key_id


async def test_what_was_erased_since_is_erased_again(ground: Ground) -> None:
    """The restored key still opens the order, until the erasure is repeated; it is told as it was told then."""
    async with ground.opened() as services:
        await services.catalog.load(catalog(("nj-1", "MUG", 10)))
        await accepted(services, "o1")
        await services.pool.execute("UPDATE orders SET status = 'canceled' WHERE order_id = 'o1'")
    older = await ground.restored()
    async with ground.opened() as services:
        ruling = await services.erasures.erase("o1", None, Erasure("olga", "gdpr-1"))
        assert ruling is not None
        assert ruling.verdict is Verdict.ERASED
        assert await services.erasures.forgotten() == []
    async with older.opened() as services:
        assert services.key_ring is not None
        await services.key_ring.existing("o1")
        (erased,) = await services.erasures.forgotten()
        assert (erased.order_id, erased.by, erased.reference) == ("o1", "olga", "gdpr-1")
        await services.erasures.repeat(erased)
        with pytest.raises(KeyErasedError):
            await services.key_ring.existing("o1")
        assert await services.erasures.forgotten() == []
        assert await services.audit_trail.erased(["o1", "o2"]) == {"o1"}
        assert (await services.pool.fetchval("SELECT at FROM erasures")) == erased.at


async def test_an_erased_order_that_a_restore_lost_is_not_made_anew(ground: Ground) -> None:
    """No row of it is written in the clear, though there is no key for it."""
    older = await ground.restored()
    async with ground.opened() as services:
        await services.catalog.load(catalog(("nj-1", "MUG", 10)))
        await accepted(services, "o1")
        await services.pool.execute("UPDATE orders SET status = 'canceled' WHERE order_id = 'o1'")
        await services.erasures.erase("o1", None, Erasure("olga", "gdpr-1"))
    async with older.opened() as services:
        with pytest.raises(OperatorError, match="key_erased"):
            async with transaction(services.pool, scoped=False) as work:
                await Vault(services.key_ring).new_keys(work, ["o1"])
        assert services.key_ring is not None
        with pytest.raises(KeyErasedError):
            await services.key_ring.existing("o1")
        await services.catalog.load(catalog(("nj-1", "MUG", 10)))
        asked = [AcceptRequest(order(name), timedelta(minutes=5)) for name in ("o0", "o1", "o2")]
        refused = KeyMismatch("o1", "order_id")
        answers = await services.intake.accept_many(asked)
        assert [each if each == refused else type(each) for each in answers] == [Accepted, refused, Accepted]


async def test_copies_that_were_restored_are_brought_up_to_date(ground: Ground) -> None:
    """They get the keys they lack, also those of before there were copies, and destroy what is destroyed here."""
    async with opened_pool(ground.url, "test") as pool:
        before = KeyRing(OrderKeys(pool), read_master_keys(ONE))
        key = await before.of("o1")
        await before.of("o2")
    async with ground.opened() as services:
        copies = copies_of(services)
        assert copies is not None
        assert services.order_keys.copies is not None
        assert (await copies.agree()).copied == 2
        await services.pool.execute("UPDATE order_keys SET wrapped = NULL, erased_at = now() WHERE subject = 'o2'")
        await services.pool.execute(
            "INSERT INTO erasures (order_id, seller, \"by\", reference) VALUES ('o2', 'acme', 'olga', 'gdpr-2')"
        )
        assert (await copies.agree()).destroyed == 1
        assert (await copies.agree()).destroyed == 0
        assert (await services.order_keys.copies.read(["o2"]))["o2"].wrapped is None
        assert (await KeyRing(services.order_keys.copies, read_master_keys(ONE)).of("o1")) == key


async def test_no_order_is_accepted_whose_key_cannot_be_copied(ground: Ground) -> None:
    """Nothing is written, and it is worth trying again; a key that is there is read without its copy."""
    away = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    async with ground.opened() as services:
        assert services.key_ring is not None
        key = await services.key_ring.of("o1")
    async with opened_pool(ground.url, "test", max_size=2) as pool, opened_keys(pool, away) as keys:
        ring = KeyRing(keys, read_master_keys(ONE))
        assert await ring.existing("o1") == key
        with pytest.raises(RetryError):
            async with transaction(pool, scoped=False) as work:
                await Vault(ring).new_keys(work, ["o2"])
        assert await keys.read(["o2"]) == {}


async def test_whoever_asks_meanwhile_hears_that_it_is_worth_trying_again(ground: Ground) -> None:
    """`503` for an order and for an erasure; neither is done in part."""
    async with ground.opened() as services:
        await services.catalog.load(catalog(("nj-1", "MUG", 10)))
        await accepted(services, "o1")
        assert services.key_ring is not None
        await services.key_ring.of("@index")
        await services.pool.execute("UPDATE orders SET status = 'canceled' WHERE order_id = 'o1'")
    away = Ground(ground.server, ground.url, f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    async with away.opened() as services, serving(services) as api:
        placed = await api.post("/v1/orders", order_body(order_id="o2"))
        erased = await api.post("/v1/erasures", {"order_id": "o1", "reference": "gdpr-1"}, role="operator")
        assert (placed.status_code, erased.status_code) == (503, 503)
        assert [row["order_id"] for row in await services.pool.fetch("SELECT order_id FROM orders")] == ["o1"]
        assert services.key_ring is not None
        assert (await services.key_ring.existing("o1")).subject == "o1"
        assert await services.audit_trail.erased(["o1"]) == set()


async def test_copies_are_wrapped_anew_as_well(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old master key may go when no copy is wrapped by it either; `keys copy` finds nothing left to do."""
    async with ground.opened() as services:
        assert services.key_ring is not None
        key = await services.key_ring.of("o1")
    monkeypatch.setenv("ORDERSAGA_DATABASE_URL", ground.url)
    monkeypatch.setenv("ORDERSAGA_KEY_COPIES_URL", ground.copies)
    monkeypatch.setenv("ORDERSAGA_ENCRYPTION_KEYS", f"{TWO},{ONE}")
    assert '"rewrapped": 4' in await _run("keys", "rotate", "--json"), "with the deployment's own"
    assert "0 keys copied, 0 brought back" in await _run("keys", "copy")
    async with opened_pool(ground.url, "test") as pool, opened_keys(pool, ground.copies) as keys:
        assert await KeyRing(keys, read_master_keys(TWO)).of("o1") == key
        assert keys.copies is not None
        assert await KeyRing(keys.copies, read_master_keys(TWO)).of("o1") == key


async def test_the_doctor_tells_whether_a_restore_loses_keys(ground: Ground, database_server: DatabaseServer) -> None:
    """Nowhere copied, copied in part, copied all; a place for copies that nobody prepared is named."""
    assert [line.verdict for line in await key_lines(None, archived=False)] == ["warn"]
    assert await key_lines(None, archived=True) == []
    async with opened_pool(ground.url, "test") as pool, opened_keys(pool, ground.copies) as keys:
        await KeyRing(OrderKeys(pool), read_master_keys(ONE)).of("o1")
        copies = KeyCopies(keys)
        (line,) = await key_lines(copies, archived=False)
        assert (line.verdict, line.remedy) == ("fail", "ordersaga keys copy")
        await copies.agree()
        assert [line.verdict for line in await key_lines(copies, archived=False)] == ["ok"]
        empty = await database_server.create(migrated=False)
        async with opened_keys(pool, empty) as unprepared:
            with pytest.raises(OperatorError, match="database_not_migrated"):
                await key_lines(KeyCopies(unprepared), archived=False)
        await database_server.drop(empty)


def test_there_are_no_copies_without_keys() -> None:
    """No process starts with a place for copies and no master keys; its password is not repeated."""
    settings = settings_for("postgresql://h/d", key_copies_url="postgresql://u:hidden@h/d")
    with pytest.raises(SettingsError, match="no keys to copy") as refusal:
        require_credentials(settings)
    assert "hidden" not in str(refusal.value)
    assert require_credentials(settings.model_copy(update={"encryption_keys": SecretStr(ONE)}))


async def _run(*words: str) -> str:
    """A command of the command line, in a thread of its own: it runs an event loop."""
    result = await asyncio.to_thread(CliRunner().invoke, build(list(words)), list(words))
    assert result.exit_code == 0, result.output
    return result.output
