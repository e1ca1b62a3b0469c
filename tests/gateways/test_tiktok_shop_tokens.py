"""Renewed tokens of a TikTok shop are every process's: asked for once, sealed in PostgreSQL, found by all."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import structlog

from ordersaga.channel_ports import TokenPair
from ordersaga.domain.errors import OperatorError
from ordersaga.gateways.tiktok_shop.channel import TikTokKeys, TikTokShop
from ordersaga.stores.account_tokens import AccountTokens
from ordersaga.stores.pools import Pool, close_pool, create_pool
from tests.gateways.support import company
from tests.gateways.tiktok_shop_support import SECRET, keys, tiktok_shop
from tests.support.database import database_server, database_url, pool
from tests.support.emulators import ROOT, EmulatorProcess

__all__ = ["database_server", "database_url", "pool"]

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
ACCOUNT = "tiktok_acme"
_tests = count(1)


@pytest.fixture(scope="module")
async def tiktok(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmulatorProcess]:
    """The emulated TikTok Shop, which lets each refresh token be used once."""
    async with company("tiktok_shop", tmp_path_factory.mktemp("tiktok"), SECRET) as (process, _):
        await process.post("rate-limit", per_second=100_000)
        await process.post("rotate-tokens", on=True)
        yield process


@pytest.fixture
async def emulator(tiktok: EmulatorProcess) -> EmulatorProcess:
    """Without the faults of the test before."""
    await tiktok.delete("faults")
    return tiktok


def given() -> TikTokKeys:
    """Tokens no other test uses."""
    return keys(refresh_token=f"TTR_shared_{next(_tests)}")


def shop(emulator: EmulatorProcess, pool: Pool, known: TikTokKeys, key: bytes = KEY) -> TikTokShop:
    """The gateway as one process has it."""
    vault = AccountTokens(pool, key).of(ACCOUNT, TokenPair(known.access_token, known.refresh_token))
    return tiktok_shop(emulator, keys=known, vault=vault)


async def used(gateway: TikTokShop) -> None:
    """One call."""
    await gateway.changed_since(datetime.now(UTC))


async def expired(emulator: EmulatorProcess, known: TikTokKeys) -> None:
    """The token was good once, and is no more."""
    gateway = tiktok_shop(emulator, keys=known)
    await used(gateway)
    await gateway.aclose()
    await emulator.post("expire-tokens")


async def renewals(emulator: EmulatorProcess, since: int = 0) -> int:
    """How often new tokens were asked for."""
    return len(await emulator.get("requests", path="/token/refresh")) - since


async def test_one_renews_and_all_others_go_on(emulator: EmulatorProcess, pool: Pool, database_url: str) -> None:
    """Many at once in two pools, again a week later, and one that starts then: one request each time, nobody fails."""
    known, before = given(), await renewals(emulator)
    await expired(emulator, known)
    second = await create_pool(database_url, max_size=4)
    shops = [shop(emulator, each, known) for each in (pool, pool, second, second)]
    await asyncio.gather(*(used(each) for each in shops for _ in range(3)))
    assert await renewals(emulator, before) == 1
    await emulator.post("expire-tokens")
    await asyncio.gather(*map(used, shops))
    late = shop(emulator, second, known)
    await used(late)
    assert await renewals(emulator, before) == 2
    for each in (*shops, late):
        await each.aclose()
    await close_pool(second)


async def test_processes_of_their_own_share_them(emulator: EmulatorProcess, pool: Pool, database_url: str) -> None:
    """Three start at once with the expired token of the settings."""
    known, before = given(), await renewals(emulator)
    await expired(emulator, known)
    told = (emulator.url, database_url, known.access_token, str(known.refresh_token))
    command = (sys.executable, "-m", "tests.gateways.one_call", *told)
    processes = [await asyncio.create_subprocess_exec(*command, cwd=ROOT) for _ in range(3)]
    assert [await asyncio.wait_for(each.wait(), 60) for each in processes] == [0, 0, 0]
    assert await renewals(emulator, before) == 1


async def test_without_a_vault_the_second_process_fails(emulator: EmulatorProcess) -> None:
    """That is why there is one: the first renewal took the refresh token's worth."""
    known = given()
    await expired(emulator, known)
    first, second = (tiktok_shop(emulator, keys=known) for _ in range(2))
    await used(first)
    with pytest.raises(OperatorError) as caught:
        await used(second)
    assert caught.value.code == "tiktok_shop_credentials"
    for each in (first, second):
        await each.aclose()


async def test_no_token_can_be_read_in_the_database(emulator: EmulatorProcess, pool: Pool) -> None:
    """Nor is a row of another account, or an altered one, taken for ours; another key finds nothing."""
    known = given()
    await expired(emulator, known)
    gateway = shop(emulator, pool, known)
    await used(gateway)
    pair = TokenPair(known.access_token, known.refresh_token)
    mine = AccountTokens(pool, KEY).of(ACCOUNT, pair)
    newest = await mine.newest()
    assert newest is not None
    assert newest.access.startswith("TTP_renewed")
    row = await pool.fetchrow("SELECT * FROM account_tokens")
    assert row is not None
    for secret in (newest.access, newest.refresh, known.access_token, known.refresh_token):
        assert secret is not None
        assert secret.encode() not in row["sealed"] + row["begun_with"]
        assert secret not in repr(newest) + repr(known)
    assert await AccountTokens(pool, OTHER_KEY).of(ACCOUNT, pair).newest() is None
    await pool.execute("UPDATE account_tokens SET sealed = set_byte(sealed, 20, 1 - get_byte(sealed, 20) % 2)")
    with pytest.raises(OperatorError) as caught:
        await mine.newest()
    assert (caught.value.code, newest.access in str(caught.value)) == ("tokens_unreadable", False)
    await gateway.aclose()


async def test_a_row_of_another_account_is_not_taken(pool: Pool) -> None:
    """Though its key is the same: account and beginning are sealed with it."""
    pair = TokenPair("TTP_a", "TTR_a")
    vaults = AccountTokens(pool, KEY)

    async def made(_: TokenPair | None) -> TokenPair:
        return TokenPair("TTP_b", "TTR_b")

    await vaults.of("tiktok_bolt", pair).renew(made)
    await vaults.of(ACCOUNT, pair).renew(made)
    await pool.execute(
        "UPDATE account_tokens SET sealed = (SELECT sealed FROM account_tokens WHERE account = 'tiktok_bolt')"
    )
    with pytest.raises(OperatorError):
        await vaults.of(ACCOUNT, pair).newest()


async def test_new_tokens_of_the_settings_begin_anew(emulator: EmulatorProcess, pool: Pool) -> None:
    """What was renewed from other ones is left alone."""
    old, new = given(), given()
    await expired(emulator, old)
    first, second = shop(emulator, pool, old), shop(emulator, pool, new)
    await used(first)
    before = await renewals(emulator)
    await used(second)
    assert await renewals(emulator, before) == 0
    for each in (first, second):
        await each.aclose()


async def test_tokens_that_could_not_be_kept_are_used_and_kept_later(
    emulator: EmulatorProcess, pool: Pool, database_url: str
) -> None:
    """The old ones are worth nothing: the process goes on with the new ones, says so, and keeps them when it can."""
    known = given()
    await expired(emulator, known)
    hasty = await create_pool(database_url, max_size=2, statement_timeout=timedelta(milliseconds=400))
    gateway, vault = shop(emulator, hasty, known), None
    async with pool.acquire() as blocker, blocker.transaction():
        await blocker.execute("LOCK TABLE account_tokens IN EXCLUSIVE MODE")
        with structlog.testing.capture_logs() as logs:
            await used(gateway)
    assert [(line["event"], line["log_level"]) for line in logs] == [("renewed_tokens_not_kept_yet", "warning")]
    assert "TTP_" not in repr(logs)
    assert "TTR_" not in repr(logs)
    assert await pool.fetchval("SELECT count(*) FROM account_tokens") == 0
    await used(gateway)
    vault = AccountTokens(pool, KEY).of(ACCOUNT, TokenPair(known.access_token, known.refresh_token))
    assert await vault.newest() is not None
    await gateway.aclose()
    await close_pool(hasty)
