"""What became of a return, in words."""

from datetime import timedelta
from typing import Any

from ordersaga.domain.journal import TimelineEntry
from ordersaga.domain.return_words import outcome_told
from ordersaga.domain.returns import InspectedLine, Inspection, ReturnCase, ReturnRecord, ReturnRequest, ReturnStatus
from tests.domain.test_return_rules import DELIVERED, NOW, plan_of, units
from tests.fakes.samples import order


def record(**known: Any) -> ReturnRecord:
    """A return of two MUG."""
    bought = order("o1", ("MUG", 2))
    request = known.pop("request", ReturnRequest(lines=units(MUG=2), reason="unwanted"))
    case = ReturnCase(
        order=bought, plan=plan_of(bought), number=1, request=request, delivered_at=DELIVERED, accepted_at=NOW
    )
    return ReturnRecord(case=case, **known)


def entry(kind: str, text: str) -> TimelineEntry:
    """A line of the order's story."""
    return TimelineEntry(at=NOW + timedelta(hours=1), source="journal", kind=kind, text=text)


def test_nothing_is_said_of_a_return_to_which_nothing_happened() -> None:
    """And goodwill names its amount already."""
    assert outcome_told(record(status=ReturnStatus.AWAITING_GOODS), []) == []
    gift = ReturnRequest(wish="keep", reason="goodwill", amount=5, by="ann")
    assert outcome_told(record(request=gift, status=ReturnStatus.REFUNDED, refunded=5), []) == []


def test_money_units_and_the_last_word_about_the_exchange() -> None:
    """Of this return only: another return of the order has a story of its own."""
    found = Inspection(lines=(InspectedLine(sku="MUG", sellable=1, refused=1),), by="w", reason="worn")
    story = [
        entry("exchange_placed", "o1-r1: order o1x1 is placed in exchange"),
        entry("refund_limited", "o1-r1: USD 10.00 by the rule, but only USD 9.00 is left of what was captured"),
        entry("exchange_not_placed", "o1-r1: the exchange could not be placed (declined); the refund stands"),
        entry("exchange_placed", "o1-r11: order o1x11 is placed in exchange"),
    ]
    assert outcome_told(record(inspection=found, refunded=900), story) == [
        "USD 9.00 was given back for 1 MUG.",
        "Refused and sent back: 1 MUG.",
        "USD 10.00 by the rule, but only USD 9.00 is left of what was captured.",
        "The exchange could not be placed (declined); the refund stands.",
    ]
