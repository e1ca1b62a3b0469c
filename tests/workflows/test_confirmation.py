"""What the checkout hears, and what is left behind when the answer is no."""

import pytest

from ordersaga.domain.errors import CustomerError, OperatorError, RetryError
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus, ParcelStatus
from tests.workflows.world import World

FULL = {("ca-1", "MUG"): (10, 0), ("ca-1", "TEE"): (10, 0), ("nj-1", "MUG"): (10, 0), ("nj-1", "TEE"): (10, 0)}


async def test_confirmed_order_ships_and_is_paid_once(world: World) -> None:
    """The plain way: one hold, one payment, one hand-off, one capture, and books that balance."""
    placed, handle = await world.accepted(("MUG", 2))
    result = await world.deliver(handle)

    assert (result.status, result.captured, result.refunded) == (OrderStatus.COMPLETED, 2000, 0)
    assert world.payment(placed).status is PaymentStatus.CAPTURED
    assert world.units() == FULL | {("ca-1", "MUG"): (8, 0)}
    assert [name for name in world.log if "inquire" not in name] == [
        "stock.confirm_hold",
        "payments.authorize",
        "shipbob.submit",
        "stock.ship",
        "payments.capture",
    ]
    await world.balanced(placed)


@pytest.mark.parametrize("marked", [True, False])
async def test_only_an_exchange_is_charged_in_absence(world: World, marked: bool) -> None:
    """What we placed in exchange for a return; not what only says that it comes from where exchanges do."""
    await world.accepted(("MUG", 1), channel="exchange", exchange_of="o1-r1" if marked else None)

    (request,) = world.payments.requests
    assert request.off_session is marked


async def test_nothing_is_captured_before_the_first_scan(world: World) -> None:
    """Accepted, picked and packed goods are not shipped goods: the money waits."""
    placed, handle = await world.accepted()
    for status in (ParcelStatus.PICKED, ParcelStatus.PACKED, ParcelStatus.LEFT_WAREHOUSE):
        await world.report(handle, status)
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.LEFT_WAREHOUSE)
    assert world.payment(placed).status is PaymentStatus.AUTHORIZED
    assert world.payments.called("capture") == []


async def test_sold_out_order_touches_no_money(world: World) -> None:
    """Not enough units anywhere: rejected at once, and the payment company never hears of it."""
    placed = world.order(("MUG", 21))
    answer, handle = await world.checkout(placed)
    result = await world.result(handle)

    assert (answer.outcome, answer.status, answer.reason) == (
        ConfirmOutcome.SOLD_OUT,
        OrderStatus.REJECTED,
        "sold_out",
    )
    assert (result.status, result.captured) == (OrderStatus.REJECTED, 0)
    assert world.log == ["stock.confirm_hold"]
    assert world.units() == FULL


async def test_declined_card_gives_the_units_back(world: World) -> None:
    """The bank says no: the hold is released and nothing is voided, for nothing was reserved."""
    world.payments.decline_next("insufficient_funds")
    placed = world.order()
    answer, handle = await world.checkout(placed)
    result = await world.result(handle)

    assert (answer.outcome, answer.reason) == (ConfirmOutcome.DECLINED, "insufficient_funds")
    assert result.status is OrderStatus.REJECTED
    assert world.units() == FULL
    assert world.payments.called("void") == []
    assert world.provider.calls == []
    await world.balanced(placed)


@pytest.mark.parametrize(
    "refusal", [CustomerError("restricted", "not sold in NY"), OperatorError("hold_released", "given back already")]
)
async def test_refused_hold_rejects_the_order(world: World, refusal: CustomerError | OperatorError) -> None:
    """A hold that is refused for good, whoever must act, rejects the order with its reason."""
    world.stock.fail_next("confirm_hold", refusal)
    answer, handle = await world.checkout(world.order())
    assert (answer.outcome, answer.reason) == (ConfirmOutcome.REJECTED, refusal.code)
    assert (await world.result(handle)).status is OrderStatus.REJECTED
    assert world.log == ["stock.confirm_hold"]


async def test_refused_credentials_reject_the_order_and_release_its_units(world: World) -> None:
    """The payment company refuses us, not the shopper: rejected, units back, no second attempt."""
    world.payments.fail_next("authorize", OperatorError("bad_credentials", "our key was revoked"))
    placed = world.order()
    answer, handle = await world.checkout(placed)
    await world.result(handle)
    assert (answer.outcome, answer.reason) == (ConfirmOutcome.REJECTED, "bad_credentials")
    assert len(world.payments.called("authorize")) == 1
    assert world.units() == FULL
    await world.balanced(placed)


async def test_checkout_hears_no_before_a_slow_undo_ends(world: World) -> None:
    """The shopper does not wait for a payment company that is slow to void: the answer is known."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10))
    placed = world.order(("MUG", 1), ("TEE", 1))
    world.payments.authorize_next()
    world.payments.decline_next()
    world.payments.fail_next("void", OperatorError("void_refused", "call us"))
    answer, handle = await world.checkout(placed)
    assert answer.outcome is ConfirmOutcome.DECLINED
    view = await world.until(handle, lambda seen: bool(seen.attention))
    assert view.status is OrderStatus.NEEDS_ATTENTION
    assert "give the money back" in view.attention[0].question


async def test_busy_database_delays_the_answer_but_does_not_change_it(world: World) -> None:
    """A database that is busy is asked again; the order is confirmed with one hold."""
    world.stock.fail_next("confirm_hold", RetryError("database_busy", "try later"))
    world.stock.fail_next("confirm_hold", RetryError("database_lost", "in doubt", unknown=True), after_doing=True)
    await world.confirmed(("MUG", 3))
    assert world.units()["ca-1", "MUG"] == (10, 3)


async def test_repeated_checkout_hears_the_same_answer(world: World) -> None:
    """A checkout that asks again, even after the order has ended, starts nothing and hears the same."""
    placed = world.order()
    first, handle = await world.checkout(placed)
    again, _ = await world.checkout(placed)
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    await world.deliver(handle)
    last, _ = await world.checkout(placed)
    assert first == again == last
    assert len(world.payments.called("authorize")) == 1
