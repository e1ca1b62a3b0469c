"""`ordersaga keys`: a real command line before a real database."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ordersaga.bootstrap import open_api_keys
from tests.support.database import database_server, database_url
from tests.support.terminal import Outcome, exit_code

__all__ = ["database_server", "database_url"]

Keys = Callable[..., Awaitable[Outcome]]


@pytest.fixture
def keys(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Keys:
    """The command, with no stack running here and the database in the settings."""
    monkeypatch.setenv("ORDERSAGA_DATA", str(tmp_path))
    monkeypatch.setenv("ORDERSAGA_DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "200")

    async def run(*words: str) -> Outcome:
        code = await asyncio.to_thread(exit_code, ["keys", *words])
        said = capsys.readouterr()
        return Outcome(code, said.out, said.err)

    return run


async def test_a_key_is_issued_listed_and_revoked(keys: Keys, database_url: str) -> None:
    """Its text is shown once; revoked, it opens nothing."""
    issued = await keys("issue", "operator", "ann")
    plain = issued.out.strip()
    assert (issued.code, plain.startswith("osk_operator_")) == (0, True)
    async with open_api_keys(database_url) as store:
        key = await store.verify(plain)
    assert key
    assert (key.role, key.name, key.seller) == ("operator", "ann", None)
    listed = await keys("list")
    assert key.id in listed.out
    assert plain not in listed.out
    assert (await keys("revoke", key.id)).out == f"{key.id} is revoked\n"
    async with open_api_keys(database_url) as store:
        assert await store.verify(plain) is None
    assert key.id not in (await keys("list")).out


async def test_refusals_name_what_to_do(keys: Keys, database_url: str) -> None:
    """An unknown role, seller and key; nothing is issued."""
    assert (await keys("issue", "owner", "ann")).code == 2
    unknown = await keys("issue", "operator", "ann", "--seller", "nobody")
    assert (unknown.code, unknown.err) == (1, "ordersaga: --seller: no seller is called nobody; load it first\n")
    gone = await keys("revoke", "key_none")
    assert (gone.code, "ordersaga keys list" in gone.err) == (1, True)
    async with open_api_keys(database_url) as store:
        assert await store.list() == []


async def test_one_person_has_one_key(keys: Keys, database_url: str) -> None:
    """A second key of a name in force is refused; a revoked name may be used again."""
    assert (await keys("issue", "operator", "ann")).code == 0
    second = await keys("issue", "support", "Ann")
    refusal = "ordersaga: a key named Ann exists; revoke it first, or choose another name\n"
    assert (second.code, second.out, second.err) == (1, "", refusal)
    async with open_api_keys(database_url) as store:
        (key,) = await store.list()
    assert (key.role, key.name) == ("operator", "ann")
    assert (await keys("revoke", key.id)).code == 0
    assert (await keys("issue", "support", "ann")).code == 0
    async with open_api_keys(database_url) as store:
        assert [(one.role, one.name) for one in await store.list()] == [("support", "ann")]


async def test_a_database_that_is_not_there_is_named(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 3, one line, no password."""
    monkeypatch.setenv("ORDERSAGA_DATABASE_URL", "postgresql://ann:hidden@127.0.0.1:1/none")
    away = await keys("list")
    assert (away.code, "ORDERSAGA_DATABASE_URL" in away.err, "hidden" in away.err) == (3, True, False)
