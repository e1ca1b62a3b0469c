"""A parcel becomes two: some of its units leave in one of their own, which has a payment of its own."""

from collections.abc import Callable, Sequence

from ordersaga.domain.elsewhere import Elsewhere
from ordersaga.domain.orders import LineQuantity, ParcelPlan
from workflows.activity_policies import StepFailedError
from workflows.change import Change, ChangeRefusedError
from workflows.desk import Desk
from workflows.order_state import ParcelState
from workflows.parcels import ParcelSaga
from workflows.stock_plan import replanned


class Splitting:
    """Splits a parcel; `add` lets the second one set out."""

    def __init__(self, desk: Desk, add: Callable[[ParcelSaga], None]) -> None:
        self._desk = desk
        self._add = add

    async def split(
        self, first: ParcelSaga, lines: Sequence[LineQuantity], change: Change | None, at: Elsewhere | None = None
    ) -> ParcelState:
        """The new parcel's money is reserved first: until then nothing else has changed. `at`: it ships from there.

        Raises ChangeRefusedError or StepFailedError; nothing has changed then.
        """
        parcel = first.parcel
        rest, second = parcel.plan.without(lines), ParcelSaga(self._desk, self._part(parcel, lines, at))
        await self._reserve(first, second, change)
        await self._plan_both(rest, second)
        parcel.plan = rest
        if change is not None:
            change.planned, change.made_parcel = True, second.parcel.plan.parcel
        await first.payments.reduce(second.parcel.plan.amount)
        self._as_asked_meanwhile(parcel, second)
        self._add(second)
        return second.parcel

    def _as_asked_meanwhile(self, first: ParcelState, second: ParcelSaga) -> None:
        """What holds for all that was in the parcel holds for the part too, also what is still to be made."""
        part = second.parcel
        second.promise.take_over_delay(first)
        part.stop, part.ship_to, part.former_ship_to = first.stop, first.ship_to, first.former_ship_to
        for change in first.changes:
            if change.undecided and change.of_part is not None:
                change.of_part(part)

    def _part(self, parcel: ParcelState, lines: Sequence[LineQuantity], at: Elsewhere | None) -> ParcelState:
        plan = parcel.plan.part(self._desk.state.next_parcel(), lines)
        part = ParcelState(plan, service=parcel.service, carrier_wanted=parcel.carrier_wanted)
        if at is not None and at.location is not None:
            part.plan = plan.model_copy(update={"location": at.location, "provider": at.provider})
            part.moved_from, part.moved_why = (*parcel.moved_from, plan.location), at.why
        return part

    async def _plan_both(self, rest: ParcelPlan, second: ParcelSaga) -> None:
        """The stock of both parcels; a refusal leaves nothing of the second reserved."""
        try:
            if not await replanned(self._desk, "Plan the stock anew", rest, second.parcel.plan):
                raise ChangeRefusedError("the stock could not be planned anew; try again")
        except (StepFailedError, ChangeRefusedError):
            await second.payments.give_back()
            raise

    async def _reserve(self, first: ParcelSaga, second: ParcelSaga, change: Change | None) -> None:
        """The second parcel's money, at once and without the shopper; a refusal leaves nothing reserved."""
        paid, payments = first.payments, second.payments
        try:
            await payments.authorize(customer=paid.customer, off_session=True, save_for_later=False, method=paid.method)
            if not second.parcel.authorized:
                raise ChangeRefusedError("the bank wants the shopper to confirm a second payment; move it instead")
            if self._desk.stop(first.parcel) is not None:
                raise ChangeRefusedError("the parcel was canceled meanwhile; ask what became of that")
            if change is not None and change.by_provider and not change.under_way:
                raise ChangeRefusedError("they were canceled meanwhile")
        except (StepFailedError, ChangeRefusedError):
            await payments.give_back()
            raise
