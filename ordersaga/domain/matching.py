"""What all rules of reconciliation share: what counts as old enough, who minds an order, how a finding is made.

Each rule is a function of what a company lists, what our ledgers hold of the same things, and the moment; it yields
findings and nothing else. `minded`: the order's saga runs, so whatever the saga can know is its own business.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ordersaga.domain.evidence import OrderEvidence
from ordersaga.domain.reconciliation import Finding, FindingKind, Repair
from ordersaga.domain.statuses import ParcelStatus

REPAIRS: Final[Mapping[FindingKind, Repair]] = {
    FindingKind.ORPHAN_AUTHORIZATION: Repair.VOID,
    FindingKind.MISSED_CAPTURE: Repair.CAPTURE,
    FindingKind.PAID_WITHOUT_GOODS: Repair.REFUND,
    FindingKind.CASH_DIFFERS: Repair.ENTER,
    FindingKind.DOUBLE_LABEL: Repair.VOID_LABEL,
    FindingKind.LIVE_PROVIDER_ORDER: Repair.WITHDRAW,
    FindingKind.PROVIDER_ORDER_MISSING: Repair.ASK,
    FindingKind.STOCK_DRIFT: Repair.ADJUST,
    FindingKind.NEVER_STARTED: Repair.START,
    FindingKind.SAGA_GONE: Repair.ASK,
    FindingKind.MESSAGE_LOST: Repair.DELIVER,
    FindingKind.EFFECT_UNSETTLED: Repair.INQUIRE,
}

CAME_TO_NOTHING: Final = frozenset({ParcelStatus.LOST, ParcelStatus.RETURNED_TO_SENDER})


@dataclass(frozen=True)
class Moment:
    """When we look, and how long things may be under way before they count."""

    now: datetime
    grace: timedelta

    def old(self, at: datetime | None) -> bool:
        """Whether something that came about then is no longer under way; what nobody dates is."""
        return at is None or at <= self.now - self.grace


@dataclass(frozen=True)
class Case:
    """An order in question. `minded`: its saga runs.

    `left`: parcels whose goods left, as a company says. `back`: those of them that were lost or are coming back.
    """

    ours: OrderEvidence
    minded: bool
    left: frozenset[int] = frozenset()
    back: frozenset[int] = frozenset()

    def over(self, moment: Moment) -> bool:
        """Whether nobody will do anything about it any more."""
        return not self.minded and moment.old(self.ours.updated_at)

    def gone(self, parcel: int) -> bool:
        """Whether the parcel's goods left."""
        return parcel in self.ours.shipped or parcel in self.left

    def came_to_nothing(self, parcel: int) -> bool:
        """Whether the parcel's goods left, and never reached the shopper: nothing is charged for them."""
        told = {entry.kind for entry in self.ours.heard if entry.parcel == parcel}
        return parcel in self.back or not CAME_TO_NOTHING.isdisjoint(told)


def finding(kind: FindingKind, subject: str, source: str, about: OrderEvidence | None, /, **known: Any) -> Finding:
    """A finding about an order, or about a thing whose order we do not know."""
    order = {"order_id": about.order_id, "seller": about.order.seller} if about is not None else {}
    made = {"finding_id": f"{kind}:{subject}", "kind": kind, "subject": subject, "repair": REPAIRS[kind]}
    return Finding(**{**made, "source": source, **order, **known})
