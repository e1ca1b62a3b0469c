"""Outside companies inside the worker's process: they answer at once, always yes, and forget at once.

The fakes of the tests remember every call for the tests to look at; with thousands of orders that would be measured
too. What these know of a payment stands in its id.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from ordersaga.domain.identifiers import parse_parcel_reference
from ordersaga.domain.payments import PaymentRequest, PaymentState, PaymentStatus
from ordersaga.domain.shipping import HandOff, LabelRequest, LabelState, ParcelEvent, ProviderOrder
from ordersaga.domain.statuses import ParcelStatus
from tests.fakes.payments import FakePayments
from tests.fakes.shipping import FakeCarrier, FakeProvider

Tell = Callable[[str, ParcelEvent], Awaitable[None]]
"""Delivers what became of a parcel of an order."""

WAY: Final = (ParcelStatus.PICKED, ParcelStatus.IN_TRANSIT, ParcelStatus.DELIVERED)
_LASTS: Final = timedelta(days=7)


class Bank(FakePayments):
    """Authorizes and captures everything."""

    async def authorize(self, request: PaymentRequest, *, key: str) -> PaymentState:
        """Reserved."""
        return _state(f"pi.{request.amount}.{request.currency}", PaymentStatus.AUTHORIZED)

    async def find(self, reference: str) -> PaymentState | None:
        """Nothing asked for was ever lost."""
        return None

    async def inquire(self, payment_id: str) -> PaymentState:
        """Still reserved."""
        return _state(payment_id, PaymentStatus.AUTHORIZED)

    async def capture(self, payment_id: str, amount: int, *, key: str) -> PaymentState:
        """Taken."""
        return _state(payment_id, PaymentStatus.CAPTURED)


def _state(payment_id: str, status: PaymentStatus) -> PaymentState:
    _, amount, currency = payment_id.split(".")
    captured = int(amount) if status is PaymentStatus.CAPTURED else 0
    return PaymentState(
        payment_id=payment_id,
        status=status,
        amount=int(amount),
        capturable=int(amount) - captured,
        captured=captured,
        currency=currency,
        capture_before=datetime.now(UTC) + _LASTS,
    )


class Warehouse(FakeProvider):
    """Takes every parcel, then hears from `took` what else to do about it."""

    def __init__(self, name: str, *, books_carrier: bool, took: Callable[[str], None]) -> None:
        super().__init__(name, books_carrier=books_carrier)
        self._took = took

    async def submit(self, hand_off: HandOff) -> ProviderOrder:
        """Accepted."""
        self._took(hand_off.reference)
        return ProviderOrder(
            provider_id=f"{self.capabilities.name}-{hand_off.reference}",
            reference=hand_off.reference,
            status=ParcelStatus.ACCEPTED,
            changed_at=datetime.now(UTC),
        )

    async def inquire(self, reference: str) -> ProviderOrder | None:
        """Nothing handed over was ever lost."""
        return None


class Haulier(FakeCarrier):
    """Sells every label."""

    async def book(self, request: LabelRequest) -> LabelState:
        """Sold."""
        return LabelState(
            label_id=f"lbl-{request.reference}",
            reference=request.reference,
            carrier=self.name,
            tracking_number=f"1Z{request.reference}",
            cost=self.cost,
        )

    async def inquire(self, reference: str) -> LabelState | None:
        """Nothing bought was ever lost."""
        return None


@dataclass
class Companies:
    """All of them. `tell`: where news of parcels go; `silent`: nobody hears of a parcel again.

    `pace`: seconds between two pieces of news of a parcel, so that each is a message of its own, as in real life.
    """

    tell: Tell
    pace: float = 0.4
    silent: bool = False
    bank: Bank = field(default_factory=Bank)
    haulier: Haulier = field(default_factory=Haulier)
    _moving: set[asyncio.Task[None]] = field(default_factory=set)

    def warehouses(self) -> dict[str, Warehouse]:
        """By provider: one that books its carrier, and the seller's own, whose labels we buy."""
        kinds = {"shipbob": True, "seller_warehouse": False}
        return {name: Warehouse(name, books_carrier=books, took=self._took) for name, books in kinds.items()}

    def _took(self, reference: str) -> None:
        if self.silent:
            return
        task = asyncio.get_running_loop().create_task(self._move(reference))
        self._moving.add(task)
        task.add_done_callback(self._moving.discard)

    async def _move(self, reference: str) -> None:
        for event in news(reference):
            await asyncio.sleep(self.pace)
            await self.tell(reference.partition("-")[0], event)

    async def aclose(self) -> None:
        """Parcels stand still."""
        for task in list(self._moving):
            task.cancel()
        await asyncio.gather(*self._moving, return_exceptions=True)


def news(reference: str) -> Sequence[ParcelEvent]:
    """What is heard of a parcel: picked, scanned by its carrier, delivered."""
    parcel = parse_parcel_reference(reference)
    assert parcel is not None, f"{reference} is no parcel"
    return [
        ParcelEvent(
            source="benchmark",
            source_id=f"{reference}:{status}",
            parcel=parcel.parcel,
            generation=parcel.generation,
            status=status,
            occurred_at=datetime.now(UTC),
            carrier="ups",
            tracking_number="1Z999",
        )
        for status in WAY
    ]
