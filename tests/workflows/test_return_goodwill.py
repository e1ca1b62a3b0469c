"""Goodwill for an order that has ended: part of the price back, the goods kept."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.orders import Order
from ordersaga.domain.returns import InspectedLine, Refusal, ReturnStatus
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.returns import Returning, asked, delivered, opened, refunds, shown, started
from tests.workflows.test_order_return import attributes_with, refused
from tests.workflows.world import World, stalled
from workflows.order_return import LOOK_AGAIN

TIGHT = {"terms": {"second_person_above": 500}}
LONG_AFTER = timedelta(days=300)


def gift(amount: int = 1, **changes: Any) -> dict[str, Any]:
    """What support asks for."""
    return {"wish": "keep", "lines": (), "reason": "goodwill", "amount": amount, "by": "ann", **changes}


async def given(world: World, placed: Order, amount: int, **changes: Any) -> Returning:
    """A goodwill whose workflow runs."""
    return await started(world, placed, **gift(amount, **changes))


async def test_goodwill_long_after_the_end_is_an_allowance(world: World) -> None:
    """The window for goods is no window for it: money only, no label, no receipt, no stock, completed all the time."""
    placed = await delivered(world)
    before, units = world.memory.now(), world.units()
    world.memory.now = lambda: before + LONG_AFTER
    back = await given(world, placed, 300, note="late")
    assert shown(back) is OrderStatus.COMPLETED
    result = await back.result()
    assert (result.status, result.reason, result.refunded) == (ReturnStatus.REFUNDED, None, 300)
    assert (refunds(world), world.units(), shown(back)) == ([300], units, OrderStatus.COMPLETED)
    assert (back.record.status, back.record.refunded) == (ReturnStatus.REFUNDED, 300)
    assert [world.carrier.called(what) for what in ("book", "void", "inquire")] == [[], [], []]
    assert world.stock.called("take_back") == []
    assert back.story() == ["goodwill_requested", "goodwill_given", "return_closed"]
    balance = await world.balance(placed)
    assert (balance.captured_net, balance.allowed, balance.goods_kept) == (700, 300, 1000)
    assert (await attributes_with(back, "OrderStatus"))["OrderStatus"] == "completed"
    await world.balanced(placed)


async def test_two_goodwills_and_a_return_never_exceed_what_was_captured(world: World) -> None:
    """Each gift is whole or not at all; the goods bring back what is left of their price; afterwards nothing is."""
    placed = await delivered(world)
    assert (await (await given(world, placed, 300)).result()).refunded == 300
    too_much = await opened(world, placed, asked(**gift(701)))
    assert isinstance(too_much, Refusal)
    assert (too_much.code, "USD 7.00" in too_much.reason) == ("too_much", True)
    assert (await (await given(world, placed, 500)).result()).refunded == 500
    goods = await (await started(world, placed)).awaited()
    assert shown(goods) is OrderStatus.RETURNING
    late = await opened(world, placed, asked(**gift(1)))
    assert isinstance(late, Refusal)
    assert (late.code, "USD 0.00" in late.reason) == ("too_much", True)
    await goods.receive()
    assert (await goods.result()).refunded == 200
    assert refunds(world) == [300, 500, 200]
    assert (await world.balance(placed)).captured_net == 0
    assert shown(goods) is OrderStatus.RETURNED
    await world.balanced(placed)


async def test_much_goodwill_takes_a_second_person(world: World) -> None:
    """Whoever asked has proposed it and cannot agree with itself; nothing moves before the second agrees."""
    placed = await delivered(world, **TIGHT)
    back = await given(world, placed, 600, note="scratched")
    item_id = await back.question("refund_approval")
    (item,) = (await back.view()).attention
    assert item.question == "ann wants to give USD 6.00 of parcel 1 back, goods kept: scratched. Approve?"
    assert (item.proposed, item.proposed_by, item.money, item.guarded) == ("approve", "ann", 600, ("approve",))
    assert "second person must choose it too" in await refused(back.resolve("refund_approval", "approve", by="ann:b"))
    assert (refunds(world), shown(back)) == ([], OrderStatus.COMPLETED)
    assert (await attributes_with(back, "Attention"))["OrderStatus"] == "needs_attention"
    told: str = await back.handle.query("explain")
    assert told.startswith(f"Goodwill {placed.order_id}-r1 of USD 6.00 of parcel 1 back, goods kept is needs attention")
    assert item_id in told
    await back.resolve("refund_approval", "approve", by="bob")
    assert (await back.result()).refunded == 600
    assert (refunds(world), shown(back)) == ([600], OrderStatus.COMPLETED)
    await world.balanced(placed)


async def test_declined_goodwill_moves_nothing_and_may_be_asked_for_again(world: World) -> None:
    """Even by whoever asked; the amount is free again."""
    placed = await delivered(world, **TIGHT)
    back = await given(world, placed, 1000)
    waiting = await opened(world, placed, asked(**gift(1)))
    assert isinstance(waiting, Refusal)
    await back.resolve("refund_approval", "decline", by="ann")
    result = await back.result()
    assert (result.status, result.reason) == (ReturnStatus.REFUSED, "a second person declined it")
    assert (refunds(world), shown(back)) == ([], OrderStatus.COMPLETED)
    assert (await (await given(world, placed, 400)).result()).refunded == 400
    await world.balanced(placed)


async def test_goodwill_is_withdrawn_until_the_money_moves(world: World) -> None:
    """The question is closed with it; afterwards a withdrawal is too late, and nothing can be received."""
    world.hear_soon()
    placed = await delivered(world, **TIGHT)
    back = await given(world, placed, 600)
    await back.question("refund_approval")
    await back.report(ParcelStatus.IN_TRANSIT)
    assert "nothing comes back" in await refused(back.receive(InspectedLine(sku="MUG")))
    await back.cancel()
    result = await back.result()
    assert (result.status, result.reason) == (ReturnStatus.CANCELED, "withdrawn by agent: kept")
    assert [item.resolved for item in world.memory.attention.values()] == ["settled"]
    assert (refunds(world), "return_in_transit" in back.story()) == ([], False)
    async with stalled(world.payments, "refund") as reached:
        paid = await given(world, placed, 100)
        await reached.wait()
        assert "too late to withdraw it" in await refused(paid.cancel())
    assert (await paid.result()).refunded == 100
    await world.balanced(placed)


async def test_goods_that_were_refunded_meanwhile_leave_nothing_to_give(world: World) -> None:
    """The second person agrees after the goods came back: whole or not at all, so nothing."""
    placed = await delivered(world, ("MUG", 2), **TIGHT)
    back = await given(world, placed, 1500)
    await back.question("refund_approval")
    goods = await (await started(world, placed)).awaited()
    await goods.receive()
    assert (await goods.result()).refunded == 1000
    await back.resolve("refund_approval", "approve", by="bob")
    result = await back.result()
    assert (result.status, result.reason) == (ReturnStatus.REFUSED, "less than that is left of what was paid")
    assert (refunds(world), "nothing_to_refund" in back.story()) == ([1000], True)
    await world.balanced(placed)


async def test_a_goods_refund_that_goodwill_overtook_gives_the_rest(world: World) -> None:
    """Both were quoted before either was paid: the second is refused, quoted again, and nobody need be asked."""
    world.hear_soon()
    placed = await delivered(world, terms={"second_person_above": 200})
    back = await given(world, placed, 300)
    await back.question("refund_approval")
    goods = await (await started(world, placed)).awaited()
    async with stalled(world.payments, "inquire") as reached:
        received = asyncio.create_task(goods.receive())
        await reached.wait()
        await back.resolve("refund_approval", "approve", by="bob")
        await back.until(lambda view: view.refunded == 300)
    await received
    assert (await goods.result()).refunded == 700
    await world.pass_time(back.handle, LOOK_AGAIN)
    assert (await back.result()).refunded == 300
    assert (refunds(world), "attention" in goods.story()) == ([300, 700], False)
    assert (await world.balance(placed)).captured_net == 0
    await world.balanced(placed)


@pytest.mark.parametrize("choice", ["retry", "settled_by_hand"])
async def test_goodwill_refused_by_the_company_is_asked_about(world: World, choice: str) -> None:
    """Settled by hand it stands in the books as the same allowance."""
    placed = await delivered(world)
    world.payments.fail_next("refund", OperatorError("account_blocked", "no"))
    back = await given(world, placed, 300)
    await back.resolve("step_failed", choice)
    result = await back.result()
    assert (result.status, result.refunded) == (ReturnStatus.REFUNDED, 300)
    assert len(refunds(world)) == (2 if choice == "retry" else 1)
    balance = await world.balance(placed)
    assert (balance.captured_net, balance.allowed) == (700, 300)
    await world.balanced(placed)


async def test_a_gift_that_bounces_is_given_again(world: World) -> None:
    """A refund pending for days, then failed at the bank: the books are reversed, then it is given once more."""
    placed = await delivered(world)
    real = world.payments.refund

    async def short(payment_id: str, amount: int, *, key: str) -> Any:
        taken = await real(payment_id, amount, key=key)
        world.payments.refunds[key] = taken.model_copy(update={"status": "pending"})
        return world.payments.refunds[key]

    setattr(world.payments, "refund", short)  # noqa: B010 - a fake told how to answer
    back = await given(world, placed, 300)
    await back.until(lambda view: view.awaiting == "the payment company to pay the refund out")
    setattr(world.payments, "refund", real)  # noqa: B010
    assert (back.record.status, shown(back)) == (ReturnStatus.REFUND_PENDING, OrderStatus.COMPLETED)
    payment = world.payment(placed)
    (key,) = world.payments.refunds
    world.payments.refunds[key] = world.payments.refunds[key].model_copy(update={"status": "failed"})
    world.payments.payments[payment.payment_id] = payment.model_copy(update={"refunded": 0})
    await world.pass_time(back.handle, timedelta(days=1, hours=1))
    await back.question("step_failed")
    balance = await world.balance(placed)
    assert (balance.captured_net, balance.allowed) == (1000, 0)
    await back.resolve("step_failed", "retry")
    assert (await back.result()).refunded == 300
    assert (await world.balance(placed)).allowed == 300
    await world.balanced(placed)


async def test_a_lost_answer_of_the_company_gives_once(world: World) -> None:
    """It was given, and nobody heard so: inquired, not given again."""
    placed = await delivered(world)
    world.payments.fail_next("refund", RetryError("no_answer", "lost", unknown=True), after_doing=True)
    back = await given(world, placed, 300)
    assert (await back.result()).refunded == 300
    assert world.payments.payments[world.payment(placed).payment_id].refunded == 300
    assert len(refunds(world)) == 1
    await world.balanced(placed)


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"parcel": 2}, "unknown_parcel"), ({"amount": 1001}, "too_much"), ({"amount": 1000}, None)],
)
async def test_goodwill_is_judged_at_the_door(world: World, changes: dict[str, Any], code: str | None) -> None:
    """A refusal leaves no trace."""
    placed = await delivered(world)
    answer = await opened(world, placed, asked(**gift(**changes)))
    assert (answer.code if isinstance(answer, Refusal) else None) == code
    assert bool(world.returns.records) is (code is None)
