"""Accepted orders whose saga nobody started: the API died in between, Temporal was down, or a surge is on.

The loop is closed: as many sagas are started as reach their outcome in time, and no more. While those of some sellers
reach none, a little room is kept for sellers of whom nothing is under way.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from ordersaga.bootstrap import Claim, Services
from ordersaga.domain.errors import OrdersagaError, RetryError
from ordersaga.domain.starting import Window

BATCH: Final = 16
LEASE: Final = timedelta(seconds=6)
"""A call to Temporal ends within 5 s, and a batch is started all at once."""
PACE: Final = 0.25
"""Seconds between two looks whether there is room again."""
LOST: Final = timedelta(seconds=30)
"""A saga without an outcome for so long is not watched any further: it was late."""

log = structlog.get_logger(__name__)


class Starter:
    """Starts sagas, sellers taking turns, each seller's oldest order first; several starters share the work."""

    def __init__(self, services: Services, lease: timedelta = LEASE) -> None:
        self._services = services
        self._starting = services.starting
        self._lease = lease
        self.window = Window(services.settings.starts_most, services.settings.confirm_target)
        self._watched: dict[str, datetime] = {}
        self._beyond: set[str] = set()

    async def step(self) -> bool:
        """Start as many as there is room for. True: there are more.

        Raises RetryError when Temporal or the database does not answer; what was started stays started.
        """
        backlog = await self._starting.backlog()
        await self._hear(backlog.under_way)
        if not backlog.waiting:
            return False
        claims = await self._claim(self.window.room(backlog.under_way))
        if not claims:
            await asyncio.sleep(PACE)
            return True
        await self._start_all(claims)
        return backlog.waiting > len(claims)

    async def _claim(self, room: int) -> list[Claim]:
        """As many as there is room for; in a full window, of sellers without a saga, as many as are kept for them."""
        if room:
            return await self._starting.claim(limit=min(room, BATCH), lease=self._lease)
        self._beyond &= self._watched.keys()
        kept = min(self.window.reserve - len(self._beyond), BATCH)
        if kept <= 0:
            return []
        claims = await self._starting.claim(limit=kept, lease=self._lease, newcomers=True)
        self._beyond.update(claim.order.order_id for claim in claims)
        return claims

    async def _start_all(self, claims: Sequence[Claim]) -> None:
        results = await asyncio.gather(*(self._start(claim) for claim in claims), return_exceptions=True)
        outcomes = list(zip(claims, results, strict=True))
        started = [claim for claim, result in outcomes if result is True]
        if started:
            await self._starting.mark_started(*(claim.order.order_id for claim in started))
            log.info("sagas_started", count=len(started), window=self.window.size)
        away = [claim.order.order_id for claim, result in outcomes if isinstance(result, RetryError)]
        if away:
            self.window.cut(claims[0].claimed_at.timestamp())
            await self._starting.give_back(*away)
        _raise_outage(results)

    async def _start(self, claim: Claim) -> bool:
        """Start one saga; False when it cannot be. That of one order must not hold up the others: a person is asked.

        One that runs already says nothing about how long sagas take. Raises RetryError when Temporal does not answer.
        """
        order = claim.order
        try:
            if await self._services.orders.start(order):
                self._watched[order.order_id] = claim.claimed_at
        except RetryError:
            raise
        except OrdersagaError as error:
            log.error("saga_not_started", order_id=order.order_id, code=error.code, error=error.message)
            await self._starting.refuse(order.order_id, f"{error.code}: {error.message}")
            return False
        except Exception as error:
            log.exception("saga_not_started", order_id=order.order_id)
            await self._starting.refuse(order.order_id, f"{type(error).__name__}, see the relay's log")
            return False
        return True

    async def _hear(self, under_way: int) -> None:
        """Learn how long sagas started here took to their outcome."""
        if not self._watched:
            return
        used = self.window.is_used(under_way)
        now, decided = await self._starting.decided(list(self._watched))
        lost = {order_id: now for order_id, begun in self._watched.items() if now - begun > LOST}
        for order_id, ended in (lost | decided).items():
            self.window.saw(self._watched.pop(order_id).timestamp(), ended.timestamp(), used=used)


def _raise_outage(results: Sequence[bool | BaseException]) -> None:
    for result in results:
        if isinstance(result, BaseException):
            raise result
