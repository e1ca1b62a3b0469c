"""Accepted orders whose saga nobody started: the API died in between, Temporal was down, or a surge is on."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog

from ordersaga.bootstrap import Services
from ordersaga.domain.errors import OrdersagaError, RetryError
from ordersaga.domain.orders import Order

GRACE: Final = timedelta(seconds=2)
BATCH: Final = 100
AT_ONCE: Final = 16

log = structlog.get_logger(__name__)


class Starter:
    """Starts sagas, sellers taking turns, each seller's oldest order first."""

    def __init__(self, services: Services, grace: timedelta = GRACE) -> None:
        self._services = services
        self._grace = grace
        self._places = asyncio.Semaphore(AT_ONCE)

    async def step(self) -> bool:
        """Start a batch. True: there may be more.

        Raises RetryError when Temporal or the database does not answer; what was started stays started.
        """
        orders = await self._services.intake.unstarted(older_than=self._grace, limit=BATCH)
        results = await asyncio.gather(*(self._start(order) for order in orders), return_exceptions=True)
        started = [order.order_id for order, result in zip(orders, results, strict=True) if result is None]
        if started:
            await self._services.intake.mark_started(*started)
            log.info("sagas_started", count=len(started))
        _raise_outage(results)
        return len(started) == BATCH

    async def _start(self, order: Order) -> None:
        """Start one saga. A refusal of this one order must not hold up the others: it is logged, and tried again."""
        async with self._places:
            try:
                await self._services.orders.start(order)
            except RetryError:
                raise
            except OrdersagaError as error:
                log.error("saga_not_started", order_id=order.order_id, code=error.code, error=error.message)
                raise


def _raise_outage(results: Sequence[BaseException | None]) -> None:
    for result in results:
        if result is not None and (isinstance(result, RetryError) or not isinstance(result, OrdersagaError)):
            raise result
