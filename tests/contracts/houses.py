"""What a test of the Provider contract needs of a company besides its gateway: the hands that move its parcels."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ordersaga.domain.errors import RetryError
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.ports import Provider
from tests.fakes.shipping import FakeProvider


async def nothing(_: str) -> None:
    """For a hand that has nothing to do."""


@dataclass(frozen=True)
class House:
    """A provider, and the hands that move its parcels, lose its answers, and cancel part of a parcel.

    `pick`: to the provider's point of no return, which is the pick where it tells of one.
    `streets`: where the shipments of a parcel go. `cut` parcels are canceled in part when the order is canceled; the
    first shipment holds SKU-A. `decide`: it makes up its mind about everything it was asked of a parcel.
    """

    name: str
    provider: Provider
    pick: Callable[[str], Awaitable[object]]
    lose_answer: Callable[[str], Awaitable[object]]
    streets: Callable[[str], Awaitable[list[str]]]
    cut: Callable[[str], Awaitable[object]] = nothing
    decide: Callable[[str], Awaitable[object]] = nothing

    async def canceled(self, reference: str) -> CancelDecision:
        """What a cancellation comes to: at once, or once a provider that decides later has decided."""
        answer = await self.provider.cancel(reference)
        if answer is CancelDecision.PENDING:
            await self.decide(reference)
            answer = await self.provider.cancel(reference)
        return answer


def fake_house(known: FakeProvider | None = None) -> House:
    """In memory."""
    fake = known or FakeProvider(books_carrier=True)

    async def pick(reference: str) -> None:
        fake.advance(reference, ParcelStatus.PICKED)

    async def lose_answer(method: str) -> None:
        fake.fail_next(method, RetryError("no_answer", "lost", unknown=True), after_doing=True)

    async def cut(reference: str) -> None:
        gone = (LineQuantity(sku="SKU-A", quantity=2),)
        fake.cancel_part_next(gone)

    async def streets(reference: str) -> list[str]:
        return [fake.hand_offs[reference].ship_to.line1]

    return House(fake.capabilities.name, fake, pick, lose_answer, streets, cut)
