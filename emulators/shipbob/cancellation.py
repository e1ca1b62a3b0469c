"""Cancelling at the merchant's request: what ShipBob agrees to, refuses, or agrees to and forgets."""

from collections.abc import Callable
from typing import Final

from emulators.shipbob import stages
from emulators.shipbob.books import Books
from emulators.shipbob.scripts import Scripts
from emulators.shipbob.stages import Record
from emulators.shipbob.warehouse import Warehouse

CANCELLED: Final = "Shipment was cancelled"
TOO_LATE: Final = "Shipment has already been picked, packed, or shipped"
ALREADY_CANCELLED: Final = "Shipment is already cancelled"
REFUSED: Final = "Shipment could not be cancelled by the fulfillment center"
UNKNOWN: Final = "Shipment was not found"
MERCHANT: Final = "merchant"


class NotCancellableError(Exception):
    """Nothing of it is in a state where a cancellation means anything: 422."""


class Cancellation:
    """Answers cancel requests. Every method expects to run inside a store transaction."""

    def __init__(self, books: Books, scripts: Scripts, warehouse: Warehouse) -> None:
        self._books, self._scripts, self._warehouse = books, scripts, warehouse

    def order(self, order: Record) -> tuple[str, list[Record]]:
        """Cancel every shipment of an order: ``Success``, ``Failure`` or ``PartialSuccess``, and one result each."""
        shipments = order["shipments"]
        if all(stages.status_of(shipment) in {"Cancelled", "Completed"} for shipment in shipments):
            raise NotCancellableError(f"Order {order['id']} is {order['status']} and is not in a cancellable state")
        results = [self._result(shipment) for shipment in shipments]
        successes = [result["is_success"] for result in results]
        return "Success" if all(successes) else "PartialSuccess" if any(successes) else "Failure", results

    def shipment(self, shipment: Record) -> None:
        """Cancel one, or raise NotCancellableError (POST /shipment/{id}:cancel answers the shipment or 422)."""
        result = self._result(shipment)
        if not result["is_success"]:
            raise NotCancellableError(result["reason"])

    def batch(self, shipment_ids: list[int]) -> list[Record]:
        """Cancel several shipments, each on its own."""
        return [self._by_id(shipment_id) for shipment_id in shipment_ids]

    def _by_id(self, shipment_id: int) -> Record:
        shipment = self._books.shipment(shipment_id)
        return self._result(shipment) if shipment else _result_of(shipment_id, success=False, reason=UNKNOWN)

    def _result(self, shipment: Record) -> Record:
        order = self._books.order(shipment["order_id"])
        assert order is not None, "a shipment has an order"
        plan = self._scripts.of(order)["cancel"]
        refusal = _refusal(shipment, plan, order)
        if refusal:
            return _result_of(shipment["id"], success=False, reason=refusal)
        self._warehouse.cancel(shipment, MERCHANT, ships_anyway=plan == "agree_and_ship")
        return _result_of(shipment["id"], success=True, reason=CANCELLED)


def _refusal(shipment: Record, plan: str | None, order: Record) -> str | None:
    if shipment["cancelled_at"]:
        return ALREADY_CANCELLED
    if not stages.may_cancel(shipment):
        return TOO_LATE
    is_first = shipment["id"] == order["shipments"][0]["id"]
    return REFUSED if plan == "refuse" or (plan == "partial" and not is_first) else None


def _result_of(shipment_id: int, *, success: bool, reason: str) -> Record:
    return {"shipment_id": shipment_id, "action": "Cancel", "is_success": success, "reason": reason}


def cancel_by_provider(shipments: list[Record], cancel: Callable[[Record, str], None]) -> dict[str, list[int]]:
    """The provider's own cancellation: everything still in its building, picked or not."""
    gone = [shipment for shipment in shipments if shipment["goods_left"] or shipment["cancelled_at"]]
    kept = [shipment for shipment in shipments if shipment not in gone]
    for shipment in kept:
        cancel(shipment, "provider")
    return {"cancelled": [shipment["id"] for shipment in kept], "skipped": [shipment["id"] for shipment in gone]}
