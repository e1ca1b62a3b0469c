"""What must be true of an order that has ended, by the records of the companies themselves (I1 to I5, I7)."""

import re
from collections import Counter
from collections.abc import Iterator

from ordersaga.domain.effects import EffectStatus
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.statuses import FINAL_STATUSES, ConfirmOutcome, OrderStatus
from ordersaga.domain.statuses import ParcelStatus as P
from tests.properties.companies import LEFT
from tests.properties.life import Life
from workflows.messages import CancelAnswer, OrderResult, OrderView

_RESENT = re.compile(r"sent once more as parcel (\d+)")


def parcel_of(reference: str) -> int:
    """The parcel of a reference `order-parcel-generation`."""
    return int(reference.split("-")[1])


class Audit:
    """One look at an order that has ended."""

    def __init__(self, life: Life, result: OrderResult, view: OrderView) -> None:
        self._life = life
        self._result = result
        self._parcels = {parcel.plan.parcel: parcel for parcel in view.parcels}
        self._standing = {one: life.companies.standing(one) for one in life.companies.orders}
        self._payments = list(life.world.payments.payments.values())

    async def findings(self) -> list[str]:
        """Everything that is wrong."""
        world, order_id = self._life.world, self._life.placed.order_id
        balance = await world.balance(self._life.placed)
        found = [f"books: {difference}" for difference in balance.differences()]
        if self._result.status not in FINAL_STATUSES or world.memory.orders[order_id].status is not self._result.status:
            found.append(f"ended as {self._result.status}, recorded as {world.memory.orders[order_id].status}")
        cash = sum(payment.captured - payment.refunded for payment in self._payments)
        if cash != balance.captured_net:
            found.append(f"I1: the payment company holds {cash}, the books {balance.captured_net}")
        if cash != self._value_kept() - balance.allowed - balance.written_off:
            gone = f"{balance.allowed} allowed, {balance.written_off} written off"
            found.append(f"I1: {cash} paid, worth {self._value_kept()} kept, {gone}")
        checks = (self._money(), self._units(), self._providers(), self._labels(), self._once(), self._canceled())
        return found + [finding for check in checks for finding in check]

    # ---- money -----------------------------------------------------------------------------------------------

    def _money(self) -> Iterator[str]:
        for payment in self._payments:
            if payment.status in (PaymentStatus.AUTHORIZED, PaymentStatus.REQUIRES_ACTION, PaymentStatus.PROCESSING):
                yield f"I1: {payment.payment_id} is still {payment.status}"
            if not payment.amount >= payment.captured >= payment.refunded >= 0:
                yield f"I1: {payment.payment_id}: {payment.amount} >= {payment.captured} >= {payment.refunded} is false"

    def _value_kept(self) -> int:
        """What the shopper has, at the price of its parcels; a lost one counts when it was sent once more."""
        arrived = {parcel_of(one) for one, now in self._standing.items() if now is P.DELIVERED}
        for number, again in self._resent().items():
            arrived |= {number} if again in arrived else set()
        return sum(self._parcels[number].plan.amount for number in arrived)

    def _resent(self) -> dict[int, int]:
        """Lost parcels by number, and what was sent in their place."""
        known = self._life.world.memory.journal.values()
        found = ((entry.parcel, _RESENT.search(entry.text)) for entry in known if entry.kind == "reshipped")
        return {parcel: int(match[1]) for parcel, match in found if match}

    # ---- goods -----------------------------------------------------------------------------------------------

    def _units(self) -> Iterator[str]:
        gone = Counter[str]()
        for number in self._left():
            if P.RETURNED_TO_SENDER not in self._ends_of(number):
                gone.update({line.sku: line.quantity for line in self._parcels[number].plan.lines})
        shelves, held = Counter[str](), 0
        for (_, sku), (on_hand, promised) in self._life.world.units().items():
            shelves[sku] += on_hand
            held += promised
        if held:
            yield f"I2: {held} units are still held"
        for sku in ("MUG", "TEE"):
            if shelves[sku] + gone[sku] != 20:
                yield f"I2: {shelves[sku]} {sku} on the shelves and {gone[sku]} gone, of 20"

    def _left(self) -> set[int]:
        return {parcel_of(one) for one, now in self._standing.items() if now in LEFT}

    def _ends_of(self, number: int) -> set[P]:
        return {now for one, now in self._standing.items() if parcel_of(one) == number}

    def _providers(self) -> Iterator[str]:
        live = Counter(
            parcel_of(one)
            for one, now in self._standing.items()
            if now is not P.CANCELED and one not in self._life.companies.shipped_all_the_same
        )
        for number, orders in live.items():
            if orders > 1:
                yield f"I3: parcel {number} has {orders} live provider orders"
            if self._parcels[number].status is P.CANCELED:
                yield f"I3: parcel {number} is canceled, and its provider has it"

    def _labels(self) -> Iterator[str]:
        for reference, label in self._life.world.carrier.labels.items():
            if not label.voided and self._standing.get(reference) not in LEFT:
                yield f"I4: label of {reference} is neither used nor voided"

    # ---- each thing once, and as it was said -----------------------------------------------------------------

    def _once(self) -> Iterator[str]:
        world = self._life.world
        done = {row.key for row in world.memory.effects.values() if row.status is EffectStatus.DONE}
        known = {row.key for row in world.memory.effects.values()}
        for key in world.payments.references:
            if key not in known:
                yield f"I7: payment {key} stands in no ledger"
        for key in world.payments.refunds:
            if key not in done:
                yield f"I7: refund {key} is not in the ledger as done"
        for reference in self._standing:
            order, parcel, generation = reference.split("-")
            if f"{order}/hand_off/{parcel}/{generation}" not in done:
                yield f"I7: hand-off {reference} is not in the ledger as done"

    def _canceled(self) -> Iterator[str]:
        """Who was told that everything is undone was told the truth."""
        if self._life.companies.shipped_all_the_same:
            return
        for answer in self._life.cancel_answers:
            if answer.outcome == "canceled" and _whole(answer, self._life) and self._result.status not in _UNDONE:
                yield f"told that all is canceled, ended as {self._result.status}"
        outcome = self._life.world.memory.orders[self._life.placed.order_id].outcome
        if outcome != ConfirmOutcome.CONFIRMED and self._standing:
            yield f"answered {outcome}, and handed off"


_UNDONE = (OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.RETURNED)


def _whole(answer: CancelAnswer, life: Life) -> bool:
    bought = sum(line.quantity for line in life.placed.lines)
    return sum(line.quantity for part in answer.parts for line in part.lines) == bought
