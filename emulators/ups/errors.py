"""Refusals in UPS's shape: ``{"response": {"errors": [{"code", "message"}]}}``, with the codes UPS publishes."""

from typing import Any, Final


class RefusedError(Exception):
    """The request is answered with an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = error_body(code, message)


def error_body(code: str, message: str) -> dict[str, Any]:
    """The body of an error answer."""
    return {"response": {"errors": [{"code": code, "message": message}]}}


SHIP_TO: Final = "120802", "Address Validation Error on ShipTo address"
SHIP_FROM: Final = "120803", "Address Validation Error on ShipFrom address"
POSTAL_CODE: Final = "120207", "Missing/Invalid ShipTo PostalCode"
NO_CREDENTIALS: Final = "250002", "Invalid Authentication Information."
TOO_MANY: Final = "10429", "Too Many Requests"
NOT_VOIDABLE: Final = "190102", "No shipment found within the allowed void period"
VOID_EXPIRED: Final = "190101", "Time for voiding has expired."
NOTHING_VOIDED: Final = "190121", "None of the submitted packages were voided"
ALREADY_VOIDED: Final = "190117", "The Shipment has already been voided"
LABEL_GONE: Final = "300002", "Label is unavailable -- the package has been sent to the destination address"
LABEL_NOT_FOUND: Final = (
    "300007",
    "The shipment for the requested tracking number or the combination of reference number plus shipper number "
    "could not be found. Please check the submitted data or wait until the shipment is processed.",
)
LABEL_VOIDED: Final = "300033", "The shipment for which you are trying to recover a label or Receipt has been voided."
NOT_TRACKED: Final = "TW0001", "Tracking Information Not Found"
NOT_INTERCEPTED: Final = "1203", "The package is not eligible for the requested intercept"

REFUSALS: Final = {"address_invalid": SHIP_TO}


def refused(known: tuple[str, str], status: int = 400) -> RefusedError:
    """One of the refusals above."""
    return RefusedError(status, *known)


def missing(code: str, field: str) -> RefusedError:
    """A field is missing, too long or makes no sense."""
    return RefusedError(400, code, f"Missing/Invalid {field}")
