"""Shoppers at an even pace: most buy and keep, some cancel, some are declined, some come too late."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from ordersaga.http_client import ApiError, ApiUnreachableError
from tests.fakes.samples import address
from tests.surge.plan import CALM, VIRAL, sku_of
from tests.surge.shop import Shop

ANSWER_WITHIN: Final = 30.0
CANCELED, DECLINED, SOLD_OUT = 10, 15, 25
"""Every so many shoppers one cancels, one's card is declined, one wants what is gone."""
LOOK_EVERY: Final = 2.0
"""Seconds between two looks of support at the latest orders."""


@dataclass
class Load:
    """The stream. `answers`: how many checkouts were answered how; `heard` is told each one's milliseconds."""

    shop: Shop
    heard: Callable[[float], None]
    answers: Counter[str] = field(default_factory=Counter)

    async def run(self, rate: float, seconds: float) -> None:
        """Open loop, `rate` a second; ends when the last was answered."""
        began = time.monotonic()
        http = httpx.AsyncClient(base_url=self.shop.stack.urls["api"], timeout=ANSWER_WITHIN, trust_env=False)
        async with http, asyncio.TaskGroup() as group:
            for number in itertools.count(1):
                if (due := number / rate) > seconds:
                    return
                await asyncio.sleep(max(0.0, began + due - time.monotonic()))
                group.create_task(self._shop(http, number))

    async def support(self) -> None:
        """Somebody looks at the latest orders, until canceled."""
        while True:
            with_latest = self.shop.world.support.orders(limit=50)
            await asyncio.gather(with_latest, return_exceptions=True)
            await asyncio.sleep(LOOK_EVERY)

    async def _shop(self, http: httpx.AsyncClient, number: int) -> None:
        sent = time.monotonic()
        try:
            answer = await http.post("/v1/orders", json=body_of(number), headers=self._key(number))
        except httpx.HTTPError as error:
            self.answers[type(error).__name__] += 1
            return
        self.heard((time.monotonic() - sent) * 1000)
        self.answers[str(answer.status_code)] += 1
        if answer.is_success and number % CANCELED == 0:
            await self._cancel(answer.json()["order_id"])

    async def _cancel(self, order_id: str) -> None:
        try:
            await self.shop.world.support.cancel(order_id, reason="changed their mind")
        except (ApiError, ApiUnreachableError) as error:
            self.answers[f"cancel: {type(error).__name__}"] += 1

    def _key(self, number: int) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.shop.keys[_seller(number)]}"}


def body_of(number: int) -> dict[str, Any]:
    """One unit for one shopper."""
    seller = _seller(number)
    return {
        "seller": seller,
        "lines": [{"sku": "VIRAL" if seller == VIRAL else sku_of(seller), "quantity": 1, "unit_price": 1900}],
        "ship_to": address().model_dump(mode="json"),
        "payment": {"payment_method": "pm_card_chargeDeclined" if number % DECLINED == 0 else "pm_card_visa"},
    }


def _seller(number: int) -> str:
    return VIRAL if number % SOLD_OUT == 0 else CALM[number % len(CALM)]
