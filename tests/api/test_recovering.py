"""While a recovery is under way the API promises nothing: 503 before anything is stored, and reading goes on."""

from datetime import UTC, datetime

from ordersaga.bootstrap import Services, recovery_of
from ordersaga.domain.recovering import Deed, Recovery, question_of
from tests.support.api import Api, order_body

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def test_an_order_is_503_until_the_recovery_has_ended(api: Api, services: Services) -> None:
    """With Retry-After; the same request under the same key is accepted afterwards, once."""
    recovery = recovery_of(services)
    await recovery.begin("r1", NOW)
    key = {"Idempotency-Key": "checkout-7"}
    refused = await api.post("/v1/orders", order_body(order_id="web_1"), role="checkout", headers=key)
    assert (refused.status_code, refused.json()["code"]) == (503, "recovering")
    assert int(refused.headers["retry-after"]) >= 1
    assert (await api.get("/v1/orders/web_1")).status_code == 404
    assert (await api.get("/v1/orders")).json()["orders"] == []
    await recovery.end(Recovery(recovery_id="r1", dry_run=False, remembered=NOW))
    accepted = await api.post("/v1/orders", order_body(order_id="web_1"), role="checkout", headers=key)
    assert accepted.status_code == 202
    assert [order["order_id"] for order in (await api.get("/v1/orders")).json()["orders"]] == ["web_1"]


async def test_what_a_recovery_asks_is_answered_in_the_record(api: Api, services: Services) -> None:
    """No saga asked it: whether one runs or not, the answer stands and the question is closed."""
    await api.post("/v1/orders", order_body(order_id="web_1"), role="checkout")
    deed = Deed(subject="web_1", what="asked", detail="a unit was promised twice")
    await services.journal.open_question(question_of(deed, "r1", NOW), apart=True)
    [item] = (await api.get("/v1/attention?kind=recovery")).json()["items"]
    assert "a unit was promised twice" in item["question"]
    answer = {"choice": "settled", "reason": "found another"}
    resolved = await api.post(f"/v1/attention/{item['item_id']}/resolve", answer)
    assert (resolved.status_code, resolved.json()["resolved"]) == (200, "settled")
    assert (await api.get("/v1/attention?kind=recovery")).json()["items"] == []


async def test_what_a_recovery_asks_about_a_return_is_asked_of_its_order(api: Api, services: Services) -> None:
    """Beside what it asks about the order itself, and again after the next restore."""
    await api.post("/v1/orders", order_body(order_id="web_1"), role="checkout")
    for recovery_id in ("r1", "r2"):
        for subject in ("web_1", "web_1-r1"):
            deed = Deed(subject=subject, what="asked", detail="its workflow is gone")
            assert await services.journal.open_question(question_of(deed, recovery_id, NOW), apart=True)
    items = (await api.get("/v1/attention?kind=recovery")).json()["items"]
    assert [item["order_id"] for item in items] == ["web_1"] * 4
    assert sorted("order's return web_1-r1" in item["question"] for item in items) == [False, False, True, True]
    answer = {"choice": "settled", "reason": "started by hand"}
    for item in items:
        assert (await api.post(f"/v1/attention/{item['item_id']}/resolve", answer)).status_code == 200
    assert (await api.get("/v1/attention?kind=recovery")).json()["items"] == []
