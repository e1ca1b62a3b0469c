"""What a hold, its release or a change would come to now, in words, before it is asked for; nothing is done."""

from collections.abc import Callable, Iterator
from typing import Literal

from ordersaga.domain.orders import ADDRESS_AWAITED
from ordersaga.domain.values import Message
from workflows.messages import AddressChange, GoodwillRefund, HoldRequest
from workflows.order_state import OrderState, ParcelState

ForetoldOutcome = Literal["possible", "awaiting_approval", "refused"]


class PreviewRequest(Message):
    """What may be asked of a running order; exactly one is given."""

    address: AddressChange | None = None
    refund: GoodwillRefund | None = None
    hold: HoldRequest | None = None
    release: HoldRequest | None = None


class Foretold(Message):
    """What would happen, one sentence each.

    `awaiting_approval`: it would wait for a second person. `refused`: `effects` say why, and what to do instead.
    """

    order_id: str
    outcome: ForetoldOutcome
    effects: tuple[str, ...]


def readdressed(state: OrderState, movable: list[ParcelState]) -> Iterator[str]:
    """Another address, for each parcel."""
    for parcel in state.parcels:
        name = f"Parcel {parcel.plan.parcel}"
        yield f"{name} {_readdressed(parcel)}." if parcel in movable else f"{name} keeps its address: it is too late."
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


def given(asked: GoodwillRefund, parcel: ParcelState, money: Callable[[int], str]) -> Iterator[str]:
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
