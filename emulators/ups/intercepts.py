"""Delivery Intercept, "return to sender": asked on the way, before delivery, and promised to nobody.

The paths and shapes are those of UPS's published Delivery Intercept API, version v2.
"""

from typing import Any, Final

from emulators.ups import errors
from emulators.ups.books import Books, Record
from emulators.ups.scripts import Scripts
from emulators.ups.tracking import Tracking

REASONS: Final = frozenset({"AM", "AN", "AQ", "AR", "FA", "KR", "KS", "KV"})
REQUIRED: Final = ("clientIP", "trackingNumber", "transactionId", "source", "requesterContactInfo", "reasonForReturn")
INVALID: Final = "710", "Failure due to input validation error"
ON_ITS_WAY: Final = frozenset({"in_transit", "out_for_delivery"})


class Intercepts:
    """Takes requests. Every method expects to run inside a store transaction."""

    def __init__(self, books: Books, tracking: Tracking, scripts: Scripts) -> None:
        self._books, self._tracking, self._scripts = books, tracking, scripts

    def turn_around(self, number: str, asked: Any) -> Record:
        """The answer to the request; a parcel that was turned around is not turned again."""
        if not isinstance(asked, dict) or any(not asked.get(field) for field in REQUIRED):
            raise errors.refused(INVALID)
        if asked["trackingNumber"] != number or asked["reasonForReturn"] not in REASONS:
            raise errors.refused(INVALID)
        shipment = self._books.shipment(number)
        if shipment is None or shipment["stage"] not in ON_ITS_WAY or shipment["turned"]:
            raise errors.refused(errors.NOT_INTERCEPTED)
        told = self._scripts.of(shipment)["intercept"]
        if told == "refused":
            raise errors.refused(errors.NOT_INTERCEPTED)
        self._tracking.turn_around(shipment, missed=told == "missed")
        return {
            "transactionId": asked["transactionId"],
            "statusCode": "000",
            "statusMsg": "Success",
            "success": True,
            "chargeInfo": [{"chargeCurrency": "USD"}],
            "mycagreementUptoDate": False,
        }
