"""Nothing Stripe answered is forgotten, whatever happens to the process."""

from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.emulators.conftest import stripe_client
from tests.emulators.stripe.support import known, pay
from tests.support.emulators import eventually, running


async def test_payments_and_keys_survive_a_kill(tmp_path: Path) -> None:
    """After `kill -9` an intent is still held, its key still replays, and a stored 500 is still a 500."""
    async with running("stripe", tmp_path) as emulator:
        client = stripe_client(emulator.url)
        intent = await pay(client, key="key-1", metadata={"order_id": "ord_1"})
        await emulator.post("faults", kind="status", status=500, times=1)
        with pytest.raises(stripe.APIError):
            await pay(client, key="key-2")
        await emulator.kill()
        await emulator.start()
        client = stripe_client(emulator.url)
        assert (await pay(client, key="key-1", metadata={"order_id": "ord_1"})).id == intent.id
        with pytest.raises(stripe.APIError):
            await pay(client, key="key-2")
        assert len(await known(emulator, "payment_intent")) == 1
        assert (await client.v1.payment_intents.capture_async(intent.id)).status == "succeeded"


async def test_scheduled_moments_survive_a_kill(tmp_path: Path) -> None:
    """A refund due while the process was dead settles after its restart, and an authorization lapses."""
    async with running("stripe", tmp_path, time_scale=30) as emulator:
        client = stripe_client(emulator.url)
        await emulator.post("refunds/mode", mode="pending", settle_after=60)
        paid = await pay(client, capture_method="automatic")
        refund = await client.v1.refunds.create_async({"payment_intent": paid.id})
        held = await pay(client, "pm_card_shortAuthorization")
        await emulator.kill()
        await emulator.start()
        client = stripe_client(emulator.url)

        async def both_over() -> bool:
            settled = (await client.v1.refunds.retrieve_async(refund.id)).status == "succeeded"
            return settled and (await client.v1.payment_intents.retrieve_async(held.id)).status == "canceled"

        await eventually(both_over)
        events: list[dict[str, Any]] = await known(emulator, "event")
        assert [event["type"] for event in events].count("refund.updated") == 1
        assert [event["type"] for event in events].count("charge.expired") == 1


async def test_a_lost_answer_survives_a_kill(tmp_path: Path) -> None:
    """Work done just before the crash is done: the key finds it, and nothing is held twice."""
    async with running("stripe", tmp_path) as emulator:
        await emulator.post("faults", kind="lose_answer", times=1)
        with pytest.raises(stripe.APIConnectionError):
            await pay(stripe_client(emulator.url), key="key-1")
        await emulator.kill()
        await emulator.start()
        [lost] = await known(emulator, "payment_intent")
        assert (await pay(stripe_client(emulator.url), key="key-1")).id == lost["id"]
        assert len(await known(emulator, "charge")) == 1
