"""Looking orders up by our reference, several with one call: ShipBob counts calls, and takes a list of references.

The first look-up goes out at once. Those that come while it is under way wait for the next call, and share it. Each
is answered from the list as it would have been alone: by the order that bears its very reference, or by none. Where
the list cannot prove that there is none, it is asked for alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from ordersaga.domain.errors import OperatorError, OrdersagaError

Json = dict[str, Any]
Answer: TypeAlias = "asyncio.Future[Json | None]"
Outcome: TypeAlias = Json | Exception | None
MOST: Final = 50
"""References in one call: its address stays below four thousand characters."""


class Finder:
    """Gathers look-ups.

    Args:
        ask: one call: up to `MOST` references to their orders.
        page: how many orders it answers with at most; so many may not be all.
    """

    def __init__(self, ask: Callable[[Sequence[str]], Awaitable[list[Json]]], page: int) -> None:
        self._ask, self._page = ask, page
        self._waiting: dict[str, Answer] = {}
        self._calling: asyncio.Task[None] | None = None

    async def find(self, reference: str) -> Json | None:
        """The order with this reference; raises what the call raises."""
        if "," in reference:
            return _pick(await self._ask([reference]), reference)  # no reference of ours, and no list either
        answer = self._waiting.get(reference)
        if answer is None:
            answer = self._waiting[reference] = asyncio.get_running_loop().create_future()
            answer.add_done_callback(_seen)
        if self._calling is None:
            self._calling = asyncio.create_task(self._call())
        return await asyncio.shield(answer)

    async def _call(self) -> None:
        """Call until nobody waits."""
        try:
            while self._waiting:
                batch = {name: self._waiting.pop(name) for name in list(self._waiting)[:MOST]}
                await self._answer(batch)
        finally:
            self._calling = None

    async def _answer(self, batch: dict[str, Answer]) -> None:
        try:
            told = await self._told(list(batch))
        except asyncio.CancelledError:
            for answer in batch.values():
                answer.cancel()
            raise
        except Exception as error:
            told = dict.fromkeys(batch, error)
        for reference, answer in batch.items():
            outcome = told[reference]
            answer.set_exception(outcome) if isinstance(outcome, Exception) else answer.set_result(outcome)

    async def _told(self, references: list[str]) -> Mapping[str, Outcome]:
        """What becomes of each. Something in a list may be refused: whoever it is shall not answer for the others."""
        try:
            orders = await self._ask(references)
        except OperatorError:
            if len(references) == 1:
                raise
            return {reference: await self._alone(reference) for reference in references}
        found: dict[str, Outcome] = {reference: _pick(orders, reference) for reference in references}
        if len(references) > 1 and len(orders) >= self._page:
            found |= {name: await self._alone(name) for name, order in found.items() if order is None}
        return found

    async def _alone(self, reference: str) -> Outcome:
        try:
            return _pick(await self._ask([reference]), reference)
        except OrdersagaError as error:
            return error


def _pick(orders: Sequence[Json], reference: str) -> Json | None:
    return next((order for order in orders if order.get("reference_id") == reference), None)


def _seen(answer: Answer) -> None:
    """Whoever waited may be gone: its refusal is nobody's then, and no reason to complain."""
    if not answer.cancelled():
        answer.exception()
