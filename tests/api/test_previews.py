"""What a hold, its release, another address or goodwill would come to, asked over HTTP of a real saga."""

import asyncio

from ordersaga.domain.shipping import ParcelEvent
from tests.api.conftest import Shop
from tests.api.test_returns import MUG, delivered, until
from tests.support.api import order_body


async def test_each_preview_answers_and_does_nothing(shop: Shop) -> None:
    """While it runs its saga says it; after the end goodwill is a return, and everything else is refused."""
    await shop.api.post("/v1/orders", order_body(order_id="web_2"), headers={"Prefer": "wait=20"})
    asked = {
        "hold": {"kind": "fraud_review"},
        "release": {"kind": "fraud_review"},
        "address": {"ship_to": {**order_body()["ship_to"], "line1": "2 Main St"}},
        "refund": {"amount": 100},
    }
    for name, body in asked.items():
        answer = await shop.api.post(f"/v1/orders/web_2/{name}-preview", body, role="support")
        assert answer.status_code == 200, answer.text
        assert answer.json()["effects"], name
    assert (await shop.api.get("/v1/orders/web_2?live=true")).json()["live"]["holds"] == {}
    await delivered(shop, "web_1")
    told = {
        name: (await shop.api.post(f"/v1/orders/web_1/{name}-preview", body, role="support")).json()["outcome"]
        for name, body in asked.items()
    }
    assert told == {"hold": "refused", "release": "refused", "address": "refused", "refund": "possible"}


async def test_every_change_is_foretold_and_nothing_is_done(shop: Shop) -> None:
    """While its provider has it; a location or units that are not there are named as at the door of the change."""
    await shop.api.post("/v1/orders", order_body(order_id="web_3"), headers={"Prefer": "wait=20"})
    before = await taken_by_its_provider(shop, "web_3")
    for name, body, outcome in (
        ("expedite", {}, "possible"),
        ("payment", {"payment": {"payment_method": "pm_other"}}, "possible"),
        ("move", {"parcel": 1, "location": "nj-1"}, "refused"),
        ("split", {"parcel": 1, "lines": [{"sku": "MUG", "quantity": 1}]}, "refused"),
        ("carrier", {"parcel": 1, "carrier": "ups"}, "refused"),
        ("delay", {"consent": True}, "refused"),
        ("arrival", {"parcel": 1}, "refused"),
        ("return", MUG, "refused"),
    ):
        answer = await shop.api.post(f"/v1/orders/web_3/{name}-preview", body, role="support")
        assert answer.status_code == 200, answer.text
        assert (name, answer.json()["outcome"]) == (name, outcome)
        assert answer.json()["effects"], name
    nowhere = await shop.api.post("/v1/orders/web_3/move-preview", {"parcel": 1, "location": "moon"}, role="support")
    assert (nowhere.status_code, nowhere.json()["errors"][0]["field"]) == (422, "location")
    units = {"parcel": 1, "lines": [{"sku": "CUP", "quantity": 1}]}
    unknown = await shop.api.post("/v1/orders/web_3/split-preview", units, role="support")
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "lines[0].sku")
    assert await asked_of(shop, "web_3") == before


async def test_a_carrier_nobody_knows_is_refused_at_the_door_and_foretold_so(shop: Shop) -> None:
    """Named with those that are alike; the order hears nothing of it."""
    await shop.api.post("/v1/orders", order_body(order_id="web_6"), headers={"Prefer": "wait=20"})
    before = await taken_by_its_provider(shop, "web_6")
    for path in ("carrier-preview", "carrier"):
        body = {"parcel": 1, "carrier": "fedx"}
        answer = await shop.api.post(f"/v1/orders/web_6/{path}", body, role="support")
        assert answer.status_code == 422, answer.text
        (error,) = answer.json()["errors"]
        assert (error["field"], error["message"]) == ("carrier", "no carrier is called fedx")
        assert error["remedy"].startswith("did you mean fedex? use one of amazon, ")
    assert await asked_of(shop, "web_6") == before


async def taken_by_its_provider(shop: Shop, order_id: str) -> tuple[object, ...]:
    """What `asked_of` says from then on, as nothing else moves the order now."""
    for _ in range(200):
        live = (await shop.api.get(f"/v1/orders/{order_id}?live=true")).json()["live"]
        if [parcel["status"] for parcel in live["parcels"]] == ["accepted"]:
            return await asked_of(shop, order_id)
        await asyncio.sleep(0.05)
    raise AssertionError(f"no provider took {order_id}; last seen: {live}")


async def asked_of(shop: Shop, order_id: str) -> tuple[object, ...]:
    """What would have moved: its story, its parcels, its returns."""
    story = (await shop.api.get(f"/v1/orders/{order_id}/timeline")).json()["entries"]
    live = (await shop.api.get(f"/v1/orders/{order_id}?live=true")).json()["live"]
    returns = (await shop.api.get(f"/v1/orders/{order_id}/returns")).json()["returns"]
    return len(story), live["parcels"], returns


async def test_a_parcel_that_left_may_be_said_to_have_arrived(shop: Shop) -> None:
    """Foretold; its order hears nothing of it."""
    await shop.api.post("/v1/orders", order_body(order_id="web_4"), headers={"Prefer": "wait=20"})
    known = {"source": "test", "source_id": "1", "parcel": 1, "generation": 1, "occurred_at": "2026-03-01T12:00:00Z"}
    await until(shop, "/v1/orders/web_4", status="fulfilling")
    await shop.orders.parcel_event("web_4", ParcelEvent.model_validate({**known, "status": "in_transit"}))
    await until(shop, "/v1/orders/web_4", status="shipped")
    told = await shop.api.post("/v1/orders/web_4/arrival-preview", {"parcel": 1}, role="support")
    assert told.json()["outcome"] == "possible"
    assert (await shop.api.post("/v1/orders/web_4/arrival-preview", {"parcel": 9}, role="support")).status_code == 404
    assert (await shop.api.get("/v1/orders/web_4")).json()["status"] == "shipped"


async def test_each_step_of_a_return_is_foretold(shop: Shop) -> None:
    """Its request, what the warehouse found, its end: with the money; nothing is opened, booked or canceled."""
    order_id = await delivered(shop, "web_5")
    told = (await shop.api.post(f"/v1/orders/{order_id}/return-preview", MUG, role="support")).json()
    assert (told["outcome"], told["effects"][0]) == ("possible", "The shopper sends 1 MUG of parcel 1 back to nj-1.")
    assert (await shop.api.get(f"/v1/orders/{order_id}/returns")).json()["returns"] == []
    many = {**MUG, "lines": [{"sku": "MUG", "quantity": 7}]}
    assert (await shop.api.post(f"/v1/orders/{order_id}/return-preview", many, role="support")).status_code == 422
    opened = (await shop.api.post(f"/v1/orders/{order_id}/returns", MUG, role="support")).json()["return_id"]
    await until(shop, f"/v1/returns/{opened}", status="awaiting_goods")
    found = {"lines": [{"sku": "MUG", "sellable": 1}]}
    told = (await shop.api.post(f"/v1/returns/{opened}/receipt-preview", found, role="support")).json()
    assert told["effects"] == [
        "At most USD 10.90 go back to the shopper, for 1 MUG.",
        "1 MUG: can be sold again at nj-1.",
    ]
    kept = (await shop.api.post(f"/v1/returns/{opened}/cancel-preview", role="support")).json()
    assert kept["effects"][0] == "The shopper keeps 1 MUG, and nothing is refunded."
    assert (await shop.api.get(f"/v1/returns/{opened}")).json()["status"] == "awaiting_goods"
    await shop.api.post(f"/v1/returns/{opened}/receipt", found, role="support")
    late = (await shop.api.post(f"/v1/returns/{opened}/cancel-preview", role="support")).json()
    assert (late["outcome"], "too late to keep the goods" in late["effects"][0]) == ("refused", True)
