"""A process that dies by `kill -9` at one point of an order's way to its saga."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterable
from datetime import timedelta

from ordersaga.api.overload import Overload
from ordersaga.api.placing import Placing
from ordersaga.api.shapes import NewOrder
from ordersaga.bootstrap import open_services
from ordersaga.client import OrderClient
from ordersaga.domain.orders import Order
from tests.support.api import order_body, settings_for
from workers.relay_starter import Starter
from workflows.messages import ConfirmAnswer

LEASE = timedelta(seconds=1)


class Dying(OrderClient):
    """The real client, in a process that dies before or after its first start."""

    after = False

    async def place(
        self, order: Order, wait: timedelta | None = None, *, providers: Iterable[str] = ()
    ) -> ConfirmAnswer | None:
        """The end, perhaps with the saga started."""
        if self.after:
            await super().start(order, providers=providers)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("dead")

    async def start(self, order: Order, *, providers: Iterable[str] = ()) -> bool:
        """The end."""
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("dead")


async def main(where: str, database_url: str, temporal: str, order_id: str) -> None:
    """Die in the API `before_start` or `before_mark`, or in the starter `after_claim` of an order left to it."""
    client = await Dying.connect(temporal)
    client.after = where == "before_mark"
    async with open_services(settings_for(database_url), orders=client) as services:
        placing = Placing(services, Overload(services.settings.overload_wait))
        if where == "after_claim":
            placing.pressure.leave("acme")
        key = await services.api_keys.verify(await services.api_keys.issue("checkout", "dying"))
        assert key is not None
        answer = await placing.place(NewOrder.model_validate(order_body(order_id=order_id)), key, None, None)
        assert answer.status_code == 202
        await Starter(services, LEASE).step()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
