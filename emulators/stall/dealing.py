"""What the seller's answers come to here: whose goods left, whose money goes back. Pure, on an order's record."""

from typing import Any, Final

from emulators.stall.books import Record

_LEFT: Final = frozenset({"in_transit", "delivered", "returned_to_sender", "lost"})
_UNDONE: Final = frozenset({"canceled", "rejected"})
_ENDED: Final = frozenset({"completed", "returned"})
_REFUSED: Final = frozenset({402, 409, 422})


def placed(order: Record, status: int, answer: Record) -> None:
    """The seller has it, or has refused it; any other answer is none, and it is asked again."""
    if status == 201:
        order["status"] = "accepted"
    elif status in _REFUSED:
        give_all_back(order, str(answer.get("code", status)))


def answered(order: Record, status: int, answer: Record) -> None:
    """What the seller said of the shopper's cancellation; not decided is not answered (202)."""
    if status == 200:
        order["cancellation"]["outcome"] = answer["outcome"]


def looked(order: Record, document: Record) -> None:
    """How the seller's order stands: parcels that left are told for good; of what was undone, the money goes back."""
    live = document.get("live")
    _note_shipments(order, live["parcels"] if live else [])
    if document["status"] in _UNDONE:
        give_all_back(order, document.get("reason") or "canceled")
    elif live and document["status"] in _ENDED:
        order["status"] = "completed"
    elif order["shipments"]:
        order["status"] = "shipped"


def give_all_back(order: Record, reason: str) -> None:
    """Nothing of it ships: the shopper has all of the money again."""
    order.update(status="canceled", refunded=order["total"], reason=reason)


def give_back(order: Record, amount: int) -> bool:
    """Some of the money; False when less than that is left of it."""
    if amount > order["total"] - order["refunded"]:
        return False
    order["refunded"] += amount
    return True


def _note_shipments(order: Record, parcels: list[Record]) -> None:
    known = {shipment["parcel"] for shipment in order["shipments"]}
    for parcel in parcels:
        if parcel["status"] in _LEFT and parcel["plan"]["parcel"] not in known:
            order["shipments"].append(_shipment(parcel))


def _shipment(parcel: Record) -> dict[str, Any]:
    lines = [{"sku": line["sku"], "quantity": line["quantity"]} for line in parcel["plan"]["lines"]]
    return {
        "parcel": parcel["plan"]["parcel"],
        "carrier": parcel["carrier"],
        "tracking_number": parcel["tracking_number"],
        "lines": lines,
    }
