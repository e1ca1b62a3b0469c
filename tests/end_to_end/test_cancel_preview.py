"""What the command line foretells of a cancellation is what the cancellation then comes to, amount for amount."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
import pytest_asyncio

from ordersaga.demo.case import Case
from ordersaga.domain.statuses import OrderStatus
from tests.support.emulators import ROOT
from tests.support.stack import RealShop, Record, open_shop_at
from workflows.messages import CancelAnswer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

RED = ("SOCK-RED-M", 3, 1400)
WOOL, GIFT = ("SOCK-WOOL-L", 1, 2200), ("SOCK-GIFT-3", 1, 3900)
CLIPS, JAR = ("MIC-CLIP", 3, 2499), ("MOSS-JAR", 1, 4200)
EXTRAS = 590

Reach = Callable[[RealShop, Case], Awaitable[None]]


async def in_grace(shop: RealShop, case: Case) -> None:
    """Confirmed, and kept from being handed off."""
    await case.place("action_required")
    await case.become(OrderStatus.ACTION_REQUIRED)
    await case.hold()
    await case.authenticate("succeed")
    await case.become(OrderStatus.ON_HOLD)


async def at_shipbob(shop: RealShop, case: Case) -> None:
    """Accepted by ShipBob, not picked."""
    await shop.world.shipbob.tell("scripts", match=case.order_id, stop_at="Processing")
    await case.place("confirmed")
    await case.at_shipbob("Processing")


async def one_of_two_shipped(shop: RealShop, case: Case) -> None:
    """Two parcels at ShipBob; one has its first scan."""
    await at_shipbob(shop, case)
    await shop.world.shipbob.tell("scripts", match=f"{case.order_id}-1-1", stop_at="InTransit")
    await shop.world.shipbob.tell("release", match=f"{case.order_id}-1-1")
    await case.become(OrderStatus.PARTIALLY_SHIPPED)
    await paid(case)


async def shipped(shop: RealShop, case: Case) -> None:
    """Scanned and paid."""
    await shop.world.shipbob.tell("scripts", match=case.order_id, stop_at="InTransit")
    await case.place("confirmed")
    await case.become(OrderStatus.SHIPPED)
    await paid(case)


async def labeled(shop: RealShop, case: Case) -> None:
    """In the seller's own warehouse, with a label."""
    shop.world.waits_at_home.add(case.order_id)
    await case.place("confirmed")
    await case.labeled()
    await case.become(OrderStatus.FULFILLING)


async def paid(case: Case) -> None:
    """Until Stripe has taken money."""

    async def look() -> bool:
        found = await case.world.stripe.records(case.order_id, "payment_intent")
        return any(intent["status"] == "succeeded" for intent in found["payment_intent"])

    await case.eventually(look, "the capture")


@dataclass(frozen=True)
class State:
    """An order brought to a state, then canceled there; `back`: (voided, refunded) minor units."""

    reach: Reach
    lines: tuple[tuple[str, int, int], ...]
    outcome: str
    back: tuple[int, int]
    seller: str = "sunny-socks"
    units: tuple[str, ...] = ()
    card: str = "pm_card_visa"


AT_ONCE = asyncio.Semaphore(2)
"""Processes of the command line at a time."""
CHALLENGED = "pm_card_threeDSecure2Required"
STATES = {
    "grace_whole": State(in_grace, (RED,), "canceled", (4200 + EXTRAS, 0), card=CHALLENGED),
    "grace_units": State(in_grace, (RED,), "canceled", (1597, 0), units=("SOCK-RED-M=1",), card=CHALLENGED),
    "accepted_whole": State(at_shipbob, (RED,), "canceled", (4200 + EXTRAS, 0)),
    "accepted_units": State(at_shipbob, (RED,), "canceled", (3193, 0), units=("SOCK-RED-M=2",)),
    "taken_whole": State(at_shipbob, (CLIPS,), "canceled", (0, 3 * 2499 + EXTRAS), "neon-gadget"),
    "taken_units": State(at_shipbob, (CLIPS,), "canceled", (0, 2696), "neon-gadget", units=("MIC-CLIP=1",)),
    "labeled_whole": State(labeled, (JAR,), "canceled", (4200 + EXTRAS, 0), "tiny-desk"),
    "half_gone": State(one_of_two_shipped, (WOOL, GIFT), "partly_canceled", (2413, 0)),
    "all_gone": State(shipped, (RED,), "too_late", (0, 0)),
}


@dataclass(frozen=True)
class Told:
    """What the preview said, what the cancellation came to, and what Stripe holds in the end."""

    preview: CancelAnswer
    answer: CancelAnswer
    untouched: bool
    net: int
    questions: list[str]


async def decided(shop: RealShop, words: list[str]) -> CancelAnswer:
    """Cancel, and ask again under the same key while the answer is `pending`."""
    while True:
        answer = await command(shop, *words, "--wait", "20", "--idempotency-key", f"e2e-{words[0]}")
        if answer.outcome != "pending":
            return answer


async def command(shop: RealShop, *words: str) -> CancelAnswer:
    """`ordersaga order cancel` in a process of its own."""
    async with AT_ONCE:
        return await _command(shop, *words)


async def _command(shop: RealShop, *words: str) -> CancelAnswer:
    access = ("--api-url", shop.stack.urls["api"], "--api-key", shop.stack.keys["support"])
    argv = (sys.executable, "-m", "ordersaga", "order", "cancel", *words, "--json", *access)
    process = await asyncio.create_subprocess_exec(
        *argv, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return CancelAnswer.model_validate(json.loads(out))


async def play(shop: RealShop, name: str) -> Told:
    """Reach the state, preview, cancel, and let the order end."""
    state = STATES[name]
    case = shop.case(name, *state.lines, seller=state.seller, payment={"payment_method": state.card})
    await state.reach(shop, case)
    words = [name, *(word for units in state.units for word in ("--line", units))]
    before = await moves(shop, name)
    preview = await command(shop, *words, "--preview")
    untouched = before == await moves(shop, name)
    answer = await decided(shop, words)
    await case.go_on_at_shipbob()
    if name == "half_gone":
        await shop.world.shipbob.tell("release", match=f"{name}-1-1")
    if name == "grace_units":
        await case.release_hold()
    await shop.ended(name)
    assert case.surprises == []
    intents = (await shop.world.stripe.records(name, "payment_intent"))["payment_intent"]
    refunds = (await shop.world.stripe.records(name, "refund")).get("refund", [])
    net = sum(intent["amount_received"] for intent in intents) - sum(refund["amount"] for refund in refunds)
    return Told(preview, answer, untouched, net, await shop.questions(name))


async def moves(shop: RealShop, name: str) -> list[Record]:
    """Everything that was ever changed at Stripe for an order."""
    return [each for each in await shop.world.stripe.requests(name) if each["method"] == "POST"]


@dataclass(frozen=True)
class Season:
    """All states, and what the audit found at the end."""

    told: dict[str, Told]
    differences: list[str]


@pytest_asyncio.fixture(scope="module")
async def season(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Season]:
    """Every state on one stack, side by side."""
    async with open_shop_at(tmp_path_factory.mktemp("preview") / "state") as shop:
        told = dict(zip(STATES, await asyncio.gather(*(play(shop, name) for name in STATES)), strict=True))
        yield Season(told, await shop.differences())


@pytest.mark.parametrize("name", STATES)
async def test_the_preview_names_the_amounts_of_the_cancellation(season: Season, name: str) -> None:
    """The same sum, the same for each parcel, and the preview itself moved nothing."""
    state, told = STATES[name], season.told[name]
    assert told.untouched
    assert (told.answer.outcome, told.answer.voided, told.answer.refunded) == (state.outcome, *state.back)
    assert (told.preview.voided, told.preview.refunded) == state.back
    assert amounts(told.preview) == amounts(told.answer)
    assert told.preview.return_offered == told.answer.return_offered
    assert told.questions == []


@pytest.mark.parametrize("name", STATES)
async def test_the_shopper_gets_what_was_foretold(season: Season, name: str) -> None:
    """What Stripe keeps in the end is the order's price less the amounts of the preview."""
    state, told = STATES[name], season.told[name]
    total = EXTRAS + sum(quantity * price for _, quantity, price in state.lines)
    assert told.net == total - sum(state.back)


def amounts(answer: CancelAnswer) -> dict[int, tuple[object, ...]]:
    """By parcel: which units, and what comes back for them."""
    return {part.parcel: (part.lines, part.voided, part.refunded) for part in answer.parts}


async def test_the_books_agree_after_all_of_them(season: Season) -> None:
    """Our ledgers beside the companies' own records."""
    assert season.differences == []
