"""Whole surges in virtual time: every order ends, nothing is passed over, and the same seed gives the same answer."""

from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from temporalio import activity

from activities.carriers import Carriers
from activities.inventory import Inventory
from activities.journal import CloseResult, Journal
from activities.payments import Payments
from activities.providers import Providers
from ordersaga.domain.journal import JournalUpdate
from ordersaga.domain.statuses import FINAL_STATUSES, ConfirmOutcome, OrderStatus
from ordersaga.whatif import world
from ordersaga.whatif.errors import SagaFailedError, StuckError, UnknownActivityError, UnknownLaneError
from ordersaga.whatif.records import OrderRecord, Tally
from ordersaga.whatif.report import answered
from ordersaga.whatif.runner import Runner
from ordersaga.whatif.scenario import Scenario, checked
from ordersaga.whatif.world import ANSWERS, Answer
from workflows.order_fulfillment import OrderFulfillment


def scenario(**told: Any) -> Scenario:
    """Forty orders in ten minutes at a fast provider, unless told otherwise."""
    return checked({"orders": 40, "providers": {"shipbob": "6000/min"}, **told})


def play(**told: Any) -> Tally:
    """Play it to its end."""
    return Runner(scenario(**told)).run()


def ended_as(tally: Tally) -> Counter[OrderStatus | None]:
    """How many orders ended in each status."""
    return Counter(order.status for order in tally.orders.values())


def test_every_order_ends_paid_and_delivered() -> None:
    """Each is confirmed, handed over, scanned, charged in full and completed; nobody is asked anything."""
    tally = play(declined=0)
    orders = tally.orders.values()
    assert ended_as(tally) == {OrderStatus.COMPLETED: 40}
    assert all(order.on_time and order.captured == 3_000 and not order.asked for order in orders)
    assert all(order.placed_at < (order.handed_at or 0) < (order.scanned_at or 0) for order in orders)


def test_the_same_seed_gives_the_same_answer() -> None:
    """To the last figure; another seed plays other orders."""
    told = {"providers": {"shipbob": "10/min,30/day"}}
    first, again = (answered("a", scenario(**told)) for _ in range(2))
    assert first == again
    assert first != answered("a", scenario(seed=2, **told))


def test_a_declined_card_and_a_sold_out_product_take_nothing() -> None:
    """Nothing is captured, and units of a declined order can be sold again."""
    tally = play(declined=0.3, units=12, sellers={"viral": 1})
    outcomes = Counter(order.outcome for order in tally.orders.values())
    assert set(outcomes) == {ConfirmOutcome.CONFIRMED, ConfirmOutcome.DECLINED, ConfirmOutcome.SOLD_OUT}
    assert outcomes[ConfirmOutcome.CONFIRMED] == 12
    assert sum(order.captured for order in tally.orders.values()) == 12 * 3_000


def test_a_lane_bounds_the_hand_offs() -> None:
    """Forty orders at ten calls a minute, of which a lane has eight: the last one waits about five minutes."""
    told = play(within="1s", declined=0, providers={"shipbob": "10/min"})
    handed = sorted(order.handed_at or 0 for order in told.orders.values())
    gaps = [later - before for before, later in pairwise(handed)]
    assert min(gaps) >= 60_000_000 / 8 - 1
    assert timedelta(minutes=4, seconds=50) < (handed[-1] - told.began) * timedelta(microseconds=1)


def test_a_slow_warehouse_misses_ship_by_and_people_are_asked() -> None:
    """Orders are late exactly where the carrier scanned them after their ship-by, and a person hears of each."""
    tally = play(declined=0, providers={"shipbob": "6000/min,15/day"})
    late = [order for order in tally.orders.values() if not order.on_time]
    assert 0 < len(late) < 40
    assert ended_as(tally) == {OrderStatus.COMPLETED: 40}
    assert all((order.asked["ship_by_missed"] > 0) == (not order.on_time) for order in tally.orders.values())
    answer = answered("a", scenario(declined=0, providers={"shipbob": "6000/min,15/day"}))
    assert (answer.missed, answer.on_time) == (len(late), 40 - len(late))


def test_a_provider_that_is_down_is_tried_until_it_answers() -> None:
    """Nothing is handed over before it is up again, a person is asked after four hours, and all orders complete."""
    outage = {"calls": "6000/min", "outages": [{"begins": "0s", "ends": "5h"}]}
    tally = play(declined=0, providers={"shipbob": outage})
    orders = list(tally.orders.values())
    assert all((order.handed_at or 0) >= tally.began + 5 * 3_600_000_000 for order in orders)
    assert all(order.asked["provider_silent"] == 1 for order in orders)
    assert ended_as(tally) == {OrderStatus.COMPLETED: 40}


def test_a_delay_nobody_agrees_to_is_canceled_and_the_money_given_back() -> None:
    """By the law on delays; what had been picked by then ships all the same, and is paid for."""
    told = {"orders": 20, "declined": 0, "sellers": {"viral": 1}, "providers": {"shipbob": "6000/min,1/day"}}
    tally = play(**told)
    canceled = [order for order in tally.orders.values() if order.status is OrderStatus.CANCELED]
    assert 0 < len(canceled) < 20
    assert all(order.captured == 0 and order.scanned_at is None for order in canceled)
    assert ended_as(tally)[OrderStatus.COMPLETED] == 20 - len(canceled)


def test_labels_we_buy_ourselves_come_before_the_parcel_leaves() -> None:
    """A provider that books no carrier: a label for every parcel, on the carriers' lane."""
    own = {"calls": "6000/min", "books_carrier": False}
    tally = play(declined=0, carrier_calls="75/min", providers={"seller_warehouse": own})
    assert ended_as(tally) == {OrderStatus.COMPLETED: 40}
    assert all(order.story.count("label") == 1 and order.on_time for order in tally.orders.values())


def test_a_sample_stands_for_the_whole() -> None:
    """A quarter of the orders, on lanes and shelves a quarter as fast, waits and misses about as the whole does."""
    told: dict[str, Any] = {"orders": 160, "providers": {"shipbob": "20/min,60/day"}, "units": 120, "within": "30s"}
    whole, part = answered("a", scenario(**told)), answered("a", scenario(sample=40, **told))
    assert (whole.simulated, part.simulated) == (160, 40)
    assert part.confirmed == pytest.approx(whole.confirmed, abs=12)
    assert part.missed == pytest.approx(whole.missed, abs=20)
    assert part.wait_p95 == pytest.approx(whole.wait_p95, rel=0.15)


def test_two_providers_share_orders_by_their_speed() -> None:
    """Each has its part of the stock, and the orders near it; two lanes drain at once."""
    tally = Runner(scenario(orders=120, units=120, providers={"shipbob": "20/min", "second": "10/min"}))
    played = tally.run()
    at_first = len(tally.world.warehouses["shipbob"].parcels)
    assert set(ended_as(played)) <= FINAL_STATUSES
    assert 70 <= at_first <= 90
    assert set(played.depths) == {"provider-shipbob", "provider-second"}


@pytest.mark.parametrize("step", ["capture", "hand_off"])
def test_a_step_the_world_does_not_know_is_an_error(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside the workflow task or on a lane: a new step of the saga cannot be passed over."""
    without = {name: answer for name, answer in ANSWERS.items() if name != step}
    monkeypatch.setattr(world, "ANSWERS", without)
    with pytest.raises(UnknownActivityError, match=f"'{step}': add it to"):
        play()


def test_a_lane_nobody_serves_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new task queue of the saga cannot be passed over either."""
    monkeypatch.setattr("workflows.hand_over.provider_queue", lambda _: "elsewhere")
    with pytest.raises(UnknownLaneError, match="'elsewhere', asked for 'hand_off'"):
        play()


def test_an_order_that_never_ends_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its books never balance, and people are asked forever."""
    never = Answer(JournalUpdate, lambda *_: CloseResult(differences=("a cent",)), 0.1)
    monkeypatch.setattr(world, "ANSWERS", {**ANSWERS, "close": never})
    with pytest.raises(StuckError, match="1 orders never ended, such as w1"):
        play(orders=1, declined=0, operator="20d")


def test_workflow_code_that_fails_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in the saga stops the play, and names the order."""

    async def broken(_: OrderFulfillment) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(OrderFulfillment, "clear", broken)
    with pytest.raises(SagaFailedError, match=r"^w\d+: a bug$"):
        play()


def test_the_world_answers_real_activities_only() -> None:
    """Each answered name is that of an activity of ours, with the input it really takes."""
    real: dict[str, list[type] | None] = {}
    for kind in (Carriers, Inventory, Journal, Payments, Providers):
        for member in vars(kind).values():
            found = activity._Definition.from_callable(member) if callable(member) else None
            if found is not None and found.name is not None:
                real[found.name] = found.arg_types
    assert {name: [answer.takes] for name, answer in ANSWERS.items()}.items() <= real.items()


def test_an_order_says_when_it_was_late() -> None:
    """On time only if all of it had left by its ship-by."""
    order = OrderRecord("o", "s", placed_at=0, ship_by=10, parcels=2, scanned={1: 5})
    assert not order.on_time
    order.scanned[2] = 10
    assert order.on_time
    order.scanned[2] = 11
    assert not order.on_time
