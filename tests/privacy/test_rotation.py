"""Master keys are changed while orders run; the old one may go when it wraps nothing any more."""

import asyncio

import pytest
from typer.testing import CliRunner

from ordersaga.bootstrap import open_services
from ordersaga.commands import build
from ordersaga.domain.errors import OperatorError
from ordersaga.privacy.key_ring import KeyRing
from ordersaga.privacy.master_keys import read_master_keys
from ordersaga.settings import Settings
from ordersaga.stores.order_keys import OrderKeys
from ordersaga.stores.pools import Pool
from tests.api.conftest import Shop
from tests.privacy.keys import ONE, TWO
from tests.privacy.test_planted import placed, support, under_way, until

pytestmark = pytest.mark.timeout(120)


async def test_a_rotation_goes_on_where_it_was_stopped(pool: Pool) -> None:
    """In batches; what is destroyed is left alone; at its end the first master key wraps all."""
    keys = OrderKeys(pool)
    old = KeyRing(keys, read_master_keys(ONE))
    known = {name: await old.of(name) for name in ("o1", "o2", "o3", "o4", "o5")}
    await pool.execute("UPDATE order_keys SET wrapped = NULL, erased_at = now() WHERE subject = 'o5'")
    new = KeyRing(keys, read_master_keys(f"{TWO},{ONE}"))
    assert await keys.rewrap(new.rewrapped, new.master, 3) == 3
    assert await keys.wrapped_by() == {"one": 1, "two": 3}
    assert await keys.rewrap(new.rewrapped, new.master, 3) == 1
    assert await keys.rewrap(new.rewrapped, new.master, 3) == 0
    assert await keys.wrapped_by() == {"two": 4}
    after = KeyRing(keys, read_master_keys(TWO))
    assert {name: await after.of(name) for name in ("o1", "o2", "o3", "o4")} == {
        name: key for name, key in known.items() if name != "o5"
    }
    with pytest.raises(OperatorError, match="key_erased"):
        await after.of("o5")


async def test_a_destroyed_key_can_be_neither_restored_nor_replaced(pool: Pool) -> None:
    """The database has the last word."""
    keys = OrderKeys(pool)
    made = await KeyRing(keys, read_master_keys(ONE)).of("o1")
    row = (await keys.read(["o1"]))["o1"]
    await pool.execute("UPDATE order_keys SET wrapped = NULL, erased_at = now() WHERE subject = 'o1'")
    for statement in (
        "UPDATE order_keys SET wrapped = $1, erased_at = NULL WHERE subject = 'o1'",
        "DELETE FROM order_keys WHERE wrapped <> $1 OR true",
        "INSERT INTO order_keys (subject, key_id, master, wrapped) VALUES ('o1', 'kx', 'one', $1)",
    ):
        with pytest.raises(Exception, match=r"append-only|duplicate"):
            await pool.execute(statement, row.wrapped)
    assert (await keys.read(["o1"]))["o1"].key_id == made.key_id


async def test_open_orders_go_on_under_a_new_master_key(
    shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ordersaga keys rotate` says that the old one may go; without it the order held before is read and ends."""
    await placed(shop, "before")
    await under_way(shop, "rotated")
    monkeypatch.setenv("ORDERSAGA_DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("ORDERSAGA_ENCRYPTION_KEYS", f"{TWO},{ONE}")
    told = await _run("keys", "rotate", "--batch", "1", "--json")
    assert '"removable": true' in told
    assert "one" not in (await shop.api.services.order_keys.wrapped_by())
    changed = settings.model_copy(update={"encryption_keys": type(settings.encryption_keys)(TWO)})
    async with open_services(changed) as anew:
        view = await anew.orders.state("rotated")
        assert view.order_id == "rotated"
        record = await anew.journal.get("rotated")
        assert record is not None
        assert record.order.ship_to.name == "Zebulon Quixworthy"
    await support(shop, "/v1/orders/rotated/cancel", {"reason": "enough"})
    await until(shop, "/v1/orders/rotated", status="canceled")


async def _run(*words: str) -> str:
    """A command of the command line, in a thread of its own: it runs an event loop."""
    result = await asyncio.to_thread(CliRunner().invoke, build(list(words)), list(words))
    assert result.exit_code == 0, result.output
    return result.output
