"""The parcels of an order and their ways, those included that are added on the way."""

import asyncio

from ordersaga.domain.elsewhere import Elsewhere
from workflows.change import Change
from workflows.desk import Desk
from workflows.order_state import ParcelState
from workflows.parcels import ParcelSaga
from workflows.splitting import Splitting


class Journeys:
    """Every parcel's saga; parcels that join after the departure leave at once."""

    def __init__(self, desk: Desk) -> None:
        self.parcels: list[ParcelSaga] = []
        self._desk = desk
        self._under_way: list[asyncio.Task[None]] = []
        self._departed = False
        self.splitting = Splitting(desk, self.add)
        desk.siblings = self

    def join(self, parcel: ParcelState) -> ParcelSaga:
        """Add a parcel to the order."""
        saga = ParcelSaga(self._desk, parcel)
        self.add(saga)
        return saga

    def add(self, saga: ParcelSaga) -> None:
        """The same, for a parcel that was prepared before."""
        self._desk.state.parcels.append(saga.parcel)
        self.parcels.append(saga)
        if self._departed:
            self._depart(saga)

    def saga_of(self, number: int) -> ParcelSaga:
        """The saga of the parcel of this number."""
        return next(saga for saga in self.parcels if saga.parcel.plan.parcel == number)

    async def refund(self, number: int) -> None:
        """Give back what was paid for a parcel that came to nothing."""
        await self.saga_of(number).delivery.refund()

    async def reduce(self, number: int, by: int) -> tuple[int, int]:
        """Less of a parcel is bought."""
        return await self.saga_of(number).payments.reduce(by)

    async def goodwill(self, number: int, amount: int) -> bool:
        """Give part of a parcel's price back."""
        return await self.saga_of(number).payments.goodwill(amount)

    async def goes_elsewhere(self, number: int, change: Change) -> bool:
        """Whether units that a parcel's provider does not have are sent all the same."""
        return await self.saga_of(number).short_pick.goes_elsewhere(change)

    async def split(self, number: int, change: Change, at: Elsewhere) -> int:
        """Units that are missing leave from another place."""
        part = await self.splitting.split(self.saga_of(number), change.removes, change, at)
        return part.plan.parcel

    @property
    def departed(self) -> bool:
        """The parcels are on their ways: nothing keeps them back any more but a cancellation or a change."""
        return self._departed

    def set_aside(self) -> None:
        """The order waits: whoever can keeps its parcels' units aside meanwhile."""
        for saga in self.parcels:
            saga.set_aside.begin()

    def depart(self) -> None:
        """Every parcel sets out on its way."""
        self._departed = True
        for saga in self.parcels:
            self._depart(saga)

    def _depart(self, saga: ParcelSaga) -> None:
        self._under_way.append(asyncio.create_task(saga.travel()))

    async def arrived(self) -> None:
        """Wait until every way has come to its end."""
        done = 0
        while done < len(self._under_way):
            await self._under_way[done]
            done += 1
