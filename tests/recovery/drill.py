"""What every restore drill plays: orders in every stage when a backup is made, and what happens until it is needed."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ordersaga.demo.case import Case
from ordersaga.demo.companies import patiently
from ordersaga.domain.identifiers import return_id
from ordersaga.domain.returns import ReturnStatus
from ordersaga.domain.statuses import OrderStatus
from ordersaga.embedded.environment import as_environment
from ordersaga.http_client import ApiError
from tests.recovery.backups import Backups
from tests.support.stack import ENDS_WITHIN, RealShop

SOCKS: Final = ("SOCK-RED-M", 1, 1400)
CHALLENGED: Final = {"payment": {"payment_method": "pm_card_threeDSecure2Required"}}
DECLINED: Final = {"payment": {"payment_method": "pm_card_chargeDeclined"}}
MIDWAY: Final = 0.15
"""Seconds after it has read the histories at which a recovery is killed."""
OWN: Final = (("CANDLE-SALT", 1, 2400), "casa-luna")
"""Shipped by the seller itself, with a label of ours."""

Act = Callable[[Case], Awaitable[None]]


async def nothing(_: Case) -> None:
    """Goes on by itself, or is over."""


async def shipped(case: Case) -> None:
    """From the checkout to closed books."""
    await case.place("confirmed")
    await case.become(OrderStatus.COMPLETED)


async def declined(case: Case) -> None:
    """No money, no order."""
    await case.place("declined")


async def at_shipbob(case: Case) -> None:
    """Handed over; ShipBob stays at it."""
    await case.world.shipbob.tell("scripts", match=case.order_id, stop_at="Processing")
    await case.place("confirmed")
    await case.at_shipbob("Processing")


async def on_hold(case: Case) -> None:
    """Paid for, and held before its hand-off."""
    await challenged(case)
    await case.hold()
    await case.authenticate("succeed")
    await case.become(OrderStatus.ON_HOLD)


async def challenged(case: Case) -> None:
    """The bank waits for the shopper."""
    await case.place("action_required")
    await case.become(OrderStatus.ACTION_REQUIRED)


async def canceled(case: Case) -> None:
    """Canceled while ShipBob can stop it."""
    await at_shipbob(case)
    await cancel(case)


async def cancel(case: Case) -> None:
    """Undone completely."""
    await case.cancel("canceled")
    await case.become(OrderStatus.CANCELED)


async def go_on(case: Case) -> None:
    """ShipBob goes on."""
    await case.go_on_at_shipbob()


async def go_on_to_the_end(case: Case) -> None:
    """ShipBob goes on, the parcel arrives, the books close."""
    await case.go_on_at_shipbob()
    await case.become(OrderStatus.COMPLETED)


async def scanned(case: Case) -> None:
    """The carrier has it and the money is taken; it does not arrive yet."""
    await case.world.shipbob.tell("scripts", match=case.order_id, stop_at="InTransit")
    await case.go_on_at_shipbob()
    await case.become(OrderStatus.SHIPPED)


async def released(case: Case) -> None:
    """Nothing keeps it back; asked twice, when an answer came late, there is no hold left to release."""
    with contextlib.suppress(ApiError):
        await case.release_hold()


async def paid(case: Case) -> None:
    """The shopper answers the bank."""
    await case.authenticate("succeed")


async def sent_back(case: Case) -> None:
    """The shopper has a label for the way back."""
    wanted = {"lines": [{"sku": SOCKS[0], "quantity": 1}], "reason": "damaged", "number": 1}
    await patiently(lambda: case.world.support.request_return(case.order_id, wanted))
    await case.eventually(lambda: _return_is(case, ReturnStatus.AWAITING_GOODS), "a label for the way back")


async def received(case: Case) -> None:
    """The goods are here and as new: the shopper gets the money back."""
    await case.eventually(lambda: _return_is(case, ReturnStatus.AWAITING_GOODS), "its workflow")
    found = {"lines": [{"sku": SOCKS[0], "sellable": 1}]}
    await patiently(lambda: case.world.operator.receive_return(return_id(case.order_id, 1), found))


async def on_its_way_back(case: Case) -> None:
    """Shipped, kept, and asked to be taken back."""
    await shipped(case)
    await sent_back(case)


async def given_back(case: Case) -> None:
    """The money, too."""
    await received(case)
    await case.become(OrderStatus.RETURNED)


async def _return_is(case: Case, status: ReturnStatus) -> bool:
    shown = await patiently(lambda: case.world.support.show_return(return_id(case.order_id, 1), live=True))
    return shown.status is status and shown.live is not None


@dataclass(frozen=True)
class Life:
    """What happens to an order before the backup, between backup and restore, and after the recovery."""

    before: Act = nothing
    meanwhile: Act = nothing
    after: Act = nothing
    ends: OrderStatus = OrderStatus.COMPLETED
    body: dict[str, Any] = field(default_factory=dict)
    own: bool = False


LIVES: Final[dict[str, Life]] = {
    "over": Life(before=shipped),
    "waits": Life(before=at_shipbob, after=go_on),
    "moved_on": Life(before=at_shipbob, meanwhile=scanned, after=go_on),
    "ended": Life(before=at_shipbob, meanwhile=go_on_to_the_end),
    "undone": Life(before=at_shipbob, meanwhile=cancel, ends=OrderStatus.CANCELED),
    "held": Life(before=on_hold, after=released, body=CHALLENGED),
    "let_go": Life(before=on_hold, meanwhile=released, body=CHALLENGED),
    "asked": Life(before=challenged, after=paid, body=CHALLENGED),
    "answered": Life(before=challenged, meanwhile=paid, body=CHALLENGED),
    "returned": Life(before=shipped, meanwhile=sent_back, after=received, ends=OrderStatus.RETURNED),
    "given_back": Life(before=on_its_way_back, meanwhile=given_back, ends=OrderStatus.RETURNED),
    "late": Life(meanwhile=shipped),
    "late_waits": Life(meanwhile=at_shipbob, after=go_on),
    "late_held": Life(meanwhile=on_hold, after=released, body=CHALLENGED),
    "late_undone": Life(meanwhile=canceled, ends=OrderStatus.CANCELED),
    "late_declined": Life(meanwhile=declined, ends=OrderStatus.REJECTED, body=DECLINED),
    "late_own": Life(meanwhile=shipped, own=True),
}


@dataclass
class Drill:
    """One restore and what came of it."""

    shop: RealShop
    backups: Backups
    lives: Mapping[str, Life] = field(default_factory=lambda: LIVES)
    cases: dict[str, Case] = field(default_factory=dict)
    foretold: dict[str, Any] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    again: dict[str, Any] = field(default_factory=dict)
    broken_off: bool = False
    refunded: int = 0
    codes: list[int] = field(default_factory=list)
    ends: dict[str, OrderStatus] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)
    chain: dict[str, Any] = field(default_factory=dict)
    checkup: dict[str, Any] = field(default_factory=dict)

    def begin(self) -> None:
        """Nobody is placed yet."""
        for name, life in self.lives.items():
            line, seller = OWN if life.own else (SOCKS, "sunny-socks")
            self.cases[name] = self.shop.case(name, line, seller=seller, **life.body)

    async def act(self, stage: str) -> None:
        """All orders live through a stage, side by side."""
        await asyncio.gather(*(getattr(life, stage)(self.cases[name]) for name, life in self.lives.items()))

    async def recover(self) -> None:
        """Foretold, begun and killed, then begun again and done."""
        self.foretold = await self.command("recover", "--dry-run")
        self.broken_off = await self.killed_midway()
        self.report = await self.command("recover")

    async def killed_midway(self) -> bool:
        """Begin a recovery and kill it once it writes; whether it had not ended."""
        process = await self.begun("recover")
        assert process.stderr is not None
        async for line in process.stderr:
            if b"read" in line:
                break
        await asyncio.sleep(MIDWAY)
        broken = process.returncode is None
        if broken:
            process.kill()
        await process.communicate()
        return broken

    async def settle(self) -> None:
        """Everybody goes on, until every order has ended; then books, companies and chain are compared."""
        await self.backups.go_on()
        await self.act("after")
        self.checkup = await self.command("doctor")
        for name, life in self.lives.items():
            await self.shop.world.board.until(name, {life.ends}, ENDS_WITHIN)
            self.ends[name] = (await self.shop.ended(name)).status
        if "returned" in self.lives:
            self.refunded = (await self.shop.world.support.show_return(return_id("returned", 1))).refunded
        self.differences = await self.shop.differences()
        self.questions = await self.shop.every_question()
        self.findings = (await self.command("reconcile", "--since", "1h")).get("findings", [])
        self.chain = await self.command("audit", "verify")

    async def command(self, *words: str) -> dict[str, Any]:
        """`ordersaga WORDS --json` in a process of its own, as an operator would; its exit code is kept."""
        process = await self.begun(*words)
        out, err = await asyncio.wait_for(process.communicate(), 180)
        assert process.returncode is not None
        self.codes.append(process.returncode)
        assert out.strip() or process.returncode == 0, err.decode()
        found: dict[str, Any] = json.loads(out or b"{}")
        (self.backups.folder / f"{'-'.join(words)}.json").write_bytes(out)
        return found

    async def begun(self, *words: str) -> asyncio.subprocess.Process:
        """The command as a process."""
        stack = self.shop.stack
        known = {"ORDERSAGA_API_URL": stack.urls["api"], "ORDERSAGA_API_KEY": stack.keys["operator"]}
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ordersaga", *words, "--json"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **as_environment(stack.settings), **known},
        )

    def deeds(self, what: str) -> set[str]:
        """The orders for which the recovery did this."""
        return {deed["subject"] for deed in self.report["deeds"] if deed["what"] == what}
