"""The whole stack, encrypting: the person is planted in real processes, and every file and table of theirs is read."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from temporalio.client import Client

from ordersaga.api.erasure_shapes import ErasureAnswer
from ordersaga.bootstrap import open_key_rotation
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.statuses import OrderStatus
from ordersaga.embedded.postgres import ENVIRONMENT, USER, password
from ordersaga.embedded.postgres_home import prepare_home
from ordersaga.embedded.sockets import HOST
from ordersaga.privacy.codec import data_converter
from tests.privacy.keys import ONE, TWO
from tests.privacy.planted import BUYER, NOTE, SHIP_TO, Search, look_through_database, look_through_temporal
from tests.recovery.backups import PROCESSES, Backups
from tests.recovery.drill import Drill, at_shipbob
from tests.support.stack import RealShop, open_shop_at

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
EMULATED = ("stripe", "shipbob", "easypost")
"""The companies' own logs are theirs."""
PLACES = {"log", "temporal's files", "postgresql's files", "workflow id", "description", "history", "dump", "metrics"}
SOCKS = ("SOCK-RED-M", 2, 1400)
PLANTED: dict[str, Any] = {"ship_to": SHIP_TO, "buyer": BUYER}


async def test_no_process_writes_the_person_down_in_the_clear(tmp_path: Path) -> None:
    """Orders shipped and canceled: in no log, table, history or file of ours; the audit finds nothing.

    Erased, no history of theirs is read, the books still agree with the companies' own, reconciliation still runs and
    finds nothing, and the audit chain verifies.
    """
    async with open_shop_at(tmp_path, changed={"encryption_keys": SecretStr(ONE)}) as shop:
        await played(shop)
        search = await looked_through(shop, tmp_path)
        assert search.found == []
        assert set(search.looked) == {*PLACES, "database"}
        assert await shop.differences() == []
        print("planted personal data found nowhere in the clear, bytes looked through:", search.looked)
        await erased(shop)
        assert await shop.differences() == []
        commands = Drill(shop, Backups(shop.stack, tmp_path))
        run = await commands.command("reconcile", "--since", "1h")
        chain = await commands.command("audit", "verify")
        assert (run["findings"], chain["breaks"], commands.codes) == ([], [], [0, 0])
        print("erased: histories unreadable, books balance, reconciliation finds nothing, the audit chain verifies")


async def test_an_old_master_key_is_taken_away_while_orders_are_open(tmp_path: Path) -> None:
    """A new key before the old one, `keys rotate`, the old one gone: the order from before goes on to its end."""
    file = tmp_path / "keys"
    file.write_text(ONE)
    async with open_shop_at(tmp_path / "state", changed={"encryption_keys_file": file}) as shop:
        commands = Drill(shop, Backups(shop.stack, tmp_path))
        before = shop.case("before", SOCKS, **PLANTED)
        await at_shipbob(before)
        file.write_text(f"{TWO}\n{ONE}\n")
        await restarted(commands)
        between = shop.case("between", SOCKS, **PLANTED)
        await at_shipbob(between)
        told = await commands.command("keys", "rotate")
        assert (told["removable"], set(told["wrapped_by"])) == (True, {"two"})
        file.write_text(TWO)
        await restarted(commands)
        for case in (before, between):
            await case.go_on_at_shipbob()
            assert (await shop.ended(case.order_id)).status is OrderStatus.COMPLETED
            assert (await shop.world.operator.order(case.order_id)).ship_to.name == SHIP_TO["name"]
        assert await shop.differences() == []


async def restarted(commands: Drill) -> None:
    """Workers and APIs begin again, and read their master keys."""
    for name in PROCESSES:
        await commands.shop.stack.halt(name)
    await commands.backups.go_on()


async def played(shop: RealShop) -> None:
    """One ships; one is canceled with a note."""
    shipped, canceled = shop.case("shipped", SOCKS, **PLANTED), shop.case("canceled", SOCKS, **PLANTED)
    await shipped.place("confirmed")
    await at_shipbob(canceled)
    await shop.world.support.cancel("canceled", reason=NOTE)
    assert (await shop.ended("canceled")).status is OrderStatus.CANCELED
    assert (await shop.ended("shipped")).status is OrderStatus.COMPLETED


async def erased(shop: RealShop) -> None:
    """The person asks for it: their orders' histories are read by nobody any more, not with the master key either."""
    wanted = {"buyer": BUYER, "reference": "gdpr-1"}
    answer = await shop.world.operator.call("POST", "/v1/erasures", ErasureAnswer, json=wanted)
    assert {each.order_id: each.verdict.value for each in answer.orders} == {"shipped": "erased", "canceled": "erased"}
    assert (await shop.world.operator.order("shipped")).ship_to.name == "(erased)"
    settings = shop.stack.settings
    async with open_key_rotation(settings) as (ring, _):
        temporal = await Client.connect(settings.temporal_address, data_converter=data_converter(ring))
        for order_id in ("shipped", "canceled"):
            with pytest.raises(OperatorError, match="key_erased"):
                await temporal.get_workflow_handle(f"order-{order_id}").result()


async def looked_through(shop: RealShop, data: Path) -> Search:
    """Every place of ours where the person must not be found."""
    search, settings = Search(), shop.stack.settings
    for log in (data / "logs").iterdir():
        if not log.name.startswith(EMULATED):
            search.look("log", log.name, log.read_bytes())
    for file in data.glob("temporal.db*"):
        search.look("temporal's files", file.name, file.read_bytes())
    assert await look_through_temporal(await Client.connect(settings.temporal_address), search) >= 2
    assert await look_through_database(settings.database_url.get_secret_value(), search) > 30
    home = prepare_home(data)
    search.look("dump", "pg_dump", await _dump(shop, home.program("pg_dump")))
    for file in (file for file in home.cluster.rglob("*") if file.is_file()):
        search.look("postgresql's files", file.name, file.read_bytes())
    search.look("metrics", "/metrics", await shop.world.operator.metrics())
    return search


async def _dump(shop: RealShop, program: str) -> bytes:
    """All databases of the stack, as an operator would dump them."""
    process = await asyncio.create_subprocess_exec(
        *(program, "-h", HOST, "-p", str(shop.stack.options.port("postgres")), "-U", USER),
        *("-d", shop.stack.settings.database_url.get_secret_value()),
        env={**ENVIRONMENT, "PGPASSWORD": password(shop.stack.data)},
        stdout=asyncio.subprocess.PIPE,
    )
    dumped, _ = await process.communicate()
    assert process.returncode == 0
    return dumped
