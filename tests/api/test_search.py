"""Finding orders by what people have in their hands."""

from datetime import UTC, datetime

import pytest

from ordersaga.domain.journal import JournalUpdate, Tracking
from ordersaga.domain.shipping import ParcelEvent
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.api.conftest import Shop
from tests.api.test_returns import WAIT, until
from tests.support.api import Api, order_body


async def place(api: Api, *order_ids: str, **changes: object) -> None:
    """Place orders."""
    for order_id in order_ids:
        assert (await api.post("/v1/orders", order_body(order_id=order_id, **changes))).status_code == 202


async def found(api: Api, text: str, role: str = "operator", **params: object) -> dict[str, list[str]]:
    """What a search finds, newest first: the ways it was found by order id."""
    answer = await api.get("/v1/search", role=role, params={"q": text, **params})
    assert answer.status_code == 200, answer.text
    return {order["order_id"]: order["matched"] for order in answer.json()["orders"]}


async def test_an_order_is_found_by_everything_people_know_of_it(api: Api) -> None:
    """Each way finds its orders, newest first, and nothing else does."""
    await place(api, "web_1", buyer="shopper_1")
    await place(api, "web_10", "web_11", buyer="shopper_2")
    tee = [{"sku": "TEE", "quantity": 1, "unit_price": 1000}]
    await place(api, "kiosk_1", lines=tee)
    assert await found(api, "web_1") == {"web_1": ["order_id"]}
    assert list(await found(api, "web_")) == ["web_11", "web_10", "web_1"]
    assert list(await found(api, "shopper_2")) == ["web_11", "web_10"]
    assert await found(api, "TEE") == {"kiosk_1": ["sku"]}
    assert list(await found(api, "acme")) == ["kiosk_1", "web_11", "web_10", "web_1"]
    for unknown in ("WEB_1", "web%", "shopper", "tee", "acm", "web_1 ghost"):
        assert await found(api, unknown) == {}, unknown


async def test_a_tracking_number_is_found_however_it_is_typed(api: Api) -> None:
    """In capitals or not, with spaces or without; told twice it is kept once, and a former one still finds it."""
    await place(api, "web_1", "web_2")
    for number in ("1Z999AA10123456784", "9400 1112 0255", "1Z999AA10123456784"):
        told = (Tracking(parcel=1, number=number),)
        update = JournalUpdate(order_id="web_1", status=OrderStatus.SHIPPED, tracking=told)
        await api.services.journal.record(update)
    for typed in ("1z999aa10123456784", "1Z 999 AA1 0123456784", "940011120255"):
        assert await found(api, typed) == {"web_1": ["tracking_number"]}


async def test_what_was_found_is_paged(api: Api) -> None:
    """Every order once, whichever way it was found."""
    await place(api, "acme", "acme_2", "acme_3", "acme_4", "acme_5")
    seen: list[tuple[str, list[str]]] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await api.get("/v1/search", params={"q": "acme", "limit": 2, **cursor})).json()
        seen += [(order["order_id"], order["matched"]) for order in page["orders"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    others = [(f"acme_{number}", ["seller"]) for number in (5, 4, 3, 2)]
    assert seen == [*others, ("acme", ["order_id", "seller"])]


async def test_a_sellers_key_finds_nothing_of_another(api: Api) -> None:
    """By no way; the seller's own key finds the same orders."""
    await place(api, "web_1", buyer="shopper_1")
    told = (Tracking(parcel=1, number="1Z1"),)
    await api.services.journal.record(JournalUpdate(order_id="web_1", status=OrderStatus.SHIPPED, tracking=told))
    for seller in ("bolt", "acme"):
        api.keys[seller] = await api.services.api_keys.issue("support", f"{seller} support", seller)
    for text in ("web_1", "web", "shopper_1", "1Z1", "MUG", "acme"):
        assert await found(api, text, role="bolt") == {}, text
        assert list(await found(api, text, role="acme")) == ["web_1"], text


@pytest.mark.parametrize(
    "query", ["", "?q=", "?q=a%00b", "?q=%20a", "?q=a&cursor=x", "?q=a&limit=0", "?q=" + "a" * 101]
)
async def test_a_wrong_search_is_a_problem(api: Api, query: str) -> None:
    """422, never 500."""
    answer = await api.get(f"/v1/search{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


async def test_a_saga_tells_the_numbers_of_its_parcels(shop: Shop) -> None:
    """What its provider tells becomes what the order is found by, though the search asks no saga."""
    assert (await shop.api.post("/v1/orders", order_body(order_id="found_1"), headers=WAIT)).status_code == 201
    await until(shop, "/v1/orders/found_1", status="fulfilling")
    event = ParcelEvent(
        source="test",
        source_id="1",
        parcel=1,
        generation=1,
        status=ParcelStatus.IN_TRANSIT,
        occurred_at=datetime(2026, 3, 1, tzinfo=UTC),
        carrier="ups",
        tracking_number="1Z 77",
    )
    await shop.orders.parcel_event("found_1", event)
    await until(shop, "/v1/orders/found_1", status="shipped")
    assert await found(shop.api, "1z77") == {"found_1": ["tracking_number"]}
