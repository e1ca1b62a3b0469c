"""What shoppers, support and providers do to an order, scenario by scenario."""

from collections.abc import Awaitable, Callable

from ordersaga.demo.case import Case
from ordersaga.domain.statuses import OrderStatus

Act = Callable[[Case], Awaitable[None]]


async def just_place(case: Case) -> None:
    """Place it and leave it alone."""
    await case.place("confirmed")


def be_refused(code: str) -> Act:
    """Place it and be refused at the checkout."""

    async def act(case: Case) -> None:
        await case.place(code)

    return act


async def complete_challenge(case: Case) -> None:
    """The shopper answers the bank."""
    await case.place("action_required")
    await case.authenticate("succeed")


async def fail_challenge(case: Case) -> None:
    """The shopper fails the bank's question."""
    await case.place("action_required")
    await case.authenticate("fail")


async def abandon_challenge(case: Case) -> None:
    """The shopper goes away."""
    await case.place("action_required")


async def provider_cancels(case: Case) -> None:
    """The provider accepts, then cancels by itself."""
    await case.place("confirmed")
    await case.at_shipbob("Processing")
    await case.world.shipbob.tell("provider-cancel", match=case.order_id)


async def let_authorization_lapse(case: Case) -> None:
    """The authorization ends before the goods leave."""
    await case.place("confirmed")
    await case.at_shipbob("Picked")
    for payment_id in await case.payment_ids():
        await case.world.stripe.tell(f"payment_intents/{payment_id}/expire")
    await case.go_on_at_shipbob()


async def cancel_at_once(case: Case) -> None:
    """Cancel while the payment is still being authorized."""
    await case.place("pending", wait=None)
    await case.struck()
    await case.cancel("canceled")


async def cancel_while_challenged(case: Case) -> None:
    """Cancel while the bank waits for the shopper."""
    await case.place("action_required")
    await case.cancel("canceled")


async def cancel_on_hold(case: Case) -> None:
    """Put on hold before hand-off, then canceled."""
    await _put_on_hold(case)
    await case.cancel("canceled")


async def release_hold(case: Case) -> None:
    """Put on hold before hand-off, then released."""
    await _put_on_hold(case)
    await case.release_hold()


async def _put_on_hold(case: Case) -> None:
    """A hold must come before hand-off: while the bank waits for the shopper there is time for it."""
    await case.place("action_required")
    await case.become(OrderStatus.ACTION_REQUIRED)
    await case.hold()
    await case.authenticate("succeed")
    await case.become(OrderStatus.ON_HOLD)


async def cancel_when_accepted(case: Case) -> None:
    """Cancel after the provider accepted, before it picked."""
    await case.place("confirmed")
    await case.at_shipbob("Processing")
    await case.cancel("canceled")


async def cancel_when_labeled(case: Case) -> None:
    """Cancel when the seller has a label and the carrier has not come yet."""
    case.world.waits_at_home.add(case.order_id)
    await case.place("confirmed")
    await case.labeled()
    await case.cancel("canceled")


async def cancel_when_picked(case: Case) -> None:
    """Cancel after the point of no return: the parcel ships."""
    await case.place("confirmed")
    await case.at_shipbob("Picked")
    await case.cancel("too_late")
    await case.go_on_at_shipbob()


async def cancel_when_shipped(case: Case) -> None:
    """Cancel after the first scan: the parcel is delivered."""
    await case.place("confirmed")
    await case.become(OrderStatus.SHIPPED)
    await case.cancel("too_late")
    await case.go_on_at_shipbob()
