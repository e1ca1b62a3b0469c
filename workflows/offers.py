"""What may be asked of a running order now, by the facts that its doors refuse by: menus offer nothing else."""

from collections.abc import Callable

from ordersaga.domain.orders import CapturePolicy, LineQuantity
from ordersaga.domain.shipping import ShippingService
from workflows.order_state import OrderState, ParcelState

ChargedAgain = Callable[[ParcelState], bool]


def possible(state: OrderState, *, too_late: bool, departed: bool, charged_again: ChargedAgain) -> tuple[str, ...]:
    """The names of what some values of its fields would not be refused for. `too_late`: to cancel any of it."""
    if state.closed_as is not None:
        return ()
    before = {"cancel": not too_late, "hold": not departed}
    offered = {**before, **_of_parcels(state, charged_again)} if state.confirmed else before
    return tuple(name for name, is_open in offered.items() if is_open)


def _of_parcels(state: OrderState, charged_again: ChargedAgain) -> dict[str, bool]:
    changeable = [] if state.cancel else changeable_of(state)
    return {
        "address": bool(changeable),
        "delay": bool(delayed(state)),
        "expedite": any(parcel.service is not ShippingService.EXPEDITED for parcel in changeable),
        "move": bool(changeable),
        "carrier": any(not parcel.books_carrier for parcel in changeable),
        "split": any(
            divisible(parcel) and not paid_whole(state, parcel) and charged_again(parcel) for parcel in changeable
        ),
        "refund": any(parcel.scanned_at is not None and parcel.captured > parcel.refunded for parcel in state.parcels),
        "payment": bool(unpaid(state)),
    }


def changeable_of(state: OrderState) -> list[ParcelState]:
    """The parcels that can still be changed: nobody cancels them."""
    return [parcel for parcel in state.parcels if parcel.movable and parcel.stop is None]


def delayed(state: OrderState) -> list[ParcelState]:
    """Those whose shopper was told of a delay, and may answer."""
    return [parcel for parcel in state.parcels if parcel.delay_told and parcel.movable]


def unpaid(state: OrderState) -> list[ParcelState]:
    """Whose money is still to be taken; of what arrived, only when the bank has not paid for it yet."""
    owing = [parcel for parcel in state.parcels if parcel.plan.amount and not (parcel.paid or parcel.written_off)]
    return [parcel for parcel in owing if not (parcel.ended or parcel.undoing) or parcel.arrived_unpaid]


def paid_whole(state: OrderState, parcel: ParcelState) -> bool:
    """Its money is taken at once, so no part of it can be reserved anew."""
    return parcel.paid or state.order.terms.capture is CapturePolicy.AT_CONFIRMATION


def divisible(parcel: ParcelState) -> bool:
    """Some of its units could leave in a parcel of their own: both would cost something."""
    whole = parcel.staying()
    rests = [whole.without((LineQuantity(sku=line.sku, quantity=1),)) for line in whole.lines]
    return any(rest.lines and rest.amount not in (0, whole.amount) for rest in rests)
