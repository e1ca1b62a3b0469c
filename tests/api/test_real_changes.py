"""Changes and cancellation in parts, through HTTP before real sagas; only the outside companies are fakes."""

import asyncio
from collections.abc import Callable
from typing import Any

from ordersaga.domain.errors import RetryError
from ordersaga.domain.shipping import ParcelEvent, PaymentEvent
from tests.api.conftest import Shop
from tests.support.api import order_body

WAIT = {"Prefer": "wait=20"}


async def place(shop: Shop, order_id: str, *, quantity: int = 2, unit_price: int = 1000) -> None:
    """Place an order of MUG and wait until it is confirmed and its provider has it."""
    lines = [{"sku": "MUG", "quantity": quantity, "unit_price": unit_price}]
    placed = await shop.api.post("/v1/orders", order_body(order_id=order_id, lines=lines), headers=WAIT)
    assert (placed.status_code, placed.json()["outcome"]) == (201, "confirmed")
    await until(lambda: bool(shop.provider.called("submit")))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens by itself."""
    async with asyncio.timeout(20):
        while True:
            if condition():
                return
            await asyncio.sleep(0.05)


async def ends(shop: Shop, order_id: str, status: str) -> None:
    """Wait until the journal says so."""
    async with asyncio.timeout(20):
        while True:
            if (await shop.api.get(f"/v1/orders/{order_id}")).json()["status"] == status:
                return
            await asyncio.sleep(0.05)


async def leaves(shop: Shop, order_id: str) -> None:
    """The carrier scans the order's one parcel."""
    known = {"source": "test", "source_id": "1", "parcel": 1, "generation": 1, "status": "in_transit"}
    event = ParcelEvent.model_validate({**known, "occurred_at": "2026-03-01T12:00:00Z"})
    await shop.orders.parcel_event(order_id, event)
    await ends(shop, order_id, "shipped")


async def post(shop: Shop, path: str, body: dict[str, Any], key: str | None = None, role: str = "support") -> Any:
    """POST about an order, waiting for the outcome."""
    headers = {**WAIT, **({"Idempotency-Key": key} if key else {})}
    return await shop.api.post(f"/v1/orders/{path}", body, role=role, headers=headers)


async def test_one_unit_is_previewed_and_canceled_once(shop: Shop) -> None:
    """The preview does nothing; a repeated request is one cancellation; the other unit goes on."""
    await place(shop, "chgpart")
    lines = {"lines": [{"sku": "MUG", "quantity": 1}]}
    preview = await post(shop, "chgpart/cancel-preview", lines)
    assert (preview.status_code, len(preview.json()["parts"])) == (200, 1)
    assert shop.provider.called("cancel") == []
    first = await post(shop, "chgpart/cancel", lines, "c-1")
    again = await post(shop, "chgpart/cancel", lines, "c-1")
    assert (first.status_code, first.json()["outcome"]) == (200, "canceled")
    assert again.json() == first.json()
    assert first.json()["parts"][0]["lines"] == [{"sku": "MUG", "quantity": 1}]
    (level,) = (await shop.api.get("/v1/stock?sku=MUG")).json()["levels"]
    assert (level["on_hand"], level["held"]) == (10, 1)
    assert (await shop.api.get("/v1/orders/chgpart")).json()["status"] not in ("canceled", "canceling")
    too_many = await post(shop, "chgpart/cancel", {"lines": [{"sku": "MUG", "quantity": 3}]})
    assert (too_many.status_code, too_many.json()["errors"][0]["field"]) == (422, "lines[0].quantity")


async def test_a_partial_cancellation_not_answered_in_time_takes_its_units_once(shop: Shop) -> None:
    """The shopper has not paid yet, no key: the update and the signal after it are one request."""
    shop.payments.require_action_next()
    lines = [{"sku": "MUG", "quantity": 3, "unit_price": 1000}]
    placed = await shop.api.post("/v1/orders", order_body(order_id="chgonce", lines=lines), headers=WAIT)
    assert placed.json()["outcome"] == "action_required"
    body = {"lines": [{"sku": "MUG", "quantity": 1}]}
    asked = await shop.api.post("/v1/orders/chgonce/cancel", body, role="support", headers={"Prefer": "wait=1"})
    assert (asked.status_code, asked.json()["outcome"]) == (202, "pending")
    payment_id = placed.json()["next_action"]["payment_id"]
    shop.payments.complete_action(payment_id)
    event = PaymentEvent(source="stripe", source_id="evt_1", parcel=1, payment_id=payment_id, kind="authorized")
    await shop.orders.payment_event("chgonce", event)
    await until(lambda: bool(shop.provider.called("submit")))
    kinds = [line.kind for line in await shop.orders.timeline("chgonce")]
    assert (kinds.count("cancel_requested"), kinds.count("ignored")) == (1, 0)
    (parcel,) = (await shop.orders.state("chgonce")).parcels
    assert [(line.sku, line.quantity) for line in parcel.plan.lines] == [("MUG", 2)]
    (level,) = (await shop.api.get("/v1/stock?sku=MUG")).json()["levels"]
    assert (level["on_hand"], level["held"]) == (10, 2)


async def test_an_address_is_changed_and_shown(shop: Shop) -> None:
    """Lists and documents show where it goes now; the same address again is refused with the reason."""
    await place(shop, "chgaddr")
    ship_to = {**order_body()["ship_to"], "line1": "2 Other St"}
    done = await post(shop, "chgaddr/address", {"ship_to": ship_to}, "a-1")
    assert (done.status_code, done.json()["outcome"]) == (200, "done"), done.text
    assert (await shop.api.get("/v1/orders/chgaddr")).json()["ship_to"]["line1"] == "2 Other St"
    again = await post(shop, "chgaddr/address", {"ship_to": ship_to})
    assert (again.status_code, again.json()["code"]) == (409, "change_refused")
    assert again.json()["reason"] == "ship_to: the order goes there already"
    assert again.json()["alternative"] == "name another address"
    assert (await post(shop, "chgaddr/address", {"ship_to": ship_to}, "a-1")).json() == done.json()


async def test_a_change_that_takes_longer_is_202_and_is_made(shop: Shop) -> None:
    """The provider does not answer at once: taken, nothing is lost, and the same request has the answer later."""
    await place(shop, "chgslow")
    for _ in range(2):
        shop.provider.fail_next("update_address", RetryError("provider_down", "no answer"))
    ship_to = {**order_body()["ship_to"], "line1": "3 Late St"}
    headers = {"Prefer": "wait=1", "Idempotency-Key": "s-1"}
    taken = await shop.api.post("/v1/orders/chgslow/address", {"ship_to": ship_to}, headers=headers)
    assert (taken.status_code, taken.json()["outcome"]) == (202, "pending")
    later = await post(shop, "chgslow/address", {"ship_to": ship_to}, "s-1", role="operator")
    assert (later.status_code, later.json()["outcome"]) == (200, "done")
    assert (await shop.api.get("/v1/orders/chgslow")).json()["ship_to"]["line1"] == "3 Late St"


async def test_what_cannot_be_changed_says_why_and_changes_nothing(shop: Shop) -> None:
    """Money that was not taken, parcels that are not there, holds that are not in force."""
    await place(shop, "chgno")
    refund = await post(shop, "chgno/refunds", {"amount": 5})
    assert (refund.status_code, refund.json()["code"]) == (409, "change_refused")
    nowhere = await post(shop, "chgno/expedite", {"parcel": 7})
    assert (nowhere.status_code, nowhere.json()["reason"]) == (409, "parcel: the order has no parcel 7")
    assert nowhere.json()["detail"] == "parcel: the order has no parcel 7; it has 1"
    released = await shop.api.send("DELETE", "/v1/orders/chgno/holds?kind=fraud_review", role="support")
    assert (released.status_code, "in force: none" in released.json()["detail"]) == (409, True)
    assert shop.payments.called("refund") == []


async def test_much_goodwill_takes_two_keys(shop: Shop) -> None:
    """One key cannot agree with itself, whomever it acts for; the second key's agreement moves the money, once."""
    await place(shop, "chggood", quantity=1, unit_price=90_000)
    early = await post(shop, "chggood/refunds", {"amount": 60_000})
    assert (early.status_code, early.json()["alternative"]) == (409, "ask again after the first scan, or cancel units")
    await leaves(shop, "chggood")
    asked = await post(shop, "chggood/refunds", {"amount": 60_000, "by": "ann"}, "g-1", role="operator")
    assert (asked.status_code, asked.json()["outcome"]) == (202, "awaiting_approval"), asked.text
    (item,) = (await shop.api.get("/v1/attention")).json()["items"]
    assert (item["proposed_by"], item["money"], item["currency"]) == ("test operator:ann", 60_000, "USD")
    path, body = f"/v1/attention/{item['item_id']}/resolve", {"choice": item["proposed"], "reason": "agreed"}
    same = await shop.api.post(path, {**body, "by": "bob"})
    assert (same.status_code, "a second person must choose it too" in same.json()["detail"]) == (409, True)
    assert shop.payments.called("refund") == []
    shop.api.keys["second"] = await shop.api.services.api_keys.issue("operator", "second")
    agreed = await shop.api.post(path, body, role="second")
    assert (agreed.status_code, agreed.json()["resolved_by"]) == (200, "second")
    await until(lambda: bool(shop.payments.called("refund")))
    await asyncio.sleep(0.2)
    assert [amount for _, amount, *_ in shop.payments.called("refund")] == [60_000]


async def test_an_ended_order_takes_no_change_and_its_preview_is_its_end(shop: Shop) -> None:
    """Canceled whole: 409 with what to do instead."""
    await place(shop, "chgend")
    assert (await post(shop, "chgend/cancel", {})).json()["outcome"] == "canceled"
    await ends(shop, "chgend", "canceled")
    late = await post(shop, "chgend/expedite", {})
    assert (late.status_code, late.json()["code"]) == (409, "order_closed")
    assert "place a new order instead" in late.json()["detail"]
    assert (await post(shop, "chgend/cancel-preview", {})).json()["outcome"] == "canceled"
