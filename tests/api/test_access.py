"""Who may do what: every route, every role."""

import pytest

from ordersaga.api.app import create_app
from tests.support.api import ROLES, Api, order_body

OPEN = "open"
ASK = {"checkout", "channel", "support", "operator", "admin"}
READ = {*ASK, "viewer"}
AGENT = {"support", "operator", "admin"}
WATCH = {*AGENT, "viewer"}
OPERATOR = {"operator", "admin"}
OVERSEE = {*OPERATOR, "viewer"}
ADMIN = {"admin"}

MATRIX: dict[tuple[str, str], set[str] | str] = {
    ("POST", "/v1/orders"): {*OPERATOR, "checkout", "channel"},
    ("GET", "/v1/orders"): READ,
    ("GET", "/v1/orders/{order_id}"): READ,
    ("GET", "/v1/orders/{order_id}/timeline"): READ,
    ("GET", "/v1/orders/{order_id}/explain"): READ,
    ("POST", "/v1/orders/{order_id}/cancel"): {*AGENT, "channel"},
    ("POST", "/v1/orders/{order_id}/cancel-preview"): {*AGENT, "channel"},
    ("POST", "/v1/orders/{order_id}/address-preview"): AGENT,
    ("POST", "/v1/orders/{order_id}/refund-preview"): AGENT,
    ("POST", "/v1/orders/{order_id}/hold-preview"): AGENT,
    ("POST", "/v1/orders/{order_id}/release-preview"): AGENT,
    ("POST", "/v1/orders/{order_id}/expedite-preview"): AGENT,
    ("POST", "/v1/orders/{order_id}/split-preview"): AGENT,
    ("POST", "/v1/orders/{order_id}/move-preview"): AGENT,
    ("POST", "/v1/orders/{order_id}/carrier-preview"): AGENT,
    ("POST", "/v1/orders/{order_id}/payment-preview"): AGENT,
    ("POST", "/v1/orders/{order_id}/delay-preview"): AGENT,
    ("POST", "/v1/orders/{order_id}/arrival-preview"): AGENT,
    ("GET", "/v1/orders/{order_id}/books"): WATCH,
    ("GET", "/v1/orders/{order_id}/links"): WATCH,
    ("GET", "/v1/orders/{order_id}/questions"): WATCH,
    ("POST", "/v1/orders/{order_id}/address"): AGENT,
    ("POST", "/v1/orders/{order_id}/expedite"): AGENT,
    ("POST", "/v1/orders/{order_id}/split"): AGENT,
    ("POST", "/v1/orders/{order_id}/move"): AGENT,
    ("POST", "/v1/orders/{order_id}/carrier"): AGENT,
    ("POST", "/v1/orders/{order_id}/refunds"): AGENT,
    ("POST", "/v1/orders/{order_id}/payment"): AGENT,
    ("POST", "/v1/orders/{order_id}/delay"): AGENT,
    ("POST", "/v1/orders/{order_id}/arrivals"): AGENT,
    ("POST", "/v1/orders/{order_id}/holds"): AGENT,
    ("DELETE", "/v1/orders/{order_id}/holds"): AGENT,
    ("POST", "/v1/orders/{order_id}/returns"): ASK,
    ("POST", "/v1/orders/{order_id}/return-preview"): ASK,
    ("GET", "/v1/orders/{order_id}/returns"): READ,
    ("GET", "/v1/returns/{return_id}"): READ,
    ("GET", "/v1/returns/{return_id}/explain"): READ,
    ("POST", "/v1/returns/{return_id}/receipt"): AGENT,
    ("POST", "/v1/returns/{return_id}/cancel"): AGENT,
    ("POST", "/v1/returns/{return_id}/receipt-preview"): AGENT,
    ("POST", "/v1/returns/{return_id}/cancel-preview"): AGENT,
    ("GET", "/v1/search"): READ,
    ("GET", "/v1/live"): OVERSEE,
    ("GET", "/v1/live/events"): OVERSEE,
    ("POST", "/v1/erasures"): OPERATOR,
    ("GET", "/v1/audit/deeds"): OVERSEE,
    ("GET", "/v1/audit/orders/{order_id}/verification"): OVERSEE,
    ("GET", "/v1/attention"): WATCH,
    ("GET", "/v1/attention/groups"): WATCH,
    ("POST", "/v1/attention/{item_id}/resolve"): OPERATOR,
    ("POST", "/v1/attention/resolve-many"): OPERATOR,
    ("GET", "/v1/lanes"): OVERSEE,
    ("GET", "/v1/lanes/{lane}/history"): OVERSEE,
    ("POST", "/v1/lanes/{lane}/breaker"): OPERATOR,
    ("POST", "/v1/lanes/{lane}/pause"): OPERATOR,
    ("POST", "/v1/lanes/{lane}/resume"): OPERATOR,
    ("POST", "/v1/reconciliations"): OPERATOR,
    ("GET", "/v1/reconciliations"): WATCH,
    ("GET", "/v1/reconciliations/{run_id}"): WATCH,
    ("GET", "/v1/findings"): WATCH,
    ("POST", "/v1/findings/{finding_id}/repair"): OPERATOR,
    ("GET", "/v1/findings/{finding_id}/repairs"): WATCH,
    ("POST", "/v1/findings/repair-many"): OPERATOR,
    ("POST", "/v1/stops"): OPERATOR,
    ("GET", "/v1/stops"): OVERSEE,
    ("GET", "/v1/stops/{stop_id}"): OVERSEE,
    ("GET", "/v1/stops/{stop_id}/orders"): OVERSEE,
    ("POST", "/v1/stops/{stop_id}/pause"): OPERATOR,
    ("POST", "/v1/stops/{stop_id}/resume"): OPERATOR,
    ("POST", "/v1/stops/{stop_id}/undo"): OPERATOR,
    ("GET", "/v1/inbox"): OVERSEE,
    ("POST", "/v1/inbox/{message_id}/requeue"): OPERATOR,
    ("GET", "/v1/stock"): WATCH,
    ("POST", "/v1/catalog"): OPERATOR,
    ("GET", "/v1/sellers"): OVERSEE,
    ("GET", "/v1/sellers/{seller}"): OVERSEE,
    ("GET", "/v1/sellers/{seller}/changes"): OVERSEE,
    ("PUT", "/v1/sellers/{seller}"): OPERATOR,
    ("POST", "/v1/sellers/{seller}/catalog"): OPERATOR,
    ("GET", "/v1/pick-tickets"): WATCH,
    ("POST", "/v1/pick-tickets/{reference}/packed"): OPERATOR,
    ("POST", "/v1/pick-tickets/{reference}/collected"): OPERATOR,
    ("POST", "/v1/webhooks/{source}"): OPEN,
    ("POST", "/v1/webhook-endpoints"): OPERATOR,
    ("GET", "/v1/webhook-endpoints"): OVERSEE,
    ("DELETE", "/v1/webhook-endpoints/{endpoint_id}"): OPERATOR,
    ("POST", "/v1/webhook-endpoints/{endpoint_id}/rotate-secret"): OPERATOR,
    ("POST", "/v1/webhook-endpoints/{endpoint_id}/replay"): OPERATOR,
    ("GET", "/v1/webhook-endpoints/{endpoint_id}/deliveries"): OVERSEE,
    ("GET", "/v1/sessions"): ADMIN,
    ("DELETE", "/v1/sessions/{session_id}"): ADMIN,
    ("GET", "/v1/sign-ins"): OVERSEE,
    ("GET", "/healthz"): OPEN,
    ("GET", "/readyz"): OPEN,
    ("GET", "/metrics"): OPEN,
}

ENDLESS = {"/v1/live/events"}
"""What answers as long as somebody listens: who may hear it is shown in `test_live.py`."""


def test_matrix_names_every_route() -> None:
    """A route that is added must say who may use it."""
    paths = create_app(None).openapi()["paths"]  # type: ignore[arg-type]  # never started
    assert {(method.upper(), path) for path, methods in paths.items() for method in methods} == set(MATRIX)


@pytest.mark.parametrize(("method", "path"), MATRIX)
async def test_each_role_may_do_exactly_what_the_matrix_says(api: Api, method: str, path: str) -> None:
    """401 without a key, 403 naming the roles with a wrong one, and neither for those who may."""
    url = path.format(
        seller="none",
        endpoint_id="whe_none",
        run_id="none",
        stop_id="none",
        lane="none",
        finding_id="stock_drift:none",
        order_id="ord_none",
        return_id="ord_none-r1",
        item_id="none",
        reference="none-1-1",
        source="stripe",
        message_id="1",
        session_id="ses_0000000000000000",
    )
    allowed = MATRIX[method, path]
    for role in (None, *ROLES):
        if path in ENDLESS and role in allowed:
            continue
        answer = await api.send(method, url, role=role)
        if allowed == OPEN or role in allowed:
            assert answer.status_code not in (401, 403), (role, answer.text)
        elif role is None:
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == 'Bearer realm="ordersaga"'
        else:
            assert answer.status_code == 403
            assert set(answer.json()["allowed_roles"]) == allowed


@pytest.mark.parametrize("header", ["Bearer osk_checkout_wrong", "Basic b3NrOg==", "Bearer", "Bearer a\tb"])
async def test_an_unknown_key_is_refused_without_being_repeated(api: Api, header: str) -> None:
    """What was sent as a key never comes back in the answer."""
    answer = await api.http.get("/v1/orders", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthorized"
    assert "wrong" not in answer.text


async def test_a_revoked_key_is_refused_at_once(api: Api) -> None:
    """Revocation takes effect with the next request."""
    key = await api.services.api_keys.verify(api.keys["support"])
    assert key is not None
    assert (await api.get("/v1/orders", role="support")).status_code == 200
    await api.services.api_keys.revoke(key.id)
    assert (await api.get("/v1/orders", role="support")).status_code == 401


async def test_a_sellers_key_sees_and_places_only_its_own(api: Api) -> None:
    """Another seller's orders do not exist for it: 404, not 403, so that ids cannot be probed."""
    await api.post("/v1/orders", order_body(order_id="mine"))
    api.keys["bolt"] = await api.services.api_keys.issue("operator", "bolt", "bolt")
    api.keys["acme"] = await api.services.api_keys.issue("operator", "acme", "acme")
    assert (await api.get("/v1/orders/mine", role="acme")).status_code == 200
    assert (await api.get("/v1/orders/mine", role="bolt")).status_code == 404
    assert (await api.get("/v1/orders", role="bolt")).json()["orders"] == []
    assert (await api.get("/v1/orders?seller=acme", role="bolt")).status_code == 403
    refused = await api.post("/v1/orders", order_body(order_id="other"), role="bolt")
    assert (refused.status_code, refused.json()["code"]) == (403, "seller_forbidden")
    assert await api.services.journal.get("other") is None
