"""PUT /shipment/{id}:updateAddress: a new address for a shipment that has not been picked."""

from emulators.shipbob import stages, validation
from emulators.shipbob.desk import Desk
from emulators.shipbob.stages import Record


def update_address(desk: Desk, shipment_id: int, body: Record) -> tuple[int, Record]:
    """Change the address, or answer with the error model of this call: 400 at once, or 200 without success."""
    shipment = desk.books.shipment(shipment_id)
    if shipment is None:
        return 400, _error("NOT_FOUND", f"Shipment {shipment_id} was not found")
    missing = [field for field in ("street_address1", "city") if not body.get(field)]
    if missing:
        return 400, _error("INVALID_PARAMETER", f"The {missing[0]} field is required")
    if validation.is_undeliverable(body["street_address1"], body.get("zip_code")):
        return 400, _error("VALIDATION_ERROR", validation.INVALID_ADDRESS)
    if not stages.may_cancel(shipment):
        refused = _error("CONFLICT", f"Shipment is {stages.status_of(shipment)} and can no longer be changed")
        return 200, {"id": shipment_id, "is_success": False, "error": refused}
    _apply(desk, shipment, body)
    return 200, {"id": shipment_id, "is_success": True}


def _apply(desk: Desk, shipment: Record, body: Record) -> None:
    shipment["recipient"] = _recipient(shipment["recipient"], body)
    desk.books.write_log(shipment, 910, "AddressUpdated", "Shipping address updated")
    desk.books.save_shipment(shipment)
    if shipment["trouble"] == "InvalidAddress":
        desk.warehouse.release(shipment)


def _recipient(before: Record, body: Record) -> Record:
    address = {
        "address1": body["street_address1"],
        "address2": body.get("street_address2"),
        "city": body["city"],
        "state": body.get("state"),
        "country": body.get("country_code") or before["address"]["country"],
        "zip_code": body.get("zip_code"),
        "company_name": body.get("company_name"),
    }
    return {
        "name": body.get("recipient_name") or before.get("name"),
        "email": body.get("email") or before.get("email"),
        "phone_number": body.get("phone_number") or before.get("phone_number"),
        "address": address,
    }


def _error(code: str, message: str) -> Record:
    return {"code": code, "message": message}
