"""What shoppers, support and providers do to an order, scenario by scenario."""

from collections.abc import Awaitable, Callable

from ordersaga.demo.case import Case
from ordersaga.domain.statuses import OrderStatus
from ordersaga.http_client import ChangeName, Units

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
    await put_on_hold(case)
    await case.cancel("canceled")


async def release_hold(case: Case) -> None:
    """Put on hold before hand-off, then released."""
    await put_on_hold(case)
    await case.release_hold()


async def put_on_hold(case: Case) -> None:
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


async def cancel_units_on_hold(case: Case) -> None:
    """One unit less, before hand-off."""
    await put_on_hold(case)
    await case.cancel("canceled", units=_one_unit(case))
    await case.release_hold()


async def cancel_units_when_accepted(case: Case) -> None:
    """One unit less, after the provider accepted: taken back, and handed off anew."""
    await case.place("confirmed")
    await case.at_shipbob("Processing")
    await case.cancel("canceled", units=_one_unit(case))
    await case.go_on_at_shipbob()


async def cancel_units_when_labeled(case: Case) -> None:
    """One unit less, when the seller has a label: it is voided, and another is bought."""
    case.world.waits_at_home.add(case.order_id)
    await case.place("confirmed")
    await case.labeled()
    await case.cancel("canceled", units=_one_unit(case))
    case.world.waits_at_home.discard(case.order_id)


async def cancel_when_half_shipped(case: Case) -> None:
    """Cancel when one of two parcels has left: that one is delivered and paid, the other undone."""
    await case.place("confirmed")
    await case.at_shipbob("Processing")
    await case.first_leaves_shipbob()
    await case.cancel("partly_canceled")
    await case.go_on_at_shipbob()


async def cancel_in_part(case: Case) -> None:
    """Cancel, and the provider stops some of its shipments only: what is in them is neither sent nor paid."""
    await case.place("confirmed")
    await case.at_shipbob("Processing")
    await case.cancel("too_late", "partly_canceled")
    await case.go_on_at_shipbob()


async def change_address(case: Case) -> None:
    """The shopper moves while the provider has the parcel."""
    elsewhere = {**case.order.body["ship_to"], "line1": "9 Harbor Rd", "line2": None}
    await _change_at_shipbob(case, "address", ship_to=elsewhere)


async def expedite(case: Case) -> None:
    """It must be there sooner than promised."""
    await _change_at_shipbob(case, "expedite")


async def split_parcel(case: Case) -> None:
    """One unit of a parcel leaves in a parcel of its own."""
    await case.place("confirmed")
    await case.at_shipbob("Processing")
    for plan in await case.plans():
        for line in plan.lines:
            if line.quantity > 1:
                await case.change("split", parcel=plan.parcel, lines=[{"sku": line.sku, "quantity": 1}])
    await case.go_on_at_shipbob()


async def move_parcel(case: Case) -> None:
    """Another warehouse ships it."""
    await case.place("confirmed")
    await case.at_shipbob("Processing")
    (plan,) = await case.plans()
    elsewhere = "allentown-1" if plan.location == "reno-1" else "reno-1"
    await case.change("move", parcel=plan.parcel, location=elsewhere)
    await case.go_on_at_shipbob()


async def give_goodwill(case: Case) -> None:
    """Some of the money back though the goods are kept."""
    await case.place("confirmed")
    await case.become(OrderStatus.SHIPPED)
    await case.change("refunds", amount=150)
    await case.go_on_at_shipbob()


async def _change_at_shipbob(case: Case, what: ChangeName, **body: object) -> None:
    await case.place("confirmed")
    await case.at_shipbob("Processing")
    await case.change(what, **body)
    await case.go_on_at_shipbob()


def _one_unit(case: Case) -> Units:
    return [(case.order.body["lines"][0]["sku"], 1)]
