"""Hostile input: whatever is sent, the answer is a problem below 500, and nothing is stored."""

import pytest

from tests.support.api import Api, StubOrders, order_body


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"seller": ' * 5_000,
        b'{"tax": NaN}',
        b'{"tax": 1e999}',
        b'{"tax": ' + b"9" * 5_000 + b"}",
        b'{"seller": "\\ud800"}',
        b'{"a\\u0000b": 1}',
        b"null",
        b"\x00",
    ],
)
async def test_a_hostile_body_is_refused(api: Api, orders: StubOrders, body: bytes) -> None:
    """Deep nesting, numbers without end, broken Unicode."""
    answer = await api.send("POST", "/v1/orders", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert orders.asked == []
    assert (await api.get("/v1/orders")).json()["orders"] == []


@pytest.mark.parametrize("text", ["\\ud800", "a\\u0000b", "\\u202e", "<script>", "'; DROP TABLE orders; --"])
async def test_hostile_text_in_a_name_is_stored_harmlessly_or_refused(api: Api, text: str) -> None:
    """Either 422, or the order reads back."""
    ship_to = '"name": "Ada Byron"'
    body = str(order_body(order_id="web_1")).replace("'", '"').replace(ship_to, f'"name": "{text}"')
    answer = await api.send("POST", "/v1/orders", content=body.encode(), headers={"Content-Type": "application/json"})
    assert answer.status_code in (202, 422), answer.text
    assert (await api.get("/v1/orders/web_1")).status_code == (200 if answer.status_code == 202 else 404)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/orders/%00",
        "/v1/orders/..%2f..%2fetc",
        "/v1/orders/" + "x" * 5_000,
        "/v1/orders/%ff%fe/timeline",
        "/v1/stock?cursor=%00/%00",
        "/v1/stock?sku=%00",
        "/v1/orders?cursor=W10%3D",
        "/v1/orders?cursor=%ff",
        "/v1/stops/x%00",
        "/v1/stops/x/orders?after=%00",
        "/v1/reconciliations/%00",
        "/v1/findings/%00/repairs",
        "/v1/returns/x%00-r1",
        "/v1/returns/x-r" + "9" * 50,
        "/v1/audit/deeds?by=a%00b",
        "/v1/audit/deeds?kind=%00",
        "/v1/audit/orders/%00/verification",
        "/v1/lanes/%00/history",
        "/v1/sellers/%00",
        "/v1/webhook-endpoints/%00/deliveries",
        "/v1/search?q=%00",
        "/v1/search?q=a&cursor=%00",
    ],
)
async def test_a_hostile_path_is_a_problem(api: Api, path: str) -> None:
    """404 or 422, never 500."""
    answer = await api.get(path)
    assert answer.status_code in (404, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/v1/attention/%00/resolve", "/v1/pick-tickets/%00/packed"])
async def test_a_hostile_id_is_a_problem(api: Api, path: str) -> None:
    """The same for ids of other things."""
    answer = await api.post(path, {"choice": "x", "reason": "y"})
    assert answer.status_code in (404, 422), answer.text
