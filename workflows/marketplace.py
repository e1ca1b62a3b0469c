"""What the marketplace that sold an order is told: what left, and what is not sold any more. Other orders tell nobody.

Either must come to an end: what the marketplace refuses, or does not answer, a person settles there.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from activities.channels import CancelThere, Channels, TellShipped
from ordersaga.domain.channels import CancelReason
from ordersaga.domain.lanes import Urgency, channel_lane
from ordersaga.domain.orders import LineQuantity, SoldAt
from workflows.activity_policies import StepFailedError, in_task, on_lane
from workflows.desk import Desk
from workflows.order_state import ParcelState

_OUT_OF_STOCK: Final = frozenset({"sold_out", "provider_exception", "provider_canceled"})
_SHOPPERS: Final = frozenset({"canceled", "delay_not_accepted"})
_STOP: Final = "stop "
"""How the reason of a cancellation begins that an operator's stop asks for."""


async def shipped_there(desk: Desk, parcel: ParcelState) -> None:
    """Tell that a parcel is with its carrier. What is sent once more, free of charge, is no news there."""
    sold_at = desk.state.order.sold_at
    if sold_at is None or parcel.replaces:
        return
    number = parcel.plan.parcel

    async def tell() -> None:
        await _on_channel(sold_at, Channels.tell_shipped, _leaving(desk, sold_at, parcel), f"Tell that {number} left")

    async def by_hand() -> None:
        told = _leaving(desk, sold_at, parcel)
        await in_task(Channels.shipped_there_by_hand, told, f"Enter that {sold_at.account} knows of parcel {number}")

    await desk.insist(f"tell {sold_at.account} that parcel {number} left", tell, number, by_hand)
    desk.note("shipped_there", f"{sold_at.account} knows {parcel.tracking_number}", number)
    await desk.publish()


async def canceled_there(
    desk: Desk, code: str, parcel: ParcelState | None = None, units: tuple[LineQuantity, ...] = ()
) -> None:
    """Have a parcel canceled, units of it, or the order as a whole. `code`: why it is not sold."""
    sold_at = desk.state.order.sold_at
    if sold_at is None or (parcel is not None and parcel.replaces):
        return
    number = parcel.plan.parcel if parcel is not None else 0
    request = CancelThere(
        order_id=desk.state.order.order_id,
        sold_at=sold_at,
        reason=_reason(desk, code),
        parcel=number,
        number=1 if not units or parcel is None else parcel.part_refunds + 2,
        units=units or _of_parcel(desk, parcel),
    )

    async def cancel() -> None:
        await _on_channel(sold_at, Channels.cancel_there, request, f"Cancel at {sold_at.account}")

    async def by_hand() -> None:
        await in_task(Channels.canceled_there_by_hand, request, f"Enter that {sold_at.account} has canceled it")

    await desk.insist(f"cancel it at {sold_at.account}", cancel, number, by_hand)
    desk.note("canceled_there", f"canceled at {sold_at.account}: {request.reason}", number)


async def _on_channel(
    sold_at: SoldAt, activity: Callable[[Any, Any], Awaitable[Any]], request: object, summary: str
) -> None:
    await on_lane(activity, request, queue=channel_lane(sold_at.account), summary=summary, urgency=Urgency.UNDO)


def _leaving(desk: Desk, sold_at: SoldAt, parcel: ParcelState) -> TellShipped:
    """Raises StepFailedError when nobody knows under which number it travels."""
    if parcel.carrier is None or parcel.tracking_number is None:
        raise StepFailedError("operator", "no_tracking_number", "its carrier and number are not known")
    return TellShipped(
        order_id=desk.state.order.order_id,
        sold_at=sold_at,
        parcel=parcel.plan.parcel,
        generation=parcel.generation,
        carrier=parcel.carrier,
        tracking_number=parcel.tracking_number,
        units=parcel.plan.units(),
    )


def _of_parcel(desk: Desk, parcel: ParcelState | None) -> tuple[LineQuantity, ...]:
    """The only parcel is the order: whatever is left of it there."""
    return parcel.plan.units() if parcel is not None and len(desk.state.parcels) > 1 else ()


def _reason(desk: Desk, code: str) -> CancelReason:
    cancel = desk.state.cancel
    if code in _OUT_OF_STOCK:
        return CancelReason.OUT_OF_STOCK
    stopped = cancel is not None and cancel.reason.startswith(_STOP)
    return CancelReason.SHOPPER_ASKED if code in _SHOPPERS and not stopped else CancelReason.CANNOT_DELIVER
