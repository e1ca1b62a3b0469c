"""Limits and promises over HTTP: what a checkout is told, and how support meets an order that waits in line."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest_asyncio

from tests.support.api import Api, StubOrders, order_body
from tests.support.starting import unstarted

WAIT = {"Prefer": "wait=5"}
RULES = """kind,seller,name,sku,title,weight_grams,max_per_buyer,daily_units,waitlist,daily_orders,promise_within
seller,acme,Acme,,,,,,,{orders},{within}
product,acme,,MUG,Mug,350,{each},,true,,
product,acme,,TEE,T-shirt,180,,{units},,,
"""


class Shop:
    """The API, and one seller's rules."""

    def __init__(self, api: Api) -> None:
        self.api = api

    async def rules(self, *, orders: str = "", within: str = "", each: str = "", units: str = "") -> None:
        """Load a catalog file: of MUG shoppers may wait, TEE has none of that."""
        text = RULES.format(orders=orders, within=within, each=each, units=units)
        answer = await self.load(text)
        assert answer.status_code == 200, answer.text

    async def load(self, text: str) -> httpx.Response:
        """Send a catalog file."""
        return await self.api.send("POST", "/v1/catalog", headers={"Content-Type": "text/csv"}, content=text)

    async def place(
        self, order_id: str, sku: str = "MUG", quantity: int = 1, *, headers: Any = None, **more: Any
    ) -> httpx.Response:
        """Place an order of one line."""
        lines = [{"sku": sku, "quantity": quantity, "unit_price": 1000}]
        return await self.api.post("/v1/orders", order_body(order_id=order_id, lines=lines, **more), headers=headers)


@pytest_asyncio.fixture
async def shop(api: Api) -> Shop:
    """Ten MUG and five TEE."""
    return Shop(api)


async def test_a_buyer_limit_is_told(shop: Shop) -> None:
    """Without a buyer 422 names the field and what to send; over the limit 409 says how many there are already."""
    await shop.rules(each="3")

    nobody = await shop.place("o1")
    assert nobody.status_code == 422
    (error,) = nobody.json()["errors"]
    assert error["field"] == "buyer"
    assert "MUG" in error["message"]
    assert "stable id" in error["remedy"]
    bad = await shop.place("o1", buyer="Ada Byron")
    assert [each["field"] for each in bad.json()["errors"]] == ["buyer"]

    assert (await shop.place("o1", quantity=2, buyer="ada")).status_code == 202
    over = await shop.place("o2", quantity=2, buyer="ada", headers={"Idempotency-Key": "cart-2"})
    assert over.status_code == 409
    problem = over.json()
    assert (problem["code"], problem["sku"], problem["limit"], problem["has"]) == ("buyer_limit", "MUG", 3, 2)
    assert "order at most 1" in problem["detail"]
    assert (await shop.api.get("/v1/orders/o2")).status_code == 404
    assert (await shop.place("o2", buyer="ada", headers={"Idempotency-Key": "cart-2"})).status_code == 202


async def test_a_full_day_is_told_with_the_promise(shop: Shop, orders: StubOrders) -> None:
    """In time, later with a later ship-by, or 409: the same words at once, from the saga, on repetition, and later."""
    await shop.rules(orders="1", within="2")

    first, second = await shop.place("o1"), await shop.place("o2", headers=WAIT)
    third = await shop.place("o3", headers={**WAIT, "Idempotency-Key": "cart-3"})
    full = await shop.place("o4")

    assert [answer.json().get("promised") for answer in (first, second, third)] == ["in_time", "in_time", "later"]
    tomorrow = (datetime.now(UTC) + timedelta(days=3)).date()
    assert third.json()["ship_by"] == f"{tomorrow}T00:00:00Z"
    again = await shop.place("o3", headers={**WAIT, "Idempotency-Key": "cart-3"})
    assert (again.status_code, again.json()) == (201, third.json())
    document = (await shop.api.get("/v1/orders/o3")).json()
    assert (document["promised"], document["ship_by"]) == ("later", third.json()["ship_by"])
    assert (full.status_code, full.json()["code"], full.json()["lacking"]) == (409, "no_capacity", ["acme"])


async def test_an_order_that_waits_says_so_everywhere(shop: Shop, orders: StubOrders) -> None:
    """202 with its place, and the same in its document, the list, the story and the explanation; no saga is started."""
    await shop.rules()
    await shop.place("o1", quantity=10)
    assert (await shop.place("o2", headers=WAIT)).status_code == 409
    orders.asked.clear()

    await shop.place("w1", quantity=2, waitlist=True)
    placed = await shop.place("w2", waitlist=True, headers={**WAIT, "Idempotency-Key": "cart-2"})

    assert placed.status_code == 202
    body = placed.json()
    assert (body["status"], body["outcome"], body["ship_by"]) == ("waitlisted", None, None)
    assert (body["waiting"]["place"], body["waiting"]["lacking"]) == (2, ["MUG"])
    assert placed.headers["location"] == "/v1/orders/w2"
    again = await shop.place("w2", waitlist=True, headers={**WAIT, "Idempotency-Key": "cart-2"})
    assert (again.status_code, again.json()["waiting"]) == (202, body["waiting"])
    document = (await shop.api.get("/v1/orders/w2")).json()
    assert (document["status"], document["waiting"], document["started"]) == ("waitlisted", body["waiting"], False)
    listed = (await shop.api.get("/v1/orders?status=waitlisted")).json()["orders"]
    assert [(one["order_id"], one["waiting"]["place"]) for one in listed] == [("w2", 2), ("w1", 1)]
    (line,) = (await shop.api.get("/v1/orders/w2/timeline")).json()["entries"]
    assert line["text"].startswith("waits for MUG; place 2, until ")
    explained = (await shop.api.get("/v1/orders/w2/explain")).json()
    assert "waits in line for MUG: place 2" in explained["text"]
    assert orders.asked == []
    stock = (await shop.api.get("/v1/stock?sku=MUG")).json()["levels"]
    assert [(row["waitlist"], row["waiting"]) for row in stock] == [(True, 2)]


async def test_a_waiting_order_is_canceled_without_a_saga(shop: Shop, orders: StubOrders) -> None:
    """The preview does nothing; units of it cannot be canceled, nor the rest changed; then it leaves the line."""
    await shop.rules()
    await shop.place("o1", quantity=10)
    await shop.place("w1", waitlist=True)
    orders.asked.clear()

    foreseen = (await shop.api.post("/v1/orders/w1/cancel-preview", {})).json()
    part = await shop.api.post("/v1/orders/w1/cancel", {"lines": [{"sku": "MUG", "quantity": 1}]})
    others = [
        await shop.api.post("/v1/orders/w1/address", {"ship_to": order_body()["ship_to"]}),
        await shop.api.post("/v1/orders/w1/holds", {"kind": "fraud_review"}),
        await shop.api.send("DELETE", "/v1/orders/w1/holds?kind=fraud_review"),
    ]
    answer = await shop.api.post("/v1/orders/w1/cancel", {"reason": "changed her mind"})
    again = await shop.api.post("/v1/orders/w1/cancel", {})

    assert (foreseen["outcome"], foreseen["status"]) == ("canceled", "waitlisted")
    assert (part.status_code, part.json()["code"]) == (409, "order_waits")
    assert [(one.status_code, one.json()["code"]) for one in others] == [(409, "order_waits")] * 3
    assert (answer.status_code, answer.json()["outcome"], answer.json()["status"]) == (200, "canceled", "canceled")
    assert again.json()["outcome"] == "canceled"
    document = (await shop.api.get("/v1/orders/w1")).json()
    assert (document["status"], document["reason"], document["waiting"]) == ("canceled", "changed her mind", None)
    assert orders.asked == []
    assert await unstarted(shop.api.services.pool) == []


async def test_how_long_a_shopper_waits(shop: Shop) -> None:
    """A week when nothing is said, at most thirty days; a time that is over is no waiting; a time needs the word."""
    await shop.rules()
    await shop.place("o1", quantity=10)
    now = datetime.now(UTC)

    async def until(order_id: str, when: datetime | None) -> Any:
        more: dict[str, Any] = {"wait_until": when.isoformat()} if when else {}
        return (await shop.place(order_id, waitlist=True, **more)).json()

    usual = datetime.fromisoformat((await until("w1", None))["waiting"]["until"])
    longest = datetime.fromisoformat((await until("w2", now + timedelta(days=90)))["waiting"]["until"])
    assert timedelta(days=7) <= usual - now < timedelta(days=7, minutes=5)
    assert timedelta(days=30) <= longest - now < timedelta(days=30, minutes=5)
    assert (await until("w3", now - timedelta(hours=1)))["code"] == "sold_out"
    alone = await shop.place("w4", wait_until=now.isoformat())
    assert [error["field"] for error in alone.json()["errors"]] == ["wait_until"]


async def test_a_catalog_file_tells_what_is_wrong_with_its_rules(shop: Shop) -> None:
    """Each bad cell by line and column, with a remedy, and nothing is loaded."""
    text = RULES.format(orders="0", within="400", each="2.5", units="many").replace("true", "perhaps")
    answer = await shop.load(text)

    assert answer.status_code == 422
    told = {error["field"]: error["remedy"] for error in answer.json()["errors"]}
    assert told["line 2, column daily_orders"] == "use a number of at least 1"
    assert told["line 2, column promise_within"] == "use a number of at most 365"
    assert told["line 3, column waitlist"] == "use true or false"
    assert {"line 3, column max_per_buyer", "line 4, column daily_units"} <= set(told)
