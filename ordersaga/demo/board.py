"""Who is where: every order's status as the API lists it, looked up by one watcher for everybody."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Final

from ordersaga.api.shapes import OrderSummary
from ordersaga.demo.companies import DemoError
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus
from ordersaga.http_client import ApiClient, ApiError, ApiUnreachableError

LOOK_EVERY: Final = 0.6
_PAGE: Final = 200


class Board:
    """Every order as the API listed it last; `changed` is called after each look."""

    def __init__(self, api: ApiClient, changed: Callable[[], None] = lambda: None) -> None:
        self.orders: Mapping[str, OrderSummary] = {}
        self._api = api
        self.changed = changed
        self._news = asyncio.Condition()

    async def watch(self) -> None:
        """Look until canceled; an outage is waited out."""
        while True:
            with contextlib.suppress(ApiError, ApiUnreachableError):
                await self.look()
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Look once."""
        orders: list[OrderSummary] = []
        page = await self._api.orders(limit=_PAGE)
        orders.extend(page.orders)
        while page.next_cursor:
            page = await self._api.orders(limit=_PAGE, cursor=page.next_cursor)
            orders.extend(page.orders)
        async with self._news:
            self.orders = {order.order_id: order for order in orders}
            self._news.notify_all()
        self.changed()

    async def until(self, order_id: str, statuses: Collection[OrderStatus], within: float) -> OrderSummary:
        """Wait until an order has one of the statuses. Raises DemoError when it does not come to that in time."""
        try:
            async with asyncio.timeout(within), self._news:
                await self._news.wait_for(lambda: self._status(order_id) in statuses)
        except TimeoutError:
            wanted = " or ".join(sorted(status.value for status in statuses))
            raise DemoError(
                f"{order_id} is {self._status(order_id) or 'unknown'} and did not become {wanted} within {within:.0f} s"
            ) from None
        return self.orders[order_id]

    async def all_final(self, order_ids: Collection[str], within: float) -> bool:
        """Wait until every order has ended; False when for so long none has got any further."""
        while not FINAL_STATUSES.issuperset(standing := self._standing(order_ids)):
            try:
                async with asyncio.timeout(within), self._news:
                    await self._news.wait_for(partial(self._moved, order_ids, standing))
            except TimeoutError:
                return False
        return True

    def counts(self) -> Counter[OrderStatus]:
        """How many orders stand in each status."""
        return Counter(order.status for order in self.orders.values())

    def _moved(self, order_ids: Collection[str], since: Sequence[OrderStatus | None]) -> bool:
        return self._standing(order_ids) != since

    def _standing(self, order_ids: Collection[str]) -> list[OrderStatus | None]:
        return [self._status(order_id) for order_id in order_ids]

    def _status(self, order_id: str) -> OrderStatus | None:
        order = self.orders.get(order_id)
        return order.status if order else None
