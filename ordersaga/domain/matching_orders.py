"""Orders: our own books beside what Temporal says of their sagas."""

from typing import Final, Literal

from ordersaga.domain.evidence import OpenEffect, OrderEvidence
from ordersaga.domain.matching import Moment, finding
from ordersaga.domain.reconciliation import ORDERS, Finding, FindingKind
from ordersaga.domain.statuses import OrderStatus

GONE: Final = "saga_gone"
"""The question people are asked about an order without a saga whose books do not balance."""

Standing = Literal["running", "ended", "never"]


def match_order(ours: OrderEvidence, standing: Standing, moment: Moment) -> Finding | None:
    """An order nobody minds although it has not ended. One that waits in line is minded by whoever gives."""
    if ours.final or ours.returning or standing == "running" or not moment.old(ours.updated_at):
        return None
    if ours.status is OrderStatus.WAITLISTED:
        return None
    if ours.started:
        return _gone(ours, standing)
    return _never_started(ours) if standing == "never" and moment.old(ours.accepted_at) else None


def match_effect(effect: OpenEffect, standing: Standing, moment: Moment) -> Finding | None:
    """A call nobody will ask about any more. Of an order whose saga runs it is the saga's business."""
    minded = not effect.final and standing == "running"
    if minded or not moment.old(effect.intended_at) or not moment.old(effect.updated_at):
        return None
    return finding(
        FindingKind.EFFECT_UNSETTLED,
        effect.key,
        ORDERS,
        None,
        order_id=effect.order_id,
        seller=effect.seller,
        parcel=effect.parcel,
        generation=effect.generation,
        what=f"nobody knows what came of {effect.step} of parcel {effect.parcel}",
        ours="unknown",
        theirs="not asked",
        facts={"key": effect.key, "step": effect.step},
    )


def _never_started(ours: OrderEvidence) -> Finding:
    return finding(
        FindingKind.NEVER_STARTED,
        ours.order_id,
        ORDERS,
        ours,
        what=f"accepted {ours.accepted_at:%d %b %H:%M} UTC, and its saga was never started",
        ours=f"{ours.status}, accepted",
        theirs="no saga",
    )


def _gone(ours: OrderEvidence, standing: Standing) -> Finding:
    return finding(
        FindingKind.SAGA_GONE,
        ours.order_id,
        ORDERS,
        ours,
        what=f"the order is {ours.status}, and its saga is no more",
        ours=ours.status.value,
        theirs="ended" if standing == "ended" else "no saga within Temporal's retention",
    )
