"""Units that a provider finds it does not have go from elsewhere, as the seller's terms let them.

| | |
|---|---|
| its payment can be reserved for each parcel, and another place has the units | they leave in a parcel of their own |
| else another place has all of the parcel, and its provider gives the rest back | it ships from there as a whole |
| else | they are taken out, and not paid for |
"""

from collections.abc import Awaitable, Callable

from ordersaga.domain.elsewhere import Elsewhere
from ordersaga.domain.orders import CapturePolicy, MoveCause, ParcelPlan
from workflows.activity_policies import StepFailedError
from workflows.change import Change, ChangeRefusedError
from workflows.desk import Desk
from workflows.elsewhere import Moves
from workflows.order_state import ParcelState
from workflows.parcel_payments import ParcelPayments


class ShortPick:
    """Missing units of one parcel. `take_back`: has it here again, or raises ChangeRefusedError."""

    def __init__(
        self,
        desk: Desk,
        parcel: ParcelState,
        moves: Moves,
        payments: ParcelPayments,
        take_back: Callable[[], Awaitable[None]],
    ) -> None:
        self.parcel = parcel
        self._desk = desk
        self._number = parcel.plan.parcel
        self._moves = moves
        self._payments = payments
        self._take_back = take_back

    async def goes_elsewhere(self, change: Change) -> bool:
        """Whether the units that `change` would take out are sent all the same; if not, the story says why."""
        if not self._wanted(change):
            return False
        try:
            self._check_bound()
            return await (self._of_its_own(change) if self._paid_apart(change) else self._as_a_whole(change))
        except (ChangeRefusedError, StepFailedError) as refused:
            await self._moves.stays(str(refused))
            return False

    def _wanted(self, change: Change) -> bool:
        """Never in orders that began before this could be done, nor for what is being canceled."""
        going = not (self.parcel.undoing or self.parcel.undone) and self._desk.stop(self.parcel) is None
        return bool(change.under_way) and self._moves.allowed and going

    def _check_bound(self) -> None:
        """Each parcel that came of it counts as a move, as a place that it left does."""
        apart = sum(bool(change.made_parcel) for change in self.parcel.changes if change.by_provider)
        most = self._desk.state.order.terms.moves_at_most
        if apart and apart + len(self.parcel.moved_from) >= most:
            raise ChangeRefusedError(f"{apart} of its parts went from elsewhere, and the seller allows {most} moves")

    def _paid_apart(self, change: Change) -> bool:
        """A second payment can be reserved, without the shopper; what is paid already is paid as a whole."""
        order, whole = self._desk.state.order, self.parcel.plan.amount
        if self.parcel.paid or order.terms.capture is CapturePolicy.AT_CONFIRMATION:
            return False
        chargeable = (self._payments.customer or order.payment.customer) is not None
        return chargeable and 0 < self.parcel.plan.part(self._number, change.removes).amount < whole

    async def _of_its_own(self, change: Change) -> bool:
        found = await self._place_for(self.parcel.plan.part(self._number, change.removes))
        if found is None or not self._wanted(change):
            return False
        try:
            part = await self._desk.siblings.split(self._number, change, found)
        except (ChangeRefusedError, StepFailedError) as refused:
            self._desk.note("not_sent_apart", f"no parcel of its own for what is missing: {refused}", self._number)
            return await self._as_a_whole(change)
        self._say(change, f"shipped from {found.location} in parcel {part}")
        return True

    async def _as_a_whole(self, change: Change) -> bool:
        if not self._wanted(change):
            return False
        if not self.parcel.movable:
            raise ChangeRefusedError("the rest has left or cannot be stopped, and the whole is one payment")
        found = await self._place_for(self.parcel.plan)
        if found is None or not (self._wanted(change) and self.parcel.movable):
            return False
        await self._take_back()
        if not (change.under_way and await self._moves.move(found) and change.under_way):
            return False
        change.worth = 0  # nobody is given anything back
        self._say(change, f"the whole parcel ships from {found.location}")
        return True

    async def _place_for(self, plan: ParcelPlan) -> Elsewhere | None:
        found = await self._moves.look(MoveCause.SHORT_PICK, plan)
        return found if found is not None and found.automatic else None

    def _say(self, change: Change, what: str) -> None:
        change.what = f"{change.what}; {what}"
        self._desk.note("short_pick", change.what, self._number)
