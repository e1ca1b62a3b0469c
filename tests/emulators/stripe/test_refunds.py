"""Giving money back: never more than was taken, and not always at once."""

import pytest
import stripe

from tests.emulators.stripe.support import event_types, known, pay
from tests.support.emulators import EmulatorProcess, eventually


async def paid(client: stripe.StripeClient, method: str = "pm_card_visa") -> stripe.PaymentIntent:
    """An intent of 10 dollars, captured."""
    return await pay(client, method, capture_method="automatic")


async def charge(emulator: EmulatorProcess) -> tuple[int, bool]:
    """Refunded amount and flag of the only charge."""
    [found] = await known(emulator, "charge")
    return found["amount_refunded"], found["refunded"]


async def test_refunds_add_up_to_the_whole(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """Two refunds give everything back; a third is refused and changes nothing."""
    intent = await paid(client)
    first = await client.v1.refunds.create_async(
        {"payment_intent": intent.id, "amount": 300, "reason": "requested_by_customer", "metadata": {"line": "1"}}
    )
    assert (first.status, first.amount, first.reason) == ("succeeded", 300, "requested_by_customer")
    assert first.to_dict()["metadata"] == {"line": "1"}
    assert await charge(emulator) == (300, False)
    rest = await client.v1.refunds.create_async({"payment_intent": intent.id})
    assert rest.amount == 700
    assert await charge(emulator) == (1000, True)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await client.v1.refunds.create_async({"payment_intent": intent.id, "amount": 1})
    assert caught.value.code == "charge_already_refunded"
    assert [refund["amount"] for refund in await known(emulator, "refund")] == [300, 700]
    assert (await event_types(emulator))[2:] == ["refund.created", "charge.refunded"] * 2


async def test_more_than_taken_cannot_be_refunded(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """Only what was captured counts, not what was authorized."""
    intent = await pay(client)
    await client.v1.payment_intents.capture_async(intent.id, {"amount_to_capture": 600})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await client.v1.refunds.create_async({"payment_intent": intent.id, "amount": 601})
    assert caught.value.code == "amount_too_large"
    assert await known(emulator, "refund") == []
    assert (await client.v1.refunds.create_async({"payment_intent": intent.id})).amount == 600


async def test_an_authorization_cannot_be_refunded(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """Money not taken is canceled, not refunded."""
    intent = await pay(client)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await client.v1.refunds.create_async({"payment_intent": intent.id})
    assert caught.value.code == "payment_intent_unexpected_state"
    assert await known(emulator, "refund") == []


async def test_a_pending_refund_settles_when_told(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """Without balance a refund waits; it counts against the charge meanwhile."""
    await emulator.post("refunds/mode", mode="pending")
    intent = await paid(client)
    refund = await client.v1.refunds.create_async({"payment_intent": intent.id})
    assert refund.status == "pending"
    assert await charge(emulator) == (1000, True)
    await emulator.post(f"refunds/{refund.id}/settle", result="succeed")
    assert (await client.v1.refunds.retrieve_async(refund.id)).status == "succeeded"
    assert (await event_types(emulator))[-1] == "refund.updated"
    again = await emulator.request("POST", f"/_control/refunds/{refund.id}/settle", json={"result": "succeed"})
    assert again.status_code == 409


async def test_a_failed_refund_can_be_made_again(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """A refund the bank sends back leaves the money with us, and another refund is possible."""
    await emulator.post("refunds/mode", mode="fail", settle_after=10)
    intent = await paid(client)
    refund = await client.v1.refunds.create_async({"payment_intent": intent.id})
    assert refund.status == "pending"

    async def failed() -> bool:
        return (await client.v1.refunds.retrieve_async(refund.id)).status == "failed"

    await eventually(failed, seconds=3)
    assert await charge(emulator) == (0, False)
    assert (await event_types(emulator))[-2:] == ["refund.updated", "refund.failed"]
    await emulator.post("refunds/mode", mode="succeed")
    assert (await client.v1.refunds.create_async({"payment_intent": intent.id})).status == "succeeded"


async def test_refunds_are_listed_by_intent(client: stripe.StripeClient) -> None:
    """An audit finds the refunds of one payment, newest first, and no other's."""
    mine, other = await paid(client), await paid(client)
    made = [
        await client.v1.refunds.create_async({"payment_intent": mine.id, "amount": amount}) for amount in (100, 200)
    ]
    await client.v1.refunds.create_async({"payment_intent": other.id})
    listed = await client.v1.refunds.list_async({"payment_intent": mine.id})
    assert [refund.id for refund in listed.data] == [made[1].id, made[0].id]
    by_charge = await client.v1.refunds.list_async({"charge": str(made[0].charge), "limit": 1})
    assert ([refund.id for refund in by_charge.data], by_charge.has_more) == ([made[1].id], True)


async def test_an_unknown_payment_cannot_be_refunded(client: stripe.StripeClient) -> None:
    """A parameter naming nothing is a 400."""
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await client.v1.refunds.create_async({"payment_intent": "pi_unknown"})
    assert (caught.value.http_status, caught.value.code) == (400, "resource_missing")
