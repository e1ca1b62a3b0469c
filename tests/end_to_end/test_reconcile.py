"""Every kind of disagreement, planted at the companies on a whole stack: found, repaired, and gone.

The companies' messages are delivered and pollers are off, so that an order learns only what a company tells by itself.
Each order is stopped by a script at the stage its plot needs, and waited for there. The relay's starter stops once
the other orders are planted, so that one can be accepted and stay where it is.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import pytest
import pytest_asyncio
from temporalio.client import WorkflowExecutionStatus

from ordersaga.bootstrap import Services, open_services
from ordersaga.demo.case import Case
from ordersaga.domain.effects import EffectStatus
from ordersaga.domain.identifiers import workflow_id
from ordersaga.domain.orders import Order
from ordersaga.domain.reconciliation import FindingKind
from ordersaga.domain.statuses import OrderStatus
from ordersaga.embedded import StackOptions
from ordersaga.embedded.database import prepare_database
from ordersaga.embedded.parts import Part, Step
from ordersaga.embedded.plan import build_plan
from ordersaga.schedules import SCHEDULE_ID
from ordersaga.settings import Settings
from tests.support.by_hand import EasyPostByHand, ShipBobByHand, StripeByHand
from tests.support.stack import RealShop, open_shop_at
from workers.relay import keep, ring, start_sagas
from workers.relay_deliverer import Deliverer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

GRACE: Final = timedelta(seconds=1)
PACE: Final = {"reconcile_grace": GRACE, "poll_interval": timedelta(hours=1)}
RED, BLUE, MASK = ("SOCK-RED-M", 1, 1400), ("SOCK-BLUE-M", 1, 1400), ("MASK-5PK", 1, 1650)
COUNTED: Final = "WICK-TRIM"
"""A product nobody orders here."""


@dataclass
class Planted:
    """The running shop with everything planted, and what the commands said."""

    shop: RealShop
    services: Services
    stripe: StripeByHand
    easypost: EasyPostByHand
    shipbob: ShipBobByHand
    cases: dict[str, Case]
    first: dict[str, Any] = field(default_factory=dict)
    foretold: dict[str, Any] = field(default_factory=dict)
    repaired: dict[str, Any] = field(default_factory=dict)
    second: dict[str, Any] = field(default_factory=dict)
    codes: list[int] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    async def play(self) -> None:
        """Looked, foretold, repaired; then the companies go on; looked again, and audited.

        ShipBob finds the order it had lost, so that the order, told of it, can take its parcel back.
        """
        repair = ("repair", "--all", "--reason", "seen")
        await self.aged()
        self.first = await self.said("--since", "1h")
        self.foretold = await self.said(*repair)
        await self.lift("stripe", "faults")
        self.repaired = await self.said(*repair, "--apply")
        await self.shop.world.shipbob.tell("scripts", match="forgotten-1-2")  # it is moved, and nothing stops it there
        await self.shipbob.order("forgotten-1-1", RED[0])
        await self.lift("shipbob", "webhooks")
        await self.shop.world.shipbob.tell("advance", match="unheard-1-1", to="Delivered")
        for case in self.cases.values():
            await self.over(case)
        await self.aged()
        self.second = await self.said("--since", "1h")
        self.differences = await self.shop.differences()

    async def said(self, *words: str) -> dict[str, Any]:
        """What a command answers; its exit code is kept."""
        code, answer, err = await self.command(*words)
        assert answer, err
        self.codes.append(code)
        return answer

    async def command(self, *words: str) -> tuple[int, dict[str, Any], str]:
        """`ordersaga reconcile WORDS --json` in a process of its own: exit code, answer, what it said on stderr."""
        stack = self.shop.stack
        where = ["--api-url", stack.urls["api"], "--api-key", stack.keys["operator"]]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ordersaga", "reconcile", *words, "--json", *where),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode is not None
        return process.returncode, json.loads(out or b"{}"), err.decode()

    async def lift(self, company: str, what: str) -> None:
        """End every fault, or every drop of webhooks, at a company."""
        async with httpx.AsyncClient(base_url=self.shop.stack.urls[company], trust_env=False) as http:
            (await http.delete(f"/_control/{what}")).raise_for_status()

    async def aged(self) -> None:
        """Wait until all that the companies said is heard, and older than the grace period."""
        await self.cases[CONTROL].eventually(self._all_heard, "silence")
        await asyncio.sleep(2 * GRACE.total_seconds())

    async def _all_heard(self) -> bool:
        """What a company has sent is in the inbox before it counts as sent there."""
        urls = self.shop.stack.urls
        async with httpx.AsyncClient(trust_env=False) as http:
            for company in ("stripe", "shipbob", "easypost"):
                outbox = (await http.get(f"{urls[company]}/_control/webhooks")).raise_for_status().json()
                if outbox.get("waiting") or outbox.get("held"):
                    return False
        return not (await self.services.inbox.count_by_status()).get("pending")

    async def over(self, case: Case) -> OrderStatus:
        """The status the order ended with, once its saga has ended too."""
        ended = await self.shop.ended(case.order_id)
        saga = self.services.orders.temporal.get_workflow_handle(workflow_id(case.order_id))

        async def look() -> bool:
            return (await saga.describe()).status is not WorkflowExecutionStatus.RUNNING

        await case.eventually(look, "the end of its saga")
        return ended.status

    async def payment(self, order_id: str) -> str:
        """The order's payment at Stripe."""
        found = await self.shop.world.stripe.records(order_id, "payment_intent")
        return str(found["payment_intent"][0]["id"])

    async def terminated(self, order_id: str) -> None:
        """What `temporal workflow terminate` does."""
        await self.services.orders.temporal.get_workflow_handle(workflow_id(order_id)).terminate("by hand")

    async def shipped(self, case: Case) -> None:
        """Placed, delivered, over."""
        await case.place("confirmed")
        assert await self.over(case) is OrderStatus.COMPLETED

    async def canceled(self, case: Case) -> None:
        """Placed, canceled before ShipBob picked it, over."""
        await self.stopped(case, "Processing")
        await case.cancel("canceled")
        assert await self.over(case) is OrderStatus.CANCELED

    async def stopped(self, case: Case, stage: str) -> None:
        """Placed, handed over as our books say too, and ShipBob goes no further than this stage."""
        await self.shop.world.shipbob.tell("scripts", match=case.order_id, stop_at=stage)
        await case.place("confirmed")
        await case.at_shipbob(stage)
        await self.entered(case, "hand_off", EffectStatus.DONE)

    async def entered(self, case: Case, step: str, status: EffectStatus) -> None:
        """Wait until our books say that this is what the order's only call of the step came to."""

        async def look() -> bool:
            return [row["status"] for row in await self.shop.effects(case.order_id, step)] == [status.value]

        await case.eventually(look, f"{step} as {status}")


def without_relay(options: StackOptions, settings: Settings, chosen: set[str]) -> list[Part | Step]:
    """The stack, with workers that leave the relay to somebody else."""
    parts = build_plan(options, settings, chosen, prepare_database)
    return [_sagas_only(part) if isinstance(part, Part) and part.name == "worker" else part for part in parts]


def _sagas_only(worker: Part) -> Part:
    argv = [*worker.command.argv, "--roles", "orders,lanes"]
    return replace(worker, command=replace(worker.command, argv=argv))


@contextlib.asynccontextmanager
async def running(
    loop: Callable[[Services, asyncio.Event], Coroutine[Any, Any, None]], services: Services
) -> AsyncIterator[None]:
    """A part of the relay, which finishes what it is at when the block ends."""
    stop = asyncio.Event()
    task = asyncio.create_task(loop(services, stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def deliver(services: Services, stop: asyncio.Event) -> None:
    """Deliver what the companies sent until `stop` is set."""
    bell = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ring(services.pool, "inbox", bell, stop))
        tasks.create_task(keep("deliverer", Deliverer(services).step, stop, bell))


# ---- how each is planted --------------------------------------------------------------------------------------------


async def orphan_authorization(it: Planted, case: Case) -> None:
    """Funds are reserved anew for an order that was canceled."""
    await it.canceled(case)
    key = f"{case.order_id}/authorize/1/7"
    await it.stripe.pay(1234, capture_method="manual", order_id=case.order_id, parcel="1", effect_key=key)


async def missed_capture(it: Planted, case: Case) -> None:
    """The goods left, the line to Stripe broke whenever the money was to be taken, and somebody terminated the saga.

    Nobody looks after the order any more, nor after its capture, whose outcome is unknown. ShipBob tells of the label
    and of the delivery, never of the first scan: without a poller the delivery is what the capture begins with.
    """
    await it.stopped(case, "InTransit")
    await it.shop.world.stripe.tell("faults", kind="reset_before", path="/capture$", match=case.order_id)
    await it.shop.world.shipbob.tell("advance", match=f"{case.order_id}-1-1", to="Delivered")
    await case.struck()
    await it.entered(case, "capture", EffectStatus.UNKNOWN)
    await it.terminated(case.order_id)


async def paid_without_goods(it: Planted, case: Case) -> None:
    """Money was taken for an order that was canceled, and Stripe's message about it was lost."""
    await it.canceled(case)
    await it.shop.world.stripe.tell("webhooks", drop=True, match=case.order_id)
    key = f"{case.order_id}/authorize/1/8"
    await it.stripe.pay(1000, order_id=case.order_id, parcel="1", effect_key=key)


async def cash_differs(it: Planted, case: Case) -> None:
    """Somebody refunded a part in Stripe's dashboard."""
    await it.shipped(case)
    await it.stripe.refund(await it.payment(case.order_id), 100)


async def double_label(it: Planted, case: Case) -> None:
    """Somebody bought a label for a parcel that ShipBob shipped with its own."""
    await it.shipped(case)
    await it.easypost.buy(f"{case.order_id}-1-1")


async def live_provider_order(it: Planted, case: Case) -> None:
    """ShipBob confirmed the cancellation, and works on it all the same."""
    await it.canceled(case)
    await it.shop.world.shipbob.tell("revive", match=f"{case.order_id}-1-1")


async def provider_order_missing(it: Planted, case: Case) -> None:
    """ShipBob has lost the order."""
    await it.stopped(case, "Processing")
    await it.shop.world.shipbob.tell("forget", match=f"{case.order_id}-1-1")


async def message_lost(it: Planted, case: Case) -> None:
    """The goods are on their way, and none of ShipBob's messages arrives."""
    await it.stopped(case, "Processing")
    reference = f"{case.order_id}-1-1"
    await it.shop.world.shipbob.tell("webhooks", drop=True, match=reference)
    await it.shop.world.shipbob.tell("scripts", match=reference, stop_at="InTransit")
    await it.shop.world.shipbob.tell("advance", match=reference, to="InTransit")


async def never_started(it: Planted, case: Case) -> None:
    """The API died between accepting and starting it, and the relay's starter is down: planted after all others."""
    terms = await it.services.catalog.terms(case.order.body["seller"])
    order = Order(**{**case.order.body, "terms": terms, "placed_at": datetime.now(UTC)})
    await it.services.intake.accept(order, hold_ttl=timedelta(minutes=30))


async def stock_drift(it: Planted) -> None:
    """ShipBob counts three fewer than we: lost on the shelf."""
    levels = (await it.shop.world.operator.stock(sku=COUNTED)).levels
    await it.shop.world.shipbob.tell("inventory", sku=COUNTED, on_hand=sum(level.on_hand for level in levels) - 3)


PLOTS: Final[dict[str, tuple[Callable[[Planted, Case], Awaitable[None]], tuple[str, int, int], str]]] = {
    "orphaned": (orphan_authorization, RED, "sunny-socks"),
    "uncharged": (missed_capture, RED, "sunny-socks"),
    "unearned": (paid_without_goods, BLUE, "sunny-socks"),
    "short": (cash_differs, BLUE, "sunny-socks"),
    "twofold": (double_label, RED, "sunny-socks"),
    "revived": (live_provider_order, MASK, "glow-lab"),
    "forgotten": (provider_order_missing, RED, "sunny-socks"),
    "unheard": (message_lost, BLUE, "sunny-socks"),
}
UNSTARTED: Final = "unstarted"
CONTROL: Final = "flawless"
"""An order with which nothing is wrong."""


@pytest_asyncio.fixture(scope="module")
async def planted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Planted]:
    """Everything planted, side by side on one stack; and a first run that ended."""
    state = tmp_path_factory.mktemp("reconcile") / "state"
    async with (
        open_shop_at(state, changed=PACE, plan=without_relay) as shop,
        open_services(shop.stack.settings) as services,
        running(deliver, services),
    ):
        cases = {CONTROL: shop.case(CONTROL, BLUE), UNSTARTED: shop.case(UNSTARTED, RED)}
        cases |= {name: shop.case(name, line, seller=seller) for name, (_, line, seller) in PLOTS.items()}
        urls = shop.stack.urls
        by_hand = StripeByHand(urls["stripe"]), EasyPostByHand(urls["easypost"]), ShipBobByHand(urls["shipbob"])
        it = Planted(shop, services, *by_hand, cases)
        async with running(start_sagas, services):
            plots = [plant(it, cases[name]) for name, (plant, _, _) in PLOTS.items()]
            await asyncio.gather(it.shipped(cases[CONTROL]), stock_drift(it), *plots)
        await never_started(it, cases[UNSTARTED])
        assert [case.surprises for case in cases.values() if case.surprises] == []
        await it.play()
        yield it


def found(answer: dict[str, Any]) -> dict[str, set[str]]:
    """Kinds of findings, each with the orders or shelves it is about."""
    kinds: dict[str, set[str]] = {}
    for each in answer["findings"]:
        finding = each["finding"]
        kinds.setdefault(finding["kind"], set()).add(finding["order_id"] or finding["subject"])
    return kinds


async def test_the_schedule_is_there(planted: Planted) -> None:
    """Every stack has it, and it has not run yet: the run that found all this was asked for."""
    described = await planted.services.orders.temporal.get_schedule_handle(SCHEDULE_ID).describe()
    assert described.info.num_actions == 0
    assert described.info.next_action_times[0] > datetime.now(UTC)


async def test_every_kind_is_found_and_nothing_else(planted: Planted) -> None:
    """Each about what it was planted on; the order with which nothing is wrong is not named."""
    assert planted.first["run"]["failed"] == {}
    assert found(planted.first) == {
        "orphan_authorization": {"orphaned"},
        "missed_capture": {"uncharged"},
        "paid_without_goods": {"unearned"},
        "cash_differs": {"short"},
        "double_label": {"twofold"},
        "live_provider_order": {"revived"},
        "provider_order_missing": {"forgotten"},
        "stock_drift": {f"allentown-1/{COUNTED}"},
        "never_started": {"unstarted"},
        "saga_gone": {"uncharged"},
        "message_lost": {"unheard"},
        "effect_unsettled": {"uncharged"},
    }
    assert set(found(planted.first)) == {kind.value for kind in FindingKind}
    assert len(planted.first["findings"]) == len(FindingKind)


async def test_each_is_repaired_once_it_was_foretold(planted: Planted) -> None:
    """Exit 1 with findings, 0 foretold, 0 repaired; the deserted order's books balance once the others are.

    Its lost capture is settled by whichever repair comes first: asking about it, or taking the money.
    """
    assert planted.codes[:3] == [1, 0, 0]
    foretold = {item["kind"]: item["result"] for item in planted.foretold["items"]}
    assert foretold == {kind.value: "repaired" for kind in FindingKind} | {"saga_gone": "asked"}
    repaired = {item["kind"]: item["result"] for item in planted.repaired["items"]}
    assert repaired.pop("effect_unsettled") in {"repaired", "gone"}
    assert repaired == {kind.value: "repaired" for kind in FindingKind if kind is not FindingKind.EFFECT_UNSETTLED}
    assert planted.repaired["items"][-1]["kind"] == "saga_gone"


async def test_the_second_run_is_clean(planted: Planted) -> None:
    """Exit 0: every source was asked, and nothing disagrees."""
    assert planted.codes[3] == 0
    assert planted.second["findings"] == []
    assert planted.second["run"]["failed"] == {}
    assert set(planted.second["run"]["looked_at"]) == set(planted.first["run"]["looked_at"])


async def test_everything_ends_and_the_audit_finds_nothing(planted: Planted) -> None:
    """The companies' own records and our books agree; nobody is asked anything."""
    assert planted.differences == []
    assert (await planted.shop.world.operator.attention()).items == ()
