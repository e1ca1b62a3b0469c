"""Partial refunds: each once, never more than was taken, and undone in the books when the bank sends it back."""

import pytest
from temporalio.exceptions import ApplicationError

from activities.payments import ReleaseResult
from activities.refunds import PartialRefund, Purpose, RefundResult
from ordersaga.domain.books import Account
from ordersaga.domain.errors import CustomerError, OperatorError, RetryError
from tests.activities.conftest import PAYMENT, Bench

LOST = RetryError("timeout", "no answer", unknown=True)
REFUND = PartialRefund(
    order_id="o1",
    parcel=1,
    payment_generation=1,
    step="refund_part",
    number=1,
    amount=300,
    currency="USD",
    purpose="canceled",
)


def nth(number: int, amount: int = 300, purpose: Purpose = "canceled") -> PartialRefund:
    """Another refund of the same parcel."""
    return REFUND.model_copy(update={"number": number, "amount": amount, "purpose": purpose})


def money(bench: Bench) -> dict[Account, int]:
    """The parcel's accounts that are not 0."""
    found: dict[Account, int] = {}
    for transaction in bench.memory.money.values():
        for posting in transaction.postings:
            found[posting.account] = found.get(posting.account, 0) + posting.amount
    return {account: amount for account, amount in found.items() if amount}


async def captured(bench: Bench, take: int | None = None) -> None:
    """The parcel's payment is taken."""
    payment = PAYMENT.model_copy(update={"take": take})
    await bench.payments.authorize(payment)
    await bench.payments.capture(payment)


@pytest.mark.parametrize(
    ("purpose", "expected"),
    [
        ("canceled", {Account.CASH: 700, Account.RECEIVABLE: -700}),
        ("goodwill", {Account.CASH: 700, Account.RECEIVABLE: -1000, Account.ALLOWANCE: 300}),
        ("returned", {Account.CASH: 700, Account.RECEIVABLE: -1000, Account.SALES: 300}),
    ],
)
async def test_a_refund_is_in_the_books_with_its_purpose(
    bench: Bench, purpose: Purpose, expected: dict[Account, int]
) -> None:
    """Repeated, it is neither asked for nor entered again."""
    await captured(bench)
    for _ in range(2):
        result = await bench.refunds.refund_part(nth(1, purpose=purpose))
        assert (result.refunded, result.status, result.refund_id is not None) == (300, "succeeded", True)
    assert money(bench) == expected
    [call] = bench.gateway.called("refund")
    assert call[1:] == (300, "o1/refund_part/1/1")
    assert sorted(bench.memory.money)[-1] == "o1/refund_part/1/1/refunded"


async def test_refunds_of_each_step_count_by_themselves(bench: Bench) -> None:
    """Three refunds, three keys, and the undo gives back what is left."""
    await captured(bench)
    returned = nth(1, 100, "returned").model_copy(update={"step": "refund_return"})
    for refund in (nth(1), nth(2, 200), returned):
        await bench.refunds.refund_part(refund)
    assert [call[2] for call in bench.gateway.called("refund")] == [
        "o1/refund_part/1/1",
        "o1/refund_part/1/2",
        "o1/refund_return/1/1",
    ]
    rest = PAYMENT.model_copy(update={"refunded": 600})
    assert await bench.payments.release(rest) == ReleaseResult(refunded=400)
    [payment] = bench.gateway.payments.values()
    assert payment.refunded == 1000


async def test_more_than_is_left_is_refused_before_it_is_asked_for(bench: Bench) -> None:
    """What a partial capture took, less what went back, is the limit; both amounts are named, nothing is entered."""
    await captured(bench, take=600)
    await bench.refunds.refund_part(nth(1))
    before = money(bench)
    with pytest.raises(ApplicationError, match="amount 301 of 300 minor units left") as caught:
        await bench.refunds.refund_part(nth(2, 301))
    assert (caught.value.type, caught.value.details[0]) == ("operator", "over_refund")
    assert (len(bench.gateway.called("refund")), money(bench)) == (1, before)
    assert (await bench.refunds.refund_part(nth(3, 300))).refunded == 300


async def test_nothing_is_refunded_from_what_was_not_captured(bench: Bench) -> None:
    """Never asked for, only reserved, or another generation: the company is not called."""
    for _ in range(2):
        with pytest.raises(ApplicationError, match="not_captured"):
            await bench.refunds.refund_part(REFUND)
        await bench.payments.authorize(PAYMENT)
    await bench.payments.capture(PAYMENT)
    with pytest.raises(ApplicationError, match="not_captured: payment 2 of parcel 1"):
        await bench.refunds.refund_part(REFUND.model_copy(update={"payment_generation": 2}))
    assert (bench.gateway.called("refund"), "refund_part/1/1" in bench.steps()) == ([], False)


async def test_a_lost_answer_refunds_once(bench: Bench) -> None:
    """Found by its key, entered once; all of the capture, so that a second one could not even be asked for."""
    await captured(bench)
    bench.gateway.fail_next("refund", LOST, after_doing=True)
    with pytest.raises(ApplicationError, match="timeout"):
        await bench.refunds.refund_part(nth(1, 1000))
    assert (await bench.refunds.refund_part(nth(1, 1000))).refunded == 1000
    assert (len(bench.gateway.called("refund")), money(bench)) == (1, {})


async def test_one_that_appears_while_it_is_asked_for_is_the_answer(bench: Bench) -> None:
    """The inquiry failed to show it; nothing is left because ours is there: entered, not refused."""
    await captured(bench)
    bench.gateway.fail_next("refund", LOST, after_doing=True)
    bench.gateway.hide_refund_next()
    with pytest.raises(ApplicationError, match="timeout"):
        await bench.refunds.refund_part(nth(1, 1000))
    assert (await bench.refunds.refund_part(nth(1, 1000))).refunded == 1000
    assert (len(bench.gateway.called("refund")), money(bench)) == (1, {})


@pytest.mark.parametrize(
    ("error", "kind"),
    [(CustomerError("refund_refused", "no"), "operator"), (OperatorError("stripe_refused", "no"), "refused")],
)
async def test_a_refused_refund_is_told_and_can_be_asked_anew(
    bench: Bench, error: CustomerError | OperatorError, kind: str
) -> None:
    """With the company's code; the next attempt goes under the next key."""
    await captured(bench)
    bench.gateway.fail_next("refund", error)
    with pytest.raises(ApplicationError, match=error.code) as caught:
        await bench.refunds.refund_part(REFUND)
    assert (caught.value.type, money(bench)[Account.CASH]) == (kind, 1000)
    assert (await bench.refunds.refund_part(REFUND)).refunded == 300
    assert bench.gateway.called("refund")[-1][2] == "o1/refund_part/1/1.1"


async def test_a_pending_refund_is_looked_at_until_it_succeeds(bench: Bench) -> None:
    """Its money left the books when it was accepted; looking enters nothing."""
    await captured(bench)
    bench.gateway.slow_refund_next()
    asked = await bench.refunds.refund_part(REFUND)
    assert asked.status == "pending"
    assert await bench.refunds.look_at_refund(REFUND) == asked
    entered = dict(bench.memory.money)
    bench.gateway.settle_refund("o1/refund_part/1/1", succeed=True)
    expected = RefundResult(refunded=300, status="succeeded", refund_id=asked.refund_id)
    assert await bench.refunds.look_at_refund(REFUND) == expected
    assert bench.memory.money == entered


@pytest.mark.parametrize("purpose", ["canceled", "goodwill", "returned"])
async def test_a_refund_that_fails_later_leaves_the_books_once(bench: Bench, purpose: Purpose) -> None:
    """The bank sent it back: reversed with its counter-posting, told each time, and the next number is free."""
    await captured(bench)
    before = money(bench)
    bench.gateway.slow_refund_next()
    await bench.refunds.refund_part(nth(1, purpose=purpose))
    bench.gateway.settle_refund("o1/refund_part/1/1", succeed=False)
    for ask in (bench.refunds.look_at_refund, bench.refunds.look_at_refund, bench.refunds.refund_part):
        with pytest.raises(ApplicationError, match=r"refund_failed.*number 2") as caught:
            await ask(nth(1, purpose=purpose))
        assert caught.value.type == "operator"
    assert (money(bench), "o1/refund_part/1/1/failed" in bench.memory.money) == (before, True)
    assert bench.steps()["refund_part_failed/1/1"] == "done"
    assert (await bench.refunds.refund_part(nth(2, 1000, purpose))).refunded == 1000
    assert len(bench.gateway.called("refund")) == 2


async def test_only_a_refund_that_was_made_is_looked_at(bench: Bench) -> None:
    """Nothing asked for, or no answer yet: an operator's matter, and nothing is asked for by looking."""
    await captured(bench)
    with pytest.raises(ApplicationError, match="refund_not_made"):
        await bench.refunds.look_at_refund(REFUND)
    bench.gateway.fail_next("refund", LOST)
    with pytest.raises(ApplicationError, match="timeout"):
        await bench.refunds.refund_part(REFUND)
    with pytest.raises(ApplicationError, match="refund_not_made"):
        await bench.refunds.look_at_refund(REFUND)
    assert len(bench.gateway.called("refund")) == 1


async def test_a_refund_the_company_does_not_show_is_asked_for_again_later(bench: Bench) -> None:
    """A list that lags proves nothing: retried, and the books stay as they are."""
    await captured(bench)
    await bench.refunds.refund_part(REFUND)
    shown = bench.gateway.refunds.pop("o1/refund_part/1/1")
    before = money(bench)
    with pytest.raises(ApplicationError, match="refund_not_visible") as caught:
        await bench.refunds.look_at_refund(REFUND)
    assert (caught.value.non_retryable, money(bench)) == (False, before)
    bench.gateway.refunds["o1/refund_part/1/1"] = shown
    assert (await bench.refunds.look_at_refund(REFUND)).status == "succeeded"


async def test_a_part_of_what_went_back_whole_is_in_there(bench: Bench) -> None:
    """As when Temporal repeats the workflow task of an undo, with a message in front of it: no second refund."""
    await captured(bench)
    await bench.payments.release(PAYMENT)
    for _ in range(2):
        result = await bench.refunds.refund_part(nth(1))
        assert result == RefundResult(refunded=0, status="succeeded", refund_id=None)
    assert [call[1] for call in bench.gateway.called("refund")] == [1000]
    assert money(bench) == {}
    assert await bench.payments.release(PAYMENT) == ReleaseResult(voided=0, refunded=1000)
