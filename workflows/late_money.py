"""Money that is under way for a parcel that is given up: nobody can stop it, so its bank's word is waited for."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from temporalio import workflow

from activities.payments import ParcelPayment, Payments, ReleaseResult
from ordersaga.domain.lanes import Urgency
from workflows.activity_policies import StepFailedError, quick
from workflows.desk import Desk
from workflows.order_state import ParcelState

_LOOK_EVERY: Final = timedelta(days=1)
_PATIENCE: Final = timedelta(days=14)
"""No bank debit takes longer; then a person is asked."""


class LateMoney:
    """One parcel's. `moved`: the payment company has said something since the last look."""

    def __init__(self, desk: Desk, parcel: ParcelState) -> None:
        self.moved = False
        self._desk = desk
        self._number = parcel.plan.parcel

    async def decided(self, given: ReleaseResult, held: Callable[[], ParcelPayment]) -> ReleaseResult:
        """What went back once the bank had decided: all that came.

        Raises StepFailedError when the bank says nothing for too long.
        """
        self._desk.note("payment_undecided", "the bank still decides about it; what comes is given back", self._number)
        gives_up = workflow.now() + _PATIENCE
        while given.undecided:
            if workflow.now() >= gives_up:
                raise StepFailedError("unresolved", "payment_undecided", "the bank has not decided for two weeks")
            await self._desk.publish()
            self.moved = False
            look = min(workflow.now() + _LOOK_EVERY, gives_up)
            await self._desk.until(lambda: self.moved, look, "the bank's word on a payment that is given up")
            given = await quick(Payments.release, held(), "Give back what came late", Urgency.UNDO)
        return given
