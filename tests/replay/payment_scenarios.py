"""The ways to pay that are not a card, each played to its end."""

from datetime import timedelta

from ordersaga.domain.orders import Payment
from ordersaga.domain.payment_methods import MethodType
from ordersaga.domain.statuses import ParcelStatus
from tests.workflows.world import Handle, World

LINK = Payment(pay_link=True, return_url="https://shop.example/thanks")


async def pay_link(world: World) -> Handle:
    """Paid on a page, then canceled before the pick."""
    placed = world.order(payment=LINK)
    _, handle = await world.checkout(placed)
    world.payments.pay_on_page(world.payment(placed).payment_id)
    await world.payment_moved(handle)
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    await world.until(handle, lambda view: view.awaiting == "the carrier's first scan")
    await world.cancel(handle)
    return handle


async def pay_link_abandoned(world: World) -> Handle:
    """Nobody pays on the page: it is closed."""
    _, handle = await world.checkout(world.order(payment=LINK))
    await world.pass_time(handle, timedelta(minutes=16))
    return handle


BANK = Payment(payment_method="pm_usBankAccount_success", type=MethodType.US_BANK_ACCOUNT)
LONG = {"ship_within": timedelta(days=7)}


async def bank_debit(world: World) -> Handle:
    """Confirmed days later, then canceled before the pick and refunded."""
    world.payments.process_next()
    placed = world.order(payment=BANK, terms=LONG)
    _, handle = await world.checkout(placed)
    await world.pass_time(handle, timedelta(days=1, hours=1))
    await world.called(world.payments, "inquire", 1)
    world.payments.take_at_once(world.payment(placed).payment_id)
    await world.payment_moved(handle)
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    await world.until(handle, lambda view: view.awaiting == "the carrier's first scan")
    await world.cancel(handle)
    return handle


async def bank_debit_too_late(world: World) -> Handle:
    """Given up after five days; the money that comes after is refunded."""
    world.payments.process_next()
    placed = world.order(payment=BANK, terms=LONG)
    _, handle = await world.checkout(placed)
    await world.pass_time(handle, timedelta(days=5, minutes=5))
    await world.until(handle, lambda view: view.awaiting == "the bank's word on a payment that is given up")
    world.payments.take_at_once(world.payment(placed).payment_id)
    await world.payment_moved(handle)
    return handle


async def platform_paid(world: World) -> Handle:
    """A channel's platform has the money; canceled before the pick, it gives it back."""
    _, handle = await world.accepted(payment=Payment(collected_by="tiktok_shop"))
    await world.until(handle, lambda view: view.awaiting == "the carrier's first scan")
    await world.cancel(handle)
    return handle
