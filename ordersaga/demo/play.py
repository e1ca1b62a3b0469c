"""Every order's case, played side by side while people, and misfortune, do their part."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from ordersaga.demo.case import Case, World
from ordersaga.demo.chaos import Chaos
from ordersaga.demo.companies import PATIENCE, DemoError, patiently
from ordersaga.demo.orders_file import DemoOrder, in_waves
from ordersaga.demo.people import OperatorDesk, pack_and_hand_over
from ordersaga.demo.result import End
from ordersaga.demo.scenario import Scenario
from ordersaga.demo.scenarios import SCENARIOS, prepare
from ordersaga.demo.view import Progress
from ordersaga.domain.statuses import OrderStatus
from ordersaga.http_client import ApiError

STILL: Final = 100.0
"""Seconds without news of any order after which the demo looks at what has come of them."""
SOLD_OUT: Final = "sold_out"


class Play:
    """The orders' cases. `failures`: what went wrong that concerns no single order."""

    def __init__(self, world: World, orders: Sequence[DemoOrder], chaos: Chaos, progress: Progress) -> None:
        self.failures: list[str] = []
        self._world = world
        self._cases = {order.order_id: Case(order, world) for order in orders}
        self._chaos = chaos
        self._progress = progress
        self._operator = OperatorDesk(world.operator, _choices(orders))
        world.board.changed = self._show

    async def run(self, seed: int) -> None:
        """Play until every order is final, or none gets any further."""
        helpers = (self._world.board.watch(), pack_and_hand_over(self._world), self._operator.work())
        tasks = [asyncio.create_task(helper) for helper in helpers]
        try:
            await self._act_and_strike(seed)
            await self._world.board.all_final(self.placed(), STILL * self._world.slowness)
            await patiently(self._world.board.look, PATIENCE * self._world.slowness)
            await self._check_faults()
        finally:
            await _stop(tasks)

    def placed(self) -> list[str]:
        """The orders that must be in our books: all but those whose checkout heard `sold_out` by heart."""
        return [order_id for order_id, case in self._cases.items() if not self._turned_away(case)]

    def _turned_away(self, case: Case) -> bool:
        """Of an empty shelf a checkout is told before anything is written: then there is no order."""
        return case.answer == SOLD_OUT and case.order_id not in self._world.board.orders

    def ends(self) -> list[End]:
        """How each order ended, in the order of the file."""
        return [self._end(case) for case in self._cases.values()]

    async def _act_and_strike(self, seed: int) -> None:
        """Both side by side. Raises DemoError when a strike fails: without its stack the demo cannot go on."""
        acts = asyncio.create_task(self._act_all(seed))
        strikes = asyncio.create_task(self._chaos.strike(self._placed))
        try:
            await asyncio.wait((acts, strikes), return_when=asyncio.FIRST_EXCEPTION)
            if strikes.done() and (failure := strikes.exception()):
                raise DemoError(f"a strike failed: {failure or type(failure).__name__}") from failure
            await acts
            await strikes
        finally:
            await _stop([acts, strikes])

    async def _act_all(self, seed: int) -> None:
        """Wave by wave: the next begins when every order of this one has its answer, whatever still happens to it."""
        acts: list[asyncio.Task[None]] = []
        try:
            for wave in in_waves([case.order for case in self._cases.values()], _wave, seed):
                cases = [self._cases[order.order_id] for order in wave]
                acts += [asyncio.create_task(self._act(case)) for case in cases]
                await asyncio.gather(*(case.settled.wait() for case in cases))
            await asyncio.gather(*acts)
        finally:  # an interrupted demo closes its clients next: nobody may be using them
            await _stop(acts)

    async def _act(self, case: Case) -> None:
        try:
            await prepare(case, _scenario(case.order))
            await _scenario(case.order).act(case)
        except (DemoError, ApiError, TimeoutError) as error:
            case.surprises.append(f"{type(error).__name__}: {error}")
        finally:
            case.settled.set()

    async def _placed(self, share: float) -> None:
        """Return when this share of the orders has its answer."""
        cases = list(self._cases.values())
        for waiting in asyncio.as_completed([case.settled.wait() for case in cases]):
            await waiting
            if sum(case.settled.is_set() for case in cases) >= share * len(cases):
                return

    async def _check_faults(self) -> None:
        """A misfortune that never happened proves nothing."""
        for company in self._world.companies.values():
            idle = [fault for fault in await company.faults() if not fault["applied"]]
            self.failures += [
                f"{company.name}: {fault['kind']} meant for {fault['match']} never struck" for fault in idle
            ]

    def _show(self) -> None:
        answered = sum(case.settled.is_set() for case in self._cases.values())
        self._progress.show(self._world.board.counts(), answered)

    def _end(self, case: Case) -> End:
        found = self._world.board.orders.get(case.order_id)
        away = self._turned_away(case)
        return End(
            order_id=case.order_id,
            scenario=case.order.scenario,
            kind=_scenario(case.order).kind,
            expected=case.order.expected.value,
            actual=found.status.value if found else OrderStatus.REJECTED.value if away else "unknown",
            expected_reason=case.order.reason,
            reason=found.reason if found else case.answer,
            surprises=tuple(case.surprises),
        )


def _scenario(order: DemoOrder) -> Scenario:
    return SCENARIOS[order.scenario]


def _wave(order: DemoOrder) -> int:
    return _scenario(order).wave


def _choices(orders: Sequence[DemoOrder]) -> dict[tuple[str, str], str]:
    """The operator's choice by order and kind of question."""
    return {(order.order_id, kind): choice for order in orders for kind, choice in _scenario(order).answers.items()}


async def _stop(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError, Exception):
            await task
