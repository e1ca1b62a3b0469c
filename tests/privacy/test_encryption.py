"""Encryption that is on stays on: no process starts, and no order is written, in the clear because keys are missing."""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner

from ordersaga.bootstrap import Services, open_services
from ordersaga.commands import build
from ordersaga.doctor.database import encryption_line
from ordersaga.domain.deeds import DeedFilter
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.recovering import Deed, question_of
from ordersaga.embedded.environment import as_environment
from ordersaga.privacy.key_ring import KeyRing
from ordersaga.privacy.master_keys import read_master_keys
from ordersaga.stores.acceptances import Accepted, AcceptRequest
from ordersaga.stores.encryption import PostgresEncryption
from ordersaga.stores.migrate import Migration, migrate, migrations
from ordersaga.stores.order_keys import OrderKeys
from ordersaga.stores.pools import Pool, opened_pool
from tests.fakes.samples import catalog, order
from tests.privacy.keys import ONE, TWO
from tests.support.api import StubOrders, settings_for
from tests.support.database import DatabaseServer
from tests.support.emulators import ROOT

pytestmark = pytest.mark.timeout(120)
IMPOSTER = ONE.split("=")[0] + "=" + TWO.split("=", 1)[1]
"""Another key under the same name."""


def opened(database_url: str, **changes: Any) -> Any:
    """A process of the deployment."""
    return open_services(settings_for(database_url, **changes), orders=StubOrders())


async def placed(services: Services, order_id: str) -> Accepted:
    """An order, accepted."""
    (answer,) = await services.intake.accept_many([AcceptRequest(order(order_id), timedelta(minutes=5))])
    assert isinstance(answer, Accepted)
    return answer


async def test_the_first_process_with_keys_turns_it_on_for_good(database_url: str, pool: Pool) -> None:
    """Once, however many start at a time; who only looks turns nothing on."""
    encryption = PostgresEncryption(pool)
    async with open_services(settings_for(database_url, encryption_keys=ONE), orders=StubOrders(), looks_only=True):
        assert await encryption.state() is None

    async def start() -> None:
        async with opened(database_url, encryption_keys=ONE):
            pass

    await asyncio.gather(*(start() for _ in range(4)))
    state = await encryption.state()
    assert state is not None
    assert (state.is_on, state.master, state.by) == (True, "one", "ordersaga")
    assert await pool.fetchval("SELECT count(*) FROM encryption") == 1


@pytest.mark.parametrize("module", ["ordersaga.api", "workers", "ordersaga.codec_server"])
async def test_no_process_starts_without_the_keys_that_others_have(
    module: str, database_url: str, tmp_path: Path
) -> None:
    """One line names the setting and what to do, and the exit code is 1; the same without keys, and with others."""
    async with opened(database_url, encryption_keys=ONE):
        pass
    for given, code in (("", "encryption_keys_missing"), (TWO, "encryption_keys_wrong")):
        told = await _refused(module, as_environment(settings_for(database_url, encryption_keys=given)), tmp_path)
        assert told["code"] == code
        assert "ORDERSAGA_ENCRYPTION_KEYS" in told["error"]
        assert TWO.split("=", 1)[1] not in str(told)


async def _refused(module: str, environment: dict[str, str], folder: Path) -> dict[str, str]:
    """What a process says that does not start."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        cwd=folder,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await asyncio.wait_for(process.communicate(), 60)
    (line,) = errors.decode().splitlines()
    told: dict[str, str] = json.loads(line)
    assert (process.returncode, told["event"]) == (1, "not_started")
    return told


async def test_another_key_under_the_same_name_starts_nothing(database_url: str) -> None:
    """Though no order was ever placed: the deployment's own key tells it apart."""
    async with opened(database_url, encryption_keys=ONE):
        pass
    with pytest.raises(OperatorError, match="encryption_keys_wrong"):
        async with opened(database_url, encryption_keys=IMPOSTER):
            pass


async def test_every_master_key_that_wraps_anything_is_asked_for(database_url: str) -> None:
    """During a rotation that is two of them; with the new one alone nothing starts until all is wrapped anew."""
    async with opened(database_url, encryption_keys=ONE) as services:
        assert services.key_ring is not None
        await services.key_ring.of("o1")
    async with opened(database_url, encryption_keys=f"{TWO},{ONE}") as services:
        assert services.key_ring is not None
        await services.key_ring.of("o2")
    with pytest.raises(OperatorError, match=r"encryption_keys_wrong.*wrapped by one, two"):
        async with opened(database_url, encryption_keys=TWO):
            pass
    async with opened(database_url, encryption_keys=f"{TWO},{ONE}") as services:
        assert services.key_ring is not None
        await services.order_keys.rewrap(services.key_ring.rewrapped, "two", 100)
    async with opened(database_url, encryption_keys=TWO) as services:
        assert services.key_ring is not None
        assert (await services.key_ring.of("o1")).subject == "o1"


async def test_a_process_that_began_before_writes_nothing_in_the_clear(database_url: str) -> None:
    """The database refuses its orders from the moment on when encryption is on; before, they are accepted."""
    async with opened(database_url) as older:
        await older.catalog.load(catalog(("nj-1", "MUG", 10)))
        await placed(older, "before")
        async with opened(database_url, encryption_keys=ONE) as newer:
            await placed(newer, "hidden")
            with pytest.raises(OperatorError, match="not_encrypted"):
                await placed(older, "late")
            with pytest.raises(OperatorError, match="not_encrypted"):
                await older.stock.confirm_hold(order("late"))
            assert await newer.stock.confirm_hold(order("before")), "it was accepted before, and goes on"
            rows = await newer.pool.fetch("SELECT order_id FROM orders WHERE NOT (request->'ship_to' ? 'sealed')")
            assert [row["order_id"] for row in rows] == ["before"]


async def test_an_upgraded_database_that_has_keys_is_one_that_encrypts(database_server: DatabaseServer) -> None:
    """The migration says so before any process starts."""
    url = await database_server.create(migrated=False)
    before = [each for each in migrations() if each.name < "0031"]
    await migrate(url, before)
    async with opened_pool(url, "test", max_size=2) as pool:
        await KeyRing(OrderKeys(pool), read_master_keys(ONE)).of("o1")
        assert await migrate(url) == _since(before)
        state = await PostgresEncryption(pool).state()
        assert state is not None
        assert (state.is_on, state.master) == (True, "one")
    with pytest.raises(OperatorError, match="encryption_keys_missing"):
        async with opened(url):
            pass
    await database_server.drop(url)


def _since(before: list[Migration]) -> list[str]:
    return [each.name for each in migrations()][len(before) :]


async def test_giving_it_up_is_a_deed_of_the_owner(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not while processes run, not without a word where orders are lost; told in the audit trail; and back again."""
    monkeypatch.setenv("ORDERSAGA_DATABASE_URL", database_url)
    monkeypatch.delenv("ORDERSAGA_ENCRYPTION_KEYS", raising=False)
    why = ("--by", "olga", "--reason", "a trial")
    assert (await _run("keys", "off", *why))[1] == "encryption is not on\n"
    settings = settings_for(database_url, encryption_keys=ONE)
    async with open_services(settings, name="ordersaga-api", orders=StubOrders()) as services:
        await services.catalog.load(catalog(("nj-1", "MUG", 10)))
        await placed(services, "hidden")
        code, told = await _run("keys", "off", *why)
        assert (code, "ordersaga-api" in told) == (1, True)
    async with asyncio.timeout(30):
        while "still_at_work" in told:  # a connection that was closed is there for a moment
            code, told = await _run("keys", "off", *why)
    assert (code, "orders_unreadable" in told, "1 orders" in told) == (1, True, True)
    assert (await _run("keys", "off", *why, "--unreadable"))[0] == 0
    with pytest.raises(OperatorError, match=r"encryption_turned_off.*olga"):
        async with opened(database_url, encryption_keys=ONE):
            pass
    async with opened(database_url) as clear:
        await placed(clear, "seen")
        deeds, _ = await clear.deeds.page(DeedFilter(kind="encryption_off"), None, 10)
        assert [(deed.by, deed.about, deed.subject) for deed in deeds] == [("olga", "deployment", "encryption")]
    monkeypatch.setenv("ORDERSAGA_ENCRYPTION_KEYS", ONE)
    assert (await _run("keys", "on", *why))[0] == 0
    async with opened(database_url, encryption_keys=ONE) as services:
        record = await services.journal.get("hidden")
        assert record is not None
        assert record.order.ship_to.name == order("hidden").ship_to.name


async def test_no_process_turns_it_off(pool: Pool) -> None:
    """Its role in the database may say that it is on, and not that it is off, nor change what was said."""
    off = "INSERT INTO encryption (is_on, \"by\", reason) VALUES (false, 'api', 'x')"
    async with pool.acquire() as work:
        for role in ("ordersaga_api", "ordersaga_worker", "ordersaga_relay"):
            await work.execute(f"SET ROLE {role}")
            await work.execute(off.replace("(is_on", "(master, is_on").replace("(false", "('one', true"))
            for statement in (off, "UPDATE encryption SET is_on = false", "DELETE FROM encryption"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await work.execute(statement)
            await work.execute("RESET ROLE")
        await work.execute(off)


async def _run(*words: str) -> tuple[int, str]:
    """A command of the command line, in a thread of its own: it runs an event loop."""
    result = await asyncio.to_thread(CliRunner().invoke, build(list(words)), list(words))
    return result.exit_code, f"{result.output}{result.exception or ''}"


def test_the_doctor_has_a_line_for_it() -> None:
    """On or off; what keeps a process from starting is told by `check_all`."""
    assert (encryption_line(None).verdict, encryption_line(None).check) == ("warn", "encryption")
    assert "ORDERSAGA_ENCRYPTION_KEYS" in encryption_line(None).remedy


async def test_a_question_that_no_saga_asked_is_encrypted_like_any_other(database_url: str, pool: Pool) -> None:
    """A recovery, a relay: it quotes the story, which may name people."""
    deed = Deed(subject="o1", what="asked", detail="its saga is gone, and Ada Lovelace asked for another address")
    async with opened(database_url, encryption_keys=ONE) as services:
        await services.catalog.load(catalog(("nj-1", "MUG", 5)))
        await placed(services, "o1")
        assert await services.journal.open_question(question_of(deed, "r1", datetime.now(UTC)), apart=True)
        (item,) = await services.journal.open_attention()
        assert "Ada Lovelace" in item.question
    stored = await pool.fetchval("SELECT question FROM attention WHERE order_id = 'o1'")
    assert (stored.startswith("sealed:"), "Ada" in stored) == (True, False)
