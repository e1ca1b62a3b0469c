"""One return, from the shopper's request to closed books. Start reading at `run`."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from temporalio import workflow

from activities.inventory import Inventory, TakeBack
from activities.returns import Returns
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.return_rules import outcome_of, words
from ordersaga.domain.returns import ReturnCase, ReturnWish
from workflows import return_presentation as presentation
from workflows.activity_policies import StepFailedError, in_task
from workflows.return_exchange import ReturnExchange
from workflows.return_goodwill import ReturnGoodwill
from workflows.return_messages import ReturnMessages
from workflows.return_refund import ReturnRefund
from workflows.return_state import CancelReturn, ReturnResult
from workflows.return_way_back import WayBack

LOOK_AGAIN = timedelta(minutes=10)
"""Another return of the order may be moving its money just now: the books are checked again before anybody is asked."""


@workflow.defn
class OrderReturn(ReturnMessages):
    """The durable life of one return; workflow id `return-{order_id}-{number}`."""

    @workflow.init
    def __init__(self, case: ReturnCase) -> None:
        super().__init__(case)
        self._way_back = WayBack(self._desk)
        self._exchange = ReturnExchange(self._desk)

    @workflow.run
    async def run(self, case: ReturnCase) -> ReturnResult:
        """The whole life of a return."""
        return await self._never_aborted(self._live())

    async def _live(self) -> ReturnResult:
        if self._case.request.keeps_goods:
            await self.give_part_of_the_price_back()
        else:
            await self.take_the_goods_back()
        return await self.close()

    async def give_part_of_the_price_back(self) -> None:
        """Goodwill: no label, no goods, no stock; much money only with a second person."""
        await ReturnGoodwill(self._desk).run()

    async def take_the_goods_back(self) -> None:
        """From the label to the refund of what came back, or was lost on its way."""
        await self.provide_a_label()
        await self.see_it_through()

    async def see_it_through(self) -> None:
        """Await the goods, then give back what is due for what came of them."""
        await self.await_the_goods()
        if self._state.inspection is not None:
            await self.restock_or_write_off()
            await self.place_the_exchange()
            await self.refund_what_was_accepted()
            await self.see_the_exchange_decided()
        elif self._state.refund_lost:
            await self.refund_what_was_lost()

    async def provide_a_label(self) -> None:
        """A label bought through the carrier, or the seller's own instructions."""
        await self._way_back.provide()

    async def await_the_goods(self) -> None:
        """Until they are inspected; or they never come: canceled, expired, lost."""
        await self._way_back.run()

    async def restock_or_write_off(self) -> None:
        """What is as new can be sold again; what is damaged is a loss; the rest never came or goes back."""
        assert self._state.inspection is not None, "only inspected goods are booked"
        await self._book(self._state.inspection.units("sellable"), sellable=True)
        await self._book(self._state.inspection.units("damaged"), sellable=False)
        if refused := self._state.inspection.units("refused"):
            reason = self._state.inspection.reason
            self._desk.note("return_refused", f"{words(refused)} refused and sent back to the shopper: {reason}")

    async def place_the_exchange(self) -> None:
        """What the shopper wants instead is a new order, placed as soon as the goods are here."""
        if self._case.request.wish is ReturnWish.EXCHANGE:
            await self._exchange.place(self._accepted)

    async def refund_what_was_accepted(self) -> None:
        """Money follows goods: only units that came back and were accepted."""
        assert self._state.inspection is not None, "only inspected goods are refunded"
        self._state.ends_as = outcome_of(self._state.inspection)
        nothing = None if self._accepted or self._state.inspection.units("refused") else "nothing of it came back"
        self._state.reason = self._state.inspection.reason or nothing
        await self._desk.publish()
        if self._accepted:
            await ReturnRefund(self._desk).run(self._accepted)

    async def see_the_exchange_decided(self) -> None:
        """Told to the shopper with the return's end; it never holds the refund up."""
        await self._exchange.see_decided()

    async def refund_what_was_lost(self) -> None:
        """The carrier has it, or nobody: the shopper gave it away in good faith."""
        await self._desk.publish()
        await ReturnRefund(self._desk).run(self._case.request.lines)

    async def close(self) -> ReturnResult:
        """Close only when nothing is left to settle and the books of the order balance."""
        await self._way_back.give_label_back()
        while not await self._closed():
            pass
        presentation.upsert(self._state)
        self._desk.show()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._state.result()

    async def _closed(self) -> bool:
        differences = await self._try_to_close()
        if differences:
            again = workflow.now() + LOOK_AGAIN
            await self._desk.until(lambda: False, again, "the books to balance")
            differences = await self._try_to_close()
        if differences:
            question = f"The books do not balance: {'; '.join(differences)}. Repair them, then check again."
            await self._desk.park("books_differ", question, ("recheck",))
        elif self._way_back.sent_all_the_same():  # while the end was written
            self._state.reopen()
            await self.see_it_through()
        return self._state.closed

    async def _try_to_close(self) -> tuple[str, ...]:
        """Write the end if the books balance; otherwise say what differs."""
        async with self._desk.recording:
            known = self._state.known
            self._state.close()
            differences = await self._check_books()
            if differences:
                self._state.reopen(known)
            return differences

    async def _check_books(self) -> tuple[str, ...]:
        update = self._state.to_record()
        try:
            closed = await in_task(Returns.close_return, update, "Check the books and close")
        except StepFailedError as failure:
            return (f"the record was refused ({failure})",)
        return closed.differences

    @property
    def _accepted(self) -> tuple[LineQuantity, ...]:
        return self._state.inspection.units("accepted") if self._state.inspection else ()

    async def _book(self, units: tuple[LineQuantity, ...], *, sellable: bool) -> None:
        if not units:
            return
        kind = "sellable" if sellable else "damaged"
        back = TakeBack(
            order_id=self._case.order_id,
            parcel=self._case.plan.parcel,
            reference=f"{self._case.reference}-{kind}",
            lines=units,
            location=self._case.plan.location,
            sellable=sellable,
        )
        await self._desk.settle(f"book the {kind} goods", Inventory.take_back, back, f"{words(units)} came back {kind}")
        done = "back in stock" if sellable else "written off"
        self._desk.note("return_restocked" if sellable else "return_written_off", f"{words(units)} {done}")

    async def _never_aborted(self, life: Coroutine[Any, Any, ReturnResult]) -> ReturnResult:
        """A raw Temporal cancellation is a request to keep the goods: what is under way is finished."""
        task = asyncio.create_task(life)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            reason = workflow.cancellation_reason()
            if reason is None:
                raise
            self.cancel(CancelReturn(by="temporal", reason=reason.strip()[:300] or "not given"))
            return await asyncio.shield(task)
