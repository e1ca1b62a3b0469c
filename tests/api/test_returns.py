"""Returns over HTTP and the command line, before real workflows and a real database."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from temporalio.testing import WorkflowEnvironment

from ordersaga.client import OrderClient
from ordersaga.client_returns import ReturnClient
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.returns import Opened, ReturnAsk, ReturnReason, ReturnRequest
from ordersaga.domain.shipping import ParcelEvent
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.easypost.webhooks import read_event
from tests.api.conftest import Shop
from tests.support.api import order_body, serving
from tests.support.emulators import free_port
from tests.support.temporal import skip
from tests.support.terminal import exit_code
from workers.relay_deliverer import Deliverer
from workers.relay_pollers import store
from workers.relay_returns import ReturnStarter
from workflows.return_exchange import LOOKS

WAIT = {"Prefer": "wait=20"}
MUG = {"lines": [{"sku": "MUG", "quantity": 1}], "reason": "unwanted"}
NOPE = {"sku": "NOPE", "quantity": 1, "unit_price": 100}
SOUND = {"lines": [{"sku": "MUG", "sellable": 1}]}


async def delivered(shop: Shop, order_id: str, **changes: Any) -> str:
    """An order that has ended with its one parcel at the shopper's."""
    body = order_body(order_id=order_id, **changes)
    assert (await shop.api.post("/v1/orders", body, headers=WAIT)).status_code == 201
    await until(shop, f"/v1/orders/{order_id}", status="fulfilling")
    for number, status in enumerate((ParcelStatus.IN_TRANSIT, ParcelStatus.DELIVERED)):
        at = "2026-03-01T12:00:00Z"
        known = {"source": "test", "source_id": str(number), "parcel": 1, "generation": 1, "occurred_at": at}
        await shop.orders.parcel_event(order_id, ParcelEvent.model_validate({**known, "status": status}))
    await until(shop, f"/v1/orders/{order_id}", status="completed")
    return order_id


async def until(shop: Shop, path: str, **wanted: Any) -> dict[str, Any]:
    """Look at something until it is as wanted."""
    seen: dict[str, Any] = {}
    for _ in range(200):
        seen = (await shop.api.get(path)).json()
        if all(seen[name] == value for name, value in wanted.items()):
            return seen
        await asyncio.sleep(0.05)
    raise AssertionError(f"never came true; last seen: {seen}")


def code(answer: httpx.Response) -> tuple[int, str]:
    """The problem of an answer."""
    return answer.status_code, answer.json()["code"]


async def test_a_return_from_the_request_to_the_refund(shop: Shop) -> None:
    """Asked twice, once there; received, refunded, restocked; the order is shown as returned, its story tells why."""
    order = await delivered(shop, "backall")
    headers = {"Idempotency-Key": "again"}
    first = await shop.api.post(f"/v1/orders/{order}/returns", MUG, role="checkout", headers=headers)
    assert (first.status_code, first.headers["Location"]) == (201, "/v1/returns/backall-r1")
    again = await shop.api.post(f"/v1/orders/{order}/returns", MUG, role="checkout", headers=headers)
    assert (again.status_code, again.json()["return_id"]) == (200, "backall-r1")
    waiting = await until(shop, "/v1/returns/backall-r1", status="awaiting_goods")
    assert waiting["tracking_number"]
    await until(shop, f"/v1/orders/{order}", status="returning")
    assert len((await shop.api.get(f"/v1/orders/{order}/returns")).json()["returns"]) == 1
    told = (await shop.api.get("/v1/returns/backall-r1/explain")).json()
    assert (told["live"], "It is waiting for the goods" in told["text"]) == (True, True)
    whole = (await shop.api.get(f"/v1/orders/{order}/explain")).json()
    stands = f"Order {order} is delivered, and a return is under way. {told['text']}"
    assert (whole["status"], whole["live"], whole["text"]) == ("returning", True, stands)
    received = await shop.api.post("/v1/returns/backall-r1/receipt", SOUND, role="support")
    assert (received.status_code, received.json()["inspection"]["by"]) == (200, "test support")
    ended = await until(shop, "/v1/returns/backall-r1", status="refunded")
    assert ended["refunded"] == 1090
    await until(shop, f"/v1/orders/{order}", status="returned")
    assert (await shop.api.post("/v1/returns/backall-r1/receipt", SOUND)).status_code == 200
    other = await shop.api.post("/v1/returns/backall-r1/receipt", {"lines": [{"sku": "MUG", "damaged": 1}]})
    assert code(other) == (409, "return_closed")
    assert [call[1] for call in shop.payments.called("refund")] == [1090]
    (level,) = (await shop.api.get("/v1/stock?sku=MUG")).json()["levels"]
    assert level["on_hand"] == 10  # what this order held is looked at when its books close
    story = (await shop.api.get(f"/v1/orders/{order}/timeline")).json()["entries"]
    kinds = [entry["kind"] for entry in story]
    assert kinds.index("return_requested") < kinds.index("return_refunded") < kinds.index("return_closed")


async def test_what_the_policy_refuses_is_a_problem_with_an_alternative(shop: Shop) -> None:
    """422 names the value; 409 the reason and what to do instead; nothing is opened by any of them."""
    placed = await shop.api.post("/v1/orders", order_body(order_id="backearly"), headers=WAIT)
    assert placed.status_code == 201
    early = await shop.api.post("/v1/orders/backearly/returns", MUG)
    assert code(early) == (409, "order_not_completed")
    assert early.json()["alternative"].startswith("cancel the order")
    order = await delivered(shop, "backbad")
    for body, field in (
        ({**MUG, "lines": [{"sku": "TEE", "quantity": 1}]}, "lines[0].sku"),
        ({**MUG, "lines": [{"sku": "MUG", "quantity": 2}]}, "lines[0].quantity"),
        ({**MUG, "lines": []}, "lines"),
        ({**MUG, "reason": "bored"}, "reason"),
        ({**MUG, "parcel": 3}, "parcel"),
        ({**MUG, "exchange_for": [{"sku": "TEE", "quantity": 1}]}, "exchange_for"),
        ({**MUG, "wish": "exchange", "exchange_for": [{"sku": "TEE", "quantity": 1}]}, "exchange_for[0].unit_price"),
        ({**MUG, "wish": "exchange", "exchange_for": [{"sku": "NOPE", "quantity": 1}]}, "exchange_for[0].sku"),
        ({**MUG, "wish": "exchange", "exchange_for": [NOPE]}, "exchange_for[0].sku"),
    ):
        answer = await shop.api.post(f"/v1/orders/{order}/returns", body)
        assert code(answer) == (422, "invalid_request"), body
        assert [error["field"] for error in answer.json()["errors"]] == [field]
        assert all(error["remedy"] for error in answer.json()["errors"])
    paid = (await shop.api.get(f"/v1/orders/{order}")).json()["total"]
    told = (await shop.api.get(f"/v1/orders/{order}/returns")).json()
    assert told == {"returns": [], "returnable": MUG["lines"], "refundable": paid}
    unended = (await shop.api.get("/v1/orders/backearly/returns")).json()
    assert unended == {"returns": [], "returnable": [], "refundable": 0}
    assert code(await shop.api.post("/v1/orders/nosuch/returns", MUG)) == (404, "order_not_found")
    for name in ("nosuch-r1", "backbad-r9", "backbad", "a-b-r1"):
        assert code(await shop.api.get(f"/v1/returns/{name}")) == (404, "return_not_found")


async def test_the_window_is_closed_by_the_sellers_terms(shop: Shop) -> None:
    """The order's own terms decide, as they were when it was placed."""
    pool = shop.api.services.pool
    await pool.execute('UPDATE sellers SET terms = terms || \'{"return_window": "PT0S"}\'')
    order = await delivered(shop, "backlate")
    answer = await shop.api.post(f"/v1/orders/{order}/returns", {**MUG, "reason": "damaged"})
    assert code(answer) == (409, "window_closed")
    assert "goodwill" in answer.json()["alternative"]
    told = (await shop.api.get(f"/v1/orders/{order}/returns")).json()
    assert (told["returnable"], told["refundable"] > 0) == ([], True)
    await until(shop, f"/v1/orders/{order}", status="completed")


async def test_a_return_is_canceled_and_its_units_may_be_asked_for_again(shop: Shop) -> None:
    """The shopper keeps the goods: no refund, the order is completed as before; a wrong receipt is named before."""
    order = await delivered(shop, "backkeep")
    await shop.api.post(f"/v1/orders/{order}/returns", {**MUG, "number": 1})
    taken = await shop.api.post(f"/v1/orders/{order}/returns", {**MUG, "number": 2})
    assert code(taken) == (409, "returned_before")
    assert (await shop.api.get(f"/v1/orders/{order}/returns")).json()["returnable"] == []
    wrong = await shop.api.post("/v1/returns/backkeep-r1/receipt", {"lines": [{"sku": "MUG", "sellable": 2}]})
    assert code(wrong) == (422, "invalid_request")
    assert wrong.json()["errors"][0]["field"] == "lines"
    assert (await shop.api.post("/v1/returns/backkeep-r1/cancel", {}, role="checkout")).status_code == 403
    late = await shop.api.post(f"/v1/orders/{order}/cancel", {"reason": "test"}, role="support")
    assert (late.status_code, late.json()["outcome"]) == (200, "too_late")
    await until(shop, "/v1/returns/backkeep-r1", status="awaiting_goods")
    canceled = await shop.api.post("/v1/returns/backkeep-r1/cancel", {"reason": "likes it"}, role="support")
    assert (canceled.status_code, canceled.json()["status"]) == (200, "canceled")
    assert canceled.json()["reason"] == "canceled by test support: likes it"
    await until(shop, f"/v1/orders/{order}", status="completed")
    assert shop.payments.called("refund") == []
    assert (await shop.api.post(f"/v1/orders/{order}/returns", MUG)).json()["return_id"] == "backkeep-r2"


async def test_a_question_of_a_return_is_listed_and_answered_like_any_other(shop: Shop) -> None:
    """Its item id leads to the return, not to the order."""
    order = await delivered(shop, "backlost")
    await shop.api.post(f"/v1/orders/{order}/returns", MUG)
    await until(shop, "/v1/returns/backlost-r1", status="awaiting_goods")
    at = "2026-03-01T12:00:00Z"
    for status in ("in_transit", "lost"):
        known = {"source": "t", "source_id": "t", "parcel": 1, "generation": 1, "occurred_at": at, "returning": 1}
        event = ParcelEvent.model_validate({**known, "status": status})
        await ReturnClient(shop.orders).parcel_event(order, event)
    await until(shop, "/v1/returns/backlost-r1", status="needs_attention")
    (item,) = (await shop.api.get("/v1/attention")).json()["items"]
    assert (item["item_id"], item["kind"], item["money"]) == ("backlost-r1-a1", "return_lost", 1090)
    answer = {"choice": "no_refund", "reason": "insured"}
    assert (await shop.api.post("/v1/attention/backlost-r1-a1/resolve", answer)).status_code == 200
    await until(shop, "/v1/returns/backlost-r1", status="lost")
    assert shop.payments.called("refund") == []


async def test_an_exchange_is_an_order_accepted_like_a_checkouts(shop: Shop, environment: WorkflowEnvironment) -> None:
    """Hold and order in one commit, linked on both sides; sold out, the return is a refund."""
    paid = {"payment_method": "pm_card_visa", "customer": "cus_ada"}
    order = await delivered(shop, "backswap", payment=paid)
    wish = {"wish": "exchange", "exchange_for": [{"sku": "TEE", "quantity": 2, "unit_price": 700}]}
    await shop.api.post(f"/v1/orders/{order}/returns", {**MUG, **wish})
    await until(shop, "/v1/returns/backswap-r1", status="awaiting_goods")
    await shop.api.post("/v1/returns/backswap-r1/receipt", SOUND)
    await until(shop, "/v1/returns/backswap-r1", exchange_order_id="backswapx1")
    new = (await shop.api.get("/v1/orders/backswapx1")).json()
    assert (new["channel"], new["total"], new["shipping"]) == ("exchange", 1526, 0)
    pool = shop.api.services.pool
    assert await pool.fetchval("SELECT exchange_of FROM orders WHERE order_id = 'backswapx1'") == "backswap-r1"
    (level,) = (await shop.api.get("/v1/stock?sku=TEE")).json()["levels"]
    assert level["held"] == 2
    assert (await shop.orders.place((await record(shop, "backswapx1")).order)) is None
    await until(shop, "/v1/orders/backswapx1", status="fulfilling")
    await skip(environment, environment.client.get_workflow_handle("return-backswap-1"), LOOKS[0])
    await until(shop, "/v1/returns/backswap-r1", refunded=1090)
    await until(shop, "/v1/returns/backswap-r1", status="refunded")


async def record(shop: Shop, order_id: str) -> Any:
    """An order as it is stored."""
    return await shop.api.services.journal.get(order_id)


async def command(shop: Shop, capture: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """A command's exit code and what it printed."""
    options = ["--api-url", shop.api.url, "--api-key", shop.api.keys["operator"]]
    capture.readouterr()
    ended = await asyncio.to_thread(exit_code, ["return", *words, *options])
    said = capture.readouterr()
    return ended, said.out + said.err


async def test_the_command_line_plays_a_return(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Asked for, shown, listed, received, explained; what is refused says why and what to do."""
    order = await delivered(shop, "backcli")
    ended, said = await command(shop, capsys, "request", order, "--line", "MUG=1", "--reason", "damaged")
    assert (ended, "backcli-r1" in said) == (0, True)
    await until(shop, "/v1/returns/backcli-r1", status="awaiting_goods")
    ended, said = await command(shop, capsys, "request", order, "--line", "MUG=1", "--reason", "damaged")
    assert (ended, "returned_before" in said, "nothing is left to return" in said) == (1, True, True)
    ended, said = await command(shop, capsys, "request", order, "--line", "MUG", "--reason", "damaged")
    assert (ended, "such as MUG=2" in said) == (2, True)
    ended, said = await command(shop, capsys, "request", order, "--line", "MUG=1", "--reason", "goodwill")
    assert (ended, "not_as_described" in said, "goodwill" in said.partition("not one of")[2]) == (2, True, False)
    wish = ("--line", "MUG=1", "--reason", "damaged", "--for")
    ended, said = await command(shop, capsys, "request", order, *wish, "NOPE=1@100")
    assert (ended, "exchange_for[0].sku: acme sells no SKU NOPE" in said) == (1, True)
    ended, said = await command(shop, capsys, "show", "backcli-r1")
    assert (ended, "waits for:" in said, "label:" in said) == (0, True, True)
    ended, said = await command(shop, capsys, "receive", "backcli-r1")
    assert (ended, "--sellable" in said) == (2, True)
    ended, said = await command(shop, capsys, "receive", "backcli-r1", "--damaged", "MUG=1")
    assert ended == 0
    await until(shop, "/v1/returns/backcli-r1", status="refunded")
    ended, said = await command(shop, capsys, "list", order)
    assert (ended, "USD 15.90" in said) == (0, True)
    ended, said = await command(shop, capsys, "explain", "backcli-r1")
    assert (ended, "USD 15.90 was given back for 1 MUG. Nothing more will happen." in said) == (0, True)
    ended, said = await command(shop, capsys, "cancel", "backcli-r1", "--reason", "late")
    assert (ended, "return_closed" in said or "too late" in said) == (1, True)


async def carried(shop: Shop, number: int, status: str, source_id: str) -> list[str]:
    """A tracker's message arrives and is delivered; what became of all messages so far."""
    tracker = {"id": "trk_1", "status": status, "shipment": {"reference": f"backnews-r{number}-1"}}
    told = read_event(source_id, tracker)
    assert told is not None
    await store(shop.api.services, told)
    await Deliverer(shop.api.services).step()
    rows = await shop.api.services.pool.fetch("SELECT status FROM webhook_inbox ORDER BY id")
    return [row["status"] for row in rows]


async def test_the_carriers_news_of_the_way_back_reach_the_return(shop: Shop) -> None:
    """By the label's reference; of a return that had ended, a person is asked once; of none at all, nobody."""
    order = await delivered(shop, "backnews")
    await shop.api.post(f"/v1/orders/{order}/returns", MUG)
    await until(shop, "/v1/returns/backnews-r1", status="awaiting_goods")
    assert await carried(shop, 1, "in_transit", "e1") == ["delivered"]
    await until(shop, "/v1/returns/backnews-r1?live=true", status="in_transit")
    assert await carried(shop, 1, "delivered", "e2") == ["delivered"] * 2
    await until(shop, "/v1/returns/backnews-r1", status="arrived")
    await shop.api.post("/v1/returns/backnews-r1/receipt", {"lines": [{"sku": "MUG", "missing": 1}]})
    await until(shop, "/v1/returns/backnews-r1", status="refused", reason="nothing of it came back")
    assert (await carried(shop, 1, "in_transit", "e3"))[-1] == "ignored"
    assert (await carried(shop, 7, "in_transit", "e4"))[-1] == "ignored"
    await shop.api.post(f"/v1/orders/{order}/returns", MUG)
    await until(shop, "/v1/returns/backnews-r2", status="awaiting_goods")
    await shop.api.post("/v1/returns/backnews-r2/cancel")
    await until(shop, "/v1/returns/backnews-r2", status="canceled")
    assert (await shop.api.get("/v1/attention")).json()["items"] == []
    assert (await carried(shop, 2, "in_transit", "e5"))[-1] == "delivered"
    assert (await carried(shop, 2, "delivered", "e6"))[-1] == "ignored"
    (item,) = (await shop.api.get("/v1/attention")).json()["items"]
    assert (item["kind"], item["choices"]) == ("sent_back_after_end", ["acknowledge"])
    answer = {"choice": "acknowledge", "reason": "seen"}
    assert (await shop.api.post(f"/v1/attention/{item['item_id']}/resolve", answer)).status_code == 200


async def test_a_return_nobody_started_is_started_by_the_relay(shop: Shop) -> None:
    """The API died between the acceptance and the start: nothing is lost, and nothing starts twice."""
    order = await delivered(shop, "backdead")
    units = (LineQuantity(sku="MUG", quantity=1),)
    request = ReturnRequest(lines=units, reason=ReturnReason.UNWANTED, by="shopper")
    assert isinstance(await shop.api.services.returns.open(order, ReturnAsk(request), datetime.now(UTC)), Opened)
    starter = ReturnStarter(shop.api.services, timedelta(0))
    await starter.step()
    await until(shop, "/v1/returns/backdead-r1", status="awaiting_goods", started=True)
    assert await shop.api.services.returns.unstarted(older_than=timedelta(0), limit=9) == []
    await starter.step()
    labels = await shop.api.services.returns.with_label(after=("", 0), limit=9)
    assert [record.case.reference for record in labels] == ["backdead-r1-1"]


async def test_a_return_is_accepted_while_temporal_is_away(shop: Shop) -> None:
    """Durable first: 201, started later by the relay; meanwhile the record answers for the workflow."""
    order = await delivered(shop, "backdown")
    away = await OrderClient.connect(f"127.0.0.1:{free_port()}", lazy=True)
    async with serving(replace(shop.api.services, orders=away)) as lonely:
        asked = await lonely.post(f"/v1/orders/{order}/returns", MUG)
        assert (asked.status_code, asked.json()["started"]) == (201, False)
        told = (await lonely.get("/v1/returns/backdown-r1/explain")).json()
        assert (told["live"], told["text"]) == (False, "Return backdown-r1 of 1 MUG is requested.")
        seen = await lonely.get("/v1/returns/backdown-r1?live=true")
        assert (seen.status_code, seen.json()["live"]) == (200, None)
        assert (await lonely.post("/v1/returns/backdown-r1/receipt", SOUND)).status_code == 503
    await ReturnStarter(shop.api.services, timedelta(0)).step()
    await until(shop, "/v1/returns/backdown-r1", status="awaiting_goods")


async def test_another_sellers_return_does_not_exist(shop: Shop) -> None:
    """404 for its order and itself, so that ids cannot be probed; its own seller sees it."""
    order = await delivered(shop, "backmine")
    await shop.api.post(f"/v1/orders/{order}/returns", MUG)
    for seller, status in (("acme", 200), ("bolt", 404)):
        shop.api.keys[seller] = await shop.api.services.api_keys.issue("operator", seller, seller)
        for path in (f"/v1/orders/{order}/returns", "/v1/returns/backmine-r1", "/v1/returns/backmine-r1/explain"):
            assert (await shop.api.get(path, role=seller)).status_code == status
    assert (await shop.api.post("/v1/returns/backmine-r1/cancel", role="bolt")).status_code == 404
    assert (await shop.api.post("/v1/returns/backmine-r1/cancel", role="acme")).status_code == 200
