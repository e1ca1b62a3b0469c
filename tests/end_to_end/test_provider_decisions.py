"""What ShipBob decides about a cancellation, played to the end: refused, agreed, forgotten, and agreed to in part.

Every case is an order of its own; all run side by side on one stack. ShipBob takes a while to answer, so that a void
or refund which did not wait for the answer would show in the two companies' own records.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from ordersaga.demo.case import Case
from ordersaga.domain.statuses import OrderStatus
from tests.support.stack import RealShop, Record, open_shop_at
from workflows.messages import CancelAnswer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

THINKS_MS = 1500
"""How long ShipBob takes over each cancellation."""
RED, BLUE, MASK = ("SOCK-RED-M", 1, 1400), ("SOCK-BLUE-M", 1, 1400), ("MASK-5PK", 1, 1650)
THREE_RED = ("SOCK-RED-M", 3, 1400)
WOOL, GIFT = ("SOCK-WOOL-L", 1, 2200), ("SOCK-GIFT-3", 1, 3900)
CLIPS = ("MIC-CLIP", 3, 2499)
EXTRAS = 590
"""Shipping and tax of every order here."""


@dataclass
class Played:
    """One order, what its shopper was told, and what is on record about it."""

    case: Case
    answer: CancelAnswer
    status: OrderStatus = OrderStatus.PENDING
    questions: list[str] = field(default_factory=list)
    decided_at: dict[str, str] = field(default_factory=dict)
    stripe: list[Record] = field(default_factory=list)
    intents: list[Record] = field(default_factory=list)
    refunds: list[Record] = field(default_factory=list)
    shipments: list[Record] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    def asked_of_stripe(self, *steps: str) -> list[str]:
        """When Stripe was asked for one of these steps, by the keys it was given."""
        keys = tuple(f"{self.case.order_id}/{step}/" for step in steps)
        return [each["at"] for each in self.stripe if (each["idempotency_key"] or "").startswith(keys)]

    @property
    def net(self) -> int:
        """What the shopper paid and did not get back."""
        taken = sum(int(each["amount_received"]) for each in self.intents)
        return taken - sum(int(each["amount"]) for each in self.refunds)

    def left(self) -> dict[str, int]:
        """Units that left ShipBob's building, by SKU."""
        units: dict[str, int] = {}
        for shipment in (each for each in self.shipments if each["goods_left"]):
            for product in shipment["products"]:
                units[product["sku"]] = units.get(product["sku"], 0) + product["quantity"]
        return units


async def ask(case: Case, **lines: int) -> CancelAnswer:
    """Ask to cancel the order, or some units of it, until the answer is decided."""
    units = [(sku.replace("_", "-"), quantity) for sku, quantity in lines.items()]

    async def decided() -> CancelAnswer | None:
        answer = await case.world.support.cancel(case.order_id, lines=units, reason="the shopper", wait=20)
        return None if answer.outcome == "pending" else answer

    found: CancelAnswer = await case.eventually(decided, "an answer to the cancellation")
    return found


async def whole(shop: RealShop, case: Case, cancel: str | None) -> CancelAnswer:
    """Cancel the whole order while ShipBob has it, then let ShipBob work on."""
    await shop.world.shipbob.tell("scripts", match=case.order_id, stop_at="Processing", cancel=cancel)
    await case.place("confirmed")
    await case.at_shipbob("Processing")
    answer = await ask(case)
    await case.go_on_at_shipbob()
    return answer


async def refused(shop: RealShop, case: Case) -> CancelAnswer:
    """ShipBob says no."""
    return await whole(shop, case, "refuse")


async def agreed(shop: RealShop, case: Case) -> CancelAnswer:
    """ShipBob says yes."""
    return await whole(shop, case, None)


async def in_part(shop: RealShop, case: Case) -> CancelAnswer:
    """ShipBob cancels the first of two shipments and says no to the second."""
    return await whole(shop, case, "partial")


async def forgotten(shop: RealShop, case: Case) -> CancelAnswer:
    """ShipBob says yes and ships; the order has ended when we hear of it."""
    answer = await whole(shop, case, "agree_and_ship")
    await asked(shop, case)
    return answer


def forgotten_of_two(choice: str) -> Callable[[RealShop, Case], Awaitable[CancelAnswer]]:
    """ShipBob says yes about one parcel of two and ships it; a person decides while the other is under way."""

    async def act(shop: RealShop, case: Case) -> CancelAnswer:
        scripts = {"WOOL": "agree_and_ship", "GIFT": None}
        await shop.world.shipbob.tell("scripts", match=case.order_id, stop_at="Processing")
        await case.place("confirmed")
        places = {plan.lines[0].sku.split("-")[1]: plan.parcel for plan in await shop.plans(case.order_id)}
        for word, cancel in scripts.items():
            match = f"{case.order_id}-{places[word]}-1"
            await shop.world.shipbob.tell("scripts", match=match, stop_at="Processing", cancel=cancel)
        await case.at_shipbob("Processing")
        answer = await ask(case, SOCK_WOOL_L=1)
        await shop.world.shipbob.tell("release", match=f"{case.order_id}-{places['WOOL']}-1")
        item = await asked(shop, case)
        await shop.world.operator.resolve(item["item_id"], choice, reason="seen", order_id=case.order_id)
        await shop.world.shipbob.tell("release", match=f"{case.order_id}-{places['GIFT']}-1")
        return answer

    return act


async def asked(shop: RealShop, case: Case) -> Record:
    """The open question about goods that left though they were canceled."""

    async def look() -> Any:
        items = (await shop.world.operator.attention(kind="shipped_after_cancel")).items
        return next((item.model_dump() for item in items if item.order_id == case.order_id), None)

    found: Record = await case.eventually(look, "the question")
    return found


@dataclass(frozen=True)
class Plot:
    """What is ordered, and what happens to it."""

    act: Callable[[RealShop, Case], Awaitable[CancelAnswer]]
    lines: tuple[tuple[str, int, int], ...]
    seller: str = "sunny-socks"


PLOTS = {
    "refuse_one": Plot(refused, (RED,)),
    "refuse_paid": Plot(refused, (CLIPS,), "neon-gadget"),
    "agree_one": Plot(agreed, (RED,)),
    "agree_paid": Plot(agreed, (CLIPS,), "neon-gadget"),
    "forgotten": Plot(forgotten, (MASK,), "glow-lab"),
    "charged": Plot(forgotten_of_two("charge"), (WOOL, GIFT)),
    "written_off": Plot(forgotten_of_two("write_off"), (WOOL, GIFT)),
    "units_in_part": Plot(in_part, (THREE_RED,)),
    "lines_in_part": Plot(in_part, (RED, BLUE)),
    "paid_in_part": Plot(in_part, (CLIPS,), "neon-gadget"),
}


async def play(shop: RealShop, name: str) -> Played:
    """One case from its placing to its end."""
    plot = PLOTS[name]
    case = shop.case(name, *plot.lines, seller=plot.seller)
    answer = await plot.act(shop, case)
    await shop.ended(name)
    return Played(case, answer)


async def examine(shop: RealShop, played: Played, differences: list[str]) -> None:
    """Read everybody's records about one order."""
    name, world = played.case.order_id, shop.world
    played.status = (await world.support.order(name)).status
    played.questions = await shop.questions(name)
    played.stripe = await world.stripe.requests(name)
    money = await world.stripe.records()
    played.intents = [each for each in money["payment_intent"] if each["metadata"]["order_id"] == name]
    ids = {intent["id"] for intent in played.intents}
    played.refunds = [each for each in money.get("refund", []) if each["payment_intent"] in ids]
    for order in (await world.shipbob.records(f'"{name}-', "orders")).get("orders", []):
        played.shipments += order["shipments"]
        for each in await world.shipbob.requests(f"/order/{order['id']}:cancel"):
            played.decided_at[order["reference_id"]] = each["at"]
    played.differences = [each for each in differences if each.startswith(f"{name}:")]


@dataclass(frozen=True)
class Season:
    """All cases. `shelves`: what the audit found on shelves, which belong to no single order."""

    cases: dict[str, Played]
    shelves: list[str]


@pytest_asyncio.fixture(scope="module")
async def season(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Season]:
    """Every case, side by side on one stack."""
    async with open_shop_at(tmp_path_factory.mktemp("decisions") / "state") as shop:
        await shop.world.shipbob.tell("faults", kind="latency", latency_ms=THINKS_MS, path=":cancel$")
        cases = dict(zip(PLOTS, await asyncio.gather(*(play(shop, name) for name in PLOTS)), strict=True))
        differences = await shop.differences()
        for each in cases.values():
            await examine(shop, each, differences)
        yield Season(cases, [each for each in differences if "/" in each.partition(":")[0]])


@pytest.mark.parametrize("name", PLOTS)
async def test_no_money_goes_back_before_shipbob_has_answered(season: Season, name: str) -> None:
    """Each void and refund reached Stripe after ShipBob's answer had left ShipBob."""
    story = season.cases[name]
    assert story.decided_at
    given_back = story.asked_of_stripe("void", "refund", "refund_part")
    assert all(at > min(story.decided_at.values()) for at in given_back)
    assert story.case.surprises == []


@pytest.mark.parametrize(("name", "total"), [("refuse_one", 1400 + EXTRAS), ("refuse_paid", 3 * 2499 + EXTRAS)])
async def test_a_refused_parcel_ships_and_is_paid(season: Season, name: str, total: int) -> None:
    """Too late, a return is offered; not a cent goes back, nobody is asked."""
    story = season.cases[name]
    assert (story.answer.outcome, story.answer.return_offered) == ("too_late", True)
    assert (story.answer.voided, story.answer.refunded) == (0, 0)
    assert (story.status, story.net) == (OrderStatus.COMPLETED, total)
    assert story.asked_of_stripe("void", "refund", "refund_part") == []
    assert sum(story.left().values()) == sum(quantity for _, quantity, _ in PLOTS[name].lines)
    assert (story.questions, story.differences) == ([], [])


@pytest.mark.parametrize(("name", "back"), [("agree_one", (1990, 0)), ("agree_paid", (0, 8087))])
async def test_an_agreed_parcel_is_undone_once(season: Season, name: str, back: tuple[int, int]) -> None:
    """Released or refunded whole, by one call; nothing leaves, nobody is asked."""
    story = season.cases[name]
    assert (story.answer.outcome, story.answer.voided, story.answer.refunded) == ("canceled", *back)
    assert (story.status, story.net, story.left()) == (OrderStatus.CANCELED, 0, {})
    assert len(story.asked_of_stripe("void", "refund")) == 1
    assert (story.questions, story.differences) == ([], [])


@pytest.mark.parametrize(("name", "paid"), [("charged", 2200 + 3900 + EXTRAS), ("written_off", 4277)])
async def test_a_parcel_shipped_after_cancel_is_a_persons_to_settle(season: Season, name: str, paid: int) -> None:
    """Charged with new funds, or given away knowingly; the books know the goods left either way."""
    story = season.cases[name]
    assert (story.answer.outcome, story.answer.voided) == ("canceled", 2413)
    assert story.questions == ["shipped_after_cancel"]
    assert (story.status, story.net) == (OrderStatus.COMPLETED, paid)
    assert story.left() == {"SOCK-WOOL-L": 1, "SOCK-GIFT-3": 1}
    assert story.asked_of_stripe("refund", "refund_part") == []
    assert story.differences == []


async def test_goods_that_leave_after_the_order_ended_are_told_and_seen(season: Season) -> None:
    """Nothing is charged behind the shopper's back; a person is asked, and the audit names every difference."""
    story = season.cases["forgotten"]
    assert (story.answer.outcome, story.status, story.net) == ("canceled", OrderStatus.CANCELED, 0)
    assert story.questions == ["shipped_after_cancel"]
    assert story.differences == [
        "forgotten: I2 parcel 1 shipped: ours False, theirs True",
        "forgotten: I3 live provider orders of parcel 1: ours 0, theirs 1",
        "forgotten: I5 payment for parcel 1: ours 2240, theirs 0",
        "forgotten: I6 question forgotten-late-shipped_after_cancel-1: ours open (shipped_after_cancel), "
        "theirs answered",
    ]
    assert season.shelves == ["allentown-1/MASK-5PK: I2 units on hand: ours 220, theirs 219"]


@pytest.mark.parametrize(
    ("name", "left", "paid", "refunds"),
    [
        ("units_in_part", {"SOCK-RED-M": 1}, 1597, 0),
        ("lines_in_part", {"SOCK-BLUE-M": 1}, 1695, 0),
        ("paid_in_part", {"MIC-CLIP": 1}, 2696, 1),
    ],
)
async def test_units_shipbob_canceled_are_neither_paid_nor_kept(
    season: Season, name: str, left: dict[str, int], paid: int, refunds: int
) -> None:
    """The rest ships and is captured; what it does not cost is released or refunded; nobody is asked."""
    story = season.cases[name]
    assert (story.status, story.left(), story.net) == (OrderStatus.COMPLETED, left, paid)
    assert len(story.asked_of_stripe("refund_part")) == refunds
    assert story.asked_of_stripe("void", "refund") == []
    assert [intent["amount_capturable"] for intent in story.intents] == [0]
    assert (story.questions, story.differences) == ([], [])
