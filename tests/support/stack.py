"""The whole embedded stack at the demo's pace, with its companies, its people and the demo's audit, for tests.

async with open_shop_at(tmp_path) as shop:
    case = shop.case("ord_1", ("SOCK-RED-M", 2, 1400))
    await case.place("confirmed")
    assert await shop.differences() == []
"""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from ordersaga.api.shapes import OrderSummary
from ordersaga.catalog_csv import parse_catalog
from ordersaga.demo.audit import Evidence, audit
from ordersaga.demo.case import Case, World
from ordersaga.demo.orders_file import DemoOrder
from ordersaga.demo.people import pack_and_hand_over
from ordersaga.demo.run import PACE, TIME_SCALE, gather_evidence, merged, open_shop, world_of
from ordersaga.domain.catalog import Catalog
from ordersaga.domain.orders import ParcelPlan
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus
from ordersaga.embedded import Stack, StackOptions
from ordersaga.embedded.stack import PlanMaker
from ordersaga.settings import Settings
from tests.support.api import order_body
from tests.support.background import busy
from tests.support.examples import CATALOGS

ENDS_WITHIN = 90.0

Record = dict[str, Any]


@dataclass
class RealShop:
    """A running stack with the demo's catalog; `placed`: every order made by `case`."""

    stack: Stack
    world: World
    catalog: Catalog
    placed: list[str] = field(default_factory=list)

    def case(self, order_id: str, *lines: tuple[str, int, int], seller: str = "sunny-socks", **body: Any) -> Case:
        """An order of (SKU, quantity, unit price) lines, not placed yet."""
        self.placed.append(order_id)
        wanted = [{"sku": sku, "quantity": quantity, "unit_price": price} for sku, quantity, price in lines]
        content = order_body(order_id=order_id, seller=seller, lines=wanted, **body)
        return Case(DemoOrder(order_id, "test", OrderStatus.COMPLETED, None, content), self.world)

    async def ended(self, order_id: str) -> OrderSummary:
        """The order, once it has a final status."""
        return await self.world.board.until(order_id, FINAL_STATUSES, ENDS_WITHIN)

    async def plans(self, order_id: str) -> list[ParcelPlan]:
        """The order's parcels as its saga sees them now."""
        document = await self.world.support.order(order_id, live=True)
        return [parcel.plan for parcel in document.live.parcels] if document.live else []

    async def evidence(self) -> Evidence:
        """Our ledgers and the companies' records of everything placed so far."""
        return await gather_evidence(self.stack, self.world, self.catalog, self.placed)

    async def differences(self) -> list[str]:
        """What the demo's audit finds between our books and the companies' own."""
        return [str(difference) for difference in audit(await self.evidence())]

    async def questions(self, order_id: str) -> list[str]:
        """The kinds of every question ever asked about an order, answered ones included."""
        rows = await self._rows("SELECT kind FROM attention WHERE order_id = $1 ORDER BY opened_at", order_id)
        return [row["kind"] for row in rows]

    async def every_question(self) -> list[str]:
        """The ids of every question ever asked about any order."""
        return [row["item_id"] for row in await self._rows("SELECT item_id FROM attention ORDER BY item_id")]

    async def effects(self, order_id: str, step: str) -> list[Record]:
        """The ledger's rows of one step, oldest first."""
        rows = await self._rows("SELECT * FROM effects WHERE order_id = $1 AND step = $2 ORDER BY 1", order_id, step)
        return [dict(row) for row in rows]

    async def _rows(self, query: str, *values: object) -> Sequence[asyncpg.Record]:
        connection = await asyncpg.connect(self.stack.settings.database_url.get_secret_value())
        try:
            found: list[asyncpg.Record] = await connection.fetch(query, *values)
        finally:
            await connection.close()
        return found


@contextlib.asynccontextmanager
async def open_shop_at(
    data: Path,
    time_scale: float = TIME_SCALE,
    changed: Mapping[str, Any] | None = None,
    plan: PlanMaker | None = None,
    *,
    all_companies: bool = False,
) -> AsyncIterator[RealShop]:
    """A stack of its own in `data`, stopped at the end.

    `time_scale`: the pace of the companies; `changed`: settings other than the usual; `plan`: of its parts.
    """
    options = StackOptions(data=data, free_ports=True, time_scale=time_scale, all_companies=all_companies)
    settings = Settings(_env_file=None).model_copy(update={**PACE, **(changed or {})})
    whole = Stack(options, settings, plan=plan) if plan else Stack(options, settings)
    async with whole as stack, world_of(stack) as world:
        contents = [file.read_bytes() for file in (CATALOGS if all_companies else CATALOGS[:1])]
        await open_shop(world, *contents)
        async with busy(world.board.watch(), pack_and_hand_over(world)):
            yield RealShop(stack, world, merged(map(parse_catalog, contents)))
