"""The life of a parcel at ShipBob: its stages, how long each lasts, and what an API reader sees of them.

Names and numbers of the status details follow the table "Shipment Statuses" on ShipBob's status reference page;
the status enumeration is the one of the 2026-01 order API.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Detail:
    """One entry of ``status_details``."""

    id: int
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a parcel's life: its name, the time since the step before, and the status shown for it."""

    name: str
    after: timedelta
    status: str
    detail: Detail | None


STAGES: Final = (
    Stage("Processing", timedelta(0), "Processing", None),
    Stage("Picked", timedelta(hours=4), "Processing", Detail(100, "Picked", "Picking Completed")),
    Stage("Packed", timedelta(hours=1), "Processing", Detail(101, "Packed", "Packing Completed")),
    Stage("LabeledCreated", timedelta(minutes=30), "LabeledCreated", Detail(102, "Labeled", "Label Generated")),
    Stage("Completed", timedelta(hours=3), "Completed", Detail(200, "Processing", "Waiting For Carrier Pickup")),
    Stage("InTransit", timedelta(hours=3), "Completed", Detail(201, "InTransit", "Shipment In Transit")),
    Stage("Delivered", timedelta(hours=48), "Completed", Detail(203, "Delivered", "Shipment Delivered")),
)
NAMES: Final = tuple(stage.name for stage in STAGES)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A reason why a shipment does not go on, with the status it puts the shipment in."""

    status: str
    detail: Detail


TROUBLES: Final = {
    "InactiveSku": Trouble("Exception", Detail(302, "InactiveSku", "Shipment Contains an inactive sku")),
    "OutOfStock": Trouble("Exception", Detail(303, "OutOfStock", "No Stock On Hand For Sku")),
    "UnknownSku": Trouble("Exception", Detail(304, "UnknownSku", "No Sku History")),
    "InventoryPartiallyCommitted": Trouble(
        "Exception", Detail(308, "InventoryPartiallyCommitted", "Shipment is partially allocated")
    ),
    "PaymentDeclined": Trouble("OnHold", Detail(400, "PaymentDeclined", "Payment Failure")),
    "InvalidAddress": Trouble("OnHold", Detail(401, "InvalidAddress", "Invalid Address")),
    "DeliveryException": Trouble(
        "Completed", Detail(204, "DeliveryException", "The carrier could not deliver the shipment")
    ),
}
ALIASES: Final = {"AddressInvalid": "InvalidAddress"}


def trouble_name(name: str) -> str | None:
    """The vendor's name of a trouble, or None for a name it does not have."""
    known = ALIASES.get(name, name)
    return known if known in TROUBLES else None


def stage_of(shipment: Record) -> Stage:
    """The stage the parcel has physically reached."""
    return STAGES[NAMES.index(shipment["stage"])]


def stage_after(name: str) -> Stage | None:
    """The stage that follows, or None at the end of the life."""
    following = NAMES.index(name) + 1
    return STAGES[following] if following < len(STAGES) else None


def reached(shipment: Record, name: str) -> bool:
    """Whether the parcel has physically reached the stage, whatever its status says."""
    return NAMES.index(shipment["stage"]) >= NAMES.index(name)


def hides_its_life(shipment: Record) -> bool:
    """Whether a cancelled shipment still shows as cancelled: a parcel shipped anyway shows it from its label on."""
    return bool(shipment["cancelled_at"]) and not (shipment["ships_anyway"] and reached(shipment, "LabeledCreated"))


def status_of(shipment: Record) -> str:
    """The shipment status as the API reports it."""
    if hides_its_life(shipment):
        return "Cancelled"
    if shipment["trouble"]:
        return TROUBLES[shipment["trouble"]].status
    return stage_of(shipment).status


def detail_of(shipment: Record) -> Detail | None:
    """The status detail as the API reports it."""
    if hides_its_life(shipment):
        return None
    if shipment["trouble"]:
        return TROUBLES[shipment["trouble"]].detail
    return stage_of(shipment).detail


def may_cancel(shipment: Record) -> bool:
    """ShipBob cancels a shipment that is "not picked, packed, or shipped yet" (POST /shipment:batchCancel)."""
    return not shipment["cancelled_at"] and not reached(shipment, "Picked")


def order_status(statuses: list[str]) -> str:
    """The order status, imputed from its shipments (ShipBob status reference, "Order Statuses")."""
    alive = [status for status in statuses if status != "Cancelled"]
    if not alive:
        return "Cancelled"
    if all(status == "Completed" for status in alive):
        return "Fulfilled"
    if any(status in {"Exception", "OnHold"} for status in alive):
        return "Exception"
    return "PartiallyFulfilled" if "Completed" in alive else "Processing"
