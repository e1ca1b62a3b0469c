"""The answer: what became of the orders of each variant, as many as the simulated ones stand for."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus
from ordersaga.domain.values import Message
from ordersaga.whatif.records import OrderRecord, Tally
from ordersaga.whatif.runner import Runner
from ordersaga.whatif.scenario import Question, Scenario

POINTS: Final = 120
"""Of a curve over time."""
_SECOND: Final = 1_000_000
_HOUR: Final = 3_600 * _SECOND

Curve = tuple[tuple[float, int], ...]


class LaneAnswer(Message):
    """The most calls that waited at once, when, and when none waited any more after that. In seconds from the start."""

    most_waiting: int
    most_at: int
    drained_at: int


class SellerAnswer(Message):
    """The seller whose orders are latest, by the part of them."""

    seller: str
    confirmed: int
    missed: int


class Answer(Message):
    """One variant. Counts are orders; `wait_*`: seconds from the checkout until the provider had the parcel.

    `missed`: confirmed, and not scanned by its carrier before its ship-by; `canceled` of those. `asked`: questions to
    persons by kind. `captured`: minor units of `currency`. Curves over time: (hours from the start, orders).
    """

    name: str
    orders: int
    simulated: int
    confirmed: int
    declined: int
    sold_out: int
    on_time: int
    missed: int
    canceled: int
    wait_p50: int
    wait_p95: int
    wait_p99: int
    last_scan: int
    lanes: dict[str, LaneAnswer]
    asked: dict[str, int]
    captured: int
    currency: str = "USD"
    worst_seller: SellerAnswer | None
    waiting_for_hand_off: Curve
    waiting_for_scan: Curve


class Answers(Message):
    """All variants of a question, in its order."""

    title: str
    variants: tuple[Answer, ...]


def answered(name: str, scenario: Scenario) -> Answer:
    """Play one variant. Raises what `Runner.run` raises."""
    return _judged(name, scenario, Runner(scenario).run())


def answers(question: Question, play: Callable[[list[tuple[str, Scenario]]], Iterable[Answer]]) -> Answers:
    """Every variant, played by `play` in its order."""
    return Answers(title=question.title, variants=tuple(play(list(question.variants.items()))))


def _judged(name: str, scenario: Scenario, tally: Tally) -> Answer:
    everyone = list(tally.orders.values())
    confirmed = [order for order in everyone if order.confirmed]
    missed = [order for order in confirmed if not order.on_time]
    waits = sorted(order.handed_at - order.placed_at for order in confirmed if order.handed_at is not None)
    scans = [order.scanned_at for order in confirmed if order.scanned_at is not None]

    def many(count: int) -> int:
        return round(count * scenario.stands_for)

    return Answer(
        name=name,
        orders=scenario.orders,
        simulated=scenario.simulated,
        confirmed=many(len(confirmed)),
        declined=many(sum(order.outcome is ConfirmOutcome.DECLINED for order in everyone)),
        sold_out=many(sum(order.outcome is ConfirmOutcome.SOLD_OUT for order in everyone)),
        on_time=many(len(confirmed) - len(missed)),
        missed=many(len(missed)),
        canceled=many(sum(order.status is OrderStatus.CANCELED for order in missed)),
        **{f"wait_p{part}": percentile(waits, part) // _SECOND for part in (50, 95, 99)},
        last_scan=(max(scans, default=tally.began) - tally.began) // _SECOND,
        lanes={lane: _lane(depths, tally.began, many) for lane, depths in tally.depths.items() if depths},
        asked={kind: many(count) for kind, count in sorted(_asked(everyone).items())},
        captured=many(sum(order.captured for order in everyone)),
        worst_seller=_worst(confirmed, many),
        waiting_for_hand_off=_curve(confirmed, tally.began, lambda order: order.handed_at, many),
        waiting_for_scan=_curve(confirmed, tally.began, lambda order: order.scanned_at, many),
    )


def percentile(ordered: Sequence[int], part: int) -> int:
    """The least value that `part` of a hundred do not exceed; 0 of nothing."""
    return ordered[max(-(-len(ordered) * part // 100) - 1, 0)] if ordered else 0


def _asked(everyone: Iterable[OrderRecord]) -> Counter[str]:
    return sum((order.asked for order in everyone), Counter())


def _lane(depths: Sequence[tuple[int, int]], began: int, many: Callable[[int], int]) -> LaneAnswer:
    most_at, most = max(depths, key=lambda point: point[1])
    drained = next((when for when, depth in depths if when > most_at and not depth), depths[-1][0])
    return LaneAnswer(
        most_waiting=many(most), most_at=(most_at - began) // _SECOND, drained_at=(drained - began) // _SECOND
    )


def _worst(confirmed: Iterable[OrderRecord], many: Callable[[int], int]) -> SellerAnswer | None:
    """By the part that is late; None when nobody's is."""
    orders, missed = Counter[str](), Counter[str]()
    for order in confirmed:
        orders[order.seller] += 1
        missed[order.seller] += not order.on_time
    worst = max(sorted(orders), key=lambda seller: missed[seller] / orders[seller], default=None)
    if worst is None or not missed[worst]:
        return None
    return SellerAnswer(seller=worst, confirmed=many(orders[worst]), missed=many(missed[worst]))


def _curve(
    confirmed: Sequence[OrderRecord],
    began: int,
    ends: Callable[[OrderRecord], int | None],
    many: Callable[[int], int],
) -> Curve:
    """How many had been placed and had not come to `ends` yet, over time, until all had."""
    placed = sorted(order.placed_at for order in confirmed)
    ended = sorted(end for order in confirmed if (end := ends(order)) is not None)
    last = max(ended[-1:] + placed[-1:], default=began)
    curve: list[tuple[float, int]] = []
    here = gone = 0
    for number in range(POINTS + 1):
        now = began + (last - began) * number // POINTS
        while here < len(placed) and placed[here] <= now:
            here += 1
        while gone < len(ended) and ended[gone] <= now:
            gone += 1
        curve.append((round((now - began) / _HOUR, 3), many(here - gone)))
    return tuple(curve)
