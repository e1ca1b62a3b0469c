"""Workers are upgraded under load as docs/upgrade.md says: every order ends on the build it began on.

First workers without versions get a name; then a second build comes, a copy of the code with a step moved, so that
neither build can continue the other's orders.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ordersaga.demo.case import Case
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus
from ordersaga.http_client import ApiError
from tests.docs.pages import ROOT, blocks_of
from tests.docs.shell import Shell, shell_beside
from tests.replay.mutations import PUBLISH_FIRST
from tests.support.builds import Builds, draining_quickly, other_build
from tests.support.stack import RealShop, open_shop_at

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PAGE = ROOT / "docs" / "upgrade.md"
NOW, NEXT = "v1", "v2"
CHALLENGED = {"payment": {"payment_method": "pm_card_threeDSecure2Required"}}
SOCKS = ("SOCK-RED-M", 1, 1400)
EVERY, AT_MOST = 1.2, 80
"""Seconds between two orders of the load, and how many there are."""
RAMPED = 14
"""Orders placed while half of the new ones go to the new build; all on one side: 1 in 8,000 runs."""


@dataclass
class Upgrade:
    """One upgrade: who is placed when, and what became of everybody."""

    shop: RealShop
    shell: Shell
    builds: Builds
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    waves: dict[str, list[Case]] = field(default_factory=dict)
    stayed_wedged: bool = False
    on: dict[str, Counter[str]] = field(default_factory=dict)
    wedged: list[str] = field(default_factory=list)
    statuses: dict[str, OrderStatus] = field(default_factory=dict)
    running: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)

    async def do(self, title: str) -> None:
        """Run the commands of one part of the page, as printed."""
        _, found, after = PAGE.read_text(encoding="utf-8").partition(f"\n## {title}\n")
        assert found, title
        blocks = [block for block in blocks_of(after.partition("\n## ")[0]) if block.runnable]
        assert blocks, title
        await self.shell.walk(blocks)

    def case(self, wave: str, name: str, **body: Any) -> Case:
        """An order of a wave, not placed yet."""
        found = self.shop.case(f"{wave}_{name}", SOCKS, **body)
        self.waves.setdefault(wave, []).append(found)
        return found

    async def wave(self, wave: str, count: int) -> None:
        """Ordinary orders."""
        await asyncio.gather(*(self.case(wave, f"{number}").place("confirmed") for number in range(count)))
        self.on[wave] = await self.builds.builds(*(case.order_id for case in self.waves[wave]))

    async def place_ordinary_ones(self) -> None:
        """Ordinary orders, one after the other, until the shop closes."""
        for number in range(AT_MOST):
            await self.case("load", f"{number}").place("confirmed")
            await asyncio.sleep(EVERY)
            if self.closing.is_set():
                break

    async def until_new_orders_are_on(self, build: str) -> None:
        """Place single orders until one goes there: the servers' queues hear of a change one by one."""
        for number in range(40):
            case = self.case(f"to_{build}", f"{len(self.waves.get(f'to_{build}', []))}_{number}")
            await case.place("confirmed")
            if await self.builds.build(case.order_id) == build:
                return
        pytest.fail(f"no new order went to {build}")

    async def ended(self, *waves: str) -> None:
        """Wait until every order of the waves has a final status."""
        for case in [case for wave in waves for case in self.waves[wave]]:
            await self.shop.ended(case.order_id)


# ---- orders that stay open while the builds change -----------------------------------------------------------------

Act = Callable[[Case], Awaitable[None]]


async def held(case: Case) -> None:
    """On hold, before its hand-off."""
    await case.place("action_required")
    await case.become(OrderStatus.ACTION_REQUIRED)
    await case.hold()
    await case.authenticate("succeed")
    await case.become(OrderStatus.ON_HOLD)


async def challenged(case: Case) -> None:
    """The bank waits for the shopper."""
    await case.place("action_required")
    await case.become(OrderStatus.ACTION_REQUIRED)


async def at_shipbob(case: Case) -> None:
    """Handed off; ShipBob does not go on."""
    await case.world.shipbob.tell("scripts", match=case.order_id, stop_at="Processing")
    await case.place("confirmed")
    await case.at_shipbob("Processing")


async def released(case: Case) -> None:
    """Nothing keeps it back any more; asked twice, when an answer came late, there is no hold left to release."""
    with contextlib.suppress(ApiError):
        await case.release_hold()


async def paid(case: Case) -> None:
    """The shopper answers the bank."""
    await case.authenticate("succeed")


async def going_on(case: Case) -> None:
    """ShipBob goes on."""
    await case.go_on_at_shipbob()


async def canceled(case: Case) -> None:
    """Canceled while ShipBob can stop it."""
    await case.cancel("canceled")


OPEN: dict[str, tuple[Act, Act, dict[str, Any]]] = {
    "held": (held, released, CHALLENGED),
    "challenged": (challenged, paid, CHALLENGED),
    "at_shipbob": (at_shipbob, going_on, {}),
    "canceled": (at_shipbob, canceled, {}),
}
EACH = 2


async def opened(upgrade: Upgrade, wave: str) -> list[tuple[Case, Act]]:
    """Orders of every kind that stay open; each with what brings it to its end."""
    plan = [
        (upgrade.case(wave, f"{kind}_{number}", **body), begin, finish)
        for kind, (begin, finish, body) in OPEN.items()
        for number in range(EACH)
    ]
    await asyncio.gather(*(begin(case) for case, begin, _ in plan))
    return [(case, finish) for case, _, finish in plan]


async def finished(plan: list[tuple[Case, Act]]) -> None:
    """Let them go on."""
    await asyncio.gather(*(finish(case) for case, finish in plan))


# ---- the upgrade ---------------------------------------------------------------------------------------------------


async def play(upgrade: Upgrade, unnamed: list[tuple[Case, Act]]) -> None:
    """Forward in part, forward, back, forward again; two orders are broken and repaired on the way."""
    await upgrade.do("Before you roll out")
    old = await opened(upgrade, "old")
    cured, trapped = upgrade.case("cured", "1"), upgrade.case("trap", "1")
    await asyncio.gather(at_shipbob(cured), at_shipbob(trapped))

    await upgrade.do("Roll out")
    await upgrade.until_new_orders_are_on(NEXT)
    await upgrade.wave("ramped", RAMPED)
    await upgrade.do("Make it current")
    await upgrade.until_new_orders_are_on(NEXT)
    await upgrade.wave("forward", 4)
    new = await opened(upgrade, "new")
    await finished([*unnamed, *old[::2]])
    await wedge(upgrade, cured)

    await upgrade.do("Roll back")
    await upgrade.until_new_orders_are_on(NOW)
    await upgrade.wave("back", 4)
    await finished([*old[1::2], *new])
    await upgrade.ended("cured")

    await upgrade.do("Make it current")
    await upgrade.until_new_orders_are_on(NEXT)
    await wedge(upgrade, trapped)
    await upgrade.wave("again", 4)
    await upgrade.ended("unnamed", "old", "back", "ramped")
    await trapped.eventually(lambda: upgrade.builds.in_trouble(trapped.order_id), "Temporal's report of a problem")
    upgrade.stayed_wedged = upgrade.shop.world.board.orders[trapped.order_id].status not in FINAL_STATUSES
    await upgrade.do("An order that was moved to a build that cannot continue it")
    await upgrade.ended("trap")


async def wedge(upgrade: Upgrade, case: Case) -> None:
    """Move an open order to the other build, let it take a step there, then move it back: too late."""
    await upgrade.shell.walk(blocks_of(MOVE.format(order=case.order_id, behavior="auto_upgrade")))
    await case.go_on_at_shipbob()
    await case.eventually(lambda: upgrade.builds.wedged(case.order_id), "a step that fails")
    await upgrade.shell.walk(blocks_of(MOVE.format(order=case.order_id, behavior=PINNED)))


PINNED = f"pinned --versioning-override-deployment-name ordersaga --versioning-override-build-id {NOW}"
MOVE = """```bash
temporal workflow update-options -w order-{order} --versioning-override-behavior {behavior}
```"""


@pytest_asyncio.fixture(scope="module")
async def upgrade(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Upgrade]:
    """Everything, played once."""
    folder = tmp_path_factory.mktemp("upgrade")
    variables = {"NOW": NOW, "NEXT": NEXT, "ORDER": "trap_1", "ENDED": "old_held_0"}
    async with (
        open_shop_at(folder / "state", plan=draining_quickly) as shop,
        shell_beside(folder / "state", variables) as shell,
    ):
        upgrade = Upgrade(shop, shell, await Builds.of(shop.stack))
        await shell.walk(blocks_of(FIND_THE_STACK))
        await upgraded(upgrade, folder)
        yield upgrade


async def upgraded(upgrade: Upgrade, folder: Path) -> None:
    """From workers without versions to the old build, then to the new one, which works alone in the end."""
    stack = upgrade.shop.stack
    unnamed = await opened(upgrade, "unnamed")
    next_build = other_build(stack, folder / "next", NEXT, [PUBLISH_FIRST.change])
    async with contextlib.AsyncExitStack() as workers:
        await workers.enter_async_context(other_build(stack, folder / "now", NOW, []))
        await named(upgrade)
        async with under_load(upgrade) as load, next_build:
            await play(upgrade, unnamed)
            await drained(upgrade)
            await workers.aclose()
            await upgrade.do("Stop the old build")
            await upgrade.wave("alone", 3)
            upgrade.closing.set()
            await load
            await settled(upgrade)


@contextlib.asynccontextmanager
async def under_load(upgrade: Upgrade) -> AsyncIterator[asyncio.Task[None]]:
    """Ordinary orders come all the while."""
    load = asyncio.create_task(upgrade.place_ordinary_ones())
    try:
        yield load
    finally:
        upgrade.closing.set()
        await asyncio.gather(load, return_exceptions=True)


async def named(upgrade: Upgrade) -> None:
    """The same code under a name takes over from workers without one, with their open orders."""
    await upgrade.do("Name the build")
    await upgrade.until_new_orders_are_on(NOW)
    await upgrade.shop.stack.halt("worker")


FIND_THE_STACK = """```bash
export PATH="$PWD/.venv/bin:$PATH"
eval "$(ordersaga env)"
```"""


async def drained(upgrade: Upgrade) -> None:
    """The last order of the old build has ended."""
    for case in [case for wave in ("load", f"to_{NOW}") for case in upgrade.waves[wave] if case.settled.is_set()]:
        if await upgrade.builds.build(case.order_id) == NOW:
            await upgrade.shop.ended(case.order_id)
    await upgrade.do("See the old build drain")


async def settled(upgrade: Upgrade) -> None:
    """Wait for the end of everything and look at it."""
    names = upgrade.shop.placed
    assert await upgrade.shop.world.board.all_final(names, 90)
    upgrade.statuses = {name: upgrade.shop.world.board.orders[name].status for name in names}
    for wave, cases in upgrade.waves.items():
        upgrade.on[wave] = await upgrade.builds.builds(*(case.order_id for case in cases))
    upgrade.wedged = await upgrade.builds.all_wedged(names)
    upgrade.running = await upgrade.builds.running()
    upgrade.differences = await upgrade.shop.differences()
    upgrade.questions = await upgrade.shop.every_question()


def test_every_order_ends_as_it_should(upgrade: Upgrade) -> None:
    """Completed, or canceled where that was asked; no answer surprised anybody and nobody was asked anything."""
    ends = {name: OrderStatus.CANCELED if "canceled" in name else OrderStatus.COMPLETED for name in upgrade.statuses}
    assert upgrade.statuses == ends
    assert len(upgrade.statuses) >= 80
    assert [case.surprises for cases in upgrade.waves.values() for case in cases if case.surprises] == []
    assert upgrade.questions == []
    assert upgrade.running == []


def test_open_orders_stay_on_their_build(upgrade: Upgrade) -> None:
    """Those of the old build ended there though the new one was current meanwhile, and the other way round.

    Those that began without a build ended on the one that was named first.
    """
    assert upgrade.on["old"] == {NOW: len(OPEN) * EACH}
    assert upgrade.on["unnamed"] == {NOW: len(OPEN) * EACH}
    assert upgrade.on["new"] == {NEXT: len(OPEN) * EACH}


def test_new_orders_follow_the_current_build(upgrade: Upgrade) -> None:
    """Both while it is ramping, then the new one, the old one after the roll-back, the new one again and alone."""
    assert set(upgrade.on["ramped"]) == {NOW, NEXT}
    assert upgrade.on["forward"] == upgrade.on["again"] == {NEXT: 4}
    assert upgrade.on["back"] == {NOW: 4}
    assert upgrade.on["alone"] == {NEXT: 3}


def test_no_order_met_code_that_could_not_continue_it(upgrade: Upgrade) -> None:
    """But for those that were moved on purpose. Moved back, they stood still, until a roll-back or a reset."""
    assert upgrade.wedged == ["cured_1", "trap_1"]
    assert upgrade.stayed_wedged
    assert upgrade.on["cured"] == upgrade.on["trap"] == {NOW: 1}


def test_the_books_agree_with_what_the_companies_say(upgrade: Upgrade) -> None:
    """Money, units, parcels and effects of every order, laid beside the companies' own records."""
    assert upgrade.differences == []
