"""ShipBob's events: signed, subscribed to, and as disorderly as told."""

import json

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.emulators.shipbob.conftest import SECRET
from tests.emulators.shipbob.support import ShipBobClient, new_reference
from tests.support.emulators import eventually, receiving


async def test_events_carry_a_valid_signature(shipbob: ShipBobClient) -> None:
    """The Standard Webhooks library verifies the delivery; a changed body or another secret fails."""
    reference = new_reference()
    await shipbob.place(reference)
    await shipbob.process.post("advance", match=reference, to="LabeledCreated")
    await eventually(lambda: shipbob.topics(reference) == ["order.shipped"])
    delivery = shipbob.heard(reference)[0]
    assert Webhook(SECRET).verify(delivery.body, delivery.headers) == json.loads(delivery.body)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(delivery.body + " ", delivery.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_b3RoZXItc2VjcmV0").verify(delivery.body, delivery.headers)


async def test_order_shipped_is_sent_when_the_label_is_printed(shipbob: ShipBobClient) -> None:
    """order.shipped comes with LabeledCreated and tracking; leaving the house sends nothing more."""
    reference = new_reference()
    order = await shipbob.place(reference)
    await shipbob.process.post("advance", match=reference, to="Delivered")
    await eventually(lambda: shipbob.topics(reference) == ["order.shipped", "order.shipment.delivered"])
    bodies = [json.loads(delivery.body) for delivery in shipbob.heard(reference)]
    assert [body["status"] for body in bodies] == ["LabeledCreated", "Completed"]
    assert [body["id"] for body in bodies] == [order["shipments"][0]["id"]] * 2
    assert bodies[0]["tracking"]["tracking_number"] is not None


async def test_a_duplicate_has_the_same_webhook_id(shipbob: ShipBobClient) -> None:
    """A duplicated event arrives twice with one webhook-id, so that a receiver can tell."""
    reference = new_reference()
    await shipbob.process.post("webhooks", duplicate=1, match=reference, times=1)
    await shipbob.place(reference)
    await shipbob.process.post("advance", match=reference, to="LabeledCreated")
    await eventually(lambda: len(shipbob.heard(reference)) == 2)
    assert len({delivery.headers["webhook-id"] for delivery in shipbob.heard(reference)}) == 1


async def test_events_can_arrive_in_the_wrong_order(shipbob: ShipBobClient) -> None:
    """Reordered, `delivered` arrives before `shipped`."""
    reference = new_reference()
    await shipbob.place(reference)
    await shipbob.process.post("webhooks", reorder=True, match=reference, times=1)
    await shipbob.process.post("advance", match=reference, to="Delivered")
    await eventually(lambda: shipbob.topics(reference) == ["order.shipment.delivered", "order.shipped"])


async def test_an_event_can_be_late_or_lost(shipbob: ShipBobClient) -> None:
    """A delayed event arrives after its delay and still verifies; a dropped one never arrives."""
    late, lost = new_reference(), new_reference()
    await shipbob.process.post("webhooks", delay_ms=700, match=late)
    await shipbob.process.post("webhooks", drop=True, match=lost)
    for reference in (late, lost):
        await shipbob.place(reference)
        await shipbob.process.post("advance", match=reference, to="LabeledCreated")
    assert shipbob.topics(late) == []
    await eventually(lambda: shipbob.topics(late) == ["order.shipped"])
    Webhook(SECRET).verify(shipbob.heard(late)[0].body, shipbob.heard(late)[0].headers)
    assert shipbob.topics(lost) == []


async def test_a_subscription_hears_only_its_topics(shipbob: ShipBobClient) -> None:
    """POST /webhook subscribes with a secret of its own; after DELETE nothing more is sent there."""
    first, second = new_reference(), new_reference()
    with receiving() as receiver:
        answer = await shipbob.call(
            "POST", "/webhook", json={"url": receiver.url, "topics": ["order.shipment.cancelled"]}
        )
        subscription = answer.json()
        await shipbob.place(first)
        await shipbob.process.post("advance", match=first, to="LabeledCreated")
        await shipbob.process.post("provider-cancel", match=first)
        await eventually(lambda: len(receiver.deliveries) == 1)
        Webhook(subscription["secret"]).verify(receiver.deliveries[0].body, receiver.deliveries[0].headers)
        assert receiver.deliveries[0].headers["x-webhook-topic"] == "order.shipment.cancelled"
        listed = (await shipbob.call("GET", "/webhook")).json()["items"]
        mine = next(each for each in listed if each["url"] == receiver.url)
        assert (mine["id"], mine["enabled"], "secret" in mine) == (subscription["id"], True, False)
        assert (await shipbob.call("DELETE", f"/webhook/{subscription['id']}")).status_code == 204
        await shipbob.place(second)
        await shipbob.process.post("provider-cancel", match=second)
        await eventually(lambda: shipbob.topics(second) == ["order.shipment.cancelled"])
        assert len(receiver.deliveries) == 1


async def test_an_unknown_topic_is_refused(shipbob: ShipBobClient) -> None:
    """Subscribing to a topic the API does not have is a 422."""
    body = {"url": "https://example.com/hook", "topics": ["order.lost"]}
    assert (await shipbob.call("POST", "/webhook", json=body)).status_code == 422
