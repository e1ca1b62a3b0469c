"""The life of an order at Newegg: its stages, how long each lasts, and what an API reader sees of them.

Numbers and names of the statuses are those of "Get Order Information"; an order being processed by the warehouse is
still shown as Unshipped, and can no longer be canceled ("Cancel Order").
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of an order's life: its name, the time since the step before, and the status shown for it."""

    name: str
    after: timedelta
    status: int


STAGES: Final = (
    Stage("Unshipped", timedelta(0), 0),
    Stage("Processing", timedelta(hours=2), 0),
    Stage("PartiallyShipped", timedelta(hours=3), 1),
    Stage("Shipped", timedelta(hours=1), 2),
    Stage("Invoiced", timedelta(hours=12), 3),
)
NAMES: Final = tuple(stage.name for stage in STAGES)
VOIDED: Final = 4
DESCRIPTIONS: Final = ("Unshipped", "Partially Shipped", "Shipped", "Invoiced", "Voided")
STATUS_NAMES: Final = ("Unshipped", "PartiallyShipped", "Shipped", "Invoiced", "Voided")
ITEM_STATUS: Final = {1: "Unshipped", 2: "Shipped", 3: "Cancelled"}


def stage_of(order: Record) -> Stage:
    """The stage the order has physically reached."""
    return STAGES[NAMES.index(order["stage"])]


def stage_after(order: Record) -> Stage | None:
    """The stage that follows, or None at the end; an order of one package is never shipped in part."""
    following = [stage for stage in STAGES[NAMES.index(order["stage"]) + 1 :] if _applies(stage, order)]
    return following[0] if following else None


def _applies(stage: Stage, order: Record) -> bool:
    return stage.name != "PartiallyShipped" or len(order["shipments"]) > 1


def reached(order: Record, name: str) -> bool:
    """Whether the order has physically reached the stage, whatever its status says."""
    return NAMES.index(order["stage"]) >= NAMES.index(name)


def lives(order: Record) -> bool:
    """Whether anything still happens to the order."""
    return not order["cancelled_at"] or bool(order["ships_anyway"])


def status_of(order: Record) -> int:
    """The order's status as the API reports it; one that is shipped although voided shows it once goods have left."""
    gone = any(package["goods_left"] for package in order["shipments"])
    if order["cancelled_at"] and not (order["ships_anyway"] and gone):
        return VOIDED
    return stage_of(order).status


def may_cancel(order: Record) -> bool:
    """Only what the warehouse has not begun with."""
    return not order["cancelled_at"] and not reached(order, "Processing")
