"""A person planted in orders that pass all stages: nowhere in the clear, readable through the API, and erasable."""

import asyncio
import logging
from typing import Any

import pytest

from ordersaga.bootstrap import retention_of
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.shipping import ParcelEvent
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.privacy.sealing import ERASED
from ordersaga.settings import Settings
from tests.api.conftest import Shop
from tests.privacy.planted import (
    BUYER,
    MOVED,
    NOTE,
    SHIP_TO,
    WORDS,
    Search,
    look_through_database,
    look_through_temporal,
)
from tests.support.api import order_body

pytestmark = pytest.mark.timeout(180)
WAIT = {"Prefer": "wait=20"}
NAMES = ("returned", "canceled", "kept")
"""One Temporal serves all tests: each has ids of its own."""
MUG = {"lines": [{"sku": "MUG", "quantity": 1}], "reason": "unwanted", "note": NOTE}


async def until(shop: Shop, path: str, **wanted: Any) -> dict[str, Any]:
    """Look at something until it is as wanted."""
    seen: dict[str, Any] = {}
    async with asyncio.timeout(60):
        while not seen or any(seen[name] != value for name, value in wanted.items()):
            seen = (await shop.api.get(path)).json()
            await asyncio.sleep(0.05)
    return seen


async def placed(shop: Shop, order_id: str) -> None:
    """An order of the person's, confirmed."""
    body = order_body(order_id=order_id, ship_to=SHIP_TO, buyer=BUYER)
    answer = await shop.api.post("/v1/orders", body, headers={"Idempotency-Key": order_id, **WAIT})
    assert (answer.status_code, answer.json()["outcome"]) == (201, "confirmed")


async def arrived(shop: Shop, order_id: str) -> None:
    """Its parcel is scanned and delivered, and a company's message quotes the person."""
    await until(shop, f"/v1/orders/{order_id}", status="fulfilling")
    for number, status in enumerate((ParcelStatus.IN_TRANSIT, ParcelStatus.DELIVERED)):
        at = "2026-03-01T12:00:00Z"
        known = {"source": "test", "source_id": str(number), "parcel": 1, "generation": 1, "occurred_at": at}
        event = ParcelEvent.model_validate({**known, "status": status, "detail": f"signed by {SHIP_TO['name']}"})
        await shop.orders.parcel_event(order_id, event)
    await until(shop, f"/v1/orders/{order_id}", status="completed")


async def support(shop: Shop, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """What support does, as it is answered."""
    answer = await shop.api.post(path, body, role="support", headers=WAIT)
    assert answer.is_success, answer.text
    return dict(answer.json())


async def lives(shop: Shop, mark: str) -> None:
    """One is delivered and returned; one is sent to another address and canceled; one is delivered and kept."""
    for name in NAMES:
        await placed(shop, f"{name}{mark}")
    await support(shop, f"/v1/orders/canceled{mark}/address", {"ship_to": MOVED, "reason": NOTE})
    await support(shop, f"/v1/orders/canceled{mark}/cancel", {"reason": NOTE})
    await until(shop, f"/v1/orders/canceled{mark}", status="canceled")
    await arrived(shop, f"returned{mark}")
    await arrived(shop, f"kept{mark}")
    await support(shop, f"/v1/orders/returned{mark}/returns", MUG)
    await until(shop, f"/v1/returns/returned{mark}-r1", status="awaiting_goods")
    receipt = {"lines": [{"sku": "MUG", "sellable": 1}], "reason": NOTE}
    await support(shop, f"/v1/returns/returned{mark}-r1/receipt", receipt)
    await until(shop, f"/v1/orders/returned{mark}", status="returned")
    webhook = {"recipient": {"name": SHIP_TO["name"], "address1": SHIP_TO["line1"]}}
    assert await shop.api.services.inbox.store("test", "planted", f"kept{mark}", webhook)
    assert await shop.api.services.inbox.store("test", "nobodys", None, webhook)


async def looked_through(shop: Shop, settings: Settings, logs: str) -> Search:
    """Every place where the person must not be found."""
    search = Search()
    assert await look_through_temporal(shop.orders.temporal, search) >= 4
    assert await look_through_database(settings.database_url.get_secret_value(), search) > 30
    search.look("logs", "all processes", logs)
    search.look("metrics", "/metrics", (await shop.api.get("/metrics")).text)
    return search


async def test_planted_personal_data_is_found_nowhere_in_the_clear(
    shop: Shop, settings: Settings, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Histories, search attributes, logs, metrics and every table hold none of it; whoever may see it still does."""
    caplog.set_level(logging.DEBUG)
    await lives(shop, "_p")
    printed = capfd.readouterr()
    search = await looked_through(shop, settings, caplog.text + printed.out + printed.err)
    assert search.found == []
    assert min(search.looked.values()) > 10
    shown = (await shop.api.get("/v1/orders/kept_p")).json()
    assert {name: shown["ship_to"][name] for name in SHIP_TO} == SHIP_TO
    found = (await shop.api.get(f"/v1/search?q={BUYER}")).json()
    assert {each["order_id"] for each in found["orders"]} == {f"{name}_p" for name in NAMES}
    story = (await shop.api.get("/v1/orders/canceled_p/timeline")).text
    assert NOTE in story
    deeds = (await shop.api.get("/v1/audit/deeds?order_id=canceled_p")).json()["deeds"]
    assert {deed["by"] for deed in deeds} == {"test support"}


async def test_the_search_would_find_what_is_in_the_clear(shop: Shop, settings: Settings) -> None:
    """Written past the vault, as before there were keys, every word is found: in the clear, escaped and in base64."""
    pool = shop.api.services.pool
    plain = " ".join(WORDS)
    await pool.execute(
        "INSERT INTO journal (order_id, entry_id, at, kind, text) VALUES ('x', 'x', now(), 'x', $1)", plain
    )
    search = Search()
    await look_through_database(settings.database_url.get_secret_value(), search)
    assert {word for _, word in search.found} == set(WORDS)


async def test_an_erased_order_is_unreadable_and_its_books_balance(shop: Shop, settings: Settings) -> None:
    """Its history, its rows and its buyer are gone for everybody; the others, the books and the chain are as before."""
    await lives(shop, "_e")
    services = shop.api.services
    await services.pool.execute("UPDATE webhook_inbox SET status = 'ignored', received_at = now() - interval '8 days'")
    await retention_of(services).forget()
    moved = "SELECT body::text FROM webhook_record WHERE order_id = 'kept_e'"
    assert "sealed" in await services.pool.fetchval(moved)
    running = await under_way(shop, "running_e")
    dry = await erase(shop, buyer=BUYER, dry_run=True)
    assert {each["order_id"]: each["verdict"] for each in dry} == {
        "returned_e": "erasable",
        "canceled_e": "erasable",
        "kept_e": "erasable",
        running: "waits",
    }
    (one,) = await erase(shop, order_id="kept_e")
    assert one["verdict"] == "erased"
    assert await services.pool.fetchval(moved) == "{}"
    assert (await shop.api.get("/v1/orders/kept_e")).json()["ship_to"]["name"] == ERASED
    assert (await shop.api.get("/v1/orders/returned_e")).json()["ship_to"]["name"] == SHIP_TO["name"]
    done = {each["order_id"]: each["verdict"] for each in await erase(shop, buyer=BUYER)}
    assert done == {"returned_e": "erased", "canceled_e": "erased", running: "waits"}
    assert [each["verdict"] for each in await erase(shop, order_id="kept_e")] == ["erased_before"]
    found = (await shop.api.get(f"/v1/search?q={BUYER}")).json()["orders"]
    assert [each["order_id"] for each in found] == [running]
    assert services.key_ring is not None
    services.key_ring.forget()
    with pytest.raises(OperatorError, match="key_erased"):
        await shop.orders.temporal.get_workflow_handle("order-kept_e").result()
    hold = {"kind": "fraud", "reason": "wait"}
    refused = await shop.api.post("/v1/orders/kept_e/holds", hold, role="support")
    assert (refused.status_code, refused.json()["code"]) == (409, "key_erased"), "it is nobody's fault"
    for order_id in ("returned_e", "canceled_e", "kept_e"):
        story = (await shop.api.get(f"/v1/orders/{order_id}/timeline")).text
        assert not any(word in story for word in WORDS)
        assert list(await services.evidence.differences(order_id)) == []
        checked = (await shop.api.get(f"/v1/audit/orders/{order_id}/verification")).json()
        assert checked["breaks"] == []
    evidence = await services.evidence.orders(["kept_e", "returned_e"])
    assert evidence["kept_e"].order.ship_to.country == "US"
    (level,) = (await shop.api.get("/v1/stock?sku=MUG")).json()["levels"]
    assert (level["on_hand"], level["held"]) == (9, 1)
    deeds = (await shop.api.get("/v1/audit/deeds?kind=erased")).json()["deeds"]
    assert {(deed["subject"], deed["by"]) for deed in deeds} == {
        (order_id, "test operator") for order_id in ("returned_e", "canceled_e", "kept_e")
    }


async def under_way(shop: Shop, order_id: str) -> str:
    """An order of the person's that goes on."""
    await placed(shop, order_id)
    await until(shop, f"/v1/orders/{order_id}", status="fulfilling")
    return order_id


async def erase(shop: Shop, **body: Any) -> list[dict[str, Any]]:
    """What became of each order."""
    answer = await shop.api.post("/v1/erasures", {"reference": "gdpr-1", **body}, role="operator")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["orders"])
