"""What the API logs: enough to find an order, nothing about the shopper."""

import structlog
from structlog.testing import capture_logs

from tests.support.api import Api, order_body


async def test_a_request_is_one_line_with_its_order_and_no_secrets(api: Api) -> None:
    """Method, route, status, duration, order; no body, address, payment or key, whatever the outcome."""
    private = {**order_body()["ship_to"], "name": "Ada Byron", "email": "ada@example.com"}
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        await api.post("/v1/orders", order_body(order_id="web_1", ship_to=private), headers={"Idempotency-Key": "k-1"})
        await api.post("/v1/orders", order_body(order_id="web_2", ship_to={**private, "country": "nowhere"}))
        await api.http.get("/v1/orders", headers={"Authorization": "Bearer osk_checkout_secret"})
    requests = [line for line in lines if line["event"] == "request"]
    assert [(line["method"], line["route"], line["status"]) for line in requests] == [
        ("POST", "/v1/orders", 202),
        ("POST", "/v1/orders", 422),
        ("GET", "/v1/orders", 401),
    ]
    assert requests[0]["order_id"] == "web_1"
    assert requests[0]["request_id"] != requests[1]["request_id"]
    text = str(lines)
    for secret in ("Ada", "ada@", "Main St", "10001", "pm_card", "osk_", "k-1"):
        assert secret not in text


async def test_probes_are_not_logged(api: Api) -> None:
    """Health checks come every second and say nothing."""
    with capture_logs() as lines:
        for path in ("/healthz", "/readyz", "/metrics"):
            await api.http.get(path)
    assert lines == []
