"""One run: load and faults side by side, then rest, then the audit."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from ordersaga.demo.audit import audit
from ordersaga.demo.case import HOLD
from ordersaga.demo.companies import DemoError
from ordersaga.demo.people import pack_and_hand_over
from ordersaga.demo.run import gather_evidence
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus
from ordersaga.embedded.parts import Reporter
from ordersaga.http_client import ApiError, ApiUnreachableError
from tests.chaos.load import Load, read_mix
from tests.chaos.progress import Progress, recoveries
from tests.chaos.robot import Robot
from tests.chaos.schedule import Fault, plan_faults
from tests.chaos.shop import Shop, open_shop
from tests.chaos.strikes import Strikes
from tests.chaos.verdict import Verdict, answers_kept, counted_on
from tests.support.background import busy

RATE: Final = 1.5
ACTS_END_WITHIN: Final = 100.0
STANDS_STILL: Final = 180.0
"""Seconds without any order or task moving while some are left: nothing will come of them."""
REST_WITHIN: Final = 1200.0
"""Seconds after which what still moves moves in circles."""
_CALM: Final = 4.0
"""Seconds without anything to do that count as rest."""
_WORK_LEFT: Final = """
SELECT (SELECT count(*) FROM webhook_inbox WHERE status IN ('pending', 'failed'))
     + (SELECT count(*) FROM attention WHERE resolved IS NULL)
     + (SELECT count(*) FROM holds WHERE status IN ('held', 'confirmed'))
"""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What to do. `rate`: orders a second; `faults`: these instead of the seed's."""

    seed: int
    minutes: float
    data: Path
    rate: float = RATE
    faults: tuple[Fault, ...] = ()


async def run(plan: Plan, tell: Tell, report: Reporter | None = None) -> Verdict:
    """The whole run on a stack of its own."""
    async with open_shop(plan.data, report) as shop:
        return await Run(plan, shop, tell).verdict()


class Run:
    """Everybody who takes part."""

    def __init__(self, plan: Plan, shop: Shop, tell: Tell) -> None:
        self.plan = plan
        self.shop = shop
        self.load = Load(shop.world, read_mix())
        self.strikes = Strikes(shop, tell)
        self.progress = Progress(shop)
        self.robot = Robot(shop.world)
        self.unfinished: list[str] = []
        self._tell = tell

    async def verdict(self) -> Verdict:
        """Do it all."""
        async with busy(
            self.shop.world.board.watch(),
            pack_and_hand_over(self.shop.world),
            self.robot.work(),
            self.progress.watch(),
        ):
            await self._storm()
            began = time.monotonic()
            await self._rest()
            quiet_after = round(time.monotonic() - began, 1)
        return await self._judge(quiet_after)

    async def _storm(self) -> None:
        """Orders and faults; the orders go on a little after the last fault."""
        began, seconds = time.monotonic(), self.plan.minutes * 60
        faults = self.plan.faults or plan_faults(self.plan.seed, seconds)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.load.run(self.plan.seed, self.plan.rate, began + seconds))
                group.create_task(self.strikes.run(faults, began))
        finally:
            self._tell("every fault is over")
            await self.shop.heal()

    async def _rest(self) -> None:
        """Wait until nobody has anything left to do, taking away what stopped acts left in the way."""
        if late := await self.load.finish(ACTS_END_WITHIN):
            self._tell(f"{late} shoppers were stopped on their way")
        self._tell("every shopper is done")
        left, began = await self._left(), time.monotonic()
        moved = began
        while (now := time.monotonic()) - moved < (STANDS_STILL if left else _CALM) and now - began < REST_WITHIN:
            await asyncio.sleep(1)
            await self._unblock()
            before, left = left, await self._left()
            if left != before:
                moved = time.monotonic()
        if left:
            self.unfinished.append(f"not at rest, {now - moved:.0f} s after the last move: {', '.join(left[:20])}")

    def _open(self) -> list[str]:
        orders = self.shop.world.board.orders.values()
        return [f"{each.order_id} {each.status.value}" for each in orders if each.status not in FINAL_STATUSES]

    async def _left(self) -> list[str]:
        """Orders that are not final and tasks that are not done, each in words; empty: nobody has anything to do."""
        try:
            await self.shop.world.board.look()
            tasks = await self.shop.value(_WORK_LEFT)
        except (ApiError, ApiUnreachableError, OSError, TimeoutError, asyncpg.PostgresError) as error:
            return [f"unknown: {type(error).__name__}"]
        return [*self._open(), *([f"{tasks} tasks"] if tasks else [])]

    async def _unblock(self) -> None:
        """What only the order's own act would have ended: a stop at the provider, a hold, a parcel left at home."""
        world = self.shop.world
        world.waits_at_home.clear()
        for order in list(world.board.orders.values()):
            if order.status in FINAL_STATUSES:
                continue
            with contextlib.suppress(ApiError, ApiUnreachableError, DemoError):
                await world.shipbob.tell("release", match=order.order_id)
                if order.status is OrderStatus.ON_HOLD:
                    await world.operator.release(order.order_id, HOLD, reason="chaos: the shopper's act was stopped")

    async def _judge(self, quiet_after: float) -> Verdict:
        shop, shoppers = self.shop, self.load.shoppers
        await shop.world.board.look()
        known = {order.order_id: order.status for order in shop.world.board.orders.values()}
        evidence = await gather_evidence(shop.stack, shop.world, shop.catalog, counted_on(shoppers, known))
        return Verdict(
            seed=self.plan.seed,
            minutes=self.plan.minutes,
            shoppers=shoppers,
            statuses=known,
            differences=[*audit(evidence), *answers_kept(shoppers, known)],
            recoveries=recoveries(self.strikes.done, self.progress.looks, self.load.confirmed),
            asked=self.robot.asked,
            chosen=self.robot.chosen,
            missed=self.strikes.missed,
            unfinished=self.unfinished,
            restarts=shop.stack.restarts,
            quiet_after=quiet_after,
        )
