"""Reconciliation on real ledgers beside companies that disagree: each planted disagreement is found, mended, gone."""

from datetime import UTC, datetime, timedelta

import pytest
from temporalio.exceptions import ApplicationError

from activities.repairs import RepairAsk
from ordersaga.domain.books import Account, MoneyTransaction, authorization_ended
from ordersaga.domain.effects import EffectIntent
from ordersaga.domain.errors import RetryError
from ordersaga.domain.orders import OrderLine
from ordersaga.domain.payments import PaymentRequest, PaymentStatus
from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from ordersaga.stores.ledgers import PostgresLedgers
from tests.activities.reconciling import MUGS, Life, World, own, world
from tests.support.database import database_server, database_url, pool

__all__ = ["database_server", "database_url", "own", "pool", "world"]


async def stray(world: World, order_id: str, amount: int = 700) -> str:
    """A reservation with our marks that nobody here asked for."""
    key = f"{order_id}/authorize/1/9"
    request = PaymentRequest(
        order_id=order_id, parcel=1, reference=key, amount=amount, currency="USD", payment_method="pm_card_visa"
    )
    return (await world.gateway.authorize(request, key=key)).payment_id


async def cash(world: World, order_id: str = "o1") -> int:
    """What our books hold of parcel 1."""
    evidence = await world.evidence.orders([order_id])
    return evidence[order_id].amount(1, Account.CASH)


async def test_what_agrees_is_no_finding(world: World) -> None:
    """Orders shipped, canceled, on their way, waiting, and others' payments and orders: nothing is found."""
    await world.shipped("o1")
    await world.canceled("o2")
    moving = await world.placed("o3")
    await moving.authorize()
    await moving.hand_over()
    await moving.leave()
    await moving.ship()
    waiting = await world.placed("o4")
    await waiting.authorize()
    await waiting.hand_over()
    world.gateway.pay_elsewhere(500)
    world.gateway.pay_elsewhere(500, PaymentStatus.AUTHORIZED)
    world.carrier.buy_elsewhere("shop-1234")
    world.carrier.buy_elsewhere("1234-1-1")
    assert await world.run() == []


async def test_labels_of_ours_that_agree_are_no_finding(own: World) -> None:
    """A label in use, one not used yet, one given back."""
    await own.shipped("o1")
    await own.canceled("o2")
    waiting = await own.placed("o3")
    await waiting.authorize()
    await waiting.hand_over()
    assert await own.run() == []


async def test_an_orphan_authorization_is_voided(world: World) -> None:
    """Reserved for an order that has ended: given back, which the order's story tells."""
    life = await world.canceled()
    payment_id = await stray(world, "o1")
    assert payment_id in await world.repaired("orphan_authorization")
    assert world.gateway.payments[payment_id].status is PaymentStatus.VOIDED
    await life.balanced()
    story = [entry for entry in await world.journal.timeline("o1") if entry.kind == "reconciled"]
    assert "ann asked for it: planted" in story[0].text


async def test_a_reservation_still_in_our_books_is_orphaned_too(world: World) -> None:
    """The order was closed around it: its end is entered with the void."""
    life = await world.placed()
    await life.authorize()
    await world.stock.release("o1", 1)
    await life.end(OrderStatus.CANCELED)
    await world.repaired("orphan_authorization")
    await life.balanced()


async def test_a_running_order_has_an_orphan_only_under_a_key_it_never_used(world: World) -> None:
    """Its own reservation stays; the other one goes, without a trace in its books."""
    life = await world.placed()
    await life.authorize()
    payment_id = await stray(world, "o1")
    await world.repaired("orphan_authorization")
    assert world.gateway.payments[payment_id].status is PaymentStatus.VOIDED
    assert world.gateway.payments[life.payment_id].status is PaymentStatus.AUTHORIZED
    await life.hand_over()
    await life.ship()
    await life.capture()
    await life.balanced()


async def test_a_reservation_for_an_order_nobody_knows_is_voided(world: World) -> None:
    """It bears our marks; more than nothing takes a second person, for no terms limit it."""
    await stray(world, "lost")
    (stored,) = await world.run()
    assert (await world.findings.foretell(stored.finding.finding_id, by="ann")).result == "proposed"
    assert (await world.repair(stored)).status == "repaired"
    assert await world.run() == []


async def test_a_missed_capture_is_made_good_and_the_order_closed(world: World) -> None:
    """The saga was terminated once the goods had left: the sale is booked, the money taken, the order closed."""
    life = await world.placed()
    await life.authorize()
    await life.hand_over()
    await life.leave()
    life.desert()
    gone, missed = sorted(await world.run(), key=lambda stored: stored.finding.kind != "saga_gone")
    assert (gone.finding.kind, missed.finding.kind) == ("saga_gone", "missed_capture")
    assert missed.finding.money == 1000
    assert (await world.repair(missed)).status == "repaired"
    assert "closed the order as completed" in (await world.repair(gone)).outcome
    assert await world.run() == []
    await life.balanced()
    assert world.gateway.payments[life.payment_id].captured == 1000


@pytest.mark.parametrize("first", ["missed_capture", "effect_unsettled"])
async def test_a_capture_that_was_lost_is_made_good(world: World, first: str) -> None:
    """The saga was terminated while its capture was unanswered: whichever finding is mended first, it is taken once."""
    life = await world.placed()
    await life.authorize()
    await life.hand_over()
    await life.leave()
    await life.ship()
    world.gateway.fail_next("capture", RetryError("timeout", "no answer", unknown=True))
    with pytest.raises(ApplicationError):
        await life.capture()
    life.desert()
    found = {stored.finding.kind.value: stored for stored in await world.run()}
    assert sorted(found) == ["effect_unsettled", "missed_capture", "saga_gone"]
    second = "missed_capture" if first == "effect_unsettled" else "effect_unsettled"
    statuses = [(await world.repair(found[kind])).status for kind in (first, second, "saga_gone")]
    assert statuses == ["repaired", "repaired" if second == "missed_capture" else "gone", "repaired"]
    assert await world.run() == []
    await life.balanced()


async def test_a_running_saga_captures_by_itself(world: World) -> None:
    """Goods left, nothing captured yet, the saga runs: that is its business."""
    life = await world.placed()
    await life.authorize()
    await life.hand_over()
    await life.leave()
    await life.ship()
    assert await world.run() == []


async def test_money_for_goods_that_never_left_goes_back(world: World) -> None:
    """Captured by hand for a canceled order: entered and refunded in one repair."""
    life = await world.placed()
    await life.authorize()
    await world.gateway.capture(life.payment_id, 1000, key="by hand")
    await world.stock.release("o1", 1)
    await world.ledger.post(_reservation_ended(life))
    await life.end(OrderStatus.CANCELED)
    await world.repaired("paid_without_goods")
    assert world.gateway.payments[life.payment_id].refunded == 1000
    assert await cash(world) == 0
    await life.balanced()


async def test_a_refund_made_by_hand_is_entered_as_goodwill(world: World) -> None:
    """The shopper keeps the goods: the books owe nothing afterwards."""
    life = await world.shipped()
    world.gateway.refund_by_hand(life.payment_id, 300)
    assert "USD -3.00" in await world.repaired("cash_differs")
    assert await cash(world) == 700
    await life.balanced()


async def test_the_same_disagreement_twice_is_mended_twice(world: World) -> None:
    """A second refund by hand is another occurrence, under another key."""
    life = await world.shipped()
    for left in (700, 400):
        world.gateway.refund_by_hand(life.payment_id, 300)
        await world.repaired("cash_differs")
        assert await cash(world) == left
    await life.balanced()


async def test_a_second_label_is_given_back(own: World) -> None:
    """The one our ledger knows stays."""
    life = await own.placed()
    await life.authorize()
    await life.hand_over()
    second = own.carrier.buy_elsewhere(life.reference)
    assert second.label_id in await own.repaired("double_label")
    assert own.carrier.called("void_label") == [(second.label_id,)]


async def test_a_label_of_a_canceled_parcel_is_given_back(own: World) -> None:
    """Bought behind our back for an order that was undone."""
    await own.canceled()
    bought = own.carrier.buy_elsewhere("o1-1-2")
    assert bought.label_id in await own.repaired("double_label")
    assert own.carrier.called("void_label") == [(bought.label_id,)]


async def test_a_second_label_at_another_account_is_given_back_there(own: World) -> None:
    """The one our ledger knows stays; the account that sold the other takes it back."""
    life = await own.placed()
    await life.authorize()
    await life.hand_over()
    own.carrier.buy_elsewhere("shop-1234")
    own.ups.buy_elsewhere()
    second = own.ups.buy_elsewhere(life.reference)
    (stored,) = await own.run()
    assert (stored.finding.source, stored.finding.facts["label_id"]) == ("labels:ups", second.label_id)
    await own.repaired("double_label")
    assert (own.ups.called("void_label"), own.carrier.called("void_label")) == ([(second.label_id,)], [])


async def test_a_label_the_carrier_keeps_is_refused_and_found_again(own: World) -> None:
    """The carrier's refusal is told; the finding is open again at the next run."""
    await own.canceled()
    own.carrier.buy_elsewhere("o1-1-2")
    own.carrier.answer_void_next(CancelDecision.REFUSED)
    (stored,) = await own.run()
    result = await own.repair(stored)
    assert (result.status, result.outcome) == ("refused", "refused: the carrier keeps the label")
    await own.repaired("double_label")


async def test_a_live_provider_order_of_a_canceled_parcel_is_withdrawn(world: World) -> None:
    """It had confirmed the cancellation and goes on all the same."""
    life = await world.canceled()
    world.provider.advance(life.reference, ParcelStatus.ACCEPTED)
    await world.repaired("live_provider_order")
    assert world.provider.orders[life.reference].status is ParcelStatus.CANCELED


async def test_goods_that_leave_although_withdrawn_cannot_be_withdrawn(world: World) -> None:
    """Picked meanwhile: the refusal says what to do instead."""
    life = await world.canceled()
    world.provider.advance(life.reference, ParcelStatus.PICKED)
    (stored,) = await world.run()
    assert "turn it around" in (await world.repair(stored)).outcome


async def test_an_order_the_provider_forgot_is_told_to_its_saga(world: World) -> None:
    """The saga hears of an exception, and asks a person with its own choices."""
    life = await world.placed()
    await life.authorize()
    await life.hand_over()
    world.provider.forget(life.reference)
    (stored,) = await world.run()
    assert stored.finding.kind == "provider_order_missing"
    await world.repair(stored)
    (message,) = await world.inbox.claim(10)
    assert message.body["events"][0]["status"] == "exception"
    await life.hear(ParcelStatus.EXCEPTION)
    assert await world.run() == []


async def test_stock_is_set_right_by_the_providers_count(world: World) -> None:
    """Fewer and more; goods handed over may have left already."""
    waiting = await world.placed()
    await waiting.authorize()
    await waiting.hand_over()
    world.provider.count("MUG", 2 * MUGS - 1)
    assert await world.run() == []
    for counted, change in ((2 * MUGS - 5, -4), (2 * MUGS + 3, 7)):
        world.provider.count("MUG", counted)
        assert f"{change:+d}" in await world.repaired("stock_drift")
    await world.shipped("o2")
    assert sum(count.quantity for count in (await PostgresLedgers(world.pool).read()).counted) == 3


async def test_stock_is_never_set_below_what_is_promised(world: World) -> None:
    """The refusal names the remedy; nothing is changed."""
    placed = await world.placed(lines=(OrderLine(sku="MUG", quantity=MUGS, unit_price=10),))
    world.provider.count("MUG", 20)
    (stored,) = await world.run()
    assert stored.finding.subject == "shipbob/MUG"
    result = await world.repair(stored)
    assert result.status == "refused"
    assert "cancel or move orders" in result.outcome
    shelves = await world.evidence.shelves("shipbob", ["MUG"], datetime.now(UTC))
    assert {shelf.location: shelf.on_hand for shelf in shelves}[placed.plan.location] == MUGS


async def test_an_order_never_started_is_started(world: World) -> None:
    """Accepted, and nobody knows its saga."""
    await world.placed()
    world.sagas.running.clear()
    await world.pool.execute("UPDATE orders SET started_at = NULL")
    await world.repaired("never_started")
    assert "o1" in world.sagas.running


async def test_an_order_without_a_saga_stays_a_finding_until_its_books_balance(world: World) -> None:
    """Units are held: a person is asked, which mends nothing, answered or not; released, the order can be closed."""
    life = await world.placed()
    life.desert()
    (stored,) = await world.run()
    result = await world.repair(stored)
    assert (result.status, result.asked) == ("refused", True)
    assert "asked a person: its books do not balance" in result.outcome
    (question,) = await world.journal.open_attention(order_id="o1")
    assert question.kind == "saga_gone"
    assert "1 units still held" in question.question
    for said in (question.question, result.outcome):
        assert "temporal workflow reset --workflow-id order-o1 --type LastWorkflowTask" in said
    assert [found.outcome for found in await world.run()] == [result.outcome]
    await world.journal.answer_question(question, "acknowledge", by="ann", reason="seen")
    assert await world.kinds() == ["saga_gone"]
    await world.stock.release("o1", 1)
    assert "closed the order as canceled" in await world.repaired("saga_gone")


async def test_an_order_whose_saga_runs_again_is_no_finding(world: World) -> None:
    """A person who was asked let the saga go on: nothing is left to mend."""
    life = await world.placed()
    life.desert()
    (stored,) = await world.run()
    assert (await world.repair(stored)).asked
    world.sagas.running["o1"] = {1: ParcelStatus.PLANNED}
    assert await world.run() == []


async def test_a_parcel_its_provider_lost_stays_a_finding_while_no_saga_runs(world: World) -> None:
    """A person is asked about it; nobody takes the parcel back, so it stays on the list."""
    life = await world.placed()
    await life.authorize()
    await life.hand_over()
    world.provider.forget(life.reference)
    life.desert()
    missing = next(found for found in await world.run() if found.finding.kind == "provider_order_missing")
    result = await world.repair(missing)
    assert (result.status, result.asked) == ("refused", True)
    assert "temporal workflow reset --workflow-id order-o1" in result.outcome
    assert await world.kinds() == ["provider_order_missing", "saga_gone"]


async def test_a_lost_report_of_a_provider_is_put_into_the_inbox(world: World) -> None:
    """The saga believes the parcel accepted, the provider has it packed."""
    life = await world.placed()
    await life.authorize()
    await life.hand_over()
    world.sagas.running["o1"] = {1: ParcelStatus.ACCEPTED}
    world.provider.advance(life.reference, ParcelStatus.PACKED)
    (stored,) = await world.run()
    assert stored.finding.kind == "message_lost"
    await world.repair(stored)
    (message,) = await world.inbox.claim(10)
    assert (message.source, message.body["events"][0]["status"]) == ("shipbob", "packed")
    await life.hear(ParcelStatus.PACKED)
    assert await world.run() == []


async def test_a_lost_scan_is_put_into_the_inbox(own: World) -> None:
    """The carrier has scanned the label of a running order, which never heard of it."""
    life = await own.placed()
    await life.authorize()
    await life.hand_over()
    own.sagas.running["o1"] = {1: ParcelStatus.LABELED}
    own.carrier.track(life.reference, ParcelStatus.IN_TRANSIT)
    (stored,) = await own.run()
    await own.repair(stored)
    (message,) = await own.inbox.claim(10)
    assert message.body["events"][0]["status"] == "in_transit"


async def test_a_passed_challenge_nobody_told_of_is_delivered(world: World) -> None:
    """The saga waits for the shopper, who has paid."""
    world.gateway.require_action_next()
    life = await world.placed()
    await life.authorize()
    assert await world.run() == []
    world.gateway.complete_action(life.payment_id)
    (stored,) = await world.run()
    assert stored.finding.kind == "message_lost"
    await world.repair(stored)
    (message,) = await world.inbox.claim(10)
    assert message.body["events"][0]["kind"] == "authorized"
    await world.payments.refresh_authorization(life.payment)
    assert await world.run() == []


@pytest.mark.parametrize("step", ["hand_off", "withdraw", "book_label", "void_label", "intercept", "update_address"])
async def test_a_call_nobody_knows_the_outcome_of_is_settled(world: World, step: str) -> None:
    """What the other side does not have did not happen."""
    life = await world.canceled()
    await world.ledger.begin(EffectIntent(order_id="o1", step=step, parcel=1, generation=7, lease=timedelta(0)))
    await world.repaired("effect_unsettled")
    await life.balanced()


async def test_an_authorization_nobody_knows_of_is_settled_and_given_back(world: World) -> None:
    """Two disagreements about one payment: mended in either order, the books are closed."""
    life = await world.canceled()
    intent = EffectIntent(
        order_id="o1", step="authorize", parcel=1, generation=9, amount=700, currency="USD", lease=timedelta(0)
    )
    await world.ledger.begin(intent)
    await stray(world, "o1")
    found = await world.run()
    assert [stored.finding.kind.value for stored in found] == ["effect_unsettled", "orphan_authorization"]
    for stored in found:
        assert (await world.repair(stored)).status == "repaired"
    assert await world.run() == []
    await life.balanced()


async def test_nothing_younger_than_the_grace_period_is_a_finding(world: World) -> None:
    """A moment after it came about, all of it may be under way."""
    life = await world.canceled()
    await stray(world, "o1")
    world.provider.advance(life.reference, ParcelStatus.ACCEPTED)
    await world.ledger.begin(EffectIntent(order_id="o1", step="capture", parcel=1, generation=3))
    assert await world.run(grace=timedelta(minutes=30)) == []


async def test_a_repair_looks_again_first(world: World) -> None:
    """Somebody voided it at the company meanwhile: there is nothing to mend."""
    await world.canceled()
    payment_id = await stray(world, "o1")
    (stored,) = await world.run()
    world.gateway.lapse(payment_id)
    assert (await world.repair(stored)).status == "gone"
    assert payment_id not in [call[0] for call in world.gateway.called("void")]


async def test_a_repair_whose_answer_was_lost_is_made_once(world: World) -> None:
    """The refund went through, its answer did not come: the retry finds it under its key."""
    life = await world.placed()
    await life.authorize()
    await world.gateway.capture(life.payment_id, 1000, key="by hand")
    await world.stock.release("o1", 1)
    await world.ledger.post(_reservation_ended(life))
    await life.end(OrderStatus.CANCELED)
    (stored,) = await world.run()
    lost = RetryError("timeout", "no answer", unknown=True)
    world.gateway.fail_next("refund", lost, after_doing=True)
    with pytest.raises(ApplicationError):
        await world.repair(stored)
    now = datetime.now(UTC) + timedelta(hours=1)
    ask = RepairAsk(finding_id=stored.finding.finding_id, by="ann", reason="x", now=now, grace=timedelta(minutes=10))
    assert (await world.repairs.apply_repair(ask)).status == "repaired"
    assert (await world.repairs.apply_repair(ask)).status == "repaired"
    assert len(world.gateway.called("refund")) == 1
    assert await cash(world) == 0
    assert await world.run() == []


async def test_a_run_about_one_order_leaves_the_others_alone(world: World) -> None:
    """Neither found nor gone."""
    await world.canceled("o1")
    await world.canceled("o2")
    await stray(world, "o1")
    await stray(world, "o2")
    (only,) = await world.run("o1")
    assert only.finding.order_id == "o1"
    assert len(await world.run()) == 2
    await world.repair(only)
    assert [stored.finding.order_id for stored in await world.run("o1")] == ["o2"]


async def test_a_repair_nobody_asked_for_is_not_made(world: World) -> None:
    """The finding must be claimed first."""
    await world.canceled()
    payment_id = await stray(world, "o1")
    (stored,) = await world.run()
    now = datetime.now(UTC) + timedelta(hours=1)
    for finding_id in (stored.finding.finding_id, "none"):
        ask = RepairAsk(finding_id=finding_id, by="ann", reason="x", now=now, grace=timedelta(minutes=10))
        assert (await world.repairs.apply_repair(ask)).outcome == "nobody asked for its repair"
    assert world.gateway.payments[payment_id].status is PaymentStatus.AUTHORIZED


def _reservation_ended(life: Life) -> MoneyTransaction:
    return MoneyTransaction(
        transaction_id="o1/ended",
        order_id="o1",
        parcel=1,
        currency="USD",
        memo="ended by hand",
        postings=authorization_ended(life.plan.amount),
    )
