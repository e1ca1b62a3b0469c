"""Placing orders: what is refused before anything is stored, idempotency, outcomes, and Temporal being away."""

import asyncio
import json
from typing import Any

import pytest

from ordersaga.client_errors import SagaUnreachableError
from ordersaga.domain.journal import JournalUpdate
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus
from tests.support.api import Api, StubOrders, answered, order_body
from tests.support.doubt import cut_commits
from tests.support.starting import begun, unstarted

WAIT = {"Prefer": "wait=5"}


async def orders_stored(api: Api) -> list[str]:
    """Ids of every order in the database."""
    return [order["order_id"] for order in (await api.get("/v1/orders")).json()["orders"]]


async def units_held(api: Api, sku: str = "MUG") -> int:
    """Units of a SKU held for orders."""
    return sum(level["held"] for level in (await api.get(f"/v1/stock?sku={sku}")).json()["levels"])


async def test_an_order_is_accepted_at_once_and_confirmed_on_request(api: Api, orders: StubOrders) -> None:
    """Without `Prefer` 202 and a Location; with it 201, the preference being confirmed; one hold each."""
    accepted = await api.post("/v1/orders", order_body(), role="checkout")
    assert accepted.status_code == 202
    assert accepted.json()["status"] == "pending"
    assert accepted.json()["outcome"] is None
    assert accepted.json()["order_id"].startswith("ord_")
    assert accepted.headers["location"] == f"/v1/orders/{accepted.json()['order_id']}"
    assert "preference-applied" not in accepted.headers
    decided = await api.post("/v1/orders", order_body(order_id="web_1"), role="checkout", headers=WAIT)
    assert decided.status_code == 201
    assert decided.headers["location"] == "/v1/orders/web_1"
    assert decided.headers["preference-applied"] == "wait=5"
    body = decided.json()
    assert (body["order_id"], body["status"], body["outcome"], body["total"]) == (
        "web_1",
        "confirmed",
        "confirmed",
        1590,
    )
    assert await units_held(api) == 2
    document = (await api.get("/v1/orders/web_1")).json()
    assert "payment" not in document
    assert [parcel["provider"] for parcel in document["parcels"]] == ["shipbob"]


async def test_time_running_out_is_202(api: Api, orders: StubOrders) -> None:
    """An outcome that is not known in time is no failure: the order goes on."""
    orders.answer = lambda order: None
    answer = await api.post("/v1/orders", order_body(order_id="web_1"), headers={"Prefer": "wait=1"})
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "wait=1"
    assert await units_held(api) == 1


@pytest.mark.parametrize(
    ("outcome", "status", "code"),
    [
        (ConfirmOutcome.DECLINED, 402, "declined"),
        (ConfirmOutcome.SOLD_OUT, 409, "sold_out"),
        (ConfirmOutcome.REJECTED, 422, "order_rejected"),
        (ConfirmOutcome.CANCELED, 422, "order_canceled"),
    ],
)
async def test_a_refusing_outcome_is_a_problem(
    api: Api, orders: StubOrders, outcome: ConfirmOutcome, status: int, code: str
) -> None:
    """Each refusal has its own status and code, and names the order."""
    orders.answer = lambda order: answered(order, outcome, OrderStatus.REJECTED, reason="insufficient_funds")
    answer = await api.post("/v1/orders", order_body(order_id="web_1"), headers=WAIT)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["code"], problem["order_id"], problem["status"]) == (code, "web_1", status)
    assert problem["type"] == f"urn:ordersaga:problem:{code}"
    assert problem.get("decline_code") == ("insufficient_funds" if status == 402 else None)


async def test_sold_out_names_the_skus_and_starts_nothing(api: Api, orders: StubOrders) -> None:
    """409 names what is missing; nothing is held, no saga is started, and the order is kept as rejected."""
    lines = [{"sku": "MUG", "quantity": 1, "unit_price": 10}, {"sku": "TEE", "quantity": 6, "unit_price": 10}]
    answer = await api.post("/v1/orders", order_body(order_id="web_1", lines=lines), headers=WAIT)
    assert answer.status_code == 409
    assert answer.json()["skus"] == ["TEE"]
    assert orders.asked == []
    assert await units_held(api, "MUG") == 0
    assert (await api.get("/v1/orders/web_1")).json()["status"] == "rejected"
    again = await api.post("/v1/orders", order_body(order_id="web_1", lines=lines), headers=WAIT)
    assert (again.status_code, again.json()["skus"]) == (409, ["TEE"])


async def test_an_accepted_order_is_202_whatever_breaks_while_it_is_started(api: Api, orders: StubOrders) -> None:
    """Not only an outage: the order is ours, and the starter has it."""
    orders.error = RuntimeError("no converter")
    answer = await api.post("/v1/orders", order_body(order_id="web_1"), headers={"Prefer": "wait=5"})
    assert (answer.status_code, answer.json()["order_id"]) == (202, "web_1")
    assert await unstarted(api.services.pool) == ["web_1"]


async def test_temporal_away_after_accept_is_202_and_the_starter_finds_the_order(api: Api, orders: StubOrders) -> None:
    """An accepted order is never answered as failed; it waits for the starter with its hold."""
    orders.error = SagaUnreachableError("connection refused")
    for headers in ({}, WAIT):
        answer = await api.post("/v1/orders", order_body(), headers=headers)
        assert answer.status_code == 202
    assert len(await unstarted(api.services.pool)) == 2
    assert await units_held(api) == 2
    orders.error = None
    await api.post("/v1/orders", order_body(order_id="web_1"))
    await begun(api.services.pool, "web_1")
    assert len(await unstarted(api.services.pool)) == 2


async def test_the_same_key_and_body_give_the_same_answer(api: Api, orders: StubOrders) -> None:
    """The second answer is the first one again, and there is one order, one hold, one start."""
    headers = {"Idempotency-Key": "cart-1", **WAIT}
    first = await api.post("/v1/orders", order_body(), role="checkout", headers=headers)
    second = await api.post("/v1/orders", order_body(), role="checkout", headers=headers)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["location"] == first.headers["location"]
    assert len(await orders_stored(api)) == 1
    assert await units_held(api) == 1
    assert len(orders.asked) == 1


async def test_accepted_is_repeated_only_while_the_outcome_is_unknown(api: Api, orders: StubOrders) -> None:
    """202 again without asking the saga; whoever waits, or comes once it is known, gets the outcome, for good."""
    headers = {"Idempotency-Key": "cart-1"}
    first = await api.post("/v1/orders", order_body(order_id="web_1"), headers=headers)
    second = await api.post("/v1/orders", order_body(order_id="web_1"), headers=headers)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"
    assert len(orders.asked) == 1
    waited = await api.post("/v1/orders", order_body(order_id="web_1"), headers=headers | WAIT)
    assert (waited.status_code, waited.json()["outcome"]) == (201, "confirmed")
    assert waited.headers["idempotent-replayed"] == "true"
    again = await api.post("/v1/orders", order_body(order_id="web_1"), headers=headers)
    assert (again.status_code, again.json()) == (201, waited.json())
    assert len(orders.asked) == 2
    assert await units_held(api) == 1


@pytest.mark.parametrize(
    ("outcome", "status"), [(ConfirmOutcome.CONFIRMED, 201), (ConfirmOutcome.DECLINED, 402)], ids=str
)
async def test_an_outcome_that_came_meanwhile_is_answered_without_waiting(
    api: Api, orders: StubOrders, outcome: ConfirmOutcome, status: int
) -> None:
    """The first call heard 202; the journal knows the outcome by now. The saga is not asked."""
    headers = {"Idempotency-Key": "cart-1"}
    await api.post("/v1/orders", order_body(order_id="web_1"), headers=headers)
    known = OrderStatus.CONFIRMED if status == 201 else OrderStatus.REJECTED
    await api.services.journal.record(JournalUpdate(order_id="web_1", status=known, outcome=outcome))
    answers = [await api.post("/v1/orders", order_body(order_id="web_1"), headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [status, status]
    assert answers[0].json() == answers[1].json()
    assert len(orders.asked) == 1


async def test_who_waited_in_vain_gets_the_outcome_with_the_same_key(api: Api, orders: StubOrders) -> None:
    """A time-out is not kept as the answer: repeating the request gives the outcome of the same order."""
    orders.answer = lambda order: None
    headers = {"Idempotency-Key": "cart-1", **WAIT}
    first = await api.post("/v1/orders", order_body(), headers=headers)
    orders.answer = lambda order: answered(order, ConfirmOutcome.CONFIRMED, OrderStatus.CONFIRMED)
    second = await api.post("/v1/orders", order_body(), headers=headers)
    assert (first.status_code, second.status_code) == (202, 201)
    assert second.json()["order_id"] == first.json()["order_id"]
    assert second.headers["idempotent-replayed"] == "true"
    assert len(await orders_stored(api)) == 1


async def test_a_problem_is_replayed_as_a_problem(api: Api, orders: StubOrders) -> None:
    """A declined order stays declined under its key, with the same body and media type; nothing is tried again."""
    orders.answer = lambda order: answered(order, ConfirmOutcome.DECLINED, OrderStatus.REJECTED, reason="lost_card")
    headers = {"Idempotency-Key": "cart-1", **WAIT}
    first = await api.post("/v1/orders", order_body(), headers=headers)
    second = await api.post("/v1/orders", order_body(), headers=headers)
    assert (first.status_code, second.status_code) == (402, 402)
    assert first.json() == second.json()
    assert second.headers["content-type"] == "application/problem+json"
    assert len(orders.asked) == 1


async def test_the_same_key_with_another_body_is_refused(api: Api) -> None:
    """422 `idempotency_key_reused`; no second order, no second hold. Another caller may use the same key."""
    headers = {"Idempotency-Key": "cart-1"}
    await api.post("/v1/orders", order_body(), role="checkout", headers=headers)
    other = await api.post("/v1/orders", order_body(tax=91), role="checkout", headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(await orders_stored(api)) == 1
    assert await units_held(api) == 1
    assert (await api.post("/v1/orders", order_body(tax=91), role="operator", headers=headers)).status_code == 202


async def test_concurrent_duplicates_get_one_order(api: Api) -> None:
    """Ten at once with one key: one order, one hold, one answer."""
    headers = {"Idempotency-Key": "cart-1", **WAIT}
    answers = await asyncio.gather(*(api.post("/v1/orders", order_body(), headers=headers) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["order_id"] for answer in answers}) == 1
    assert len(await orders_stored(api)) == 1
    assert await units_held(api) == 1


async def test_the_same_order_id_is_the_same_order(api: Api) -> None:
    """Repeating an order needs no key if it has an id; another order under that id is refused with 409."""
    body = order_body(order_id="web_1")
    assert (await api.post("/v1/orders", body, headers=WAIT)).status_code == 201
    assert (await api.post("/v1/orders", body, headers=WAIT)).status_code == 201
    other = await api.post("/v1/orders", body | {"tax": 1}, headers=WAIT)
    assert (other.status_code, other.json()["code"]) == (409, "order_id_taken")
    assert await units_held(api) == 1


def line(**changes: Any) -> dict[str, Any]:
    """A line of the order."""
    return {"sku": "MUG", "quantity": 1, "unit_price": 1000, **changes}


def address(**changes: Any) -> dict[str, Any]:
    """The order's address, changed."""
    return {**order_body()["ship_to"], **changes}


@pytest.mark.parametrize(
    ("changes", "field", "remedy"),
    [
        ({"seller": "nobody"}, "seller", "catalog"),
        ({"lines": [line(), line(sku="GHOST")]}, "lines[1].sku", "SKU of this seller"),
        ({"lines": [line(sku="LAMP")]}, "lines[0].sku", "SKU of this seller"),
        ({"lines": [line(quantity=0)]}, "lines[0].quantity", "at least 1"),
        ({"lines": [line(quantity=10**9)]}, "lines[0].quantity", "at most 10000"),
        ({"lines": [line(unit_price=10.5)]}, "lines[0].unit_price", "minor units"),
        ({"lines": [line(unit_price=45.0)]}, "lines[0].unit_price", "minor units"),
        ({"lines": [line(unit_price="45.00")]}, "lines[0].unit_price", "minor units"),
        ({"lines": [line(quantity=True)]}, "lines[0].quantity", "whole number"),
        ({"tax": 1.0}, "tax", "minor units"),
        ({"lines": [line(unit_price=-1)]}, "lines[0].unit_price", "at least 0"),
        ({"lines": [line(), line()]}, "lines", "one line"),
        ({"lines": []}, "lines", "at least 1"),
        ({"lines": [line(unit_price=0)], "shipping": 0, "tax": 0}, "lines", "unit_price"),
        ({"ship_to": address(country="usa")}, "ship_to.country", "such as DE"),
        ({"ship_to": address(name="A\0B")}, "ship_to", "remove it"),
        ({"payment": {"payment_method": "4242424242424242"}}, "payment.payment_method", "pm_..."),
        ({"order_id": "no/slash"}, "order_id", "such as web_1001"),
        ({"currency": "usd"}, "currency", "such as USD"),
        ({"currency": "XXZ"}, "currency", "such as USD"),
        ({"ship_to": address(postal_code="#")}, "ship_to.postal_code", "2 to 12 letters, digits, spaces or hyphens"),
        ({"ship_to": address(region="ca")}, "ship_to.region", "such as CA"),
        ({"lines": [line(sku="A B")]}, "lines[0].sku", "such as MUG-RED"),
        ({"seller": "Acme"}, "seller", "lower-case letters"),
        ({"payment": {"payment_method": "pm_1", "customer": "ada"}}, "payment.customer", "cus_..."),
        ({"payment": {}}, "payment.payment_method", "pay_link"),
        ({"payment": {"collected_by": "t", "customer": "cus_1"}}, "payment.collected_by", "leave the other"),
        ({"payment": {"payment_method": "pm_1", "type": "sepa_debit"}}, "currency", "another way to pay"),
        ({"payment": {"payment_method": "pm_1", "type": "ideal"}}, "payment.return_url", "page to return to"),
        ({"payment": {"pay_link": True, "return_url": "https://a", "type": "ideal"}}, "payment.type", "leave it out"),
        ({"payment": {"payment_method": "pm_1", "pay_link": True}}, "payment.payment_method", "or else pay_link"),
        ({"payment": {"pay_link": True}}, "payment.return_url", "page to return to"),
        ({"payment": {"pay_link": True, "return_url": "shop"}}, "payment.return_url", "https://"),
        ({"payment": {"pay_link": True, "return_url": "https://a", "customer": "cus_1"}}, "payment.customer", "leave"),
        ({"coupon": "X"}, "coupon", "spelling"),
    ],
)
async def test_a_refused_value_is_named_with_its_remedy(
    api: Api, orders: StubOrders, changes: dict[str, Any], field: str, remedy: str
) -> None:
    """422 says where, what and what to do; nothing is stored, held or started."""
    answer = await api.post("/v1/orders", order_body(**changes), role="checkout", headers={"Idempotency-Key": "k"})
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_request"
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert remedy in error["remedy"]
    assert error["message"]
    assert await orders_stored(api) == []
    assert await units_held(api) == 0
    assert orders.asked == []
    assert (await api.post("/v1/orders", order_body(), role="checkout", headers={"Idempotency-Key": "k"})).is_success


async def test_all_refused_values_are_named_at_once(api: Api) -> None:
    """Several errors come in one answer."""
    answer = await api.post("/v1/orders", order_body(currency="usd", tax="x", lines=[line(quantity=-1)]))
    assert [error["field"] for error in answer.json()["errors"]] == ["currency", "lines[0].quantity", "tax"]


@pytest.mark.parametrize("key", ["x" * 256, "", "k\tk"])
async def test_an_unusable_idempotency_key_is_refused(api: Api, key: str) -> None:
    """It is named like any other value."""
    answer = await api.post("/v1/orders", order_body(), headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    assert await orders_stored(api) == []


async def test_a_header_that_is_no_http_is_refused_unread(api: Api) -> None:
    """A control character in it ends the request with 400 (RFC 9110); nothing is stored."""
    answer = await api.post("/v1/orders", order_body(), headers={"Idempotency-Key": "k\x7f"})
    assert answer.status_code == 400
    assert await orders_stored(api) == []


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"{not json", 400, "malformed_json"),
        (b"\xff\xfe", 400, "malformed_json"),
        (b"[]", 422, "invalid_request"),
        (b"", 422, "invalid_request"),
        (b'"' + b"x" * 1_000_000 + b'"', 413, "body_too_large"),
    ],
)
async def test_a_body_that_is_no_order_is_a_problem(api: Api, content: bytes, status: int, code: str) -> None:
    """Whatever is sent, the answer is problem details and does not repeat it."""
    answer = await api.send("POST", "/v1/orders", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "not json" not in answer.text


async def test_a_body_without_a_length_is_limited_too(api: Api) -> None:
    """A chunked body is cut off at 1 MB."""

    async def chunks() -> Any:
        for _ in range(20):
            yield b"x" * 100_000

    answer = await api.send("POST", "/v1/orders", content=chunks())
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("content_type", [None, "application/x-www-form-urlencoded", "text/plain"])
async def test_a_forgotten_content_type_is_told(api: Api, orders: StubOrders, content_type: str | None) -> None:
    """An order sent without `application/json` is refused with that as the remedy, and nothing starts."""
    headers = {"Content-Type": content_type} if content_type else {}
    answer = await api.send(
        "POST", "/v1/orders", content=json.dumps(order_body(order_id="o1")).encode(), headers=headers
    )
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["field"], "with `Content-Type: application/json`" in error["remedy"]) == ("(body)", True)
    assert (await api.get("/v1/orders/o1")).status_code == 404


async def test_only_a_channel_may_say_that_its_platform_has_the_money(api: Api, orders: StubOrders) -> None:
    """A checkout's key is refused by name, and nothing is stored; a channel's and an operator's are not."""
    paid_there = {"payment": {"collected_by": "tiktok_shop"}}
    refused = await api.post("/v1/orders", order_body(**paid_there), role="checkout")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    (error,) = refused.json()["errors"]
    assert (error["field"], "payment_method" in error["remedy"]) == ("payment.collected_by", True)
    assert await orders_stored(api) == []
    assert orders.asked == []
    taken = await api.post("/v1/orders", order_body(order_id="channel_1", **paid_there), role="operator")
    assert taken.is_success


async def test_a_commit_without_an_answer_is_no_second_order(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an id and a key: the order that was stored is answered for, and it is the only one."""
    cut_commits(monkeypatch, 1)
    asked = {name: value for name, value in order_body().items() if name != "order_id"}
    answer = await api.post("/v1/orders", asked)
    assert answer.status_code == 202, answer.text
    (record,) = (await api.services.journal.list_orders()).orders
    assert record.order.order_id == answer.json()["order_id"]


async def test_a_commit_that_stays_in_doubt_is_told_with_the_id_to_repeat(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """504 with `Location`, not a 503 that says to try again: the same with that id is the same order."""
    cut_commits(monkeypatch, 2)
    asked = {name: value for name, value in order_body().items() if name != "order_id"}
    answer = await api.post("/v1/orders", asked)
    assert (answer.status_code, answer.json()["code"]) == (504, "order_in_doubt")
    order_id = answer.json()["order_id"]
    assert answer.headers["location"] == f"/v1/orders/{order_id}"
    assert (await api.get(answer.headers["location"])).json()["status"] == "pending"
    again = await api.post("/v1/orders", {**asked, "order_id": order_id})
    assert (again.status_code, again.json()["order_id"]) == (202, order_id)
    assert len((await api.services.journal.list_orders()).orders) == 1
