"""One order, from checkout to closed books. Start reading at `run`."""

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from temporalio import workflow

from activities.journal import Journal
from ordersaga.domain.journal import JournalUpdate
from ordersaga.domain.orders import Order
from workflows import presentation
from workflows.activity_policies import StepFailedError, in_task
from workflows.change_previews import ChangePreviews
from workflows.messages import CancelRequest, OrderResult

REVIEW = timedelta(days=1)
"""How long a wait for a person runs before the order looks at itself again."""


@workflow.defn
class OrderFulfillment(ChangePreviews):
    """The durable saga of one order; workflow id `order-{order_id}`."""

    @workflow.init
    def __init__(self, order: Order) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: Order) -> OrderResult:
        """The whole life of an order."""
        return await self._never_aborted(self._live())

    async def _live(self) -> OrderResult:
        await self.confirm()
        if self._state.confirmed:
            await self.clear()
            await self.ship_and_deliver_every_parcel()
        return await self.close()

    async def confirm(self) -> None:
        """Hold stock, authorize payment, answer the waiting checkout; any refusal undoes everything."""
        await self._confirmation.run()

    async def clear(self) -> None:
        """Wait out what forbids hand-off: the hand-off delay, then every hold; or a cancellation."""
        self._cancellations.take_up()
        while not self._cleared():
            await self._changed_while_here()
            if not self._cleared():
                self._journeys.set_aside()
            await self._desk.publish()
            held_by = sorted(self._state.holds)
            moved = partial(self._cleared_or_held_otherwise, held_by)
            if self._in_grace():
                await self._desk.until(moved, self._grace_ends, "the hand-off delay")
            else:
                await self._desk.until(moved, self._looks_again(), f"the release of holds: {', '.join(held_by)}")

    async def ship_and_deliver_every_parcel(self) -> None:
        """Each parcel on its own way: handed off, scanned, paid, delivered; one that fails is undone by itself."""
        self._journeys.depart()
        await asyncio.sleep(0)  # every hand-off has begun now, so the status written below is true
        await self._desk.publish()
        await self._journeys.arrived()

    async def close(self) -> OrderResult:
        """Close only when nothing is left to settle, nobody is still being asked, and the books balance."""
        while not await self._closed():
            pass
        presentation.upsert(self._state)
        self._desk.show()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._state.result()

    async def _closed(self) -> bool:
        for parcel in self._journeys.parcels:
            await parcel.owned_up()
        await self._desk.errands_done()
        await self._questions_answered()
        differences = await self._try_to_close()
        if differences:
            question = f"The books do not balance: {'; '.join(differences)}. Repair them, then check again."
            await self._desk.park("books_differ", question, ("recheck",))
        return self._state.closed_as is not None

    async def _questions_answered(self) -> None:
        while self._state.open_attention:
            await self._desk.publish()
            again = workflow.now() + REVIEW
            await self._desk.until(lambda: not self._state.open_attention, again, "answers to open questions")

    async def _try_to_close(self) -> tuple[str, ...]:
        """Write the final status if the books balance; otherwise say what differs."""
        async with self._desk.recording:
            known = self._state.known
            self._state.close_as(self._state.final_status())
            differences = await self._check_books(self._state.to_record())
            if differences or self._state.unrecorded or self._desk.busy:  # or something was heard meanwhile
                self._state.reopen(known)
            return differences

    async def _check_books(self, update: JournalUpdate) -> tuple[str, ...]:
        try:
            return (await in_task(Journal.close, update, "Check the books and close")).differences
        except StepFailedError as failure:
            return (f"the journal refused the close ({failure})",)

    def _looks_again(self) -> datetime:
        """At the latest tomorrow; sooner where a shopper must be told of a delay, which is done when it is due."""
        promises = [saga.promise for saga in self._journeys.parcels]
        for promise in promises:
            promise.notify_of_delay()
        return min([promise.notice_due for promise in promises if promise.notice_due] + [workflow.now() + REVIEW])

    def _cleared(self) -> bool:
        stopped = self._desk.cancel_wanted or all(parcel.stop for parcel in self._state.parcels)
        return stopped or not (self._state.holds or self._in_grace())

    def _cleared_or_held_otherwise(self, held_by: list[str]) -> bool:
        return self._cleared() or self._change_wanted() or sorted(self._state.holds) != held_by

    def _change_wanted(self) -> bool:
        return any(parcel.wanted or (parcel.stop and not parcel.undone) for parcel in self._state.parcels)

    async def _changed_while_here(self) -> None:
        for saga in list(self._journeys.parcels):
            await saga.changed()
            if saga.parcel.stop is not None and not saga.parcel.undone:
                await saga.undone(saga.parcel.stop)

    def _in_grace(self) -> bool:
        return workflow.now() < self._grace_ends

    @property
    def _grace_ends(self) -> datetime:
        return self._order.placed_at + self._order.terms.hand_off_delay

    async def _never_aborted(self, life: Coroutine[Any, Any, OrderResult]) -> OrderResult:
        """A raw Temporal cancellation is a request to cancel the order: what is under way is finished or undone."""
        task = asyncio.create_task(life)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            reason = workflow.cancellation_reason()
            if reason is None:
                raise
            told = reason.strip()[:300] or "not given"
            self._cancellations.request(CancelRequest(by="temporal", reason=told))
            return await asyncio.shield(task)
