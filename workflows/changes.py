"""How the parcels of a running order are changed: each change is made while the parcel is with us, then it goes on."""

from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from temporalio import workflow

from activities.providers import Providers, UpdateAddress
from ordersaga.domain.lanes import Urgency
from ordersaga.domain.orders import ADDRESS_AWAITED, Address, LineQuantity, Payment
from ordersaga.domain.shipping import AddressDecision, ShippingService
from workflows.activity_policies import StepFailedError, on_lane
from workflows.change import Change, ChangeRefusedError
from workflows.desk import Desk, Stake
from workflows.journeys import Journeys
from workflows.messages import (
    NO_REASON,
    AddressChange,
    ChangeCarrier,
    ChangePayment,
    Expedite,
    GoodwillRefund,
    MoveParcel,
    SplitParcel,
    provider_queue,
)
from workflows.order_state import ParcelState
from workflows.parcels import ParcelSaga
from workflows.stock_plan import planned_at


class Changes:
    """Puts changes on the parcels they are about; each parcel's own saga carries them out, one after another."""

    def __init__(self, desk: Desk, journeys: Journeys) -> None:
        self._desk = desk
        self._state = desk.state
        self._journeys = journeys
        self._addresses = 0

    def _put(
        self,
        parcels: Iterable[ParcelState],
        what: str,
        make: Callable[[ParcelState], Awaitable[None]],
        back: bool,
        *,
        of_all: bool = False,
    ) -> list[Change]:
        """`of_all`: it holds for all that is in them, so what is split off before it was made goes the same way."""
        made: list[Change] = []

        def put(parcel: ParcelState) -> None:
            number = parcel.plan.parcel
            change_id = f"{self._state.order.order_id}-{number}-c{len(parcel.changes) + 1}"
            change = Change(change_id, f"parcel {number}: {what}", partial(make, parcel), back, parcel=number)
            change.of_part = put if of_all else None
            parcel.changes.append(change)
            made.append(change)

        for parcel in parcels:
            put(parcel)
        return made

    # ---- where it goes ---------------------------------------------------------------------------------------

    def address(self, asked: AddressChange, parcels: Iterable[ParcelState], *, tells_kept: bool) -> list[Change]:
        """Every one of the parcels goes to the other address, in its turn; until then each goes where it went."""
        if not self._state.order.address_awaited:
            for parcel in self._state.parcels:
                parcel.ship_to = parcel.ship_to or self._state.order.ship_to
        readdress = partial(self._readdress, asked.ship_to)
        changes = self._put(parcels, "goes to the other address", readdress, back=False, of_all=True)
        self._desk.errand(self._ask_about_two_addresses(changes, asked.ship_to, tells_kept))
        return changes

    async def _ask_about_two_addresses(self, changes: list[Change], new: Address, tells_kept: bool) -> None:
        """Some parcels go to the new address, and others cannot: the answer said so, a person sees to those."""
        await workflow.wait_condition(lambda: not any(change.undecided for change in changes))
        kept = [change for change in changes if change.outcome == "refused" and not change.superseded]
        if len(kept) == len(changes):
            return  # the order goes where it went
        for change in kept:
            self._desk.errand(self._tell_of_former_address(change, new, tells_kept))

    async def _tell_of_former_address(self, change: Change, new: Address, tells_kept: bool) -> None:
        """A person tells the shopper, or the provider, as long as it is true and the parcel is on its way."""
        question = f"Parcel {change.parcel} goes to the former address, others to the new one: {change.message}."
        if not tells_kept:
            await self._desk.park("address_refused", question, ("ship_to_former",), change.parcel)
            return
        parcel = self._journeys.saga_of(change.parcel).parcel
        former = parcel.ship_to
        if not (parcel.ended or former == new):
            over = partial(_goes_elsewhere_or_nowhere, parcel, former)
            await self._desk.park("address_kept", question, ("noted",), change.parcel, over)

    async def _readdress(self, ship_to: Address, parcel: ParcelState) -> None:
        """Its provider takes the new address, or the parcel is taken back and handed off anew."""
        former = parcel.ship_to
        if parcel.set_aside or (parcel.handed_off and not await self._taken_by_provider(ship_to, parcel)):
            await self._saga(parcel).take_back()
        if former is not None and not parcel.given_away:  # its first address is no change of one
            self._to_be_accepted(former, parcel)
        parcel.ship_to = ship_to
        self._state.goes_to(ship_to)
        self._state.holds.pop(ADDRESS_AWAITED, None)

    def _to_be_accepted(self, former: Address, parcel: ParcelState) -> None:
        """The answer does not promise what the provider or the carrier may yet refuse."""
        parcel.former_ship_to = parcel.former_ship_to or former
        if parcel.wanted is not None:
            parcel.wanted.what += "; whoever ships it must accept it, a refusal is asked about"

    async def _taken_by_provider(self, ship_to: Address, parcel: ParcelState) -> bool:
        """Whatever keeps it from taking the address, or leaves it half taken: taken back, it has one address."""
        try:
            return await self._provider_takes(ship_to, parcel)
        except StepFailedError as failure:
            self._desk.note("address_not_taken", str(failure), parcel.plan.parcel)
            return False

    async def _provider_takes(self, ship_to: Address, parcel: ParcelState) -> bool:
        if not (parcel.given_away and parcel.books_carrier and parcel.changes_address):
            return False
        self._addresses += 1
        order_id, provider = self._state.order.order_id, parcel.plan.provider
        request = UpdateAddress(
            provider=provider,
            order_id=order_id,
            parcel=parcel.plan.parcel,
            reference=parcel.plan.reference(order_id, parcel.generation),
            generation=self._addresses,
            ship_to=ship_to,
        )
        summary = f"Give {provider} the other address"
        decision = await on_lane(
            Providers.update_address,
            request,
            queue=provider_queue(provider),
            summary=summary,
            urgency=Urgency.URGENT,
        )
        return decision is AddressDecision.UPDATED

    # ---- how it goes -----------------------------------------------------------------------------------------

    def expedite(self, asked: Expedite, parcels: Iterable[ParcelState]) -> list[Change]:
        """The faster service."""
        slow = [parcel for parcel in parcels if parcel.service is not ShippingService.EXPEDITED]
        return self._put(slow, "goes by the faster service", self._expedite, back=True, of_all=True)

    async def _expedite(self, parcel: ParcelState) -> None:
        parcel.service = ShippingService.EXPEDITED

    def carrier(self, asked: ChangeCarrier, parcel: ParcelState) -> list[Change]:
        """Another carrier."""
        return self._put([parcel], f"goes with {asked.carrier}", partial(self._with_carrier, asked.carrier), back=True)

    async def _with_carrier(self, carrier: str, parcel: ParcelState) -> None:
        parcel.carrier_wanted = carrier

    def move(self, asked: MoveParcel, parcel: ParcelState) -> list[Change]:
        """Another location, with its provider."""
        moving = partial(self._move, asked.location, asked.provider)
        return self._put([parcel], f"ships from {asked.location}", moving, back=True)

    async def _move(self, location: str, provider: str, parcel: ParcelState) -> None:
        if not await planned_at(self._desk, parcel, location, provider, "Plan the stock anew"):
            raise ChangeRefusedError(f"{location} has not enough units of this parcel; choose another location")

    # ---- in two parcels --------------------------------------------------------------------------------------

    def split(self, asked: SplitParcel, parcel: ParcelState) -> list[Change]:
        """Some units leave in a parcel of their own."""
        units = ", ".join(f"{line.quantity} {line.sku}" for line in asked.lines)
        changes = self._put(
            [parcel], f"{units} leave in a parcel of their own", partial(self._split, asked.lines), True
        )
        changes[0].moves = tuple(asked.lines)
        return changes

    async def _split(self, lines: tuple[LineQuantity, ...], parcel: ParcelState) -> None:
        await self._journeys.splitting.split(self._saga(parcel), lines, parcel.wanted)

    # ---- its money -------------------------------------------------------------------------------------------

    def payment(self, asked: ChangePayment, parcels: Iterable[ParcelState]) -> list[Change]:
        """Another payment method: beside the parcels' ways, for one that has left may still be unpaid."""
        return [self._paid_otherwise(asked.payment, parcel) for parcel in parcels]

    def _paid_otherwise(self, payment: Payment, parcel: ParcelState) -> Change:
        what = f"parcel {parcel.plan.parcel}: is reserved with the other payment method"
        change_id = f"{self._state.order.order_id}-{parcel.plan.parcel}-p{len(self._state.entries)}"
        change = Change(change_id, what, partial(self._pay_with, payment, parcel), parcel=parcel.plan.parcel)
        self._desk.errand(self._carry_out(change, parcel))
        return change

    async def _carry_out(self, change: Change, parcel: ParcelState) -> None:
        try:
            await change.make()
            change.done()
        except (ChangeRefusedError, StepFailedError) as refused:
            change.refuse(str(refused))
        self._desk.note(f"change_{change.outcome}", change.message, parcel.plan.parcel)
        await self._desk.publish()

    async def _pay_with(self, payment: Payment, parcel: ParcelState) -> None:
        await self._saga(parcel).payments.pay_with(payment)
        self._state.order = self._state.order.model_copy(update={"payment": payment})

    def goodwill(self, asked: GoodwillRefund, parcel: ParcelState) -> Change:
        """Part of the price back; more than one person may give waits for a second."""
        what = f"parcel {parcel.plan.parcel}: {self._desk.money(asked.amount)} given back{_because(asked)}"
        change = Change(f"{self._state.order.order_id}-g{len(self._state.entries)}", what, _nothing)
        guarded = asked.amount > self._state.order.terms.second_person_above
        change.outcome = "awaiting_approval" if guarded else "pending"
        self._desk.errand(self._give(asked, parcel, change))
        return change

    async def _give(self, asked: GoodwillRefund, parcel: ParcelState, change: Change) -> None:
        if change.outcome == "awaiting_approval" and not await self._approved(asked, parcel):
            change.refuse("a second person declined it; settle with them what can be given")
        elif await self._saga(parcel).payments.goodwill(asked.amount):
            change.done()
        else:
            change.refuse("less than that is left of what was paid; ask for less")
        self._desk.note(f"change_{change.outcome}", change.message, parcel.plan.parcel)
        await self._desk.publish()

    async def _approved(self, asked: GoodwillRefund, parcel: ParcelState) -> bool:
        amount = self._desk.money(asked.amount)
        question = f"{asked.by} wants to give {amount} of parcel {parcel.plan.parcel} back{_because(asked)}. Approve?"
        stake = Stake(asked.amount, ("approve",), proposed="approve", proposed_by=asked.by)
        choices = ("approve", "decline")
        return await self._desk.park("refund_approval", question, choices, parcel.plan.parcel, stake=stake) == "approve"

    def _saga(self, parcel: ParcelState) -> ParcelSaga:
        return self._journeys.saga_of(parcel.plan.parcel)


async def _nothing() -> None:
    """An errand does it."""


def _goes_elsewhere_or_nowhere(parcel: ParcelState, former: Address | None) -> bool:
    return parcel.ended or parcel.ship_to != former


def _because(asked: GoodwillRefund) -> str:
    return "" if asked.reason == NO_REASON else f": {asked.reason}"
