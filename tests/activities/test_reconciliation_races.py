"""Repairs while the order, the company or another run goes on: no money is moved on what was true before."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.inventory import ShipUnits
from activities.looking import Looker
from activities.reconciliation import MatchAsk, Reconciling, kept_alive
from activities.refunds import PartialRefund, Refunds
from activities.repairs import RepairAsk, RepairResult, Repairs
from ordersaga.domain.books import Account, MoneyTransaction, written_off
from ordersaga.domain.effects import EffectIntent
from ordersaga.domain.errors import RetryError
from ordersaga.domain.evidence import OrderEvidence
from ordersaga.domain.matching import Moment
from ordersaga.domain.orders import SellerTerms
from ordersaga.domain.payments import PaymentState
from ordersaga.domain.reconciliation import StoredFinding
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from ordersaga.stores.evidence import PostgresEvidence
from ordersaga.stores.pools import Pool
from tests.activities.reconciling import GRACE, Life, World, own, world
from tests.support.database import database_server, database_url, pool

__all__ = ["database_server", "database_url", "own", "pool", "world"]

LOST_ANSWER = RetryError("timeout", "no answer", unknown=True)


class Interrupted(PostgresEvidence):
    """Our ledgers, in which something happens just after they were read for the first time."""

    def __init__(self, pool: Pool, meanwhile: Callable[[], Awaitable[object]]) -> None:
        super().__init__(pool)
        self._waiting = [meanwhile]

    async def orders(self, order_ids: Sequence[str]) -> Mapping[str, OrderEvidence]:
        """What was true before it happened."""
        found = await super().orders(order_ids)
        while self._waiting:
            await self._waiting.pop()()
        return found


def ask(stored: StoredFinding) -> RepairAsk:
    """An hour from now, as the world's runs."""
    now = datetime.now(UTC) + timedelta(hours=1)
    return RepairAsk(finding_id=stored.finding.finding_id, by="ann", reason="planted", now=now, grace=GRACE)


async def claimed(world: World, stored: StoredFinding) -> RepairAsk:
    """One person asks for the repair, and may."""
    claim = await world.findings.claim(stored.finding.finding_id, by="ann", reason="planted")
    assert claim.result == "claimed"
    return ask(stored)


async def give(life: Life, amount: int, number: int = 1, payment_generation: int = 1) -> None:
    """Goodwill, as the saga gives it."""
    refunds = Refunds(life.world.gateway, life.world.means.effects, life.world.ledger)
    wish = PartialRefund(
        order_id=life.order.order_id,
        parcel=1,
        payment_generation=payment_generation,
        step="refund_part",
        number=number,
        amount=amount,
        currency="USD",
        purpose="goodwill",
    )
    await refunds.refund_part(wish)


async def cash(world: World) -> int:
    """What our books hold of parcel 1."""
    return (await world.evidence.orders(["o1"]))["o1"].amount(1, Account.CASH)


async def test_more_money_than_one_person_agreed_to_is_not_moved(world: World) -> None:
    """What grew since it was found is asked for anew: the larger amount may take a second person."""
    life = await world.shipped(terms=SellerTerms(second_person_above=200))
    world.gateway.refund_by_hand(life.payment_id, 100)
    (stored,) = await world.run()
    asked = await claimed(world, stored)
    world.gateway.refund_by_hand(life.payment_id, 300)
    result = await world.repairs.apply_repair(asked)
    assert result.status == "open"
    assert await cash(world) == 1000
    (again,) = await world.run()
    assert again.finding.money == 400
    claim = await world.findings.claim(again.finding.finding_id, by="ann", reason="planted")
    assert claim.result == "proposed"


async def test_what_moved_while_it_was_looked_at_is_not_entered_twice(world: World, pool: Pool) -> None:
    """Goodwill is given between our books and the company being read: its own entry is the only one."""
    life = await world.shipped()
    world.gateway.refund_by_hand(life.payment_id, 100)
    (stored,) = await world.run()
    asked = await claimed(world, stored)
    evidence = Interrupted(pool, lambda: give(life, 50))
    repairs = Repairs(replace(world.sources, evidence=evidence), world.means)
    with pytest.raises(ApplicationError, match="meanwhile"):
        await repairs.apply_repair(asked)
    assert (await world.repairs.apply_repair(ask(stored))).status == "repaired"
    assert await cash(world) == 850


async def test_an_entry_begun_and_not_written_is_judged_anew(world: World) -> None:
    """The attempt before died with the intention written; since then goodwill was given."""
    life = await world.shipped()
    world.gateway.refund_by_hand(life.payment_id, 300)
    (stored,) = await world.run()
    asked = await claimed(world, stored)
    await give(life, 50)
    await world.ledger.begin(
        EffectIntent(order_id="o1", step="reconcile_enter", parcel=1, lease=timedelta(0), generation=stored.occurrence)
    )
    later = asked.model_copy(update={"now": asked.now + timedelta(hours=1)})
    assert (await world.repairs.apply_repair(later)).status == "repaired"
    assert await cash(world) == 650


async def test_a_run_that_looked_before_the_repair_does_not_open_it_again(world: World) -> None:
    """It saw what was true then."""
    life = await world.shipped()
    world.gateway.refund_by_hand(life.payment_id, 300)
    (stored,) = await world.run()
    looked = datetime.now(UTC) + timedelta(minutes=30)
    assert (await world.repair(stored)).status == "repaired"
    await world.findings.save("a run that began before", [stored.finding], looked)
    found = await world.findings.get(stored.finding.finding_id)
    assert found is not None
    assert (found.status, found.occurrence) == ("repaired", 1)


async def test_a_capture_whose_answer_was_lost_is_in_the_books_after_the_repair(world: World) -> None:
    """The retry finds nothing reserved any more, and enters what was taken."""
    life = await world.placed()
    await life.authorize()
    await life.hand_over()
    await life.leave()
    life.desert()
    found = {stored.finding.kind.value: stored for stored in await world.run()}
    asked = await claimed(world, found["missed_capture"])
    world.gateway.fail_next("capture", LOST_ANSWER, after_doing=True)
    with pytest.raises(ApplicationError):
        await world.repairs.apply_repair(asked)
    assert (await world.repairs.apply_repair(asked)).status == "repaired"
    assert await cash(world) == 1000
    await life.balanced()
    assert len(world.gateway.called("capture")) == 1


async def uncertainly_captured(world: World) -> Life:
    """Shipped; its capture never reached the company, and nobody knows."""
    life = await world.placed()
    await life.authorize()
    await life.hand_over()
    await life.leave()
    await life.ship()
    world.gateway.fail_next("capture", LOST_ANSWER)
    with pytest.raises(ApplicationError):
        await life.capture()
    return life


async def test_a_call_under_way_is_not_settled_as_one_that_never_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The capture's own repair is taking the money: whoever asks about the lost call waits for what comes of it."""
    life = await uncertainly_captured(world)
    life.desert()
    found = {stored.finding.kind.value: stored for stored in await world.run()}
    asked = await claimed(world, found["effect_unsettled"])
    take = world.gateway.capture

    async def asked_about_meanwhile(payment_id: str, amount: int, *, key: str) -> PaymentState:
        with pytest.raises(ApplicationError, match="in flight"):
            await world.repairs.apply_repair(asked)
        return await take(payment_id, amount, key=key)

    monkeypatch.setattr(world.gateway, "capture", asked_about_meanwhile)
    assert (await world.repair(found["missed_capture"])).status == "repaired"
    assert (await world.repairs.apply_repair(asked)).status == "gone"
    assert await cash(world) == 1000
    await life.balanced()


async def test_no_more_is_captured_than_is_due_by_now(world: World) -> None:
    """The saga's own capture was lost, then a part was written off: its amount is not sent again."""
    life = await uncertainly_captured(world)
    await world.ledger.post(_given_up(400))
    life.desert()
    found = {stored.finding.kind.value: stored for stored in await world.run()}
    assert found["missed_capture"].finding.money == 600
    assert "capture_open" in (await world.repair(found["missed_capture"])).outcome
    assert (await world.repair(found["effect_unsettled"])).status == "repaired"
    assert (await world.repair(found["missed_capture"])).status == "repaired"
    assert await cash(world) == 600
    await life.balanced()


async def test_a_payment_that_was_entered_is_not_forgotten(world: World) -> None:
    """It was none of ours, and counts for its parcel also when a later run does not list it any more."""
    life = await world.shipped()
    key = "o1/authorize/1/9"
    request = world.gateway.requests[0].model_copy(update={"reference": key, "amount": 700})
    other = (await world.gateway.authorize(request, key=key)).payment_id
    await world.gateway.capture(other, 700, key="by hand")
    (stored,) = await world.run()
    assert (await world.repair(stored)).status == "repaired"
    await give(life, 50)
    now = datetime.now(UTC) + timedelta(hours=1)
    since = now - timedelta(days=1)
    listed = [each async for each in world.gateway.payments_since(since) if each.payment_id == life.payment_id]
    ours = (await world.evidence.orders(["o1"]))["o1"]
    assert await Looker(world.sources).at_payments(ours, listed, Moment(now, GRACE)) == []
    world.gateway.refund_by_hand(other, 200)
    assert "USD -2.00" in await world.repaired("cash_differs")
    assert await cash(world) == 1450


@pytest.mark.parametrize("status", [ParcelStatus.LOST, ParcelStatus.RETURNED_TO_SENDER])
async def test_goods_that_came_to_nothing_are_not_charged_for(own: World, status: ParcelStatus) -> None:
    """They left, and the shopper does not have them: a person decides, nothing is captured."""
    life = await own.placed()
    await life.authorize()
    await life.hand_over()
    await life.leave()
    own.carrier.track(life.reference, status)
    life.desert()
    assert await own.kinds() == ["saga_gone"]


async def test_a_sale_that_was_reversed_is_not_charged_for(world: World) -> None:
    """The saga had entered that the goods were lost before it was terminated."""
    life = await world.placed()
    await life.authorize()
    await life.hand_over()
    await life.leave()
    await life.ship()
    await world.inventory.lose_goods(ShipUnits(order_id="o1", plan=life.plan, currency="USD"))
    life.desert()
    assert await world.kinds() == ["saga_gone"]


async def test_a_partial_refund_is_looked_for_at_every_payment_of_its_parcel(world: World) -> None:
    """Its number is not its payment's: the refund went through, and is not entered as one that never was."""
    life = await world.placed()
    await life.authorize()
    await world.payments.release(life.payment)
    await life.authorize(2)
    await life.hand_over()
    await life.leave()
    await life.ship()
    await world.payments.capture(life.payment.model_copy(update={"generation": 2}))
    world.gateway.fail_next("refund", LOST_ANSWER, after_doing=True)
    with pytest.raises(ApplicationError):
        await give(life, 50, payment_generation=2)
    life.desert()
    found = {stored.finding.kind.value: stored for stored in await world.run()}
    result = await world.repair(found["effect_unsettled"])
    assert result.outcome.endswith("is done")
    assert await cash(world) == 950


async def test_an_order_that_ends_while_it_is_looked_at_is_not_deserted(world: World, pool: Pool) -> None:
    """Its saga ended after our books were read, as sagas do."""
    life = await world.placed()
    await life.authorize()
    evidence = Interrupted(pool, lambda: life.end(OrderStatus.CANCELED))
    reconciling = Reconciling(replace(world.sources, evidence=evidence))
    now = datetime.now(UTC) + timedelta(minutes=15)
    looking = MatchAsk(run_id="run-1", since=now - timedelta(days=1), now=now, grace=timedelta(minutes=10))
    await life.record(OrderStatus.PENDING)
    assert (await reconciling.match_orders(looking)).found == {}


async def test_a_listing_that_tells_nothing_yet_is_alive() -> None:
    """A page of payments none of which is ours is no reason to begin anew."""
    environment, beaten = ActivityEnvironment(), asyncio.Event()
    environment.on_heartbeat = lambda *_: beaten.set()

    @kept_alive(timedelta(milliseconds=10))
    async def silent() -> bool:
        return await asyncio.wait_for(beaten.wait(), timeout=30)

    assert await environment.run(silent)


async def test_a_payment_is_looked_at_again_without_the_listing(world: World) -> None:
    """A busy account's day is tens of thousands of payments: a repair asks for those of its parcel."""
    life = await world.shipped()
    world.gateway.refund_by_hand(life.payment_id, 300)
    (stored,) = await world.run()
    listed = len(world.gateway.called("payments_since"))
    result: RepairResult = await world.repair(stored)
    assert result.status == "repaired"
    assert len(world.gateway.called("payments_since")) == listed


def _given_up(amount: int) -> MoneyTransaction:
    return MoneyTransaction(
        transaction_id="o1/given up",
        order_id="o1",
        parcel=1,
        currency="USD",
        memo="written off",
        postings=written_off(amount),
    )
