"""What a hold, its release, another address or goodwill would come to, asked over HTTP of a real saga."""

from tests.api.conftest import Shop
from tests.api.test_returns import delivered
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
