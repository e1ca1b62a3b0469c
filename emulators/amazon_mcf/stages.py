"""The life of an order at Amazon: its stages, how long each lasts, and the words an API reader sees.

The words are those of the enumerations `FulfillmentOrderStatus`, `fulfillmentShipmentStatus` and `CurrentStatus` of the
2020-07-01 API, and of `OrderStatus`, `ShipmentStatus` and `ShipmentPackageStatus` of the 2026-07-04 API.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of an order's life: its name, and the time since the step before."""

    name: str
    after: timedelta


STAGES: Final = (
    Stage("New", timedelta(0)),
    Stage("Received", timedelta(minutes=1)),
    Stage("Planning", timedelta(minutes=15)),
    Stage("Processing", timedelta(hours=2)),
    Stage("Shipped", timedelta(hours=4)),
    Stage("InTransit", timedelta(hours=3)),
    Stage("Delivered", timedelta(hours=48)),
)
NAMES: Final = tuple(stage.name for stage in STAGES)
STATUS_CHANGES: Final = NAMES[: NAMES.index("Shipped") + 1]
"""What moves a package afterwards changes no order's status."""
HOLD_LASTS: Final = timedelta(days=14)
DECIDES_AFTER: Final = timedelta(minutes=1)

STATUS_2020: Final = dict.fromkeys(NAMES[4:], "Complete") | {name: name for name in NAMES[:4]}
STATUS_2026: Final = dict.fromkeys(NAMES[4:], "COMPLETE") | dict.fromkeys(NAMES[:4], "PROCESSING")
OUTCOME_2026: Final = {"Cancelled": "CANCELLED", "Unfulfillable": "UNFULFILLABLE", "Invalid": "INVALID"}


def stage_after(name: str) -> Stage | None:
    """The stage that follows, or None at the end of the life."""
    following = NAMES.index(name) + 1
    return STAGES[following] if following < len(STAGES) else None


def reached(order: Record, name: str) -> bool:
    """Whether the order has physically reached the stage, whatever its status says."""
    return NAMES.index(order["stage"]) >= NAMES.index(name)


def ended(order: Record) -> str | None:
    """Cancelled, Unfulfillable or Invalid, as far as a reader is told: what ships anyway shows it once it left."""
    outcome: str | None = order["outcome"]
    return None if outcome and order["ships_anyway"] and reached(order, "Shipped") else outcome


def status_2020(order: Record) -> str:
    """The order's status as the 2020-07-01 API prints it."""
    status = ended(order) or STATUS_2020[order["stage"]]
    return "CompletePartialled" if status == "Complete" and is_short(order) else status


def status_2026(order: Record) -> str:
    """The order's status as the 2026-07-04 API prints it."""
    outcome = ended(order)
    status = OUTCOME_2026[outcome] if outcome else STATUS_2026[order["stage"]]
    return "COMPLETE_PARTIAL" if status == "COMPLETE" and is_short(order) else status


def is_short(order: Record) -> bool:
    """Whether some of its units are not fulfilled."""
    return any(line["cancelled"] or line["unfulfillable"] for line in order["lines"])


def shows_shipments(order: Record) -> bool:
    """Shipments are shown from the first pick on."""
    return reached(order, "Processing") and ended(order) is None


def package_word(order: Record) -> str | None:
    """What tracking says of its packages in the words of `CurrentStatus`; None before they left."""
    if not reached(order, "Shipped"):
        return None
    words = {"Shipped": "UNKNOWN", "InTransit": "IN_TRANSIT", "Delivered": order["tracking"] or "DELIVERED"}
    return words[order["stage"]]


def may_cancel(order: Record) -> bool:
    """ "The seller cannot cancel a fulfillment order that has a status of Processing" (FulfillmentOrderStatus)."""
    return order["outcome"] is None and not reached(order, "Processing")
