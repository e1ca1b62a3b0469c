"""Changes to running orders, and cancellation as a negotiation, through HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ordersaga.client_errors import (
    OrderClosedError,
    OrderNotFoundError,
    OrderRefusedError,
    SagaUnreachableError,
    UndecidedError,
)
from ordersaga.domain.journal import JournalEntry, JournalUpdate, ParcelAddress
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.statuses import OrderStatus
from ordersaga.domain.stops import NewStop, StopMatch, StopRule
from tests.fakes.samples import address
from tests.support.api import Api, StubOrders, order_body
from tests.support.starting import begun
from workflows import messages
from workflows.messages import Asked, CancelRequest

SHIP_TO = order_body()["ship_to"]
UNITS = [{"sku": "MUG", "quantity": 1}]

CHANGES: dict[str, tuple[dict[str, Any], type[Asked]]] = {
    "address": ({"ship_to": {**SHIP_TO, "line1": "2 Main St"}}, messages.AddressChange),
    "expedite": ({"parcel": 1}, messages.Expedite),
    "split": ({"parcel": 1, "lines": UNITS}, messages.SplitParcel),
    "move": ({"parcel": 1, "location": "ca-1"}, messages.MoveParcel),
    "carrier": ({"parcel": 1, "carrier": "ups"}, messages.ChangeCarrier),
    "refunds": ({"amount": 250}, messages.GoodwillRefund),
    "payment": ({"payment": {"payment_method": "pm_card_amex"}}, messages.ChangePayment),
    "delay": ({"consent": True}, messages.DelayConsent),
}


async def place(api: Api, order_id: str = "a1", **changes: object) -> None:
    """Place an order of two MUG."""
    lines = [{"sku": "MUG", "quantity": 2, "unit_price": 1000}]
    assert (await api.post("/v1/orders", order_body(order_id=order_id, lines=lines, **changes))).status_code == 202


async def end(api: Api, status: OrderStatus, *entries: JournalEntry) -> None:
    """The journal says that the order has ended."""
    await api.services.journal.record(JournalUpdate(order_id="a1", status=status, entries=entries))


def delivered(ago: timedelta) -> JournalEntry:
    """The line of a delivery."""
    return JournalEntry(entry_id="9", at=datetime.now(UTC) - ago, kind="delivered", text="Delivered.", parcel=1)


@pytest.mark.parametrize(
    ("match", "path", "refused"),
    [
        ({"region": "US-NV"}, "address", True),
        ({"region": "US-NY"}, "address", False),
        ({"seller": "acme"}, "address", False),
        ({"provider": "shipbob"}, "move", True),
        ({"region": "US-NV"}, "move", False),
    ],
)
async def test_no_change_leads_into_a_stop(
    api: Api, orders: StubOrders, match: dict[str, str], path: str, refused: bool
) -> None:
    """What matched before, the stop itself has treated: where it goes within that is the agent's business."""
    await place(api)
    rule = StopRule(stop_id="s1", match=StopMatch.model_validate(match), effective_at=datetime.now(UTC))
    await api.services.stops.create(NewStop(rule=rule, reason="closed", asked_by="olga"))
    bodies = {"address": {"ship_to": {**SHIP_TO, "region": "NV"}}, "move": {"parcel": 1, "location": "ca-1"}}
    answer = await api.post(f"/v1/orders/a1/{path}", bodies[path], role="support")
    assert answer.status_code == (409 if refused else 200)
    assert (answer.json().get("stop_id"), "stopped until" in str(answer.json().get("reason"))) == (
        ("s1", True) if refused else (None, False)
    )
    assert [kind for kind, _ in orders.asked if kind == "change"] == ([] if refused else ["change"])


@pytest.mark.parametrize(("region", "refused"), [("US-MA", True), ("US-NY", False)])
async def test_a_parcel_is_led_into_no_stop_of_where_it_goes_itself(api: Api, region: str, refused: bool) -> None:
    """Its order goes to New York; the stop is of a region and of the provider that the parcel is moved to."""
    await place(api)
    went = ParcelAddress(parcel=1, ship_to=address(city="Boston", region="MA"))
    await api.services.journal.record(JournalUpdate(order_id="a1", status=OrderStatus.FULFILLING, elsewhere=(went,)))
    match = StopMatch(region=region, provider="shipbob")
    rule = StopRule(stop_id="s1", match=match, effective_at=datetime.now(UTC))
    await api.services.stops.create(NewStop(rule=rule, reason="closed", asked_by="olga"))
    body = {"parcel": 1, "location": "ca-1", "reason": "nearer"}
    for path in ("move", "move-preview"):
        told = (await api.post(f"/v1/orders/a1/{path}", body, role="support")).text
        assert ("are stopped until" in told) is refused, told


@pytest.mark.parametrize("path", CHANGES)
async def test_a_change_reaches_the_saga_with_what_was_said(api: Api, orders: StubOrders, path: str) -> None:
    """200 with its answer; the message says who, why and what, and nothing else was asked."""
    await place(api)
    body, kind = CHANGES[path]
    answer = await api.post(f"/v1/orders/a1/{path}", {**body, "reason": "asked"}, role="support")
    assert (answer.status_code, answer.json()["outcome"]) == (200, "done")
    (asked,) = orders.requests
    assert type(asked) is kind
    assert (asked.by, asked.reason) == ("test support", "asked")
    assert asked.request_id
    said = asked.model_dump(mode="json", exclude_none=True)
    assert {name: said[name] for name in body} == body
    assert [what for what, _ in orders.asked] == ["place", "change"]


async def test_a_moved_parcel_goes_to_the_provider_of_its_location(api: Api, orders: StubOrders) -> None:
    """The catalog names the provider; a location it does not have is refused before the saga hears of it."""
    await place(api)
    assert (await api.post("/v1/orders/a1/move", {"parcel": 1, "location": "ca-1"})).status_code == 200
    (asked,) = orders.requests
    assert isinstance(asked, messages.MoveParcel)
    assert asked.provider == "shipbob"
    refused = await api.post("/v1/orders/a1/move", {"parcel": 1, "location": "moon"})
    assert (refused.status_code, refused.json()["errors"]) == (
        422,
        [{"field": "location", "message": "no location is called moon", "remedy": "use one of ca-1, nj-1"}],
    )
    assert len(orders.requests) == 1


@pytest.mark.parametrize("outcome", ["pending", "awaiting_approval"])
async def test_a_change_that_is_taken_is_202(api: Api, orders: StubOrders, outcome: str) -> None:
    """The answer says when to look again."""
    await place(api)
    orders.changed = {"outcome": outcome, "answer_by": datetime(2026, 3, 2, tzinfo=UTC)}
    answer = await api.post("/v1/orders/a1/refunds", {"amount": 1}, headers={"Prefer": "wait=3"})
    assert (answer.status_code, answer.json()["outcome"]) == (202, outcome)
    assert answer.json()["answer_by"] == "2026-03-02T00:00:00Z"
    assert answer.headers["preference-applied"] == "wait=3"


async def test_a_refused_change_is_409_with_the_alternative(api: Api, orders: StubOrders) -> None:
    """Whether the saga refuses at its door or after thought."""
    await place(api)
    message = "parcel 1 has left; ask for an intercept by canceling"
    orders.changed = {"outcome": "refused", "message": message}
    refused = await api.post("/v1/orders/a1/address", CHANGES["address"][0])
    assert refused.status_code == 409
    assert refused.headers["content-type"] == "application/problem+json"
    problem = refused.json()
    assert (problem["code"], problem["reason"]) == ("change_refused", "parcel 1 has left")
    assert problem["alternative"] == "ask for an intercept by canceling"
    assert (problem["detail"], problem["order_id"], problem["change_id"]) == (message, "a1", "c1")
    orders.fail = {"change": OrderRefusedError("refused", message)}
    at_door = (await api.post("/v1/orders/a1/address", CHANGES["address"][0])).json()
    assert (at_door["code"], at_door["reason"], at_door["detail"]) == ("change_refused", "parcel 1 has left", message)


@pytest.mark.parametrize(
    ("status", "instead"),
    [(OrderStatus.COMPLETED, "ask for a return"), (OrderStatus.CANCELED, "place a new order")],
)
async def test_an_ended_order_says_what_to_do_instead(
    api: Api, orders: StubOrders, status: OrderStatus, instead: str
) -> None:
    """Known from the journal, nobody is asked."""
    await place(api)
    await end(api, status)
    answer = await api.post("/v1/orders/a1/expedite", {})
    assert (answer.status_code, answer.json()["code"]) == (409, "order_closed")
    assert answer.json()["reason"] == f"order a1 has ended: it is {status}"
    assert instead in answer.json()["detail"]
    assert instead in answer.json()["alternative"]
    assert orders.requests == []


async def test_an_order_that_ends_while_it_is_asked_is_409(api: Api, orders: StubOrders) -> None:
    """The journal does not know yet."""
    await place(api)
    orders.fail = {"change": OrderClosedError("a1")}
    answer = await api.post("/v1/orders/a1/expedite", {})
    assert (answer.status_code, answer.json()["code"]) == (409, "order_closed")


async def test_a_change_of_an_order_nobody_started_starts_it(api: Api, orders: StubOrders) -> None:
    """As for a cancellation."""
    await place(api)
    orders.fail = {"change": OrderNotFoundError("a1")}
    assert (await api.post("/v1/orders/a1/expedite", {})).status_code == 404
    assert [what for what, _ in orders.asked] == ["place", "change", "start", "change"]


async def test_no_answer_in_time_is_503_and_no_promise(api: Api, orders: StubOrders) -> None:
    """It may still happen: the caller is told how to hear of it."""
    await place(api)
    orders.fail = {"change": SagaUnreachableError("no answer in time")}
    answer = await api.post("/v1/orders/a1/refunds", {"amount": 5})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "same Idempotency-Key" in answer.json()["detail"]


async def test_a_change_that_is_taken_but_not_decided_in_time_is_202(api: Api, orders: StubOrders) -> None:
    """The saga goes on with it; the caller is told when to look again."""
    await place(api)
    orders.fail = {"change": UndecidedError("it goes on")}
    answer = await api.post("/v1/orders/a1/refunds", {"amount": 5})
    assert (answer.status_code, answer.json()["outcome"]) == (202, "pending")
    assert answer.json()["answer_by"] > datetime.now(UTC).isoformat()


async def test_a_repeated_key_is_the_same_request_and_another_request_is_refused(api: Api, orders: StubOrders) -> None:
    """The saga is told one id for both; a key is a caller's own; nothing reaches the saga under a key used before."""
    await place(api)
    headers = {"Idempotency-Key": "r-1"}
    for role in ("support", "support", "operator"):
        answer = await api.post("/v1/orders/a1/refunds", {"amount": 5}, role=role, headers=headers)
        assert answer.status_code == 200
    ids = [request.request_id for request in orders.requests if isinstance(request, Asked)]
    assert ids[0] == ids[1] != ids[2]
    assert "r-1" not in str(ids)
    for path, body in (("refunds", {"amount": 6}), ("expedite", {})):
        other = await api.post(f"/v1/orders/a1/{path}", body, role="support", headers=headers)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(orders.requests) == 3


async def test_a_support_key_acts_for_nobody_else(api: Api, orders: StubOrders) -> None:
    """An operator's key may, and stays one person; a support key is refused, not renamed."""
    await place(api)
    answer = await api.post("/v1/orders/a1/refunds", {"amount": 5, "by": "ann"}, role="support")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "by")
    assert orders.requests == []
    assert (await api.post("/v1/orders/a1/refunds", {"amount": 5, "by": "ann"})).status_code == 200
    assert [request.by for request in orders.requests if isinstance(request, Asked)] == ["test operator:ann"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("refunds", {"amount": 0}, "amount"),
        ("refunds", {"amount": 4.5}, "amount"),
        ("refunds", {"amount": "5"}, "amount"),
        ("refunds", {"amount": 10**13}, "amount"),
        ("refunds", {"amount": 5, "parcel": 101}, "parcel"),
        ("refunds", {"amount": 5, "reason": "a\0b"}, "reason"),
        ("refunds", {"amount": 5, "reason": "x" * 301}, "reason"),
        ("refunds", {"amount": 5, "sum": 5}, "sum"),
        ("split", {"parcel": 1, "lines": []}, "lines"),
        ("split", {"parcel": 0, "lines": UNITS}, "parcel"),
        ("split", {"parcel": 1, "lines": [{"sku": "TEE", "quantity": 1}]}, "lines[0].sku"),
        ("split", {"parcel": 1, "lines": [{"sku": "MUG", "quantity": 3}]}, "lines[0].quantity"),
        ("split", {"parcel": 1, "lines": [{"sku": "MUG", "quantity": "1"}]}, "lines[0].quantity"),
        ("move", {"parcel": 1, "location": "../etc"}, "location"),
        ("carrier", {"parcel": 1, "carrier": "UPS"}, "carrier"),
        ("payment", {"payment": {"payment_method": "4242424242424242"}}, "payment.payment_method"),
        ("payment", None, "(body)"),
        ("delay", {"consent": "yes"}, "consent"),
        ("delay", {}, "consent"),
        ("address", {"ship_to": {**SHIP_TO, "country": "usa"}}, "ship_to.country"),
        ("cancel", {"lines": [{"sku": "LAMP", "quantity": 1}]}, "lines[0].sku"),
        ("cancel", {"lines": [*UNITS, {"sku": "MUG", "quantity": 9}]}, "lines[1].sku"),
        ("cancel", {"lines": [{"sku": "MUG", "quantity": 3}]}, "lines[0].quantity"),
        ("cancel", {"lines": [{"sku": "MUG", "quantity": -1}]}, "lines[0].quantity"),
        ("cancel", {"lines": []}, "lines"),
        ("cancel-preview", {"lines": []}, "lines"),
        ("cancel-preview", {"lines": [{"sku": "LAMP", "quantity": 1}]}, "lines[0].sku"),
    ],
)
async def test_a_wrong_body_names_its_field_and_nothing_is_asked(
    api: Api, orders: StubOrders, path: str, body: Any, field: str
) -> None:
    """422 with a remedy; the refused value is not repeated for a payment."""
    await place(api)
    answer = await api.post(f"/v1/orders/a1/{path}", body)
    assert answer.status_code == 422, answer.text
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert all(error["remedy"] for error in answer.json()["errors"])
    assert "4242" not in answer.text
    assert orders.requests == []


async def test_no_units_are_not_the_whole_order(api: Api, orders: StubOrders) -> None:
    """The remedy says both ways on; left out, the whole order is meant."""
    await place(api)
    (error,) = (await api.post("/v1/orders/a1/cancel", {"lines": []})).json()["errors"]
    remedy = "give at least 1, or leave lines out to cancel the whole order"
    assert error == {"field": "lines", "message": "names no units", "remedy": remedy}
    assert orders.requests == []
    assert (await api.post("/v1/orders/a1/cancel", {"reason": "all"})).status_code == 200
    assert [asked.lines for asked in orders.requests if isinstance(asked, CancelRequest)] == [()]


@pytest.mark.parametrize(
    "path",
    ["/v1/orders/a1/refunds", "/v1/orders/a1/address", "/v1/orders/a1/cancel", "/v1/attention/resolve-many"],
)
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"lines": ' * 5_000,
        b'{"amount": NaN}',
        b'{"amount": 1e999}',
        b'{"amount": ' + b"9" * 5_000 + b"}",
        b'{"reason": "\\ud800", "amount": 1, "choice": "x", "filter": {"kind": "\\ud800"}, "ship_to": {}}',
        b'{"reason": "a\\u0000b"}',
        b"[]",
        b"\x00",
    ],
)
async def test_a_hostile_body_is_refused_and_nothing_is_asked(
    api: Api, orders: StubOrders, path: str, body: bytes
) -> None:
    """A problem below 500, whatever is sent."""
    await place(api)
    answer = await api.send("POST", path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert orders.requests == []


@pytest.mark.parametrize("key", ["", "x" * 256, "k\u00e9y"])
async def test_a_key_that_cannot_be_used_is_refused(api: Api, orders: StubOrders, key: str) -> None:
    """Before anything is asked."""
    await place(api)
    headers = {b"Idempotency-Key": key.encode("latin-1")}
    answer = await api.post("/v1/orders/a1/refunds", {"amount": 1}, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    assert orders.requests == []


@pytest.mark.parametrize("path", [*CHANGES, "cancel", "cancel-preview"])
async def test_another_sellers_key_finds_no_order(api: Api, orders: StubOrders, path: str) -> None:
    """404, as if there were none."""
    await place(api)
    api.keys["bolt"] = await api.services.api_keys.issue("operator", "bolt", "bolt")
    body = CHANGES[path][0] if path in CHANGES else {}
    answer = await api.post(f"/v1/orders/a1/{path}", body, role="bolt")
    assert (answer.status_code, answer.json()["code"]) == (404, "order_not_found")
    assert orders.requests == []


async def test_lines_are_canceled_and_previewed(api: Api, orders: StubOrders) -> None:
    """Only the units named; the preview is a question and no more."""
    await place(api)
    body = {"lines": UNITS, "reason": "one is enough"}
    preview = await api.post("/v1/orders/a1/cancel-preview", body, role="support")
    assert (preview.status_code, preview.json()["outcome"]) == (200, "too_late")
    assert [what for what, _ in orders.asked] == ["place", "preview_cancel"]
    assert (await api.post("/v1/orders/a1/cancel", body, headers={"Idempotency-Key": "k"})).status_code == 200
    previewed, asked = orders.requests
    assert isinstance(previewed, CancelRequest)
    assert isinstance(asked, CancelRequest)
    assert asked.lines == previewed.lines == (LineQuantity(sku="MUG", quantity=1),)
    assert previewed.request_id is None
    assert asked.request_id is not None


@pytest.mark.parametrize(("body", "units"), [({}, 2), ({"lines": UNITS}, 1)])
async def test_the_preview_of_an_order_nobody_started_is_its_record(
    api: Api, orders: StubOrders, body: dict[str, Any], units: int
) -> None:
    """Nothing is authorized yet, so nothing comes back; it is not started for a question."""
    orders.fail = {"place": SagaUnreachableError("away"), "preview_cancel": OrderNotFoundError("a1")}
    await place(api)
    answer = (await api.post("/v1/orders/a1/cancel-preview", body)).json()
    assert (answer["outcome"], answer["status"], answer["currency"]) == ("canceled", "pending", "USD")
    assert (answer["voided"], answer["refunded"]) == (0, 0)
    lines = [{"sku": "MUG", "quantity": units}]
    assert answer["parts"] == [{"parcel": 1, "outcome": "canceled", "lines": lines, "voided": 0, "refunded": 0}]
    assert "start" not in [what for what, _ in orders.asked]


async def test_the_preview_of_a_saga_that_is_gone_is_not_made_up(api: Api, orders: StubOrders) -> None:
    """It was started, so money may have moved: 404 and no amounts."""
    await place(api)
    await begun(api.services.pool, "a1")
    orders.fail = {"preview_cancel": OrderNotFoundError("a1")}
    assert (await api.post("/v1/orders/a1/cancel-preview")).status_code == 404


@pytest.mark.parametrize("path", ["cancel", "cancel-preview"])
@pytest.mark.parametrize(("days", "offered"), [(29, True), (31, False)])
async def test_an_order_that_was_delivered_offers_a_return_while_it_can(
    api: Api, orders: StubOrders, path: str, days: int, offered: bool
) -> None:
    """Too late either way; the window is the seller's, from the delivery on."""
    await place(api)
    await end(api, OrderStatus.COMPLETED, delivered(timedelta(days=days)))
    answer = (await api.post(f"/v1/orders/a1/{path}")).json()
    assert (answer["outcome"], answer["return_offered"]) == ("too_late", offered)
    assert ("return" in answer["next_step"]) is offered
    assert orders.requests == []
