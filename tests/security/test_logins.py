"""Each kind of process logs in as itself: `ordersaga migrate --logins` makes the logins, at both databases."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from temporalio.api.common.v1 import Payload, Payloads
from typer.testing import CliRunner

from ordersaga.bootstrap import open_services
from ordersaga.commands import build
from ordersaga.domain.errors import OperatorError
from ordersaga.openings import CodecServices
from ordersaga.settings import Settings
from ordersaga.stores.api_keys import ApiKeys
from ordersaga.stores.logins import read_passwords
from ordersaga.stores.pools import opened_pool
from ordersaga.stores.roles import LOGINS, login_of
from tests.fakes.samples import catalog, order
from tests.privacy.keys import ONE
from tests.privacy.test_codec_server import of, served
from tests.security.test_roles import may
from tests.support.api import StubOrders, settings_for
from tests.support.database import DatabaseServer
from tests.support.emulators import free_port

pytestmark = pytest.mark.timeout(120)


def passwords(folder: Path, mark: str) -> Path:
    """A file for each kind of process, as `deploy/secrets.sh` makes them."""
    folder.mkdir(exist_ok=True)
    for kind in LOGINS:
        (folder / kind).write_text(f"{kind}-{mark}\n")
    return folder


async def migrated(url: str, copies: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the job of the migrations prints."""
    monkeypatch.setenv("ORDERSAGA_DATABASE_URL", url)
    monkeypatch.setenv("ORDERSAGA_KEY_COPIES_URL", copies)
    words = ["migrate", "--logins", str(folder)]
    result = await asyncio.to_thread(CliRunner().invoke, build(words), words)
    assert result.exit_code == 0, f"{result.output}{result.exception}"
    return result.output


def as_kind(url: str, copies: str, kind: str, mark: str, **changes: Any) -> Settings:
    """The settings of a process of this kind: addresses that all share, and its own login."""
    login = {"database_user": login_of(kind), "database_password": f"{kind}-{mark}"}
    return settings_for(nobodys(url), key_copies_url=nobodys(copies), encryption_keys=ONE, **login, **changes)


def nobodys(url: str) -> str:
    """An address that names no login."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


@asynccontextmanager
async def two_databases(server: DatabaseServer) -> AsyncIterator[tuple[str, str]]:
    """The orders' and that of the keys' copies, both empty."""
    url, copies = await server.create(migrated=False), await server.create(migrated=False)
    try:
        yield url, copies
    finally:
        for each in (url, copies):
            await server.drop(each)


async def test_every_kind_of_process_gets_a_login_with_its_own_password(
    database_server: DatabaseServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made once, changed with the file; nobody logs in with another's. Each opens what it needs, copies included."""
    async with two_databases(database_server) as (url, copies):
        folder = passwords(tmp_path / "logins", "old")
        assert f"{2 * len(LOGINS)} logins" in await migrated(url, copies, folder, monkeypatch)
        await migrated(url, copies, passwords(folder, "new"), monkeypatch)
        for kind in LOGINS:
            place = as_kind(url, copies, kind, "new").database_url.get_secret_value()
            connection = await asyncpg.connect(place)
            assert await connection.fetchval("SELECT current_user") == login_of(kind)
            role = f"ordersaga_{LOGINS[kind]}"
            assert await connection.fetchval("SELECT pg_has_role(current_user, $1, 'USAGE')", role)
            await connection.close()
            with pytest.raises(asyncpg.InvalidPasswordError):
                await asyncpg.connect(as_kind(url, copies, kind, "old").database_url.get_secret_value())
        for kind in ("api", "orders", "lanes", "relay"):
            async with open_services(as_kind(url, copies, kind, "new"), orders=StubOrders()) as services:
                assert services.key_ring is not None
                await services.key_ring.of(f"o_{kind}")


async def test_the_codec_server_reads_keys_and_writes_down_who_read(
    database_server: DatabaseServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own login, which may change no order and make no key."""
    async with two_databases(database_server) as (url, copies):
        await migrated(url, copies, passwords(tmp_path / "logins", "x"), monkeypatch)
        async with open_services(as_kind(url, copies, "api", "x"), orders=StubOrders()) as api:
            await api.catalog.load(catalog(("nj-1", "MUG", 10)))
            await api.stock.confirm_hold(order("o1"))
            (payload,) = await of(api.converter, "order-o1").encode([order("o1")])
        async with opened_pool(url, "test") as owner:
            token = await ApiKeys(owner).issue("operator", "olga")
        codec, port = as_kind(url, copies, "codec", "x"), free_port()
        async with (
            served(codec, port) as services,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as http,
        ):
            await _reads(http, services, payload, token)
        connection = await asyncpg.connect(url)
        for table in ("orders", "order_keys", "journal", "encryption"):
            assert await may(connection, "codec", table, "INSERT", "UPDATE", "DELETE") == set(), table
        await connection.close()


async def _reads(http: httpx.AsyncClient, services: CodecServices, payload: Payload, token: str) -> None:
    body = MessageToDict(Payloads(payloads=[payload]))
    for door in ("decode", "encode"):
        answer = await http.post(f"/{door}", json=body, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200, answer.text
    (read,) = await services.codec_reads.told("o1")
    assert (read.by, read.payloads) == ("olga", 1)


def test_a_folder_without_passwords_makes_no_logins(tmp_path: Path) -> None:
    """It is named, and so are the files that belong there."""
    with pytest.raises(OperatorError, match=r"no_passwords.*api, orders, lanes, relay, codec"):
        read_passwords(tmp_path)
    (tmp_path / "api").write_text("")
    with pytest.raises(OperatorError, match="no_passwords"):
        read_passwords(tmp_path)
