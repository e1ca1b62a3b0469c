"""Nothing dies, it parks: undo without an answer, books that do not balance, stores that refuse."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError

from ordersaga.domain.books import MoneyTransaction, captured, refunded
from ordersaga.domain.errors import CustomerError, OperatorError, RetryError
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.world import World
from workflows.messages import OrderResult, Resolution
from workflows.order_fulfillment import OrderFulfillment


async def test_a_terminated_order_goes_on_where_it_was_once_it_is_reset(world: World) -> None:
    """By the command that reconciliation names: nothing is done twice, and canceled it gives everything back."""
    placed, handle = await world.accepted()
    await handle.terminate("by mistake")
    server = world.client.service_client.config.target_host
    words = ["workflow", "reset", "--workflow-id", handle.id, "--type", "LastWorkflowTask", "--reason", "goes on"]
    temporal = str(Path(sys.executable).parent / "temporal")
    process = await asyncio.create_subprocess_exec(
        temporal, *words, "--address", server, stdout=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == 0
    again: WorkflowHandle[OrderFulfillment, OrderResult] = world.client.get_workflow_handle_for(
        OrderFulfillment.run, handle.id
    )
    await again.signal("request_cancel")
    assert (await world.result(again)).status is OrderStatus.CANCELED
    assert world.payment(placed).status is PaymentStatus.VOIDED
    assert (len(world.payments.called("authorize")), len(world.payments.called("void"))) == (1, 1)
    await world.balanced(placed)


async def test_undo_refused_to_us_is_parked_and_retried(world: World) -> None:
    """Our credentials fail while voiding: asked, repaired, voided under a new key; never taken for a capture."""
    placed, handle = await world.accepted()
    world.payments.fail_next("void", OperatorError("bad_credentials", "key revoked"))
    await handle.signal("request_cancel")
    view = await world.until(handle, lambda seen: bool(seen.attention))
    assert (view.attention[0].choices, view.attention[0].parcel) == (("retry", "settled_by_hand"), 1)
    assert world.payment(placed).status is PaymentStatus.AUTHORIZED
    await world.resolve(handle, "retry")
    result = await world.result(handle)
    assert (result.status, result.refunded) == (OrderStatus.CANCELED, 0)
    assert world.payment(placed).status is PaymentStatus.VOIDED
    assert (len(world.payments.called("void")), world.payments.called("refund")) == (2, [])
    await world.balanced(placed)


async def test_withdrawal_refused_to_us_is_no_refusal_of_the_provider(world: World) -> None:
    """The provider never decided: after `retry` it is asked again and the parcel is stopped."""
    placed, handle = await world.accepted()
    world.provider.fail_next("cancel", OperatorError("bad_credentials", "token expired"))
    await handle.signal("request_cancel")
    await world.question(handle, "not_stopped")
    assert world.stock.called("release") == []
    await world.resolve(handle, "retry")
    assert (await world.result(handle)).status is OrderStatus.CANCELED
    assert world.provider.orders[world.reference(placed)].status is ParcelStatus.CANCELED
    await world.balanced(placed)


async def test_refused_refund_is_retried_until_it_passes(world: World) -> None:
    """The payment company's balance is empty: parked, and `retry` asks for the refund anew, once."""
    placed, handle = await world.accepted(terms={"capture": "at_confirmation"})
    world.payments.fail_next("refund", CustomerError("balance_insufficient", "top up"))
    await handle.signal("request_cancel")
    await world.resolve(handle, "retry", "step_failed")
    result = await world.result(handle)
    assert (result.status, result.refunded) == (OrderStatus.CANCELED, 1000)
    assert world.payment(placed).refunded == 1000
    await world.balanced(placed)


async def test_money_given_back_by_hand_is_entered_into_the_books(world: World) -> None:
    """Our key is gone for good: a person voids it at the payment company and says so; the order closes balanced."""
    placed, handle = await world.accepted()
    world.payments.fail_next("void", OperatorError("bad_credentials", "key revoked"))
    await handle.signal("request_cancel")
    await world.resolve(handle, "settled_by_hand", "step_failed")
    result = await world.result(handle)
    assert (result.status, result.refunded) == (OrderStatus.CANCELED, 0)
    assert len(world.payments.called("void")) == 1
    await world.balanced(placed)


async def test_refund_given_by_hand_is_entered_into_the_books(world: World) -> None:
    """The payment company refuses to refund through us: the shopper was paid otherwise, and the books say so."""
    placed, handle = await world.accepted(terms={"capture": "at_confirmation"})
    world.payments.fail_next("refund", CustomerError("refund_refused", "charge too old"))
    await handle.signal("request_cancel")
    await world.resolve(handle, "settled_by_hand", "step_failed")
    result = await world.result(handle)
    assert (result.status, result.refunded) == (OrderStatus.CANCELED, 1000)
    await world.balanced(placed)


@pytest.mark.parametrize(("choice", "status"), [("it_is_stopped", "canceled"), ("it_ships", "completed")])
async def test_person_who_called_the_provider_decides(world: World, choice: str, status: str) -> None:
    """The provider cannot be asked by us: what a person learned there decides about stock and money."""
    placed, handle = await world.accepted()
    world.provider.fail_next("cancel", OperatorError("bad_credentials", "token expired"))
    await handle.signal("request_cancel")
    await world.resolve(handle, choice, "not_stopped")
    if choice == "it_ships":
        await world.report(handle, ParcelStatus.IN_TRANSIT)
        await world.report(handle, ParcelStatus.DELIVERED)
    result = await world.result(handle)
    assert (result.status, result.captured) == (status, 1000 if choice == "it_ships" else 0)
    assert len(world.provider.called("cancel")) == 1
    await world.balanced(placed)


async def test_lost_hand_off_with_broken_credentials_is_never_handed_off_twice(world: World) -> None:
    """The answer was lost and the inquiry is refused to us: after the repair the one hand-off is found."""
    world.provider.fail_next("submit", RetryError("timeout", "no answer", unknown=True), after_doing=True)
    world.provider.fail_next("inquire", OperatorError("bad_credentials", "token expired"))
    placed, handle = await world.confirmed()
    await world.resolve(handle, "retry", "step_failed")
    result = await world.deliver(handle)
    assert result.status is OrderStatus.COMPLETED
    assert list(world.provider.orders) == [world.reference(placed)]
    await world.balanced(placed)


async def test_unanswered_undo_is_parked_after_an_hour(world: World) -> None:
    """No answer to a withdrawal: a person decides, and meanwhile neither stock nor money moves."""
    placed, handle = await world.accepted()
    for _ in range(10):
        error = RetryError("down", "no answer", unknown=True, retry_after=timedelta(minutes=10))
        world.provider.fail_next("cancel", error)
    await handle.signal("request_cancel")
    await world.called(world.provider, "cancel", 1)
    await world.pass_time(handle, timedelta(hours=1, minutes=30))
    await world.question(handle, "not_stopped")
    assert (world.stock.called("release"), world.payments.called("void")) == ([], [])
    world.up(world.provider, "cancel")
    await world.resolve(handle, "retry")
    assert (await world.result(handle)).status is OrderStatus.CANCELED
    await world.balanced(placed)


async def test_goods_that_leave_answer_the_parked_withdrawal(world: World) -> None:
    """A person is asked how to stop the goods when the carrier scans them: they ship and are paid for."""
    placed, handle = await world.accepted()
    world.provider.fail_next("cancel", OperatorError("bad_credentials", "token expired"))
    await handle.signal("request_cancel")
    await world.question(handle, "not_stopped")
    result = await world.deliver(handle)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 1000)
    assert [item.resolved for item in world.memory.attention.values()] == ["settled"]
    await world.balanced(placed)


def stray(order_id: str, number: int, *, taken: bool) -> MoneyTransaction:
    """Money that moved without the saga: 500 too much taken, or given back."""
    postings = captured(500, 0) if taken else refunded(500)
    name = f"{order_id}/stray/{number}"
    return MoneyTransaction(
        transaction_id=name, order_id=order_id, parcel=1, currency="USD", memo="stray", postings=postings
    )


async def test_order_closes_only_when_its_books_balance(world: World) -> None:
    """A stray posting keeps the order open and says what differs; checked again, and again, after repair."""
    placed, handle = await world.accepted()
    await world.effects.post(stray(placed.order_id, 1, taken=True))
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.report(handle, ParcelStatus.DELIVERED)
    first = await world.question(handle, "books_differ")
    assert "receivable is -500" in world.memory.attention[placed.order_id, first].question
    await world.recorded(placed, OrderStatus.NEEDS_ATTENTION)
    await world.resolve(handle, "recheck")
    await world.until(handle, lambda seen: any(item.item_id != first for item in seen.attention))
    await world.effects.post(stray(placed.order_id, 2, taken=False))
    await world.resolve(handle, "recheck")
    assert (await world.result(handle)).status is OrderStatus.COMPLETED
    await world.recorded(placed, OrderStatus.COMPLETED)
    story = world.story(placed)
    assert (story.count("reopened"), story.count("closed")) == (2, 3)


async def test_stock_that_refuses_a_shipment_asks_a_person(world: World) -> None:
    """Our own books refuse what really happened: parked, not a failing task; after repair it is entered and paid."""
    placed, handle = await world.accepted()
    world.stock.fail_next("ship", OperatorError("integrity_violation", "held must stay between 0 and on_hand"))
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.question(handle, "step_failed")
    await world.resolve(handle, "retry")
    await world.report(handle, ParcelStatus.DELIVERED)
    assert (await world.result(handle)).captured == 1000
    await world.balanced(placed)


async def test_refused_journal_write_is_made_up_for_by_the_next(world: World) -> None:
    """The journal refuses an update: the order goes on and nothing of its story is lost."""
    world.journal.fail_next("record", OperatorError("data_refused", "cannot store a value"))
    placed, handle = await world.accepted()
    await world.deliver(handle)
    assert [entry for entry in world.story(placed) if entry in ("confirmed", "accepted", "closed")] == [
        "confirmed",
        "accepted",
        "closed",
    ]


async def test_refused_close_asks_a_person(world: World) -> None:
    """A close that cannot be written is a difference like any other."""
    placed, handle = await world.accepted()
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.recorded(placed, OrderStatus.SHIPPED)
    world.journal.fail_next("record", OperatorError("data_refused", "cannot store a value"))
    await world.report(handle, ParcelStatus.DELIVERED)
    await world.resolve(handle, "recheck", "books_differ")
    assert (await world.result(handle)).status is OrderStatus.COMPLETED
    await world.recorded(placed, OrderStatus.COMPLETED)


async def test_answers_nobody_offered_are_refused(world: World) -> None:
    """An unknown question, a choice that is not offered, a question already answered: each is refused in words."""
    world.provider.fail_next("submit", OperatorError("channel_missing", "not set up"))
    _, handle = await world.confirmed()
    item = await world.question(handle)
    refusals = []
    await world.resolve(handle, "retry")
    for name, choice in (("nothing", "retry"), (item, "cancel")):
        with pytest.raises(WorkflowUpdateFailedError) as caught:
            await handle.execute_update(
                "resolve_attention", Resolution(item_id=name, choice=choice, by="op", reason="r")
            )
        refusals.append(str(caught.value.cause))
    assert refusals == [f"operator: no open question is named {name!r}" for name in ("nothing", item)]


async def test_choice_that_is_not_offered_is_refused(world: World) -> None:
    """The refusal lists the choices; the question stays open."""
    world.provider.fail_next("submit", OperatorError("channel_missing", "not set up"))
    _, handle = await world.confirmed()
    item = await world.question(handle)
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await handle.execute_update("resolve_attention", Resolution(item_id=item, choice="refund", by="op", reason="r"))
    assert "not one of: retry, cancel" in str(caught.value.cause)
    assert await world.question(handle) == item
