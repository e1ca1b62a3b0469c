"""What a hold, its release or a change would come to now, in words, before it is asked for; nothing is done."""

from collections.abc import Callable, Iterator
from typing import Literal

from pydantic import Field

from ordersaga.domain.orders import ADDRESS_AWAITED, not_given
from ordersaga.domain.return_rules import words
from ordersaga.domain.shipping import ShippingService
from ordersaga.domain.values import Message
from workflows.messages import (
    AddressChange,
    ChangeCarrier,
    ChangePayment,
    DelayConsent,
    Expedite,
    GoodwillRefund,
    HoldRequest,
    MoveParcel,
    SplitParcel,
)
from workflows.order_state import OrderState, ParcelState

ForetoldOutcome = Literal["possible", "awaiting_approval", "refused"]
Money = Callable[[int], str]


class PreviewRequest(Message):
    """What may be asked of a running order; exactly one is given."""

    address: AddressChange | None = None
    refund: GoodwillRefund | None = None
    hold: HoldRequest | None = None
    release: HoldRequest | None = None
    expedite: Expedite | None = Field(default=None, exclude_if=not_given)
    split: SplitParcel | None = Field(default=None, exclude_if=not_given)
    move: MoveParcel | None = Field(default=None, exclude_if=not_given)
    carrier: ChangeCarrier | None = Field(default=None, exclude_if=not_given)
    payment: ChangePayment | None = Field(default=None, exclude_if=not_given)
    delay: DelayConsent | None = Field(default=None, exclude_if=not_given)


class Foretold(Message):
    """What would happen, one sentence each.

    `awaiting_approval`: it would wait for a second person. `refused`: `effects` say why, and what to do instead.
    """

    order_id: str
    outcome: ForetoldOutcome
    effects: tuple[str, ...]


def readdressed(state: OrderState, movable: list[ParcelState], asked: list[ParcelState]) -> Iterator[str]:
    """Another address, for each parcel; `asked`: those that would be changed."""
    for parcel in state.parcels:
        if parcel in asked:
            yield f"{_name(parcel)} {_readdressed(parcel)}."
        else:
            yield f"{_name(parcel)} goes there already." if parcel in movable else _late(parcel, "address")
    if ADDRESS_AWAITED in state.holds:
        yield "The hold that waits for an address ends."


def _readdressed(parcel: ParcelState) -> str:
    provider = parcel.plan.provider
    asked = parcel.given_away and parcel.books_carrier and parcel.changes_address
    if parcel.set_aside or (parcel.handed_off and not asked):
        return f"is taken back from {provider} and handed over anew with the other address"
    if parcel.handed_off:
        return f"stays at {provider}, which is asked to take the other address; if it does not, it is handed over anew"
    return "goes to the other address: nobody outside has it yet"


def expedited(state: OrderState, asked: Expedite, movable: list[ParcelState]) -> Iterator[str]:
    """The faster service, for each parcel that is meant."""
    for parcel in state.parcels:
        if asked.parcel not in (0, parcel.plan.parcel):
            continue
        if parcel not in movable:
            yield _late(parcel, "service")
        elif parcel.service is ShippingService.EXPEDITED:
            yield f"{_name(parcel)} goes by the faster service already."
        else:
            yield f"{_name(parcel)} goes by the faster service, at the seller's cost. {_taken_back(parcel)}"


def parted(asked: SplitParcel, parcel: ParcelState, money: Money) -> Iterator[str]:
    """Units that leave in a parcel of their own."""
    amount = parcel.plan.amount - parcel.plan.without(asked.lines).amount
    yield f"{words(asked.lines)} of parcel {parcel.plan.parcel} leave in a parcel of their own. {_taken_back(parcel)}"
    yield f"{money(amount)} are reserved anew for them; where the bank does not at once, the parcel stays whole."


def moved(asked: MoveParcel, parcel: ParcelState) -> Iterator[str]:
    """Another location."""
    plan = parcel.plan
    yield (
        f"{_name(parcel)} ships from {asked.location} ({asked.provider}) instead of {plan.location} ({plan.provider}). "
        f"{_taken_back(parcel)}"
    )
    yield f"Where {asked.location} has not enough units by then, it ships from {plan.location} after all."


def carried(asked: ChangeCarrier, parcel: ParcelState) -> Iterator[str]:
    """Another carrier."""
    instead = f" instead of {parcel.carrier}" if parcel.carrier else ""
    yield f"{_name(parcel)} goes with {asked.carrier}{instead}: its label is bought there. {_taken_back(parcel)}"


def paid_otherwise(unpaid: list[ParcelState], money: Money) -> Iterator[str]:
    """Another payment method."""
    for parcel in unpaid:
        yield f"{money(parcel.plan.amount)} for parcel {parcel.plan.parcel} are reserved with the other payment method."
    yield "Then the former reservation is given back; where the bank does not at once, that one stands."


def delayed(asked: DelayConsent, late: list[ParcelState]) -> Iterator[str]:
    """The shopper's answer to a delay notice."""
    for parcel in late:
        if asked.consent:
            yield f"{_name(parcel)} is waited for: the shopper agrees."
        else:
            yield f"{_name(parcel)} is canceled, if {parcel.plan.provider} can still stop it, and its money released."


def given(asked: GoodwillRefund, parcel: ParcelState, money: Money) -> Iterator[str]:
    """Money back though the goods are kept."""
    left = parcel.captured - parcel.refunded
    yield (
        f"{money(asked.amount)} of the {money(left)} paid for parcel {parcel.plan.parcel} go back to the shopper, "
        "who keeps the goods."
    )


def held(state: OrderState, asked: HoldRequest) -> Iterator[str]:
    """A hold more."""
    before = sorted(set(state.holds) - {asked.kind})
    yield f"Nothing is handed over before the hold {asked.kind} is released; the ship-by time does not wait."
    if asked.kind in state.holds:
        yield f"It takes the place of the hold {asked.kind} that is in force."
    if before:
        yield f"Already in force: {', '.join(before)}."


def released(state: OrderState, asked: HoldRequest) -> Iterator[str]:
    """A hold less."""
    rest = sorted(set(state.holds) - {asked.kind})
    count = len([parcel for parcel in state.parcels if parcel.movable and not parcel.handed_off])
    if rest:
        yield f"The order is still kept back: {', '.join(rest)}."
    else:
        yield f"{count} {'parcel is' if count == 1 else 'parcels are'} handed over as soon as nothing else forbids it."


def _name(parcel: ParcelState) -> str:
    return f"Parcel {parcel.plan.parcel}"


def _late(parcel: ParcelState, what: str) -> str:
    return f"{_name(parcel)} keeps its {what}: it is too late."


def _taken_back(parcel: ParcelState) -> str:
    """What a change that needs the parcel here begins with."""
    if not (parcel.handed_off or parcel.set_aside):
        return "Nobody outside has it yet."
    provider = parcel.plan.provider
    return (
        f"It is taken back from {provider} first and handed over anew; what {provider} cannot give back stays as it is."
    )
