"""Undo of hand-offs and labels: also of those that were interrupted, and nobody knows how far they came."""

import pytest
from temporalio.exceptions import ApplicationError

from activities.carriers import BookLabel, VoidLabel
from ordersaga.domain.effects import EffectStatus
from ordersaga.domain.errors import CustomerError, OperatorError, OrdersagaError, RefusedError, RetryError
from ordersaga.domain.orders import ParcelPlan
from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.statuses import ParcelStatus
from tests.activities.conftest import HAND_OFF, REFERENCE, WITHDRAW, Bench
from tests.fakes.samples import EAST, order

LOST = RetryError("timeout", "no answer", unknown=True)
PLAN = ParcelPlan(parcel=1, location=EAST, provider="seller_warehouse", lines=order().lines, amount=1000)
BOOK = BookLabel(order=order(), plan=PLAN)
VOID = VoidLabel(order_id="o1", parcel=1)


async def test_hand_off_is_accepted_once(bench: Bench) -> None:
    """Twice asked, once submitted, the same provider order."""
    first = await bench.providers.hand_off(HAND_OFF)
    assert first == await bench.providers.hand_off(HAND_OFF)
    assert (first.accepted, first.provider_id) == (True, "shipbob-1")
    assert bench.provider.called("submit") == [(REFERENCE,)]


async def test_withdraw_of_what_was_never_handed_off_asks_nobody(bench: Bench) -> None:
    """Nothing intended, or refused: nothing to undo, and the provider hears nothing."""
    assert await bench.providers.withdraw(WITHDRAW) is CancelDecision.NOTHING_TO_UNDO
    bench.provider.fail_next("submit", CustomerError("address_refused", "no"))
    assert not (await bench.providers.hand_off(HAND_OFF)).accepted
    assert await bench.providers.withdraw(WITHDRAW) is CancelDecision.NOTHING_TO_UNDO
    assert bench.provider.called("cancel") == []


@pytest.mark.parametrize("after_doing", [True, False])
async def test_withdraw_of_an_interrupted_hand_off_inquires_first(bench: Bench, after_doing: bool) -> None:
    """It reached the provider: canceled there. It did not: refused once that is proved, and nothing is sent."""
    bench.provider.fail_next("submit", LOST, after_doing=after_doing)
    with pytest.raises(ApplicationError):
        await bench.providers.hand_off(HAND_OFF)
    if not after_doing:
        with pytest.raises(ApplicationError, match="not_visible_yet"):
            await bench.providers.withdraw(WITHDRAW)
        bench.time_has_passed()
    decision = await bench.providers.withdraw(WITHDRAW)
    assert decision is (CancelDecision.CANCELED if after_doing else CancelDecision.NOTHING_TO_UNDO)
    assert (len(bench.provider.called("submit")), len(bench.provider.called("cancel"))) == (1, int(after_doing))
    assert bench.row("hand_off").status is (EffectStatus.DONE if after_doing else EffectStatus.REFUSED)


@pytest.mark.parametrize("attempts", [0, 1, 2])
async def test_a_hand_off_that_was_never_sent_is_called_off_for_good(bench: Bench, attempts: int) -> None:
    """Without asking anybody; an attempt that comes late finds it refused, and sends nothing."""
    for _ in range(attempts):
        bench.provider.fail_next("submit", RetryError("breaker_open", "kept back"))
        with pytest.raises(ApplicationError):
            await bench.providers.hand_off(HAND_OFF)
    kept_back = len(bench.provider.calls)
    assert [await bench.providers.call_off(HAND_OFF) for _ in range(2)] == [True, True]
    assert not (await bench.providers.hand_off(HAND_OFF)).accepted
    assert len(bench.provider.calls) == kept_back
    assert (bench.row("hand_off").status, bench.row("hand_off").code) == (EffectStatus.REFUSED, "not_sent")


@pytest.mark.parametrize("known", [True, False])
async def test_a_hand_off_that_may_have_arrived_is_not_called_off(bench: Bench, known: bool) -> None:
    """Accepted, or its answer lost: it stands as it was."""
    if known:
        await bench.providers.hand_off(HAND_OFF)
    else:
        bench.provider.fail_next("submit", LOST, after_doing=True)
        with pytest.raises(ApplicationError):
            await bench.providers.hand_off(HAND_OFF)
    before = bench.row("hand_off")
    assert not await bench.providers.call_off(HAND_OFF)
    assert bench.row("hand_off") == before


@pytest.mark.parametrize("refusal", [CustomerError("address_refused", "no"), RefusedError("refused", "never made")])
async def test_withdraw_of_a_hand_off_refused_later_asks_nobody(bench: Bench, refusal: OrdersagaError) -> None:
    """Undecided when it was handed off, refused since: nothing is there to be canceled."""
    bench.provider.fail_next("submit", LOST)
    with pytest.raises(ApplicationError):
        await bench.providers.hand_off(HAND_OFF)
    bench.provider.fail_next("inquire", refusal)
    assert await bench.providers.withdraw(WITHDRAW) is CancelDecision.NOTHING_TO_UNDO
    assert (len(bench.provider.called("submit")), bench.provider.called("cancel")) == (1, [])
    assert bench.row("hand_off").status is EffectStatus.REFUSED


async def test_pending_decision_is_no_answer(bench: Bench) -> None:
    """Still deciding: unknown and asked again; then the decision counts."""
    await bench.providers.hand_off(HAND_OFF)
    bench.provider.answer_cancel_next(CancelDecision.PENDING)
    with pytest.raises(ApplicationError) as caught:
        await bench.providers.withdraw(WITHDRAW)
    assert (caught.value.type, caught.value.non_retryable) == ("retry", False)
    assert await bench.providers.withdraw(WITHDRAW) is CancelDecision.CANCELED


async def test_refused_withdrawal_is_asked_anew_when_somebody_tries_again(bench: Bench) -> None:
    """Picked then, put back since: the stored refusal does not speak for the provider for ever."""
    await bench.providers.hand_off(HAND_OFF)
    bench.provider.advance(REFERENCE, ParcelStatus.PICKED)
    assert await bench.providers.withdraw(WITHDRAW) is CancelDecision.REFUSED
    bench.provider.advance(REFERENCE, ParcelStatus.ACCEPTED)
    assert await bench.providers.withdraw(WITHDRAW) is CancelDecision.CANCELED


async def test_withdrawal_of_goods_that_left_is_settled_without_asking(bench: Bench) -> None:
    """The question was open when the goods left: it ends as refused, and the books have no unknown effect."""
    await bench.providers.hand_off(HAND_OFF)
    bench.provider.answer_cancel_next(CancelDecision.PENDING)
    with pytest.raises(ApplicationError):
        await bench.providers.withdraw(WITHDRAW)
    gone = WITHDRAW.model_copy(update={"goods_left": True})
    assert await bench.providers.withdraw(gone) is CancelDecision.REFUSED
    assert len(bench.provider.called("cancel")) == 1
    assert (await bench.ledger.balance("o1")).unsettled_effects == ()


async def test_unknown_provider_names_the_known_ones(bench: Bench) -> None:
    """A setting is missing: an operator reads which."""
    with pytest.raises(ApplicationError, match="configured: shipbob") as caught:
        await bench.providers.withdraw(WITHDRAW.model_copy(update={"provider": "newegg"}))
    assert (caught.value.type, next(iter(caught.value.details))) == ("operator", "unknown_provider")


async def test_label_is_bought_and_voided_once(bench: Bench) -> None:
    """Both asked twice: one label, one void."""
    first = await bench.carriers.book_label(BOOK)
    assert first == await bench.carriers.book_label(BOOK)
    assert (first.bought, first.carrier, first.tracking_number) == (True, "fedex", "1Z000001")
    for _ in range(2):
        assert await bench.carriers.void_label(VOID) is CancelDecision.CANCELED
    assert (len(bench.carrier.called("book")), len(bench.carrier.called("void"))) == (1, 1)


async def test_void_of_what_was_never_bought_asks_nobody(bench: Bench) -> None:
    """Never asked for, or refused by the carrier: nothing to undo."""
    assert await bench.carriers.void_label(VOID) is CancelDecision.NOTHING_TO_UNDO
    bench.carrier.fail_next("book", CustomerError("label_refused", "no service"))
    assert (await bench.carriers.book_label(BOOK)).code == "label_refused"
    assert await bench.carriers.void_label(VOID) is CancelDecision.NOTHING_TO_UNDO
    assert bench.carrier.called("void") == []


@pytest.mark.parametrize("after_doing", [True, False])
async def test_void_of_an_interrupted_purchase_inquires_first(bench: Bench, after_doing: bool) -> None:
    """A label exists: voided. None exists: refused once that is proved, and none is bought for the undo."""
    bench.carrier.fail_next("book", LOST, after_doing=after_doing)
    with pytest.raises(ApplicationError):
        await bench.carriers.book_label(BOOK)
    if not after_doing:
        with pytest.raises(ApplicationError, match="not_visible_yet"):
            await bench.carriers.void_label(VOID)
        bench.time_has_passed()
    decision = await bench.carriers.void_label(VOID)
    assert decision is (CancelDecision.CANCELED if after_doing else CancelDecision.NOTHING_TO_UNDO)
    assert (len(bench.carrier.called("book")), len(bench.carrier.labels)) == (1, int(after_doing))


async def test_lost_answer_of_a_void_is_found(bench: Bench) -> None:
    """Voided at the carrier, answer lost: the inquiry sees it, no second void."""
    await bench.carriers.book_label(BOOK)
    bench.carrier.fail_next("void", LOST, after_doing=True)
    with pytest.raises(ApplicationError):
        await bench.carriers.void_label(VOID)
    assert await bench.carriers.void_label(VOID) is CancelDecision.CANCELED
    assert len(bench.carrier.called("void")) == 1


async def test_void_refused_to_us_is_no_refusal_of_the_carrier(bench: Bench) -> None:
    """Our account was blocked: raised, and after the repair the carrier is asked."""
    await bench.carriers.book_label(BOOK)
    bench.carrier.fail_next("void", OperatorError("account_blocked", "unpaid"))
    with pytest.raises(ApplicationError, match="account_blocked"):
        await bench.carriers.void_label(VOID)
    assert await bench.carriers.void_label(VOID) is CancelDecision.CANCELED


async def test_purchase_that_may_still_arrive_is_not_repeated(bench: Bench) -> None:
    """No label is found yet: bought again only once that proves that the first purchase came to nothing."""
    bench.carrier.fail_next("book", LOST)
    for expected in ("timeout", "not_visible_yet", "not_visible_yet"):
        with pytest.raises(ApplicationError, match=expected):
            await bench.carriers.book_label(BOOK)
    assert len(bench.carrier.called("book")) == 1
    bench.time_has_passed()
    assert (await bench.carriers.book_label(BOOK)).bought
    assert len(bench.carrier.labels) == 1


async def test_purchase_that_was_never_sent_is_repeated_at_once(bench: Bench) -> None:
    """No connection: surely nothing was sent, so nobody is asked and the next attempt buys."""
    bench.carrier.fail_next("book", RetryError("unreachable", "no connection"))
    with pytest.raises(ApplicationError, match="unreachable"):
        await bench.carriers.book_label(BOOK)
    assert (await bench.carriers.book_label(BOOK)).bought
    assert bench.carrier.called("inquire") == []


@pytest.mark.parametrize("settled", [True, False])
async def test_generation_replaces_only_what_was_refused(bench: Bench, settled: bool) -> None:
    """A second hand-off next to one that may exist is refused; next to one on record as refused it is made."""
    bench.provider.fail_next("submit", OperatorError("bad_credentials", "no") if settled else LOST)
    with pytest.raises(ApplicationError):
        await bench.providers.hand_off(HAND_OFF)
    renewed = HAND_OFF.hand_off.model_copy(update={"reference": "o1-1-2"})
    second = HAND_OFF.model_copy(update={"generation": 2, "hand_off": renewed})
    if settled:
        assert (await bench.providers.hand_off(second)).accepted
    else:
        with pytest.raises(ApplicationError, match="generation_open"):
            await bench.providers.hand_off(second)
    assert list(bench.provider.orders) == (["o1-1-2"] if settled else [])
