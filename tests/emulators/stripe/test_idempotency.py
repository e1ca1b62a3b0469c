"""Idempotency keys: the first answer counts, whatever it was."""

import asyncio

import pytest
import stripe

from tests.emulators.stripe.support import intent_in, known, pay
from tests.support.emulators import EmulatorProcess


async def test_the_same_request_is_answered_again(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """A repeated key gives the first answer, says so, and holds money once."""
    first = await pay(client, key="key-1", metadata={"a": "1", "b": "2"})
    second = await pay(client, key="key-1", metadata={"b": "2", "a": "1"})
    assert first.last_response is not None
    assert second.last_response is not None
    assert second.to_dict() == first.to_dict()
    assert "idempotent-replayed" not in first.last_response.headers
    assert second.last_response.headers["idempotent-replayed"] == "true"
    assert second.last_response.headers["original-request"] == first.last_response.headers["request-id"]
    assert len(await known(emulator, "payment_intent")) == len(await known(emulator, "charge")) == 1


async def test_a_replay_tells_the_past(client: stripe.StripeClient) -> None:
    """A replayed answer is the state of that moment, not of now."""
    intent = await pay(client, key="key-1")
    await client.v1.payment_intents.cancel_async(intent.id)
    assert (await pay(client, key="key-1")).status == "requires_capture"
    assert (await client.v1.payment_intents.retrieve_async(intent.id)).status == "canceled"


async def test_other_parameters_are_an_idempotency_error(
    client: stripe.StripeClient, emulator: EmulatorProcess
) -> None:
    """A key cannot be used for another request."""
    await pay(client, key="key-1")
    with pytest.raises(stripe.IdempotencyError) as caught:
        await pay(client, key="key-1", amount=2000)
    assert caught.value.http_status == 400
    assert len(await known(emulator, "payment_intent")) == 1


async def test_another_endpoint_is_an_idempotency_error(client: stripe.StripeClient) -> None:
    """A key belongs to the endpoint it was first used with, even for the same parameters."""
    canceled, held = await pay(client), await pay(client)
    await client.v1.payment_intents.cancel_async(canceled.id, {}, {"idempotency_key": "key-1"})
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        await client.v1.payment_intents.cancel_async(held.id, {}, {"idempotency_key": "key-1"})
    assert (await client.v1.payment_intents.retrieve_async(held.id)).status == "requires_capture"


async def test_a_stored_500_is_answered_forever(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """After a 500 the same key gives the same 500; only a new key does the work."""
    await emulator.post("faults", kind="status", status=500, times=1)
    for _ in range(2):
        with pytest.raises(stripe.APIError) as caught:
            await pay(client, key="key-1")
        assert caught.value.http_status == 500
    assert caught.value.headers is not None
    assert caught.value.headers["idempotent-replayed"] == "true"
    assert await known(emulator, "payment_intent") == []
    assert (await pay(client, key="key-2")).status == "requires_capture"


async def test_a_decline_is_answered_again(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """A stored decline costs no second attempt at the bank."""
    ids = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as caught:
            await pay(client, "pm_card_chargeDeclined", key="key-1")
        ids.append(intent_in(caught.value).id)
    assert ids[0] == ids[1]
    assert len(await known(emulator, "charge")) == 1


async def test_refused_parameters_do_not_use_up_a_key(client: stripe.StripeClient) -> None:
    """After a 400 about a parameter the same key may be used with the right one."""
    with pytest.raises(stripe.InvalidRequestError):
        await pay(client, "pm_unknown", key="key-1")
    assert (await pay(client, key="key-1")).status == "requires_capture"


@pytest.mark.parametrize("fault", [{"kind": "status", "status": 429}, {"kind": "reset_before"}])
async def test_what_never_began_does_not_use_up_a_key(
    client: stripe.StripeClient, emulator: EmulatorProcess, fault: dict[str, object]
) -> None:
    """After a 429 or a reset the same key does the work, once."""
    await emulator.post("faults", times=1, **fault)
    with pytest.raises((stripe.RateLimitError, stripe.APIConnectionError)):
        await pay(client, key="key-1")
    again = await pay(client, key="key-1")
    assert again.last_response is not None
    assert "idempotent-replayed" not in again.last_response.headers
    assert len(await known(emulator, "payment_intent")) == 1


async def test_a_key_in_use_is_a_conflict(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """While the first request runs a second one with its key answers 409, and the work is done once."""
    await emulator.post("faults", kind="latency", latency_ms=600, times=1)
    first = asyncio.create_task(pay(client, key="key-1"))
    await asyncio.sleep(0.2)
    with pytest.raises(stripe.APIError) as caught:
        await pay(client, key="key-1")
    assert caught.value.http_status == 409
    assert caught.value.error is not None
    assert caught.value.error.code == "idempotency_key_in_use"
    assert (await first).status == "requires_capture"
    assert len(await known(emulator, "payment_intent")) == 1


async def test_a_key_is_at_most_255_characters(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """A longer key is refused before any work."""
    assert (await pay(client, key="k" * 255)).status == "requires_capture"
    with pytest.raises(stripe.InvalidRequestError):
        await pay(client, key="k" * 256)
    assert len(await known(emulator, "payment_intent")) == 1


async def test_a_forgotten_key_does_the_work_again(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """After a day Stripe has forgotten the key: the same request holds money twice."""
    first = await pay(client, key="key-1")
    await emulator.post("idempotency/forget", key="key-1")
    assert (await pay(client, key="key-1")).id != first.id
    assert len(await known(emulator, "payment_intent")) == 2
