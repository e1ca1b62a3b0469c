"""A workflow task is lost after its quick calls: what they did stands in no history, and is undone all the same."""

from datetime import timedelta

import pytest

from activities.effects import Effects
from activities.inventory import Inventory
from activities.payments import ParcelPayment, Payments
from ordersaga.domain.errors import RetryError
from ordersaga.domain.orders import Order
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.statuses import OrderStatus
from tests.workflows.world import World


async def lose_first_task(world: World, placed: Order, *, parcels: int, answered: bool) -> None:
    """What the first workflow task of an order does until it is lost: holds stock, authorizes so many parcels."""
    ports = world.ports()
    held = await Inventory(ports.stock, ports.ledger).hold_stock(placed)
    payments = Payments(ports.payments, Effects(ports.ledger, ports.visible_after), ports.ledger)
    for plan in held.parcels[:parcels]:
        payment = ParcelPayment(
            order_id=placed.order_id,
            parcel=plan.parcel,
            amount=plan.amount,
            currency=placed.currency,
            payment_method=placed.payment.payment_method or "",
            customer=placed.payment.customer,
        )
        if answered:
            await payments.authorize(payment)
        else:
            world.payments.fail_next("authorize", RetryError("timeout", "no answer", unknown=True), after_doing=True)
            with pytest.raises(Exception, match="no answer"):
                await payments.authorize(payment)


@pytest.mark.parametrize("answered", [True, False], ids=["settled", "without an answer"])
@pytest.mark.parametrize("parcels", [1, 2])
async def test_a_cancellation_gives_back_what_a_lost_task_reserved(world: World, parcels: int, answered: bool) -> None:
    """Canceled before the saga comes to the payment again: nothing stays reserved, and nobody has to be asked."""
    world.restocked(("nj-1", "MUG", 1), ("ca-1", "TEE", 1))
    placed = world.order(("MUG", 1), ("TEE", 1))
    await lose_first_task(world, placed, parcels=parcels, answered=answered)
    handle = await world.started_later(placed, timedelta(seconds=1))
    await handle.signal("request_cancel")

    result = await world.result(handle)
    assert result.status is OrderStatus.CANCELED
    for parcel in range(1, parcels + 1):
        assert world.payment(placed, parcel).status is PaymentStatus.VOIDED
    assert len(world.payments.payments) == parcels
    assert not world.memory.attention
    await world.balanced(placed)
