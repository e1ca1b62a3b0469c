"""A carrier account that names prices, for tests of the choice between accounts."""

import asyncio

from ordersaga.domain.shipping import LabelRequest, Quote
from tests.fakes.shipping import FakeCarrier


class FakeQuotingCarrier(FakeCarrier):
    """Quotes what `offer` says (None: not served), once `answers` is set."""

    def __init__(self, name: str, *, cost: int = 799, currency: str = "USD") -> None:
        super().__init__(name, cost=cost)
        self.offer: Quote | None = Quote(carrier=name, cost=cost, currency=currency)
        self.asked: list[LabelRequest] = []
        self.answers = asyncio.Event()
        self.answers.set()

    def offers(self, **changes: object) -> None:
        """Quote otherwise from now on."""
        assert self.offer is not None, f"{self.name} serves nothing any more"
        self.offer = self.offer.model_copy(update=changes)

    async def quote(self, request: LabelRequest) -> Quote | None:
        """What it was told to say."""
        with self._call("quote", request.reference):
            self.asked.append(request)
            await self.answers.wait()
            return self.offer
