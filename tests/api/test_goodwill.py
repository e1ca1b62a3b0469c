"""Goodwill before and after an order's end, over HTTP and the command line, before real sagas and a real database."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ordersaga.client import OrderClient
from ordersaga.commands import run
from ordersaga.domain.catalog import Catalog, Seller
from ordersaga.domain.errors import RetryError
from ordersaga.domain.orders import CapturePolicy, SellerTerms
from ordersaga.domain.shipping import ParcelEvent
from tests.api.conftest import Shop
from tests.api.test_returns import MUG, SOUND, WAIT, code, delivered, until
from tests.support.api import order_body, serving
from tests.support.emulators import free_port
from workers.relay_returns import ReturnStarter

PAID = 1590
"""What an order of one MUG comes to in these tests: goods, shipping, tax; minor units."""


def keep(amount: int, **more: Any) -> dict[str, Any]:
    """A return in which nothing comes back."""
    return {"wish": "keep", "reason": "goodwill", "amount": amount, **more}


async def refund(shop: Shop, order: str, amount: int, key: str | None = None, **more: Any) -> Any:
    """Goodwill as support asks for it."""
    headers = {**WAIT, **({"Idempotency-Key": key} if key else {})}
    role = more.pop("role", "support")
    return await shop.api.post(f"/v1/orders/{order}/refunds", {"amount": amount, **more}, role=role, headers=headers)


def given(shop: Shop) -> list[int]:
    """What the payment company was asked to give back."""
    return [call[1] for call in shop.payments.called("refund")]


async def terms(shop: Shop, **changes: Any) -> None:
    """The seller's terms from now on."""
    seller = Seller(seller="acme", name="Acme", terms=SellerTerms(**changes))
    await shop.api.services.catalog.load(Catalog(sellers=(seller,)))


async def test_goodwill_after_the_end_is_answered_like_a_change(shop: Shop) -> None:
    """Done, and listed as a return; the order stays completed; more than is left is refused and opens nothing."""
    order = await delivered(shop, "gwdone")
    done = await refund(shop, order, 300, reason="late")
    assert done.status_code == 200, done.text
    answer = done.json()
    assert (answer["outcome"], answer["change_id"], answer["parcel"]) == ("done", "gwdone-r1", 1)
    assert (answer["status"], answer["answer_by"]) == ("completed", None)
    assert answer["message"] == "USD 3.00 of parcel 1 back, goods kept: late"
    assert (await shop.api.get(f"/v1/orders/{order}")).json()["status"] == "completed"
    (found,) = (await shop.api.get(f"/v1/orders/{order}/returns")).json()["returns"]
    assert (found["wish"], found["amount"], found["lines"], found["refunded"]) == ("keep", 300, [], 300)
    assert (found["tracking_number"], found["instructions"], found["inspection"]) == (None, None, None)
    for amount, parcel in ((PAID, 0), (1, 2)):
        too_much = await refund(shop, order, amount, parcel=parcel)
        assert code(too_much) == (409, "change_refused")
        assert too_much.json()["reason"]
    balance = await shop.api.services.effects.balance(order)
    assert (balance.captured_net, balance.allowed, balance.differences()) == (PAID - 300, 300, [])
    assert given(shop) == [300]
    story = (await shop.api.get(f"/v1/orders/{order}/timeline")).json()["entries"]
    kinds = [entry["kind"] for entry in story]
    assert kinds.index("goodwill_requested") < kinds.index("goodwill_given") < kinds.index("return_closed")
    told = (await shop.api.get(f"/v1/orders/{order}/explain")).json()["text"]
    assert "Goodwill gwdone-r1 of USD 3.00 of parcel 1 back, goods kept is refunded. Nothing more" in told


async def test_goodwill_without_a_reason_is_not_told_as_not_given(shop: Shop) -> None:
    """The money went back: its answer ends with the amount."""
    order = await delivered(shop, "gwquiet")
    done = (await refund(shop, order, 500)).json()
    assert (done["outcome"], done["message"]) == ("done", "USD 5.00 of parcel 1 back, goods kept")
    told = (await shop.api.get(f"/v1/orders/{order}/timeline")).text
    assert "not given" not in told


async def test_a_preview_after_the_end_says_what_the_door_will_say(shop: Shop) -> None:
    """With the amount; what the door refuses is refused, in the same words, and nothing is opened."""
    order = await delivered(shop, "gwfore")

    async def foretold(**body: int) -> dict[str, Any]:
        answer = await shop.api.post(f"/v1/orders/{order}/refund-preview", body, role="support")
        told: dict[str, Any] = answer.json()
        return told

    told = await foretold(amount=500)
    words = "A return is opened in which nothing comes back: USD 5.00 of parcel 1 back, goods kept."
    assert (told["outcome"], told["effects"]) == ("possible", [words])
    for amount, parcel in ((999_999, 0), (100, 99)):
        told, door = await foretold(amount=amount, parcel=parcel), await refund(shop, order, amount, parcel=parcel)
        assert (told["outcome"], door.status_code) == ("refused", 409)
        assert all(words in door.json()["detail"] for words in told["effects"][0].rstrip(".").split("; ")[:1])
    assert (await shop.api.get(f"/v1/orders/{order}/returns")).json()["returns"] == []


async def test_a_repeated_key_gives_once_before_after_and_across_the_end(shop: Shop) -> None:
    """The saga's own answer stands once it has ended; another body under the key is refused."""
    await terms(shop, capture=CapturePolicy.AT_CONFIRMATION)
    placed = await shop.api.post("/v1/orders", order_body(order_id="gwkey"), headers=WAIT)
    assert placed.status_code == 201
    await until(shop, "/v1/orders/gwkey", status="fulfilling")
    at = "2026-03-01T12:00:00Z"
    known = {"source": "test", "source_id": "1", "parcel": 1, "generation": 1, "occurred_at": at}
    await shop.orders.parcel_event("gwkey", ParcelEvent.model_validate({**known, "status": "in_transit"}))
    await until(shop, "/v1/orders/gwkey", status="shipped")
    before = await refund(shop, "gwkey", 100, "k-before")
    assert (before.status_code, before.json()["outcome"]) == (200, "done"), before.text
    await shop.orders.parcel_event(
        "gwkey", ParcelEvent.model_validate({**known, "source_id": "2", "status": "delivered"})
    )
    await until(shop, "/v1/orders/gwkey", status="completed")
    assert (await refund(shop, "gwkey", 100, "k-before")).json() == before.json()
    after = [await refund(shop, "gwkey", 200, "k-after") for _ in range(2)]
    assert [(one.status_code, one.json()["change_id"]) for one in after] == [(200, "gwkey-r1")] * 2
    other = await refund(shop, "gwkey", 201, "k-after")
    assert code(other) == (422, "idempotency_key_reused")
    assert given(shop) == [100, 200]


async def test_much_goodwill_after_the_end_takes_two_keys(shop: Shop) -> None:
    """202 awaiting approval; the same key cannot agree, one by one or for many; the second key moves it, once."""
    await terms(shop, second_person_above=500)
    order = await delivered(shop, "gwtwo")
    asked = await refund(shop, order, 600, "g-1", by="ann", role="operator")
    assert (asked.status_code, asked.json()["outcome"]) == (202, "awaiting_approval"), asked.text
    assert asked.json()["answer_by"]
    (item,) = (await shop.api.get("/v1/attention")).json()["items"]
    assert (item["kind"], item["item_id"], item["money"]) == ("refund_approval", "gwtwo-r1-a1", 600)
    assert (item["proposed"], item["proposed_by"]) == ("approve", "test operator:ann")
    path, body = f"/v1/attention/{item['item_id']}/resolve", {"choice": "approve", "reason": "agreed"}
    same = await shop.api.post(path, {**body, "by": "bob"})
    assert (same.status_code, "a second person must choose it too" in same.json()["detail"]) == (409, True)
    many = {"filter": {"kind": "refund_approval"}, "choice": "approve", "reason": "all", "dry_run": False}
    rows = (await shop.api.post("/v1/attention/resolve-many", many)).json()["items"]
    assert [(row["item_id"], row["result"]) for row in rows] == [("gwtwo-r1-a1", "proposed")]
    assert (given(shop), (await shop.api.get(f"/v1/orders/{order}")).json()["status"]) == ([], "completed")
    shop.api.keys["second"] = await shop.api.services.api_keys.issue("operator", "second")
    rows = (await shop.api.post("/v1/attention/resolve-many", many, role="second")).json()["items"]
    assert [row["result"] for row in rows] == ["resolved"]
    await until(shop, "/v1/returns/gwtwo-r1", status="refunded", refunded=600)
    again = await refund(shop, order, 600, "g-1", by="ann", role="operator")
    assert (again.status_code, again.json()["outcome"]) == (200, "done")
    assert given(shop) == [600]


async def test_declined_goodwill_is_refused_with_the_reason(shop: Shop) -> None:
    """The same request hears so; nothing was given."""
    await terms(shop, second_person_above=500)
    order = await delivered(shop, "gwno")
    assert (await refund(shop, order, 600, "n-1")).status_code == 202
    body = {"choice": "decline", "reason": "no"}
    assert (await shop.api.post("/v1/attention/gwno-r1-a1/resolve", body)).status_code == 200
    await until(shop, "/v1/returns/gwno-r1", status="refused")
    again = await refund(shop, order, 600, "n-1")
    assert (code(again), again.json()["reason"]) == ((409, "change_refused"), "a second person declined it")
    assert given(shop) == []


async def test_goodwill_that_takes_longer_is_202_and_is_given(shop: Shop) -> None:
    """The payment company does not answer at once."""
    order = await delivered(shop, "gwslow")
    for _ in range(3):
        shop.payments.fail_next("refund", RetryError("down", "no answer"))
    headers = {"Prefer": "wait=1", "Idempotency-Key": "s-1"}
    taken = await shop.api.post(f"/v1/orders/{order}/refunds", {"amount": 5}, role="support", headers=headers)
    assert (taken.status_code, taken.json()["outcome"]) in ((202, "pending"), (200, "done"))
    await until(shop, "/v1/returns/gwslow-r1", status="refunded")
    assert (await refund(shop, order, 5, "s-1")).json()["outcome"] == "done"
    balance = await shop.api.services.effects.balance(order)
    assert (balance.allowed, balance.captured_net) == (5, PAID - 5)


async def test_a_kept_return_is_for_those_who_may_refund(shop: Shop) -> None:
    """A checkout's key asks for goods to come back, not for money; each wrong value is named; nothing is opened."""
    order = await delivered(shop, "gwdoor")
    path = f"/v1/orders/{order}/returns"
    forbidden = await shop.api.post(path, keep(100), role="checkout")
    assert (code(forbidden), forbidden.json()["allowed_roles"]) == (
        (403, "forbidden"),
        ["support", "operator", "admin"],
    )
    for body, field in (
        (keep(100, lines=MUG["lines"]), "lines"),
        (keep(0), "amount"),
        ({"wish": "keep", "reason": "damaged"}, "amount"),
        ({**MUG, "amount": 5}, "amount"),
        ({**MUG, "reason": "goodwill"}, "reason"),
        (keep(1, parcel=7), "parcel"),
    ):
        answer = await shop.api.post(path, body, role="support")
        assert code(answer) == (422, "invalid_request"), body
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    named = await shop.api.post(path, {**MUG, "reason": "goodwill"}, role="support")
    remedy = "change it, or give goodwill: POST /v1/orders/{id}/refunds, or ordersaga order refund"
    assert named.json()["errors"][0]["remedy"] == remedy
    assert code(await shop.api.post(path, keep(PAID + 1), role="support")) == (409, "too_much")
    assert (await shop.api.get(path)).json()["returns"] == []
    opened = await shop.api.post(path, keep(PAID, reason="damaged", note="one is chipped"), role="support")
    assert opened.status_code == 201
    await until(shop, "/v1/returns/gwdoor-r1", status="refunded", refunded=PAID)
    late = await shop.api.post("/v1/returns/gwdoor-r1/receipt", SOUND, role="support")
    assert (code(late), late.json()["errors"][0]["field"]) == ((422, "invalid_request"), "lines")
    assert given(shop) == [PAID]


async def test_two_goodwills_and_a_return_share_what_was_captured(shop: Shop) -> None:
    """At once: two gifts that are too much together are one gift; the goods bring back what is left."""
    order = await delivered(shop, "gwshare")
    both = await asyncio.gather(refund(shop, order, 1000), refund(shop, order, 1000))
    assert sorted(one.status_code for one in both) == [200, 409]
    await shop.api.post(f"/v1/orders/{order}/returns", {**MUG, "reason": "damaged"})
    await until(shop, "/v1/returns/gwshare-r2", status="awaiting_goods")
    await until(shop, f"/v1/orders/{order}", status="returning")
    assert code(await refund(shop, order, 1)) == (409, "change_refused")
    await shop.api.post("/v1/returns/gwshare-r2/receipt", SOUND)
    await until(shop, "/v1/returns/gwshare-r2", status="refunded", refunded=PAID - 1000)
    await until(shop, f"/v1/orders/{order}", status="returned")
    assert sorted(given(shop)) == [PAID - 1000, 1000]
    assert (await shop.api.services.effects.balance(order)).differences() == []


async def test_goodwill_of_an_order_that_came_to_nothing_is_refused(shop: Shop) -> None:
    """Canceled: nothing was paid."""
    await shop.api.post("/v1/orders", order_body(order_id="gwgone"), headers=WAIT)
    await shop.api.post("/v1/orders/gwgone/cancel", {}, role="support", headers=WAIT)
    await until(shop, "/v1/orders/gwgone", status="canceled")
    assert code(await refund(shop, "gwgone", 1)) == (409, "order_closed")
    assert given(shop) == []


async def test_goodwill_is_taken_while_temporal_is_away(shop: Shop) -> None:
    """Without a key: durable first, given once the relay has started it. With one, nobody knows what the saga said."""
    order = await delivered(shop, "gwaway")
    away = await OrderClient.connect(f"127.0.0.1:{free_port()}", lazy=True)
    path, wait = f"/v1/orders/{order}/refunds", {"Prefer": "wait=1"}
    async with serving(replace(shop.api.services, orders=away)) as lonely:
        taken = await lonely.post(path, {"amount": 7}, headers=wait)
        assert (taken.status_code, taken.json()["outcome"]) == (202, "pending"), taken.text
        unknown = await lonely.post(path, {"amount": 8}, headers={**wait, "Idempotency-Key": "away"})
        assert unknown.status_code == 503
        told = (await lonely.get("/v1/returns/gwaway-r1/explain")).json()["text"]
        assert told == "Goodwill gwaway-r1 of USD 0.07 of parcel 1 back, goods kept is requested."
    await ReturnStarter(shop.api.services, timedelta(0)).step()
    await until(shop, "/v1/returns/gwaway-r1", status="refunded")
    assert given(shop) == [7]


async def test_the_command_line_refunds_an_ended_order(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """The same command as before the end; a refusal says why."""
    order = await delivered(shop, "gwcli")
    options = ["--api-url", shop.api.url, "--api-key", shop.api.keys["operator"]]

    async def command(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        ended = await asyncio.to_thread(_exit_code, [*words, *options])
        said = capsys.readouterr()
        return ended, said.out + said.err

    ended, said = await command("order", "refund", order, "300", "--reason", "late")
    assert (ended, "done: USD 3.00 of parcel 1 back, goods kept: late" in said, "gwcli-r1" in said) == (0, True, True)
    ended, said = await command("order", "refund", order, "1300")
    assert (ended, "USD 12.90" in said) == (1, True)
    ended, said = await command("return", "show", "gwcli-r1")
    assert (ended, "USD 3.00" in said) == (0, True)
    ended, said = await command("return", "list", order)
    assert (ended, "goods kept" in said) == (0, True)
    assert given(shop) == [300]


def _exit_code(words: list[str]) -> int:
    try:
        run(words)
    except SystemExit as end:
        return int(end.code or 0)
    return 0
