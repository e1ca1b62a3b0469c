"""What a run came to, judged from evidence: pure, so that a test can show it wrong things.

Each check yields a sentence for every number that is not exactly what it must be.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from ordersaga.domain.ledgers import Shelf
from ordersaga.domain.statuses import OrderStatus
from tests.surge.plan import Offer
from tests.surge.records import Record

_SHOWN: Final = 10


@dataclass(frozen=True)
class OrderRow:
    """An order in our database; `accepted_at`: seconds since the epoch."""

    order_id: str
    seller: str
    status: OrderStatus
    accepted_at: float


@dataclass(frozen=True)
class Facts:
    """Everybody's records of a run.

    `records`: what shoppers saw; `repeats`: what some were told when they asked again at the end; `began`: when a
    stream's generator started, in seconds since the epoch; `workflows`: executions by order; `sold`, `promised`: units
    by SKU that our books say left, and that the provider has live orders for; `looked_at`: what reconciliation looked
    at, by source.
    """

    offers: Sequence[Offer]
    records: Sequence[Record]
    repeats: Sequence[Record]
    began: Mapping[str, float]
    orders: Mapping[str, OrderRow]
    workflows: Mapping[str, int]
    shelves: Sequence[Shelf]
    sold: Mapping[str, int]
    promised: Mapping[str, int]
    differences: Sequence[str] = ()
    findings: Sequence[str] = ()
    looked_at: Mapping[str, int] = field(default_factory=dict)
    kills_planned: Sequence[str] = ()
    killed: Sequence[str] = ()
    restarts: Mapping[str, int] = field(default_factory=dict)
    unfinished: Sequence[str] = ()

    @cached_property
    def by_stream(self) -> dict[str, list[Record]]:
        """Records by stream."""
        found: dict[str, list[Record]] = {}
        for record in self.records:
            found.setdefault(record.stream, []).append(record)
        return found

    @cached_property
    def accepted(self) -> frozenset[str]:
        """Orders whose shoppers were told yes."""
        return frozenset(record.order_id for record in self.records if record.answer == "accepted")

    def answers(self, stream: str) -> Counter[str]:
        """Final answers of a stream."""
        return Counter(record.answer for record in self.by_stream.get(stream, []))


Check = Callable[[Facts], Iterator[str]]


def wrongs(facts: Facts) -> list[str]:
    """Everything that is not exactly as it must be; empty: the run is good."""
    return [wrong for check in CHECKS for wrong in check(facts)]


def counts_are_exact(facts: Facts) -> Iterator[str]:
    """As many accepted as there are units, everybody else refused, nobody without an answer."""
    if not facts.by_stream.get(facts.offers[0].stream):
        yield "nobody asked: the run shows nothing"
    for offer in facts.offers:
        found = facts.answers(offer.stream)
        if not found:
            continue
        sells = min(offer.units, offer.asked)
        wanted = {"accepted": sells, "refused": offer.asked - sells, "unanswered": 0, "other": 0}
        for answer, number in wanted.items():
            if found[answer] != number:
                yield f"{offer.sku}: {found[answer]} {answer}, not {number}"


def strange_answers(facts: Facts) -> Iterator[str]:
    """Neither yes nor sold out nor nothing."""
    yield from _some([f"{each.order_id} was answered {each.said}" for each in facts.records if each.answer == "other"])


def others_are_served(facts: Facts) -> Iterator[str]:
    """Sellers with plenty on the shelf sell every time."""
    viral = {offer.stream for offer in facts.offers}
    for stream in sorted(facts.by_stream.keys() - viral):
        found = facts.answers(stream)
        if found["accepted"] != found.total():
            yield f"{stream}: {found.total() - found['accepted']} of {found.total()} were not accepted"


def promises_are_kept(facts: Facts) -> Iterator[str]:
    """What was accepted is completed; what was refused is nothing."""
    found: list[str] = []
    for record in facts.records:
        order = facts.orders.get(record.order_id)
        if record.answer == "accepted" and order is None:
            found.append(f"{record.order_id} was accepted and is unknown")
        elif record.answer == "accepted" and order and order.status is not OrderStatus.COMPLETED:
            found.append(f"{record.order_id} was accepted and is {order.status}")
        elif record.answer != "accepted" and order and order.status is not OrderStatus.REJECTED:
            found.append(f"{record.order_id} was told {record.answer} and is {order.status}")
    strangers = sorted(facts.orders.keys() - {record.order_id for record in facts.records})
    yield from _some(found + [f"{order_id} was never placed" for order_id in strangers])


def nothing_is_refused_after_acceptance(facts: Facts) -> Iterator[str]:
    """An overloaded API says so before it promises: no try that committed the order was answered with an error."""
    found: list[str] = []
    for record in facts.records:
        order, began = facts.orders.get(record.order_id), facts.began[record.stream]
        if order is None or order.status is OrderStatus.REJECTED:
            continue
        for each in record.tries:
            if each.status >= 400 and began + each.sent <= order.accepted_at <= began + each.ended:
                found.append(f"{record.order_id} was taken and answered {each.status} at once")
    yield from _some(found)


def repeats_agree(facts: Facts) -> Iterator[str]:
    """Whoever asks again under the same key hears the same."""
    before = {record.order_id: record.answer for record in facts.records}
    yield from _some(
        [
            f"{each.order_id} was {before.get(each.order_id)}, and {each.answer} when asked again"
            for each in facts.repeats
            if each.answer != before.get(each.order_id)
        ]
    )
    asked_again = {each.order_id for each in facts.repeats}
    for answer in ("accepted", "refused"):
        told_so = {record.order_id for record in facts.records if record.answer == answer}
        if told_so and not told_so & asked_again:
            yield f"nobody who was {answer} asked again"


def stock_is_exact(facts: Facts) -> Iterator[str]:
    """No shelf promises more than it has, nothing stays held, and our books and the provider say what was sold."""
    for shelf in facts.shelves:
        if not 0 <= shelf.held <= shelf.on_hand:
            yield f"{shelf.location}/{shelf.sku}: {shelf.held} held of {shelf.on_hand}"
        elif shelf.held:
            yield f"{shelf.location}/{shelf.sku}: {shelf.held} still held"
    for offer in facts.offers:
        if not any(shelf.sku == offer.sku for shelf in facts.shelves):
            yield f"{offer.sku}: no shelf of it is known"
        accepted = facts.answers(offer.stream)["accepted"]
        for who, units in (("our books", facts.sold), ("the provider", facts.promised)):
            if units.get(offer.sku, 0) != accepted:
                yield f"{offer.sku}: {accepted} accepted, {units.get(offer.sku, 0)} sold as {who} say{_s(who)}"


def one_saga_each(facts: Facts) -> Iterator[str]:
    """Every accepted order has exactly one workflow, and nothing else has any."""
    found = [
        f"{order_id} has {facts.workflows.get(order_id, 0)} workflows"
        for order_id in sorted(facts.accepted)
        if facts.workflows.get(order_id, 0) != 1
    ]
    extra = sorted(facts.workflows.keys() - facts.accepted)
    yield from _some(found + [f"{order_id} has a workflow and was not accepted" for order_id in extra])


def books_balance(facts: Facts) -> Iterator[str]:
    """Our books are the companies' records: the audit, and reconciliation."""
    yield from _some([f"audit: {each}" for each in facts.differences])
    yield from _some([f"reconciliation: {each}" for each in facts.findings])
    for source in ("payments", "provider:shipbob"):
        if facts.looked_at.get(source, 0) < len(facts.accepted):
            yield f"reconciliation looked at {facts.looked_at.get(source, 0)} {source} of {len(facts.accepted)}"


def it_happened_as_planned(facts: Facts) -> Iterator[str]:
    """Every process that was to be killed was, and came back; everything came to an end."""
    yield from (f"{part} was not killed" for part in (Counter(facts.kills_planned) - Counter(facts.killed)).elements())
    for part, times in Counter(facts.killed).items():
        if facts.restarts.get(part, 0) < times:
            yield f"{part} was killed {times} times and restarted {facts.restarts.get(part, 0)} times"
    for part in sorted(facts.restarts.keys() - set(facts.killed)):
        if facts.restarts[part]:
            yield f"{part} died by itself"
    yield from facts.unfinished


def _some(found: Sequence[str]) -> Iterator[str]:
    """The first few and how many more there are."""
    yield from found[:_SHOWN]
    if len(found) > _SHOWN:
        yield f"and {len(found) - _SHOWN} more like that"


def _s(who: str) -> str:
    return "" if who.endswith("s") else "s"


CHECKS: Final[tuple[Check, ...]] = (
    counts_are_exact,
    strange_answers,
    others_are_served,
    promises_are_kept,
    nothing_is_refused_after_acceptance,
    repeats_agree,
    stock_is_exact,
    one_saga_each,
    books_balance,
    it_happened_as_planned,
)
