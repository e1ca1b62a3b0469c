"""Trackers: a parcel's way from the label to the door, scan by scan.

Status names are those of the Tracker object in the EasyPost documentation, as are the test tracking codes.
"""

from datetime import timedelta
from typing import Any, Final

from emulators.common import Timers
from emulators.easypost.books import Books, Record
from emulators.easypost.events import Events
from emulators.easypost.scripts import Scripts

NEXT_SCAN: Final = "next_scan"
WAY: Final = ("pre_transit", "in_transit", "out_for_delivery", "delivered")
AFTER: Final = {
    "in_transit": timedelta(hours=6),
    "out_for_delivery": timedelta(hours=30),
    "delivered": timedelta(hours=6),
}
MESSAGES: Final = {
    "pre_transit": "Shipping label created",
    "in_transit": "Accepted at the carrier's facility",
    "out_for_delivery": "Out for delivery",
    "delivered": "Delivered to the recipient",
    "return_to_sender": "Returning to the sender",
    "failure": "Delivery failed",
}
STATUS_DETAILS: Final = {
    "pre_transit": "label_created",
    "in_transit": "arrived_at_facility",
    "out_for_delivery": "out_for_delivery",
    "delivered": "arrived_at_destination",
    "return_to_sender": "return",
    "failure": "failure",
}
TEST_CODES: Final = {
    "EZ1000000001": "pre_transit",
    "EZ2000000002": "in_transit",
    "EZ3000000003": "out_for_delivery",
    "EZ4000000004": "delivered",
    "EZ5000000005": "return_to_sender",
    "EZ6000000006": "failure",
}
PRIVATE: Final = {"paused", "step"}


class Tracking:
    """Moves parcels along. Every method expects to run inside a store transaction."""

    def __init__(self, books: Books, timers: Timers, scripts: Scripts, events: Events) -> None:
        self._books, self._timers, self._scripts, self._events = books, timers, scripts, events

    def begin(self, shipment: Record, carrier: str) -> Record:
        """The tracker of a label just bought."""
        tracker = self._new(shipment["tracking_code"], carrier, shipment["id"])
        self._scan(tracker, 0)
        self._live_on(tracker)
        return tracker

    def watch(self, tracking_code: str, carrier: str | None) -> Record:
        """The tracker of a code somebody wants watched; one code and carrier have one tracker."""
        known = [each for each in self._books.trackers_of(tracking_code) if carrier in {None, each["carrier"]}]
        if known:
            return known[0]
        tracker = self._new(tracking_code, carrier or "USPS", None)
        status = TEST_CODES.get(tracking_code, "unknown")
        tracker["status"], tracker["status_detail"] = status, STATUS_DETAILS.get(status, "unknown")
        self._books.save_tracker(tracker)
        self._events.send("tracker.created", view(tracker))
        return tracker

    def on_timer(self, tracker_id: str) -> None:
        """The time of the next scan has come."""
        tracker = self._books.tracker(tracker_id)
        if tracker is not None and tracker["step"] + 1 < len(WAY):
            self._scan(tracker, tracker["step"] + 1)
            self._live_on(tracker)

    def advance(self, tracker: Record, to: str) -> bool:
        """Go through every scan up to one at once. False when the parcel is there already.

        ``delivered`` means the end of the way, which a script may have changed; another end is taken as it is.
        """
        last = len(WAY) - 1
        step = WAY.index(to) if to in WAY else last
        if tracker["step"] >= step:
            return False
        tracker["paused"] = False
        for following in range(tracker["step"] + 1, step + 1):
            self._scan(tracker, following, to if following == last and to not in WAY else None)
        self._live_on(tracker)
        return True

    def hold(self, tracker: Record) -> None:
        """No further scan until released."""
        self._timers.cancel(tracker["id"])
        tracker["paused"] = True
        self._books.save_tracker(tracker)

    def release(self, tracker: Record) -> bool:
        """Go on after a hold. False when nothing held the parcel."""
        if not tracker["paused"]:
            return False
        tracker["paused"] = False
        self._schedule(tracker)
        return True

    def resume(self, tracker: Record) -> None:
        """Live on as after the last scan: a script that stops there still does."""
        tracker["paused"] = False
        self._live_on(tracker)

    def obey(self, tracker: Record, script: Record) -> None:
        """Apply a script that came after the label was bought."""
        if tracker["status"] == script["stop_at"]:
            self.hold(tracker)

    def _new(self, tracking_code: str, carrier: str, shipment_id: str | None) -> Record:
        tracker = self._books.new("trk", "Tracker")
        nothing: dict[str, Any] = dict.fromkeys(("signed_by", "weight", "est_delivery_date", "carrier_detail"))
        return {
            **tracker,
            **nothing,
            "tracking_code": tracking_code,
            "carrier": carrier,
            "shipment_id": shipment_id,
            "status": "unknown",
            "status_detail": "unknown",
            "tracking_details": [],
            "fees": [],
            "public_url": f"https://track.easypost.com/{tracker['id']}",
            "paused": False,
            "step": 0,
        }

    def _scan(self, tracker: Record, step: int, status: str | None = None) -> None:
        shipment = self._books.shipment(tracker["shipment_id"])
        last = step == len(WAY) - 1
        before = tracker["status"]
        status = status or (self._scripts.of(shipment)["end"] if last else WAY[step])
        tracker.update(step=step, status=status, status_detail=STATUS_DETAILS[status])
        tracker["tracking_details"].append(_detail(status, tracker["carrier"], self._books.now()))
        self._books.save_tracker(tracker)
        if shipment is not None:
            self._books.save_shipment({**shipment, "status": status})
        if step == 0:
            self._events.send("tracker.created", view(tracker))
        else:
            self._events.send("tracker.updated", view(tracker), {"status": before})

    def _live_on(self, tracker: Record) -> None:
        shipment = self._books.shipment(tracker["shipment_id"])
        if self._scripts.of(shipment)["stop_at"] == tracker["status"]:
            self.hold(tracker)
        else:
            self._schedule(tracker)

    def _schedule(self, tracker: Record) -> None:
        self._timers.cancel(tracker["id"])
        self._books.save_tracker(tracker)
        if tracker["step"] + 1 < len(WAY):
            seconds = AFTER[WAY[tracker["step"] + 1]].total_seconds()
            self._timers.after(seconds, NEXT_SCAN, {"tracker_id": tracker["id"]}, key=tracker["id"])


def _detail(status: str, carrier: str, now: str) -> Record:
    location = {"object": "TrackingLocation", "city": "CHICAGO", "state": "IL", "country": "US", "zip": "60601"}
    return {
        "object": "TrackingDetail",
        "message": MESSAGES[status],
        "description": "",
        "status": status,
        "status_detail": STATUS_DETAILS[status],
        "datetime": now,
        "source": carrier,
        "carrier_code": None,
        "tracking_location": location,
    }


def view(tracker: Record) -> Record:
    """The tracker as the API prints it."""
    return {name: value for name, value in tracker.items() if name not in PRIVATE}
