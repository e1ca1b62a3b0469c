"""Voiding a label: a refund that is asked for, and decided by the carrier later.

"Submitted", "refunded", "rejected", "not_applicable", and that a rejected refund may be asked for again, are from
the documentation page "Shipping Refund". A label is refundable only while its tracker says ``pre_transit``.
"""

from datetime import timedelta
from typing import Final

from emulators.common import Timers
from emulators.easypost import errors
from emulators.easypost.books import Books, Record
from emulators.easypost.events import Events
from emulators.easypost.scripts import Scripts
from emulators.easypost.tracking import Tracking

DECISION: Final = "refund_decision"
AFTER: Final = timedelta(hours=1)


class Refunds:
    """Asks carriers for refunds. Every method expects to run inside a store transaction."""

    def __init__(self, books: Books, timers: Timers, scripts: Scripts, events: Events, tracking: Tracking) -> None:
        self._books, self._timers, self._scripts = books, timers, scripts
        self._events, self._tracking = events, tracking

    def request(self, shipment: Record) -> None:
        """Ask for a refund, or refuse at once. A label to be voided is not handed to the carrier meanwhile."""
        if shipment["postage_label"] is None:
            raise errors.postage_required()
        if shipment["refund_status"] not in {None, "rejected"}:
            raise errors.refund_unavailable(f"A refund is already {shipment['refund_status']}.")
        tracker = self._tracker(shipment)
        if tracker["status"] != "pre_transit":
            raise errors.refund_unavailable("The parcel has been shipped.")
        self._tracking.hold(tracker)
        refund = {
            **self._books.new("rfnd", "Refund"),
            "shipment_id": shipment["id"],
            "tracking_code": shipment["tracking_code"],
            "carrier": shipment["selected_rate"]["carrier"],
            "confirmation_number": None,
        }
        self._settle(shipment, refund, "submitted")
        self._timers.after(AFTER.total_seconds(), DECISION, {"shipment_id": shipment["id"]}, key=refund["id"])

    def on_timer(self, shipment_id: str) -> None:
        """The carrier decides: a scanned parcel is not refunded whatever the script says."""
        shipment = self._books.shipment(shipment_id)
        refund = shipment and self._books.refund_of(shipment)
        if not shipment or not refund:
            return
        tracker, status = self._tracker(shipment), self._scripts.of(shipment)["refund"]
        if tracker["status"] != "pre_transit":
            status = "rejected"
        self._settle(shipment, refund, status)
        if status == "refunded":
            self._events.send("refund.successful", refund, {"status": "submitted"})
        elif tracker["step"] == 0:
            self._tracking.resume(tracker)

    def _settle(self, shipment: Record, refund: Record, status: str) -> None:
        refund["status"] = status
        self._books.save_refund(refund)
        shipment["refund_status"] = status
        if status == "refunded":
            shipment["label"] = "voided"
        self._books.save_shipment(shipment)

    def _tracker(self, shipment: Record) -> Record:
        tracker = self._books.tracker(shipment["tracker_id"])
        assert tracker is not None, "a bought label has a tracker"
        return tracker
