"""The five steps of the sample saga and their undos: the product's own calls to the same companies and ledgers.

So a peer differs from the product in nothing but how its steps are made durable.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio import activity

from activities.carriers import BookLabel, Carriers, VoidLabel
from activities.effects import Effects
from activities.inventory import Inventory, ParcelUnits
from activities.journal import Journal
from activities.payments import ParcelPayment, Payments
from activities.providers import HandOffParcel, Providers, WithdrawParcel
from ordersaga.domain.journal import JournalEntry, JournalUpdate
from ordersaga.domain.orders import Order, ParcelPlan
from ordersaga.domain.shipping import HandOff
from ordersaga.domain.statuses import OrderStatus
from ordersaga.domain.values import Message
from workers.activities import Ports


class Planned(Message):
    """An order and the parcel it leaves in."""

    order: Order
    plan: ParcelPlan


class SoldOutError(Exception):
    """Nothing is left of it."""


@dataclass(frozen=True)
class Steps:
    """Charge, reserve, hand off, book, notify; each may be called again."""

    payments: Payments
    inventory: Inventory
    providers: Providers
    carriers: Carriers
    journal: Journal

    @activity.defn
    async def charge(self, order: Order) -> int:
        """Reserve the money and take it; the amount in minor units."""
        payment = _payment(order)
        await self.payments.authorize(payment)
        return (await self.payments.capture(payment)).captured

    @activity.defn
    async def refund(self, order: Order) -> None:
        """Undo of `charge`."""
        await self.payments.release(_payment(order))

    @activity.defn
    async def reserve(self, order: Order) -> ParcelPlan:
        """Hold the units; the parcel they leave in. Raises SoldOutError."""
        held = await self.inventory.hold_stock(order)
        if not held.parcels:
            raise SoldOutError(order.order_id)
        return held.parcels[0]

    @activity.defn
    async def release(self, order: Order) -> None:
        """Undo of `reserve`."""
        await self.inventory.release_stock(ParcelUnits(order_id=order.order_id, parcel=1))

    @activity.defn
    async def hand_off(self, planned: Planned) -> None:
        """Give the parcel to its provider."""
        order, plan = planned.order, planned.plan
        given = HandOff(
            reference=plan.reference(order.order_id, 1),
            order_id=order.order_id,
            seller=order.seller,
            location=plan.location,
            lines=plan.lines,
            ship_to=order.ship_to,
            ship_by=order.ship_by,
        )
        await self.providers.hand_off(
            HandOffParcel(provider=plan.provider, parcel=plan.parcel, generation=1, hand_off=given)
        )

    @activity.defn
    async def withdraw(self, planned: Planned) -> None:
        """Undo of `hand_off`."""
        order_id, plan = planned.order.order_id, planned.plan
        await self.providers.withdraw(WithdrawParcel(provider=plan.provider, order_id=order_id, parcel=plan.parcel))

    @activity.defn
    async def book(self, planned: Planned) -> None:
        """Buy the label."""
        await self.carriers.book_label(BookLabel(order=planned.order, plan=planned.plan))

    @activity.defn
    async def void(self, planned: Planned) -> None:
        """Undo of `book`."""
        await self.carriers.void_label(VoidLabel(order_id=planned.order.order_id, parcel=planned.plan.parcel))

    @activity.defn
    async def notify(self, order: Order) -> None:
        """Write down that the order is on its way."""
        entry = JournalEntry(entry_id="notified", at=datetime.now(UTC), kind="notified", text="The shopper was told")
        await self.journal.record(
            JournalUpdate(order_id=order.order_id, status=OrderStatus.FULFILLING, entries=(entry,))
        )


def steps_on(ports: Ports) -> Steps:
    """The steps before these companies and ledgers."""
    effects, ledger = Effects(ports.ledger, ports.visible_after), ports.ledger
    return Steps(
        payments=Payments(ports.payments, effects, ledger),
        inventory=Inventory(ports.stock, ledger),
        providers=Providers(ports.providers, effects, ledger),
        carriers=Carriers(ports.carriers, ports.stock, effects, ledger),
        journal=Journal(ports.journal, ledger),
    )


def _payment(order: Order) -> ParcelPayment:
    return ParcelPayment(
        order_id=order.order_id,
        parcel=1,
        amount=order.total,
        currency=order.currency,
        payment_method=order.payment.payment_method,
    )
