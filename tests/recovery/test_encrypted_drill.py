"""A restore drill of a stack that encrypts: the keys' copies are on another server, which is not restored.

Orders accepted after the backup are read and written again, and what was erased after it is erased again.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from pydantic import SecretStr

from ordersaga.api.erasure_shapes import ErasureAnswer
from ordersaga.bootstrap import open_key_rotation
from ordersaga.demo.case import Case
from ordersaga.domain.errors import OperatorError
from ordersaga.stores.key_copies import prepare_copies
from ordersaga.stores.pools import connection
from tests.privacy.keys import ONE
from tests.recovery.backups import Backups
from tests.recovery.drill import (
    CHALLENGED,
    Drill,
    Life,
    at_shipbob,
    go_on,
    go_on_to_the_end,
    on_hold,
    released,
    shipped,
)
from tests.recovery.test_restore_drill import play
from tests.support.database import DatabaseServer
from tests.support.stack import RealShop, open_shop_at

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


async def erased(case: Case) -> None:
    """Its person had it erased; asked again until nothing about it is open any more."""
    wanted = {"order_id": case.order_id, "reference": f"gdpr-{case.order_id}"}

    async def ask() -> bool:
        answer = await case.world.operator.call("POST", "/v1/erasures", ErasureAnswer, json=wanted)
        return {each.verdict.value for each in answer.orders} <= {"erased", "erased_before"}

    await case.eventually(ask, "its erasure")


async def shipped_and_erased(case: Case) -> None:
    """Closed books, and nobody's name on them."""
    await shipped(case)
    await erased(case)


async def ended_and_erased(case: Case) -> None:
    """It goes on to its end, and then nobody's name is on it."""
    await go_on_to_the_end(case)
    await erased(case)


LIVES = {
    "erased": Life(before=shipped_and_erased),
    "erased_since": Life(before=shipped, meanwhile=erased),
    "ended_and_erased": Life(before=at_shipbob, meanwhile=ended_and_erased),
    "waits": Life(before=at_shipbob, after=go_on),
    "ended": Life(before=at_shipbob, meanwhile=go_on_to_the_end),
    "late": Life(meanwhile=shipped),
    "late_waits": Life(meanwhile=at_shipbob, after=go_on),
    "late_held": Life(meanwhile=on_hold, after=released, body=CHALLENGED),
}
ERASED = {name for name in LIVES if "erased" in name}


@dataclass
class Played:
    """A drill that was played, and what is on record of each order afterwards; `rows`: as they lie in the table."""

    what: str
    drill: Drill
    names: dict[str, str] = field(default_factory=dict)
    keyless: set[str] = field(default_factory=set)
    rows: list[str] = field(default_factory=list)


@pytest_asyncio.fixture(scope="module", params=["postgres", "temporal"])
async def played(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, database_server: DatabaseServer
) -> AsyncIterator[Played]:
    """One drill for each way."""
    folder, copies = tmp_path_factory.mktemp("drill"), await database_server.create(migrated=False)
    await prepare_copies(copies)
    encrypting = {"encryption_keys": SecretStr(ONE), "key_copies_url": SecretStr(copies)}
    async with open_shop_at(folder / "state", changed=encrypting) as shop:
        drill = Drill(shop, Backups(shop.stack, folder), LIVES)
        await play(drill, request.param)
        found = Played(request.param, drill)
        await look(shop, found)
        yield found
    await database_server.drop(copies)


async def look(shop: RealShop, found: Played) -> None:
    """Who each order is for, as an operator sees it, and whose key is gone."""
    settings = shop.stack.settings
    async with open_key_rotation(settings) as (ring, keys):
        for name in LIVES:
            found.names[name] = (await shop.world.operator.order(name)).ship_to.name
            try:
                await ring.existing(name)
            except OperatorError:
                found.keyless.add(name)
        async with connection(keys.pool) as reader:
            found.rows = [row["row"] for row in await reader.fetch("SELECT request::text AS row FROM orders")]


def test_the_recovery_needs_nobody(played: Played) -> None:
    """Every order ends as it should, those accepted after the backup too, though their keys were lost with it."""
    drill = played.drill
    assert drill.codes[:2] == [1, 0], drill.report
    assert (drill.deeds("asked"), drill.questions) == (set(), [])
    assert drill.ends == {name: life.ends for name, life in LIVES.items()}


def test_nothing_differs(played: Played) -> None:
    """0 differences from the companies' records, no finding of reconciliation, and a chain that verifies."""
    drill = played.drill
    assert drill.differences == []
    assert (drill.findings, drill.codes[-1]) == ([], 0), drill.chain


def test_what_was_erased_stays_erased(played: Played) -> None:
    """Also what was erased after the backup; everybody else's order is read as before, and no row is in the clear."""
    again = {"erased_since", "ended_and_erased"} if played.what == "postgres" else set()
    assert played.drill.deeds("erased_again") == again
    assert {name for name, who in played.names.items() if who == "(erased)"} == ERASED
    assert played.keyless == ERASED
    written = {who for name, who in played.names.items() if name not in ERASED}
    assert len(written) == 1
    assert len(played.rows) == len(LIVES)
    assert not any(who in row for row in played.rows for who in written)
