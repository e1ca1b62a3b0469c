"""Money whose answers get lost: each call to Stripe is done once, and nobody but Stripe has to say so.

Every case is an order of its own; all run side by side on one stack. What really happened is read from the records
Stripe itself keeps, which share no code with ours.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from ordersaga.demo.case import Case
from ordersaga.domain.statuses import OrderStatus
from tests.support.stack import RealShop, Record, open_shop_at

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

FAULTS: dict[str, Mapping[str, Any]] = {
    "lost": {"kind": "lose_answer"},
    "spoiled": {"kind": "spoil_answer", "status": 500},
    "hangs": {"kind": "hang"},
    "late": {"kind": "latency", "latency_ms": 4500},
    "never": {"kind": "reset_before"},
}
"""Done and the connection broken; done and answered (and remembered as) 500; done and timed out; timed out, then
done; broken and never done."""


async def plain(case: Case) -> None:
    """It ships."""
    await case.place("confirmed")


async def canceled(case: Case) -> None:
    """Canceled while ShipBob has not picked it."""
    await case.place("confirmed")
    await case.at_shipbob("Processing")
    await case.cancel("canceled")


async def goodwill(case: Case) -> None:
    """It ships; once it is paid, some of the money is given back."""
    await case.place("confirmed")
    await case.become(OrderStatus.SHIPPED)
    await case.eventually(lambda: captured(case), "the capture")
    answer = await case.world.support.change(case.order_id, "refunds", {"amount": 100, "reason": "a stain"}, wait=15)
    case.expect("the answer to the refund", answer.outcome, "done", "pending")


async def captured(case: Case) -> bool:
    """Whether Stripe has taken the money."""
    found = await case.world.stripe.records(case.order_id, "payment_intent")
    return any(each["status"] == "succeeded" for each in found.get("payment_intent", []))


@dataclass(frozen=True)
class Money:
    """A call that moves money, and what it must come to. `event`: what Stripe says once for each time it is done."""

    act: Callable[[Case], Awaitable[None]]
    where: Mapping[str, str]
    event: str
    ends: OrderStatus
    net: int
    seller: str = "sunny-socks"
    line: tuple[str, int, int] = ("SOCK-RED-M", 1, 1400)
    stops: bool = False


TOTAL, FIRST_TOTAL = 1400 + 590, 2499 + 590
CALLS = {
    "authorize": Money(
        plain,
        {"method": "POST", "path": "/payment_intents$"},
        "payment_intent.amount_capturable_updated",
        OrderStatus.COMPLETED,
        TOTAL,
    ),
    "capture": Money(plain, {"step": "capture"}, "charge.captured", OrderStatus.COMPLETED, TOTAL),
    "void": Money(canceled, {"step": "void"}, "payment_intent.canceled", OrderStatus.CANCELED, 0, stops=True),
    "refund": Money(
        canceled,
        {"step": "refund"},
        "refund.created",
        OrderStatus.CANCELED,
        0,
        seller="neon-gadget",
        line=("MIC-CLIP", 1, 2499),
        stops=True,
    ),
    "goodwill": Money(goodwill, {"step": "refund_part"}, "refund.created", OrderStatus.COMPLETED, TOTAL - 100),
}
CASES = [f"{call}_{fault}" for call, fault in itertools.product(CALLS, FAULTS)]


@dataclass
class Played:
    """Everything that came of all cases."""

    cases: dict[str, Case]
    statuses: dict[str, OrderStatus]
    differences: list[str]
    questions: dict[str, list[str]]
    stripe: dict[str, list[Record]]
    faults: dict[str, int]

    def events(self, order_id: str) -> list[str]:
        """What Stripe says happened to the order's payments."""
        intents = {each["id"] for each in self.stripe["payment_intent"] if each["metadata"]["order_id"] == order_id}
        found = []
        for event in self.stripe["event"]:
            thing = event["data"]["object"]
            if thing["id"] in intents or thing.get("payment_intent") in intents:
                found.append(event["type"])
        return found


async def play(shop: RealShop, name: str) -> Case:
    """One case from its fault to its end."""
    call, fault = name.rsplit("_", 1)
    money = CALLS[call]
    case = shop.case(name, money.line, seller=money.seller)
    step = money.where.get("step")
    where = {"match": f"{name}/{step}/"} if step else {**money.where, "match": name}
    await shop.world.stripe.tell("faults", **where, **FAULTS[fault], times=1)
    if money.stops:
        await shop.world.shipbob.tell("scripts", match=name, stop_at="Processing")
    await money.act(case)
    await shop.ended(name)
    return case


@pytest_asyncio.fixture(scope="module")
async def played(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Played]:
    """Every case, side by side on one stack."""
    async with open_shop_at(tmp_path_factory.mktemp("lost") / "state") as shop:
        cases = await asyncio.gather(*(play(shop, name) for name in CASES))
        struck = await shop.world.stripe.faults()
        yield Played(
            cases=dict(zip(CASES, cases, strict=True)),
            statuses={name: shop.world.board.orders[name].status for name in CASES},
            differences=await shop.differences(),
            questions={name: await shop.questions(name) for name in CASES},
            stripe=await shop.world.stripe.records(),
            faults={name: sum(fault["applied"] for fault in struck if name in fault["match"]) for name in CASES},
        )


@pytest.mark.parametrize("name", CASES)
async def test_a_lost_answer_moves_money_once_and_asks_nobody(played: Played, name: str) -> None:
    """One effect at Stripe for the key, the right end, and never a question that inquiry could settle."""
    money = CALLS[name.rsplit("_", 1)[0]]
    assert played.faults[name] == 1
    assert played.cases[name].surprises == []
    assert played.statuses[name] is money.ends
    assert played.questions[name] == []
    events = played.events(name)
    assert events.count(money.event) == 1
    assert events.count("payment_intent.created") == 1
    assert len(events) == len(set(events))
    assert net_at_stripe(played.stripe, name) == money.net


def net_at_stripe(stripe: dict[str, list[Record]], order_id: str) -> int:
    """What the shopper paid and did not get back, as Stripe's own records say."""
    [intent] = [each for each in stripe["payment_intent"] if each["metadata"]["order_id"] == order_id]
    given = [int(each["amount"]) for each in stripe["refund"] if each["payment_intent"] == intent["id"]]
    return int(intent["amount_received"]) - sum(given)


async def test_our_books_agree_with_what_the_companies_say(played: Played) -> None:
    """Money, units, parcels and effects of every order, laid beside the companies' own records."""
    assert played.differences == []


async def test_each_key_names_one_effect(played: Played) -> None:
    """No two payments and no two refunds carry one key, and each carries one."""
    for kind in ("payment_intent", "refund"):
        keys = [each["metadata"]["effect_key"] for each in played.stripe[kind]]
        assert all(keys)
        assert len(keys) == len(set(keys))
