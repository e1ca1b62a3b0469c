"""A return's money when it does not simply go back, and exchanges."""

from datetime import timedelta
from typing import Any

import pytest

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.journal import JournalUpdate
from ordersaga.domain.returns import ReturnStatus
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus
from tests.workflows.returns import SAVED, Returning, refunds, returning
from tests.workflows.test_order_return import refused
from tests.workflows.world import World
from workflows.return_refund import PAID_OUT_WITHIN

ONE = timedelta(days=1)
AN_HOUR = timedelta(hours=1)


def told(world: World, status: str) -> None:
    """The payment company's word on the refund it took."""
    (key,) = world.payments.refunds
    world.payments.refunds[key] = world.payments.refunds[key].model_copy(update={"status": status})


async def waiting_refund(world: World) -> Returning:
    """A return whose refund was taken, and waits for the company's balance."""
    back = await returning(world)
    real = world.payments.refund

    async def short(payment_id: str, amount: int, *, key: str) -> Any:
        taken = await real(payment_id, amount, key=key)
        world.payments.refunds[key] = taken.model_copy(update={"status": "pending"})
        return world.payments.refunds[key]

    setattr(world.payments, "refund", short)  # noqa: B010 - as `stalled` does: a fake told how to answer
    await back.receive()
    await back.until(lambda view: view.awaiting == "the payment company to pay the refund out")
    setattr(world.payments, "refund", real)  # noqa: B010
    return back


async def test_a_pending_refund_is_looked_at_daily_until_it_is_paid(world: World) -> None:
    """Days without a person; asked for once; closed only when it is paid out."""
    back = await waiting_refund(world)
    assert (back.record.status, back.record.refunded) == (ReturnStatus.REFUND_PENDING, 0)
    await world.pass_time(back.handle, 3 * ONE)
    assert (await back.view()).status is ReturnStatus.REFUND_PENDING
    told(world, "succeeded")
    await world.pass_time(back.handle, ONE + AN_HOUR)
    result = await back.result()
    assert (result.status, result.refunded) == (ReturnStatus.REFUNDED, 1000)
    assert (len(refunds(world)), "attention" in back.story()) == (1, False)
    await world.balanced(back.placed)


async def test_a_refund_pending_for_too_long_is_asked_about(world: World) -> None:
    """After a week a person is asked, and may know that it was paid."""
    back = await waiting_refund(world)
    await world.pass_time(back.handle, PAID_OUT_WITHIN + 2 * ONE)
    await back.resolve("refund_pending", "paid_outside")
    assert (await back.result()).refunded == 1000
    await world.balanced(back.placed)


@pytest.mark.parametrize("choice", ["retry", "settled_by_hand"])
async def test_a_refund_that_fails_later_is_given_again_or_settled_by_hand(world: World, choice: str) -> None:
    """The bank sent it back: the books are reversed, a person decides, the shopper gets it once."""
    back = await waiting_refund(world)
    payment = world.payment(back.placed)
    told(world, "failed")
    world.payments.payments[payment.payment_id] = payment.model_copy(update={"refunded": 0})
    await world.pass_time(back.handle, ONE + AN_HOUR)
    await back.question("step_failed")
    assert (await world.balance(back.placed)).captured_net == 1000
    await back.resolve("step_failed", choice)
    result = await back.result()
    assert (result.status, result.refunded) == (ReturnStatus.REFUNDED, 1000)
    assert len(refunds(world)) == (2 if choice == "retry" else 1)
    assert "refund_failed" in back.story()
    assert (await world.balance(back.placed)).captured_net == 0
    await world.balanced(back.placed)


async def test_a_refund_refused_outright_is_asked_about_and_much_money_takes_two(world: World) -> None:
    """Settling it by hand vouches for money: above the seller's limit one person alone does not."""
    back = await returning(world, terms={"second_person_above": 500})
    world.payments.fail_next("refund", OperatorError("account_blocked", "no"))
    await back.receive()
    await back.resolve("step_failed", "settled_by_hand", by="ann")
    view = await back.view()
    assert (view.attention[0].proposed, view.attention[0].proposed_by) == ("settled_by_hand", "ann")
    assert "ann proposed it already" in await refused(back.resolve("step_failed", "settled_by_hand", by="ann:other"))
    assert (await back.view()).attention[0].resolved is None
    await back.resolve("step_failed", "settled_by_hand", by="bob")
    assert (await back.result()).refunded == 1000
    assert len(refunds(world)) == 1
    await world.balanced(back.placed)


async def exchanging(world: World, **changes: Any) -> Returning:
    """A return whose shopper wants something instead, and has a saved payment method."""
    return await returning(world, **{"wish": "exchange", "payment": SAVED, **changes})


def wish(quantity: int) -> dict[str, Any]:
    """TEEs at 1500 minor units."""
    return {"exchange_for": ({"sku": "TEE", "quantity": quantity, "unit_price": 1500},)}


def decided(order_id: str, outcome: ConfirmOutcome) -> JournalUpdate:
    """What the new order's saga writes once the bank has spoken."""
    status = OrderStatus.CONFIRMED if outcome is ConfirmOutcome.CONFIRMED else OrderStatus.REJECTED
    return JournalUpdate(order_id=order_id, status=status, outcome=outcome.value, reason="card_declined")


async def not_placed(back: Returning) -> str:
    """Why the exchange was not placed, as the return explains it."""
    told: str = await back.handle.query("explain")
    assert "is placed in exchange" not in told
    return told.partition("The exchange could not be placed (")[2].partition("); the refund stands. Nothing more")[0]


async def test_an_exchange_is_a_linked_order_of_its_own(world: World) -> None:
    """Placed on receipt, confirmed by its own saga; the return is refunded as usual."""
    back = await exchanging(world, **wish(1))
    assert world.exchanges.placed == {}
    await back.receive()
    await back.until(lambda view: view.exchange_order_id is not None)
    order = world.exchanges.placed[f"{back.placed.order_id}x1"]
    assert [(line.sku, line.quantity, line.unit_price) for line in order.lines] == [("TEE", 1, 1500)]
    assert (order.payment, order.shipping) == (SAVED, 0)
    assert world.exchanges.links == {order.order_id: f"{back.placed.order_id}-r1"}
    await world.journal.record(decided(order.order_id, ConfirmOutcome.CONFIRMED))
    await world.pass_time(back.handle, timedelta(minutes=1))
    result = await back.result()
    assert (result.status, result.refunded) == (ReturnStatus.REFUNDED, 1000)
    assert (result.exchange_order_id, back.record.exchange_order_id) == (order.order_id, order.order_id)
    assert len(world.exchanges.called("place")) == 1
    told: str = await back.handle.query("explain")
    assert f"USD 10.00 was given back for 1 MUG. Order {order.order_id} is placed in exchange. Nothing" in told


async def test_an_exchange_that_is_sold_out_ends_as_a_refund(world: World) -> None:
    """The reason is told, nothing is held, the money goes back all the same."""
    back = await exchanging(world, **wish(99))
    await back.receive()
    result = await back.result()
    assert (result.status, result.refunded, result.exchange_order_id) == (ReturnStatus.REFUNDED, 1000, None)
    assert "exchange_not_placed" in back.story()
    assert "sold out" in await not_placed(back)
    assert world.units()["ca-1", "TEE"] == (10, 0)


async def test_an_exchange_the_bank_declines_ends_as_a_refund(world: World) -> None:
    """The link is not kept."""
    back = await exchanging(world)
    await back.receive()
    view = await back.until(lambda seen: seen.exchange_order_id is not None)
    await world.journal.record(decided(str(view.exchange_order_id), ConfirmOutcome.DECLINED))
    await world.pass_time(back.handle, timedelta(minutes=1))
    result = await back.result()
    assert (result.status, result.refunded, result.exchange_order_id) == (ReturnStatus.REFUNDED, 1000, None)
    assert "exchange_not_placed" in back.story()
    assert "card_declined" in await not_placed(back)


async def test_an_exchange_without_a_saved_card_is_not_placed(world: World) -> None:
    """Nobody is there to pay: the return is a refund, and says so."""
    back = await exchanging(world, payment=SAVED.model_copy(update={"customer": None}))
    await back.receive()
    assert (await back.result()).status is ReturnStatus.REFUNDED
    assert world.exchanges.called("place") == []
    assert "exchange_not_placed" in back.story()
    assert "no payment method of the shopper is saved" in await not_placed(back)
