"""What every step of an order shares: the common desk, whether somebody cancels, the parcels, and errands."""

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from typing import Any, Protocol

from activities.journal import Journal
from ordersaga.domain.elsewhere import Elsewhere
from workflows import presentation
from workflows.activity_policies import StepFailedError, in_task
from workflows.change import Change
from workflows.common_desk import REMIND_EVERY, CommonDesk, Stake
from workflows.order_state import OrderState, ParcelState

__all__ = ["REMIND_EVERY", "Desk", "Siblings", "Stake"]


class Siblings(Protocol):
    """The order's parcels, to one of them."""

    def join(self, parcel: ParcelState) -> object:
        """Add a parcel to the order."""
        ...

    async def refund(self, number: int) -> None:
        """Give back what was paid for a parcel that came to nothing."""
        ...

    async def reduce(self, number: int, by: int) -> tuple[int, int]:
        """Less of a parcel is bought: (released from its reservation, refunded) minor units."""
        ...

    async def goodwill(self, number: int, amount: int) -> bool:
        """Give part of a parcel's price back; False when less than that is left of it."""
        ...

    async def goes_elsewhere(self, number: int, change: Change) -> bool:
        """Whether units that a parcel's provider does not have, which `change` takes out, are sent all the same."""
        ...

    async def split(self, number: int, change: Change, at: Elsewhere) -> int:
        """Let the units that `change` takes out leave from there; returns the parcel they are in.

        Raises ChangeRefusedError or StepFailedError; nothing has changed then.
        """
        ...


class Desk(CommonDesk[OrderState]):
    """The working place of one order's saga. `siblings`: its parcels, once it has any."""

    siblings: Siblings

    def __init__(self, state: OrderState) -> None:
        super().__init__(state, state.order.order_id)
        self._errands: list[asyncio.Task[None]] = []

    @property
    def cancel_wanted(self) -> bool:
        """Somebody asked to cancel the order."""
        return self.state.cancel is not None

    def canceled(self) -> StepFailedError:
        """Why a step does not go on: somebody canceled."""
        cancel = self.state.cancel
        return StepFailedError("customer", "canceled", f"canceled by {cancel.by}: {cancel.reason}" if cancel else "")

    def stop(self, parcel: ParcelState) -> StepFailedError | None:
        """Why this parcel is to be canceled, alone or with its order; None: it is not."""
        return parcel.stop or (self.canceled() if self.cancel_wanted else None)

    def errand(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something beside the parcels' ways; the order does not close before it is done."""
        task = asyncio.create_task(work)
        self._errands.append(task)
        return task

    @property
    def busy(self) -> bool:
        """An errand was begun that nobody has waited for yet."""
        return bool(self._errands)

    async def errands_done(self) -> None:
        """Wait for every errand, those that begin meanwhile included."""
        while self._errands:
            await self._errands[0]
            del self._errands[0]

    @property
    def _closed(self) -> bool:
        return self.state.closed_as is not None

    @property
    def _answer_by(self) -> datetime | None:
        return self.state.answer_by

    async def _write(self) -> None:
        update = self.state.to_record()
        await in_task(Journal.record, update, f"Record {update.status}")

    def _show(self, deadline: datetime | None) -> None:
        presentation.show(self.state, deadline)

    def _upsert(self) -> None:
        presentation.upsert(self.state)
