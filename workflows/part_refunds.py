"""Refunds of a part of what was taken for one parcel: for units never sent, or as goodwill for goods that are kept."""

from collections import Counter
from typing import Literal

from activities.refunds import PartialRefund, RefundResult, Refunds
from activities.returns import Returns
from ordersaga.domain.lanes import Urgency
from workflows.activity_policies import in_task, quick
from workflows.desk import Desk
from workflows.order_state import ParcelState

Purpose = Literal["canceled", "goodwill"]


class PartRefunds:
    """Each under a number of its own. `generation`: the payment that was captured. Amounts in minor units."""

    def __init__(self, desk: Desk, parcel: ParcelState) -> None:
        self.parcel = parcel
        self.goodwill_ended = False
        self._desk = desk
        self._number = parcel.plan.parcel
        self._given = Counter[int]()

    def given(self, generation: int) -> int:
        """How much of this generation's capture went back in parts."""
        return self._given[generation]

    async def goodwill(self, amount: int, generation: int) -> bool:
        """Part of the price though the goods are kept; False when less than that is left of it."""
        if self.goodwill_ended or amount > self.parcel.captured - self.parcel.refunded:
            return False
        given = await self.give(amount, "goodwill", generation)
        self.parcel.allowed += given
        return given > 0

    async def give(self, amount: int, purpose: Purpose, generation: int) -> int:
        """Refund it; ends when it is done, here or by a person's hand. 0: the whole capture had gone back before."""
        words = f"refund {self._desk.money(amount)}"
        refund = self._next(amount, purpose, generation)
        answers: list[RefundResult] = []

        async def ask() -> None:
            answers.append(await quick(Refunds.refund_part, refund, words.capitalize(), Urgency.UNDO))

        async def by_hand() -> None:
            await in_task(Returns.refund_settled_by_hand, refund, f"Enter {self._desk.money(amount)} refunded by hand")
            answers.append(RefundResult(refunded=amount, status="succeeded", refund_id=None))

        await self._desk.insist(words, ask, self._number, by_hand, amount)
        given = answers[0].refunded
        self._given[generation] += given
        self.parcel.refunded += given
        if given:
            self._desk.note("refunded", f"{self._desk.money(given)} refunded ({purpose})", self._number)
        return given

    def _next(self, amount: int, purpose: Purpose, generation: int) -> PartialRefund:
        self.parcel.part_refunds += 1
        return PartialRefund(
            order_id=self._desk.state.order.order_id,
            parcel=self._number,
            payment_generation=generation,
            step="refund_part",
            number=self.parcel.part_refunds,
            amount=amount,
            currency=self._desk.state.order.currency,
            purpose=purpose,
            collected_by=self._desk.state.order.payment.collected_by,
        )
