"""Events: signed webhooks, and the list that covers what webhooks miss."""

from typing import Any

import pytest
import stripe

from tests.emulators.conftest import SECRET
from tests.emulators.stripe.support import pay
from tests.support.emulators import Delivery, EmulatorProcess, WebhookReceiver, eventually


def verified(client: stripe.StripeClient, delivery: Delivery) -> stripe.Event:
    """The event of a delivery, its signature checked by the SDK."""
    event = client.construct_event(delivery.body, delivery.headers["stripe-signature"], SECRET)
    assert isinstance(event, stripe.Event)
    return event


async def delivered(client: stripe.StripeClient, receiver: WebhookReceiver, count: int) -> list[stripe.Event]:
    """The first `count` events, once they have arrived."""
    await eventually(lambda: len(receiver.deliveries) >= count)
    return [verified(client, delivery) for delivery in receiver.deliveries]


async def test_webhooks_are_signed_and_in_order(
    client: stripe.StripeClient, emulator: EmulatorProcess, receiver: WebhookReceiver
) -> None:
    """Every step of one payment arrives once, in order, and passes the SDK's check."""
    intent = await pay(client, key="key-1", metadata={"order_id": "ord_1"})
    await client.v1.payment_intents.capture_async(intent.id)
    await client.v1.refunds.create_async({"payment_intent": intent.id})
    events = await delivered(client, receiver, 6)
    assert [event.type for event in events] == [
        "payment_intent.created",
        "payment_intent.amount_capturable_updated",
        "charge.captured",
        "payment_intent.succeeded",
        "refund.created",
        "charge.refunded",
    ]
    assert events[0].request is not None
    assert events[0].request.idempotency_key == "key-1"
    snapshots = [event.data.object for event in events]
    assert [snapshots[index]["status"] for index in (0, 1, 3)] == [
        "requires_confirmation",
        "requires_capture",
        "succeeded",
    ]


async def test_a_forged_webhook_is_noticed(
    client: stripe.StripeClient, emulator: EmulatorProcess, receiver: WebhookReceiver
) -> None:
    """A changed body or another secret does not pass the SDK's check."""
    await pay(client)
    await eventually(lambda: len(receiver.deliveries) == 2)
    delivery = receiver.deliveries[0]
    signature = delivery.headers["stripe-signature"]
    with pytest.raises(stripe.SignatureVerificationError):
        client.construct_event(delivery.body.replace("1000", "9000"), signature, SECRET)
    with pytest.raises(stripe.SignatureVerificationError):
        client.construct_event(delivery.body, signature, "whsec_other")
    event: Any = stripe.Webhook.construct_event(delivery.body, signature, SECRET)
    assert event.type == "payment_intent.created"


async def test_duplicated_events_keep_their_id(
    client: stripe.StripeClient, emulator: EmulatorProcess, receiver: WebhookReceiver
) -> None:
    """A receiver can know a duplicate by the event's id."""
    await emulator.post("webhooks", duplicate=1, match="amount_capturable_updated", times=1)
    await pay(client)
    events = await delivered(client, receiver, 3)
    assert [event.type for event in events].count("payment_intent.amount_capturable_updated") == 2
    assert len({event.id for event in events}) == 2


async def test_reordered_events_of_one_payment(
    client: stripe.StripeClient, emulator: EmulatorProcess, receiver: WebhookReceiver
) -> None:
    """The authorization is announced before the intent was."""
    await emulator.post("webhooks", reorder=True, match="payment_intent.created", times=1)
    await pay(client)
    events = await delivered(client, receiver, 2)
    assert [event.type for event in events] == ["payment_intent.amount_capturable_updated", "payment_intent.created"]


async def test_the_list_of_events_covers_lost_webhooks(
    client: stripe.StripeClient, emulator: EmulatorProcess, receiver: WebhookReceiver
) -> None:
    """What was never delivered is listed, newest first, by type and page."""
    await emulator.post("webhooks", drop=True)
    intent = await pay(client)
    await client.v1.payment_intents.cancel_async(intent.id)
    listed = (await client.v1.events.list_async()).data
    assert [event.type for event in listed] == [
        "payment_intent.canceled",
        "payment_intent.amount_capturable_updated",
        "payment_intent.created",
    ]
    [canceled] = (await client.v1.events.list_async({"type": "payment_intent.canceled"})).data
    assert canceled.data.object["id"] == intent.id
    later = await client.v1.events.list_async({"starting_after": listed[0].id, "limit": 1})
    assert ([event.id for event in later.data], later.has_more) == ([listed[1].id], True)
    assert (await client.v1.events.retrieve_async(canceled.id)).type == "payment_intent.canceled"
    assert receiver.deliveries == []
