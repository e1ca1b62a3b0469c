"""StripePayments against the emulated Stripe."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ordersaga.accounts import open_accounts
from ordersaga.domain.errors import CustomerError, OperatorError, OrdersagaError, RetryError
from ordersaga.domain.payments import PaymentState, PaymentStatus
from ordersaga.gateways.lane_gate import LaneGates
from ordersaga.gateways.stripe.payments import StripePayments
from ordersaga.network import Network
from tests.gateways.support import TIMEOUT, new_order, nobody, payment, unknown_outcome
from tests.gateways.test_lane_gate import Board
from tests.support.api import settings_for
from tests.support.emulators import EmulatorProcess, eventually


async def records(emulator: EmulatorProcess, order_id: str, kind: str) -> list[dict[str, Any]]:
    """What Stripe itself holds about an order."""
    found: dict[str, list[dict[str, Any]]] = await emulator.get("records", match=order_id)
    return found.get(kind, [])


async def authorized(gateway: StripePayments, order_id: str, **changes: Any) -> PaymentState:
    """A payment of 12.34 with its funds reserved."""
    state = await gateway.authorize(payment(order_id, **changes), key=f"{order_id}/authorize/1/1")
    assert state.status is PaymentStatus.AUTHORIZED
    return state


async def test_authorize_reserves_without_taking(
    stripe_payments: StripePayments, stripe_emulator: EmulatorProcess
) -> None:
    """A good card is authorized for the amount, nothing is captured, and the lapse is a stated moment."""
    order_id = new_order()
    state = await authorized(stripe_payments, order_id)
    assert (state.amount, state.capturable, state.captured, state.refunded) == (1234, 1234, 0, 0)
    assert (state.currency, state.customer, state.code, state.next_action) == ("USD", None, None, None)
    assert state.capture_before is not None
    assert state.capture_before > datetime.now(UTC) + timedelta(days=4)
    (intent,) = await records(stripe_emulator, order_id, "payment_intent")
    assert (intent["id"], intent["capture_method"]) == (state.payment_id, "manual")
    assert intent["metadata"] == {"order_id": order_id, "parcel": "1", "effect_key": f"{order_id}/authorize/1/1"}


async def test_the_same_key_authorizes_once(stripe_payments: StripePayments, stripe_emulator: EmulatorProcess) -> None:
    """A repeat under the same key answers the same payment and reserves nothing more."""
    order_id = new_order()
    first = await authorized(stripe_payments, order_id)
    again = await authorized(stripe_payments, order_id)
    assert again == first
    assert len(await records(stripe_emulator, order_id, "payment_intent")) == 1


async def test_the_same_key_with_another_amount_is_for_an_operator(stripe_payments: StripePayments) -> None:
    """Stripe refuses a key with other parameters: a defect of ours, never a decline."""
    order_id = new_order()
    await authorized(stripe_payments, order_id)
    with pytest.raises(OperatorError) as caught:
        await stripe_payments.authorize(payment(order_id, amount=999), key=f"{order_id}/authorize/1/1")
    assert caught.value.code == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
    ],
)
async def test_a_decline_is_an_answer(stripe_payments: StripePayments, card: str, code: str) -> None:
    """A declined card answers with the issuer's reason and the payment it belongs to; nothing is reserved."""
    state = await stripe_payments.authorize(payment(order := new_order(), payment_method=card), key=f"{order}/a/1/1")
    assert (state.status, state.code, state.capturable) == (PaymentStatus.DECLINED, code, 0)
    assert state.message
    assert (await stripe_payments.inquire(state.payment_id)).status is PaymentStatus.DECLINED
    assert (await stripe_payments.inquire(state.payment_id)).code == code


async def test_a_challenge_asks_the_shopper(stripe_payments: StripePayments) -> None:
    """3-D Secure answers with what the shopper's form needs, and reserves nothing yet."""
    request = payment(order := new_order(), payment_method="pm_card_authenticationRequired")
    state = await stripe_payments.authorize(request, key=f"{order}/authorize/1/1")
    assert (state.status, state.capturable) == (PaymentStatus.REQUIRES_ACTION, 0)
    assert state.next_action is not None
    assert (state.next_action.kind, state.next_action.payment_id) == ("use_sdk", state.payment_id)
    assert state.next_action.client_secret


async def test_a_challenge_redirects_when_there_is_a_page_to_return_to(stripe_emulator: EmulatorProcess) -> None:
    """With a return URL the shopper is sent to the bank's page."""
    url = "https://shop.example/return"
    gateway = StripePayments("sk_test_gateways", base_url=stripe_emulator.url, timeout=TIMEOUT, return_url=url)
    request = payment(order := new_order(), payment_method="pm_card_authenticationRequired")
    state = await gateway.authorize(request, key=f"{order}/authorize/1/1")
    await gateway.aclose()
    assert state.next_action is not None
    assert (state.next_action.kind, bool(state.next_action.url)) == ("redirect", True)


async def test_the_page_to_return_to_is_a_setting(stripe_emulator: EmulatorProcess) -> None:
    """An order that names none returns to the deployment's; who is charged in absence is sent nowhere."""
    board, back = Board(), "https://shop.example/back"
    settings = settings_for("postgresql://nobody", stripe_base_url=stripe_emulator.url, stripe_return_url=back)
    async with open_accounts(settings, Network(), LaneGates(board, board.clock), _no_skus) as accounts:
        asked = payment(order := new_order(), payment_method="pm_card_authenticationRequired")
        state = await accounts.payments.authorize(asked, key=f"{order}/authorize/1/1")
        absent = asked.model_copy(update={"off_session": True, "parcel": 2, "reference": f"{order}/authorize/2/1"})
        alone = await accounts.payments.authorize(absent, key=f"{order}/authorize/2/1")
    assert state.next_action is not None
    assert (state.next_action.kind, bool(state.next_action.url)) == ("redirect", True)
    assert (alone.status, alone.next_action) == (PaymentStatus.DECLINED, None)


async def _no_skus(_: str) -> tuple[str, ...]:
    return ()


async def test_a_passed_challenge_authorizes(stripe_payments: StripePayments, stripe_emulator: EmulatorProcess) -> None:
    """After the bank's yes the payment stands authorized."""
    request = payment(order := new_order(), payment_method="pm_card_authenticationRequired")
    state = await stripe_payments.authorize(request, key=f"{order}/authorize/1/1")
    await stripe_emulator.post(f"payment_intents/{state.payment_id}/authenticate", result="succeed")
    assert (await stripe_payments.inquire(state.payment_id)).status is PaymentStatus.AUTHORIZED


async def test_off_session_never_asks_an_absent_shopper(stripe_payments: StripePayments) -> None:
    """A card that demands a challenge declines when nobody is there to answer."""
    order = new_order()
    saved = await authorized(stripe_payments, order, save_for_later=True)
    request = payment(
        order, parcel=2, payment_method="pm_card_authenticationRequired", customer=saved.customer, off_session=True
    )
    state = await stripe_payments.authorize(request, key=f"{order}/authorize/2/1")
    assert (state.status, state.code) == (PaymentStatus.DECLINED, "authentication_required")
    assert state.next_action is None


async def test_saving_a_card_makes_one_customer(
    stripe_payments: StripePayments, stripe_emulator: EmulatorProcess
) -> None:
    """The first parcel's authorization creates the customer once, and the second parcel charges it off-session."""
    order = new_order()
    first = await authorized(stripe_payments, order, save_for_later=True)
    assert await authorized(stripe_payments, order, save_for_later=True) == first
    (customer,) = await records(stripe_emulator, order, "customer")
    assert first.customer == customer["id"]
    request = payment(order, parcel=2, customer=first.customer, off_session=True)
    second = await stripe_payments.authorize(request, key=f"{order}/authorize/2/1")
    assert (second.status, second.customer) == (PaymentStatus.AUTHORIZED, first.customer)
    assert len(await records(stripe_emulator, order, "customer")) == 1


async def test_find_by_our_key(stripe_payments: StripePayments, stripe_emulator: EmulatorProcess) -> None:
    """A payment is found by its effect key, once the search index has it; another key finds nothing."""
    order = new_order()
    await stripe_emulator.post("search-delay", seconds=0.5)
    state = await authorized(stripe_payments, order)
    assert await stripe_payments.find(f"{order}/authorize/1/1") is None

    async def found() -> bool:
        return await stripe_payments.find(f"{order}/authorize/1/1") == state

    await eventually(found)
    assert await stripe_payments.find(f"{order}/authorize/1/2") is None


async def test_capture_takes_once_and_releases_the_rest(
    stripe_payments: StripePayments, stripe_emulator: EmulatorProcess
) -> None:
    """A partial capture is the only capture: a repeat, even under a new key, takes nothing more."""
    order = new_order()
    payment_id = (await authorized(stripe_payments, order)).payment_id
    state = await stripe_payments.capture(payment_id, 1000, key=f"{order}/capture/1/1")
    assert (state.status, state.captured, state.capturable) == (PaymentStatus.CAPTURED, 1000, 0)
    assert await stripe_payments.capture(payment_id, 1000, key=f"{order}/capture/1/1") == state
    assert await stripe_payments.capture(payment_id, 1000, key=f"{order}/capture/1/2") == state
    (intent,) = await records(stripe_emulator, order, "payment_intent")
    assert intent["amount_received"] == 1000


async def test_capturing_another_amount_again_is_for_an_operator(stripe_payments: StripePayments) -> None:
    """A captured payment cannot be captured for more; the answer never pretends it was."""
    order = new_order()
    payment_id = (await authorized(stripe_payments, order)).payment_id
    await stripe_payments.capture(payment_id, 1000, key=f"{order}/capture/1/1")
    with pytest.raises(OperatorError) as caught:
        await stripe_payments.capture(payment_id, 1234, key=f"{order}/capture/1/2")
    assert caught.value.code == "payment_not_capturable"
    assert (await stripe_payments.inquire(payment_id)).captured == 1000


@pytest.mark.parametrize("how", ["voided", "lapsed", "refused as expired"])
async def test_capturing_a_gone_authorization(
    stripe_payments: StripePayments, stripe_emulator: EmulatorProcess, how: str
) -> None:
    """Voided, lapsed or expired at the issuer: capture is finally refused as lapsed and nothing is taken."""
    card = "pm_card_captureExpired" if how == "refused as expired" else "pm_card_visa"
    payment_id = (await authorized(stripe_payments, order := new_order(), payment_method=card)).payment_id
    if how == "voided":
        await stripe_payments.void(payment_id, key=f"{order}/void/1/1")
    if how == "lapsed":
        await stripe_emulator.post(f"payment_intents/{payment_id}/expire")
    with pytest.raises(CustomerError) as caught:
        await stripe_payments.capture(payment_id, 1234, key=f"{order}/capture/1/1")
    assert caught.value.code == "authorization_lapsed"
    assert (await stripe_payments.inquire(payment_id)).captured == 0


async def test_a_card_that_fails_at_capture(stripe_payments: StripePayments) -> None:
    """A card error at capture is the shopper's, with the issuer's reason."""
    state = await authorized(stripe_payments, order := new_order(), payment_method="pm_card_captureFails")
    with pytest.raises(CustomerError) as caught:
        await stripe_payments.capture(state.payment_id, 1234, key=f"{order}/capture/1/1")
    assert caught.value.code
    assert caught.value.code != "authorization_lapsed"
    assert (await stripe_payments.inquire(state.payment_id)).captured == 0


async def test_void_gives_the_reservation_back(stripe_payments: StripePayments) -> None:
    """A void answers VOIDED, and so does every repeat, under the same key or another."""
    payment_id = (await authorized(stripe_payments, order := new_order())).payment_id
    state = await stripe_payments.void(payment_id, key=f"{order}/void/1/1")
    assert (state.status, state.capturable, state.captured) == (PaymentStatus.VOIDED, 0, 0)
    assert await stripe_payments.void(payment_id, key=f"{order}/void/1/1") == state
    assert await stripe_payments.void(payment_id, key=f"{order}/void/1/2") == state


async def test_voiding_a_lapsed_authorization_is_an_answer(
    stripe_payments: StripePayments, stripe_emulator: EmulatorProcess
) -> None:
    """Nothing is left to give back: VOIDED, with Stripe's reason."""
    payment_id = (await authorized(stripe_payments, order := new_order())).payment_id
    await stripe_emulator.post(f"payment_intents/{payment_id}/expire")
    state = await stripe_payments.void(payment_id, key=f"{order}/void/1/1")
    assert (state.status, state.code) == (PaymentStatus.VOIDED, "automatic")


async def test_voiding_a_captured_payment_answers_captured(stripe_payments: StripePayments) -> None:
    """Too late to void: the answer says CAPTURED and how much, so that the caller refunds; nothing was refunded."""
    payment_id = (await authorized(stripe_payments, order := new_order())).payment_id
    await stripe_payments.capture(payment_id, 1234, key=f"{order}/capture/1/1")
    state = await stripe_payments.void(payment_id, key=f"{order}/void/1/1")
    assert (state.status, state.captured, state.refunded) == (PaymentStatus.CAPTURED, 1234, 0)


async def test_refund_once_per_key(stripe_payments: StripePayments, stripe_emulator: EmulatorProcess) -> None:
    """A refund answers its own object, is found by its key, and is not repeated under that key."""
    payment_id = (await authorized(stripe_payments, order := new_order())).payment_id
    await stripe_payments.capture(payment_id, 1234, key=f"{order}/capture/1/1")
    refund = await stripe_payments.refund(payment_id, 234, key=f"{order}/refund/1/1")
    assert (refund.status, refund.amount, refund.payment_id) == ("succeeded", 234, payment_id)
    assert await stripe_payments.refund(payment_id, 234, key=f"{order}/refund/1/1") == refund
    assert await stripe_payments.find_refund(payment_id, f"{order}/refund/1/1") == refund
    assert await stripe_payments.find_refund(payment_id, f"{order}/refund/1/2") is None
    assert (await stripe_payments.inquire(payment_id)).refunded == 234
    assert len(await records(stripe_emulator, payment_id, "refund")) == 1


async def test_refunded_already_is_found_and_answered(
    stripe_payments: StripePayments, stripe_emulator: EmulatorProcess
) -> None:
    """After Stripe forgot the key, the refusal of a second full refund leads to the first one."""
    payment_id = (await authorized(stripe_payments, order := new_order())).payment_id
    await stripe_payments.capture(payment_id, 1234, key=f"{order}/capture/1/1")
    refund = await stripe_payments.refund(payment_id, 1234, key=f"{order}/refund/1/1")
    await stripe_emulator.post("idempotency/forget", key=f"{order}/refund/1/1")
    assert await stripe_payments.refund(payment_id, 1234, key=f"{order}/refund/1/1") == refund
    assert (await stripe_payments.inquire(payment_id)).refunded == 1234


async def test_refunding_too_much_is_for_an_operator(stripe_payments: StripePayments) -> None:
    """More than was captured is refused, and nothing is given back."""
    payment_id = (await authorized(stripe_payments, order := new_order())).payment_id
    await stripe_payments.capture(payment_id, 1234, key=f"{order}/capture/1/1")
    with pytest.raises(OperatorError) as caught:
        await stripe_payments.refund(payment_id, 1235, key=f"{order}/refund/1/1")
    assert caught.value.code == "stripe_refused"
    assert (await stripe_payments.inquire(payment_id)).refunded == 0


async def test_a_refund_may_stay_pending(stripe_payments: StripePayments) -> None:
    """A refund the bank has not taken yet says so."""
    state = await authorized(stripe_payments, order := new_order(), payment_method="pm_card_pendingRefund")
    await stripe_payments.capture(state.payment_id, 1234, key=f"{order}/capture/1/1")
    refund = await stripe_payments.refund(state.payment_id, 1234, key=f"{order}/refund/1/1")
    assert refund.status == "pending"


async def test_a_lost_answer_to_authorize(stripe_payments: StripePayments, stripe_emulator: EmulatorProcess) -> None:
    """A connection lost after sending is unknown; find tells, and the same key reserves nothing more."""
    order = new_order()
    await stripe_emulator.post("faults", kind="lose_answer", path="/payment_intents$", match=order, times=1)
    with unknown_outcome("stripe_no_answer"):
        await authorized(stripe_payments, order)
    found = await stripe_payments.find(f"{order}/authorize/1/1")
    assert found is not None
    assert found.status is PaymentStatus.AUTHORIZED
    assert await authorized(stripe_payments, order) == found
    assert len(await records(stripe_emulator, order, "payment_intent")) == 1


async def test_a_lost_answer_to_capture(stripe_payments: StripePayments, stripe_emulator: EmulatorProcess) -> None:
    """A capture with a lost answer is unknown; the payment tells, and a repeat takes nothing more."""
    payment_id = (await authorized(stripe_payments, order := new_order())).payment_id
    await stripe_emulator.post("faults", kind="lose_answer", path=f"{payment_id}/capture$", times=1)
    with unknown_outcome("stripe_no_answer"):
        await stripe_payments.capture(payment_id, 1234, key=f"{order}/capture/1/1")
    assert (await stripe_payments.inquire(payment_id)).captured == 1234
    again = await stripe_payments.capture(payment_id, 1234, key=f"{order}/capture/1/1")
    assert (again.status, again.captured) == (PaymentStatus.CAPTURED, 1234)


async def test_a_lost_answer_to_void(stripe_payments: StripePayments, stripe_emulator: EmulatorProcess) -> None:
    """A void with a lost answer is unknown; the payment tells, and a repeat answers VOIDED."""
    payment_id = (await authorized(stripe_payments, order := new_order())).payment_id
    await stripe_emulator.post("faults", kind="lose_answer", path=f"{payment_id}/cancel$", times=1)
    with unknown_outcome("stripe_no_answer"):
        await stripe_payments.void(payment_id, key=f"{order}/void/1/1")
    assert (await stripe_payments.inquire(payment_id)).status is PaymentStatus.VOIDED
    assert (await stripe_payments.void(payment_id, key=f"{order}/void/1/1")).status is PaymentStatus.VOIDED


async def test_a_lost_answer_to_refund(stripe_payments: StripePayments, stripe_emulator: EmulatorProcess) -> None:
    """A refund with a lost answer is unknown; its key finds it, and a repeat gives nothing more back."""
    payment_id = (await authorized(stripe_payments, order := new_order())).payment_id
    await stripe_payments.capture(payment_id, 1234, key=f"{order}/capture/1/1")
    await stripe_emulator.post("faults", kind="lose_answer", path="/refunds$", match=payment_id, times=1)
    with unknown_outcome("stripe_no_answer"):
        await stripe_payments.refund(payment_id, 500, key=f"{order}/refund/1/1")
    found = await stripe_payments.find_refund(payment_id, f"{order}/refund/1/1")
    assert found is not None
    assert await stripe_payments.refund(payment_id, 500, key=f"{order}/refund/1/1") == found
    assert (await stripe_payments.inquire(payment_id)).refunded == 500


async def test_a_silent_company_is_unknown(stripe_emulator: EmulatorProcess) -> None:
    """A time-out after sending is unknown, and the reservation did happen."""
    gateway = StripePayments("sk_test_gateways", base_url=stripe_emulator.url, timeout=timedelta(seconds=0.5))
    order = new_order()
    await stripe_emulator.post("faults", kind="hang", method="POST", match=order, times=1)
    with unknown_outcome("stripe_no_answer"):
        await gateway.authorize(payment(order), key=f"{order}/authorize/1/1")
    await gateway.aclose()
    assert len(await records(stripe_emulator, order, "payment_intent")) == 1


async def test_a_stored_failure_says_so(stripe_payments: StripePayments, stripe_emulator: EmulatorProcess) -> None:
    """A 500 is unknown; repeated under its key Stripe replays it, and that is told apart: repeating cannot help."""
    order = new_order()
    await stripe_emulator.post("faults", kind="status", status=500, path="/payment_intents$", match=order, times=1)
    with unknown_outcome("stripe_unavailable"):
        await authorized(stripe_payments, order)
    with unknown_outcome("stored_failure"):
        await authorized(stripe_payments, order)
    assert await records(stripe_emulator, order, "payment_intent") == []


async def test_an_unreachable_company_was_never_asked() -> None:
    """No connection: it cannot have happened."""
    gateway = StripePayments("sk_test_gateways", base_url=nobody(), timeout=TIMEOUT)
    with pytest.raises(RetryError) as caught:
        await gateway.authorize(payment(order := new_order()), key=f"{order}/authorize/1/1")
    await gateway.aclose()
    assert (caught.value.code, caught.value.unknown) == ("stripe_unreachable", False)


async def test_a_rate_limit_says_when(stripe_payments: StripePayments, stripe_emulator: EmulatorProcess) -> None:
    """429 was not carried out, and Stripe's wish is passed on."""
    order = new_order()
    await stripe_emulator.post("faults", kind="status", status=429, headers={"retry-after": "3"}, match=order, times=1)
    with pytest.raises(RetryError) as caught:
        await authorized(stripe_payments, order)
    assert (caught.value.code, caught.value.unknown) == ("stripe_rate_limited", False)
    assert caught.value.retry_after == timedelta(seconds=3)
    assert await records(stripe_emulator, order, "payment_intent") == []


async def test_a_key_in_use_is_unknown(stripe_payments: StripePayments, stripe_emulator: EmulatorProcess) -> None:
    """Another attempt under the same key is still running: it may yet succeed."""
    order, body = new_order(), {"error": {"type": "invalid_request_error", "code": "idempotency_key_in_use"}}
    await stripe_emulator.post("faults", kind="status", status=409, body=body, match=order, times=1)
    with unknown_outcome("idempotency_key_in_use"):
        await authorized(stripe_payments, order)


@pytest.mark.parametrize(("status", "code"), [(401, "stripe_credentials"), (403, "stripe_credentials")])
async def test_bad_credentials_are_for_an_operator(
    stripe_payments: StripePayments, stripe_emulator: EmulatorProcess, status: int, code: str
) -> None:
    """A refused key is nobody's retry."""
    order = new_order()
    await stripe_emulator.post("faults", kind="status", status=status, match=order, times=1)
    with pytest.raises(OrdersagaError) as caught:
        await authorized(stripe_payments, order)
    assert (type(caught.value), caught.value.code) == (OperatorError, code)
    assert "sk_test" not in str(caught.value)


async def test_an_unknown_payment_is_for_an_operator(stripe_payments: StripePayments) -> None:
    """A payment Stripe does not know is a contract broken, not a retry."""
    with pytest.raises(OperatorError) as caught:
        await stripe_payments.inquire("pi_does_not_exist")
    assert caught.value.code == "stripe_refused"
    assert "resource_missing" in caught.value.message


async def test_a_failing_look_after_a_refusal_stays_unknown(
    stripe_payments: StripePayments, stripe_emulator: EmulatorProcess
) -> None:
    """Refused for its state while the state cannot be read: whether it happened before is unknown."""
    payment_id = (await authorized(stripe_payments, order := new_order())).payment_id
    await stripe_payments.capture(payment_id, 1234, key=f"{order}/capture/1/1")
    await stripe_emulator.post("faults", kind="status", status=429, method="GET", path=payment_id, times=1)
    with unknown_outcome("stripe_rate_limited"):
        await stripe_payments.void(payment_id, key=f"{order}/void/1/1")


async def own_method(emulator: EmulatorProcess) -> str:
    """A payment method as a shopper's browser makes one: it pays once."""
    answer = await emulator.request(
        "POST",
        "/v1/payment_methods",
        headers={"authorization": "Bearer sk_test_gateways"},
        data={"type": "card", "card[token]": "tok_visa"},
    )
    return str(answer.json()["id"])


async def test_a_payment_method_that_was_not_saved_is_declined_the_second_time(
    stripe_payments: StripePayments, stripe_emulator: EmulatorProcess
) -> None:
    """The shopper's matter, not an operator's: an answer with a code and a remedy, and nothing is reserved."""
    method = await own_method(stripe_emulator)
    first = await authorized(stripe_payments, new_order(), payment_method=method)
    assert first.status is PaymentStatus.AUTHORIZED
    order = new_order()
    again = payment(order, payment_method=method, off_session=True)
    second = await stripe_payments.authorize(again, key=f"{order}/authorize/1/1")
    assert (second.status, second.code) == (PaymentStatus.DECLINED, "payment_method_used")
    assert "pay with a new one" in str(second.message)
    assert await records(stripe_emulator, order, "payment_intent") == []


async def test_a_saved_payment_method_pays_for_the_other_parcels(
    stripe_payments: StripePayments, stripe_emulator: EmulatorProcess
) -> None:
    """Saved with the first parcel, it pays off session for the customer that came of it."""
    order, method = new_order(), await own_method(stripe_emulator)
    first = await authorized(stripe_payments, order, payment_method=method, save_for_later=True)
    assert first.customer is not None
    others = payment(order, parcel=2, payment_method=method, customer=first.customer, off_session=True)
    second = await stripe_payments.authorize(others, key=f"{order}/authorize/2/1")
    assert (second.status, second.customer) == (PaymentStatus.AUTHORIZED, first.customer)


async def test_capture_before_is_the_banks_own_deadline(
    stripe_payments: StripePayments, stripe_emulator: EmulatorProcess
) -> None:
    """After every authorization, new, repeated, found or looked at; gone once nothing is reserved."""
    order = new_order()
    state = await authorized(stripe_payments, order)
    [charge] = await records(stripe_emulator, order, "charge")
    stated = datetime.fromtimestamp(charge["payment_method_details"]["card"]["capture_before"], UTC)
    again = await authorized(stripe_payments, order)
    found = await stripe_payments.find(f"{order}/authorize/1/1")
    looked = await stripe_payments.inquire(state.payment_id)
    assert found is not None
    assert [each.capture_before for each in (state, again, found, looked)] == [stated] * 4
    assert (await stripe_payments.void(state.payment_id, key=f"{order}/void/1/1")).capture_before is None
