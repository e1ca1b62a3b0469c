"""The outside did what we asked and its answer was lost: each thing still happens exactly once."""

import asyncio

from ordersaga.domain.errors import RetryError
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.fakes.script import Scripted
from tests.workflows.world import World


def lose(fake: Scripted, method: str) -> None:
    """The next call is carried out and its answer is lost."""
    fake.fail_next(method, RetryError("timeout", "no answer in time", unknown=True), after_doing=True)


async def test_lost_authorization_is_found_not_repeated(world: World) -> None:
    """One payment at the company, found by our reference."""
    lose(world.payments, "authorize")
    placed, handle = await world.accepted()
    result = await world.deliver(handle)
    assert (len(world.payments.payments), len(world.payments.called("authorize"))) == (1, 1)
    assert len(world.payments.called("find")) == 1
    assert result.captured == 1000
    await world.balanced(placed)


async def test_lost_acceptance_is_found_not_repeated(world: World) -> None:
    """One order at the provider, asked for by our reference before anything is sent again."""
    lose(world.provider, "submit")
    placed, _ = await world.accepted()
    reference = world.reference(placed)
    assert world.provider.called("submit") == [(reference,)]
    assert world.provider.called("inquire") == [(reference,)]


async def test_lost_capture_takes_the_money_once(world: World) -> None:
    """The capture went through: the inquiry says so and the books show it once."""
    lose(world.payments, "capture")
    placed, handle = await world.accepted()
    result = await world.deliver(handle)
    assert (len(world.payments.called("capture")), result.captured) == (1, 1000)
    assert world.payment(placed).captured == 1000
    await world.balanced(placed)


async def test_lost_void_and_lost_withdrawal_undo_once(world: World) -> None:
    """Both answers of an undo are lost: one voided payment, one canceled provider order."""
    lose(world.provider, "cancel")
    lose(world.payments, "void")
    placed, handle = await world.accepted()
    answer = await world.cancel(handle)
    await world.result(handle)
    assert (answer.outcome, answer.voided) == ("canceled", 1000)
    assert len(world.payments.called("void")) == 1
    assert world.provider.orders[world.reference(placed)].status is ParcelStatus.CANCELED
    assert world.payment(placed).status is PaymentStatus.VOIDED
    await world.balanced(placed)


async def test_lost_refund_pays_back_once(world: World) -> None:
    """The refund went through: found by its key, never asked for twice."""
    lose(world.payments, "refund")
    placed, handle = await world.accepted(terms={"capture": "at_confirmation"})
    answer = await world.cancel(handle)
    result = await world.result(handle)
    assert (answer.refunded, result.refunded, world.payment(placed).refunded) == (1000, 1000, 1000)
    assert len(world.payments.called("refund")) == 1
    await world.balanced(placed)


async def test_answers_lost_everywhere_cost_time_only(world: World) -> None:
    """Ten orders at once whose authorization, hand-off and capture answers are all lost: ten of each."""
    for method, fake in (("authorize", world.payments), ("submit", world.provider), ("capture", world.payments)):
        for _ in range(10):
            lose(fake, method)
    orders = await asyncio.gather(*(world.accepted() for _ in range(10)))
    results = await asyncio.gather(*(world.deliver(handle) for _, handle in orders))
    assert [(result.status, result.captured) for result in results] == [(OrderStatus.COMPLETED, 1000)] * 10
    assert (len(world.payments.payments), len(world.provider.orders)) == (10, 10)
    for placed, _ in orders:
        await world.balanced(placed)
