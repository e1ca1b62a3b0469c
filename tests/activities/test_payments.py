"""A parcel's payment and its undo: whatever was interrupted, the money is taken or given back once."""

from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError

from activities.effects import STORED_FAILURE, Effects
from activities.payments import LAPSED, UNDONE, CaptureResult, Payments, ReleaseResult
from ordersaga.domain.errors import CustomerError, OperatorError, RetryError
from ordersaga.domain.payment_methods import MethodType
from ordersaga.domain.payments import PaymentState, PaymentStatus
from tests.activities.conftest import PAYMENT, Bench

LOST = RetryError("timeout", "no answer", unknown=True)
NOTHING = ReleaseResult()


def only(bench: Bench) -> PaymentState:
    """The one payment the company knows."""
    [payment] = bench.gateway.payments.values()
    return payment


async def test_release_of_what_was_never_asked_for_is_nothing(bench: Bench) -> None:
    """The undo tolerates that its step never ran: the company is not called."""
    assert await bench.payments.release(PAYMENT) == NOTHING
    assert bench.gateway.calls == []


async def test_nothing_is_reserved_after_its_undo(bench: Bench) -> None:
    """An attempt of a task that Temporal gave up arrives after the release: it asks the company for nothing."""
    assert await bench.payments.release(PAYMENT) == NOTHING
    late = await bench.payments.authorize(PAYMENT)
    assert (late.status, late.code) == (PaymentStatus.DECLINED, UNDONE)
    assert bench.gateway.calls == []
    assert await bench.payments.release(PAYMENT) == NOTHING
    await bench.balanced()


async def test_release_of_a_declined_payment_is_nothing(bench: Bench) -> None:
    """A decline reserved nothing."""
    bench.gateway.decline_next("insufficient_funds")
    result = await bench.payments.authorize(PAYMENT)
    assert (result.status, result.code) == (PaymentStatus.DECLINED, "insufficient_funds")
    assert await bench.payments.release(PAYMENT) == NOTHING
    assert bench.gateway.called("void") == []
    await bench.balanced()


async def test_release_of_a_reservation_voids_it_once(bench: Bench) -> None:
    """Voided, and asked again it says the same without a second call."""
    await bench.payments.authorize(PAYMENT)
    assert (await bench.ledger.balance("o1")).authorized == 1000
    assert await bench.payments.release(PAYMENT) == ReleaseResult(voided=1000)
    assert await bench.payments.release(PAYMENT) == ReleaseResult(voided=1000)
    assert (only(bench).status, len(bench.gateway.called("void"))) == (PaymentStatus.VOIDED, 1)
    await bench.balanced()


async def test_release_of_a_capture_refunds_it_once(bench: Bench) -> None:
    """Refunded in full, once, by whatever number of attempts."""
    await bench.payments.authorize(PAYMENT)
    assert await bench.payments.capture(PAYMENT) == CaptureResult(captured=1000)
    for _ in range(2):
        assert await bench.payments.release(PAYMENT) == ReleaseResult(refunded=1000)
    assert (only(bench).refunded, bench.gateway.called("void")) == (1000, [])
    await bench.balanced()


@pytest.mark.parametrize("after_doing", [True, False])
async def test_release_settles_an_unknown_authorization_first(bench: Bench, after_doing: bool) -> None:
    """Reserved or not, nobody knew: found or made under the same key, then voided; never two payments."""
    bench.gateway.fail_next("authorize", LOST, after_doing=after_doing)
    with pytest.raises(ApplicationError):
        await bench.payments.authorize(PAYMENT)
    assert await bench.payments.release(PAYMENT) == ReleaseResult(voided=1000)
    assert only(bench).status is PaymentStatus.VOIDED
    assert len(bench.gateway.called("authorize")) == (1 if after_doing else 2)
    await bench.balanced()


async def test_release_that_crosses_a_capture_refunds(bench: Bench) -> None:
    """The capture's answer was lost and the void is refused: the capture enters the books, then is refunded."""
    await bench.payments.authorize(PAYMENT)
    bench.gateway.fail_next("capture", LOST, after_doing=True)
    with pytest.raises(ApplicationError):
        await bench.payments.capture(PAYMENT)
    assert await bench.payments.release(PAYMENT) == ReleaseResult(refunded=1000)
    assert (only(bench).captured, only(bench).refunded) == (1000, 1000)
    assert bench.steps() == {
        "authorize/1/1": "done",
        "capture/1/1": "done",
        "void/1/1": "refused",
        "refund/1/1": "done",
    }
    await bench.balanced()


async def test_release_settles_a_capture_that_never_happened(bench: Bench) -> None:
    """Nobody answered the capture and it was not taken: voided, and the capture is no longer unknown."""
    await bench.payments.authorize(PAYMENT)
    bench.gateway.fail_next("capture", LOST)
    with pytest.raises(ApplicationError):
        await bench.payments.capture(PAYMENT)
    assert await bench.payments.release(PAYMENT) == ReleaseResult(voided=1000)
    assert (bench.row("capture").status, bench.row("capture").code) == ("refused", "voided")
    await bench.balanced()


async def test_lapsed_reservation_leaves_the_books_with_its_refusal(bench: Bench) -> None:
    """The capture is refused because the reservation ended: nothing to void, nothing reserved."""
    await bench.payments.authorize(PAYMENT)
    bench.gateway.lapse(only(bench).payment_id)
    result = await bench.payments.capture(PAYMENT)
    assert (result.captured, result.code) == (0, LAPSED)
    assert await bench.payments.release(PAYMENT) == NOTHING
    assert bench.gateway.called("void") == []
    await bench.balanced()


async def test_refused_capture_of_a_standing_reservation_is_voided_on_release(bench: Bench) -> None:
    """The bank refuses the capture and still holds the funds: they stay in the books until the void."""
    await bench.payments.authorize(PAYMENT)
    bench.gateway.fail_next("capture", CustomerError("stolen", "no"))
    assert (await bench.payments.capture(PAYMENT)).code == "stolen"
    assert (await bench.ledger.balance("o1")).authorized == 1000
    assert await bench.payments.release(PAYMENT) == ReleaseResult(voided=1000)
    await bench.balanced()


async def test_capture_refused_to_us_is_taken_after_the_repair(bench: Bench) -> None:
    """Operator's errors raise; the next attempt captures under the next key, once."""
    await bench.payments.authorize(PAYMENT)
    bench.gateway.fail_next("capture", OperatorError("bad_credentials", "revoked"))
    with pytest.raises(ApplicationError, match="bad_credentials"):
        await bench.payments.capture(PAYMENT)
    assert await bench.payments.capture(PAYMENT) == CaptureResult(captured=1000)
    assert [call[2] for call in bench.gateway.called("capture")] == ["o1/capture/1/1", "o1/capture/1/1.1"]
    assert await bench.payments.release(PAYMENT) == ReleaseResult(refunded=1000)
    await bench.balanced()


async def test_void_refused_to_us_is_never_taken_for_a_capture(bench: Bench) -> None:
    """The void failed on our side: raised, no capture is invented, and it passes after the repair."""
    await bench.payments.authorize(PAYMENT)
    bench.gateway.fail_next("void", OperatorError("bad_credentials", "revoked"))
    with pytest.raises(ApplicationError, match="bad_credentials"):
        await bench.payments.release(PAYMENT)
    assert "capture/1/1" not in bench.steps()
    assert await bench.payments.release(PAYMENT) == ReleaseResult(voided=1000)
    assert bench.gateway.called("refund") == []
    await bench.balanced()


async def test_refused_refund_needs_an_operator_and_can_be_repeated(bench: Bench) -> None:
    """Goods stopped and money kept is not an end: an operator is told, and another release refunds."""
    await bench.payments.authorize(PAYMENT)
    await bench.payments.capture(PAYMENT)
    bench.gateway.fail_next("refund", CustomerError("balance_insufficient", "top up"))
    with pytest.raises(ApplicationError) as caught:
        await bench.payments.release(PAYMENT)
    assert (caught.value.type, caught.value.non_retryable) == ("operator", True)
    assert await bench.payments.release(PAYMENT) == ReleaseResult(refunded=1000)
    await bench.balanced()


async def test_release_undoes_exactly_its_own_generation(bench: Bench) -> None:
    """A lapsed reservation was replaced and its successor captured: the undo of the first, repeated late, takes nothing
    back (a worker that died in the middle of a workflow task repeats every local activity of that task)."""
    await bench.payments.authorize(PAYMENT)
    bench.gateway.lapse(only(bench).payment_id)
    await bench.payments.capture(PAYMENT)
    assert await bench.payments.release(PAYMENT) == NOTHING
    second = PAYMENT.model_copy(update={"generation": 2, "off_session": True})
    await bench.payments.authorize(second)
    await bench.payments.capture(second)
    assert await bench.payments.release(PAYMENT) == NOTHING
    assert (bench.gateway.called("void"), bench.gateway.called("refund")) == ([], [])
    assert await bench.payments.release(second) == ReleaseResult(refunded=1000)


async def test_release_finds_a_reservation_made_under_a_second_key(bench: Bench) -> None:
    """A stored failure forced a new key: the reservation under it is what the undo voids."""
    bench.payments = Payments(bench.gateway, Effects(bench.ledger, timedelta(0)), bench.ledger)
    for _ in range(2):
        bench.gateway.fail_next("authorize", RetryError(STORED_FAILURE, "500", unknown=True))
    with pytest.raises(ApplicationError):
        await bench.payments.authorize(PAYMENT)
    assert (await bench.payments.authorize(PAYMENT)).status is PaymentStatus.AUTHORIZED
    assert await bench.payments.release(PAYMENT) == ReleaseResult(voided=1000)
    assert only(bench).status is PaymentStatus.VOIDED
    await bench.balanced()


async def test_challenge_enters_the_books_when_it_is_passed(bench: Bench) -> None:
    """Waiting reserves nothing; looking after the challenge does, once; the undo then gives it back."""
    bench.gateway.require_action_next()
    asked = await bench.payments.authorize(PAYMENT)
    assert (asked.status, (await bench.ledger.balance("o1")).authorized) == (PaymentStatus.REQUIRES_ACTION, 0)
    bench.gateway.complete_action(only(bench).payment_id)
    for _ in range(2):
        assert (await bench.payments.refresh_authorization(PAYMENT)).status is PaymentStatus.AUTHORIZED
    assert (await bench.ledger.balance("o1")).authorized == 1000
    assert await bench.payments.release(PAYMENT) == ReleaseResult(voided=1000)
    await bench.balanced()


async def test_abandoned_challenge_is_voided_without_money(bench: Bench) -> None:
    """Nothing was reserved, so nothing is said to come back; the payment ends all the same."""
    bench.gateway.require_action_next()
    await bench.payments.authorize(PAYMENT)
    assert await bench.payments.release(PAYMENT) == NOTHING
    assert only(bench).status is PaymentStatus.VOIDED
    await bench.balanced()


PART = PAYMENT.model_copy(update={"take": 600})


async def test_a_capture_of_less_releases_the_rest(bench: Bench) -> None:
    """600 of 1000 are taken, once, and nothing stays reserved; the undo gives exactly that back."""
    await bench.payments.authorize(PART)
    for _ in range(2):
        assert await bench.payments.capture(PART) == CaptureResult(captured=600)
    balance = await bench.ledger.balance("o1")
    assert (balance.authorized, balance.captured_net, only(bench).captured) == (0, 600, 600)
    assert bench.row("capture").amount == 600
    assert await bench.payments.release(PART) == ReleaseResult(refunded=600)
    assert (only(bench).refunded, len(bench.gateway.called("capture"))) == (600, 1)
    await bench.balanced()


@pytest.mark.parametrize("take", [0, -1, 1001])
async def test_more_than_was_reserved_is_never_asked_for(bench: Bench, take: int) -> None:
    """Refused before the company is called, naming both amounts."""
    with pytest.raises(ApplicationError, match=rf"over_capture: take {take} of 1000") as caught:
        await bench.payments.capture(PAYMENT.model_copy(update={"take": take}))
    assert caught.value.type == "operator"
    assert bench.gateway.calls == []


async def test_a_capture_found_at_the_company_counts_with_what_was_taken(bench: Bench) -> None:
    """The answer was lost and another amount is asked for now: what was taken stands, and nothing more is taken."""
    await bench.payments.authorize(PART)
    bench.gateway.fail_next("capture", LOST, after_doing=True)
    with pytest.raises(ApplicationError):
        await bench.payments.capture(PART)
    for again in (PAYMENT, PART.model_copy(update={"take": 500})):
        assert await bench.payments.capture(again) == CaptureResult(captured=600)
    assert (only(bench).captured, len(bench.gateway.called("capture"))) == (600, 1)
    assert (await bench.ledger.balance("o1")).captured_net == 600


async def test_a_capture_refused_to_us_is_asked_anew_for_what_is_wanted_then(bench: Bench) -> None:
    """Nothing was taken under the first key: the second asks for the new amount."""
    await bench.payments.authorize(PART)
    bench.gateway.fail_next("capture", OperatorError("bad_credentials", "revoked"))
    with pytest.raises(ApplicationError, match="bad_credentials"):
        await bench.payments.capture(PART)
    assert await bench.payments.capture(PART.model_copy(update={"take": 500})) == CaptureResult(captured=500)
    assert [call[1:] for call in bench.gateway.called("capture")] == [
        (600, "o1/capture/1/1"),
        (500, "o1/capture/1/1.1"),
    ]


async def test_release_that_crosses_a_partial_capture_refunds_what_was_taken(bench: Bench) -> None:
    """Known or not how much was asked for: the company says what was taken, and that goes back."""
    await bench.payments.authorize(PART)
    bench.gateway.fail_next("capture", LOST, after_doing=True)
    with pytest.raises(ApplicationError):
        await bench.payments.capture(PART)
    assert await bench.payments.release(PAYMENT) == ReleaseResult(refunded=600)
    assert (only(bench).refunded, bench.steps()["capture/1/1"]) == (600, "done")
    await bench.balanced()


async def test_release_settles_a_partial_capture_that_never_happened(bench: Bench) -> None:
    """Voided whole; the capture is no longer unknown."""
    await bench.payments.authorize(PART)
    bench.gateway.fail_next("capture", LOST)
    with pytest.raises(ApplicationError):
        await bench.payments.capture(PART)
    assert await bench.payments.release(PAYMENT) == ReleaseResult(voided=1000)
    assert (bench.row("capture").code, only(bench).captured) == ("voided", 0)
    await bench.balanced()


async def test_a_refund_refused_first_asks_for_what_is_left_then(bench: Bench) -> None:
    """Between two attempts part of it went back another way: the second asks for the rest only."""
    await bench.payments.authorize(PAYMENT)
    await bench.payments.capture(PAYMENT)
    bench.gateway.fail_next("refund", CustomerError("balance_insufficient", "top up"))
    with pytest.raises(ApplicationError, match="balance_insufficient"):
        await bench.payments.release(PAYMENT)
    rest = PAYMENT.model_copy(update={"refunded": 300})
    assert await bench.payments.release(rest) == ReleaseResult(refunded=700)
    assert await bench.payments.release(rest) == ReleaseResult(refunded=700)
    assert [call[1] for call in bench.gateway.called("refund")] == [1000, 700]


async def test_nothing_left_is_nothing_refunded(bench: Bench) -> None:
    """Partial refunds gave everything back already: the company is not asked."""
    await bench.payments.authorize(PART)
    await bench.payments.capture(PART)
    assert await bench.payments.release(PART.model_copy(update={"refunded": 600})) == NOTHING
    assert bench.gateway.called("refund") == []


async def test_by_hand_gives_back_what_was_left(bench: Bench) -> None:
    """A person refunded at the company: our books enter what was taken less what went back before, once."""
    await bench.payments.authorize(PART)
    await bench.payments.capture(PART)
    rest = PART.model_copy(update={"refunded": 200})
    for _ in range(2):
        assert await bench.by_hand.released_by_hand(rest) == ReleaseResult(refunded=400)
    assert (bench.row("refund").amount, (await bench.ledger.balance("o1")).captured_net) == (400, 200)
    assert await bench.payments.release(rest) == ReleaseResult(refunded=400)
    assert bench.gateway.called("refund") == []


async def test_a_longer_hold_is_asked_for_only_when_wanted(bench: Bench) -> None:
    """The request says so, and the deadline is the bank's own, longer or not."""
    longer = await bench.payments.authorize(PAYMENT.model_copy(update={"extended": True}))
    usual = await bench.payments.authorize(PAYMENT.model_copy(update={"parcel": 2}))
    assert [request.extended for request in bench.gateway.requests] == [True, False]
    assert longer.capture_before is not None
    assert usual.capture_before is not None
    assert longer.capture_before - usual.capture_before > timedelta(days=20)


async def test_a_capture_behind_a_stored_failure_asks_for_what_is_wanted_then(bench: Bench) -> None:
    """The company repeats its failure under the first key: nothing was taken, and the next key takes the new amount."""
    bench.payments = Payments(bench.gateway, Effects(bench.ledger, timedelta(0)), bench.ledger)
    await bench.payments.authorize(PART)
    for _ in range(2):
        bench.gateway.fail_next("capture", RetryError(STORED_FAILURE, "500", unknown=True))
    with pytest.raises(ApplicationError):
        await bench.payments.capture(PART)
    bench.gateway.fail_next("capture", OperatorError("bad_credentials", "revoked"))
    with pytest.raises(ApplicationError, match="bad_credentials"):
        await bench.payments.capture(PART)
    assert await bench.payments.capture(PART.model_copy(update={"take": 500})) == CaptureResult(captured=500)
    assert (only(bench).captured, bench.row("capture").code) == (500, STORED_FAILURE)


DEBIT = PAYMENT.model_copy(update={"method_type": MethodType.US_BANK_ACCOUNT})


async def test_a_debit_under_way_is_neither_voided_nor_forgotten(bench: Bench) -> None:
    """Undecided it stays so, however often it is released; what comes then is entered and refunded, once."""
    bench.gateway.process_next()
    assert (await bench.payments.authorize(DEBIT)).status is PaymentStatus.PROCESSING
    for _ in range(2):
        assert await bench.payments.release(DEBIT) == ReleaseResult(undecided=True)
    bench.gateway.take_at_once(only(bench).payment_id)
    for _ in range(2):
        assert await bench.payments.release(DEBIT) == ReleaseResult(refunded=1000)
    assert (only(bench).refunded, bench.gateway.called("void")) == (1000, [])
    await bench.balanced()


async def test_money_that_comes_while_its_payment_is_given_up_is_refunded(bench: Bench) -> None:
    """Declined at the look, taken at the void: entered and refunded all the same."""
    bench.gateway.require_action_next()
    await bench.payments.authorize(DEBIT)
    real = bench.gateway.void

    async def paid_before(payment_id: str, *, key: str) -> PaymentState:
        bench.gateway.take_at_once(payment_id)
        return await real(payment_id, key=key)

    bench.gateway.void = paid_before  # type: ignore[method-assign]
    for _ in range(2):
        assert await bench.payments.release(DEBIT) == ReleaseResult(refunded=1000)
    await bench.balanced()


async def test_money_taken_at_once_enters_the_books_once(bench: Bench) -> None:
    """As a reservation and its capture, whichever call hears of it first."""
    bench.gateway.require_action_next()
    await bench.payments.authorize(DEBIT)
    bench.gateway.take_at_once(only(bench).payment_id)
    for _ in range(2):
        assert (await bench.payments.refresh_authorization(DEBIT)).status is PaymentStatus.CAPTURED
    balance = await bench.ledger.balance("o1")
    assert (balance.authorized, balance.captured_net) == (0, 1000)
    assert await bench.payments.capture(DEBIT) == CaptureResult(captured=1000)
    assert bench.gateway.called("capture") == []
    assert await bench.payments.release(DEBIT) == ReleaseResult(refunded=1000)
    await bench.balanced()
