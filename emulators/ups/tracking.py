"""A parcel's way from the label to the door, scan by scan, in the status types and codes of UPS's tracking."""

from datetime import timedelta
from typing import Final

from emulators.common import Timers
from emulators.ups.books import Books, Record
from emulators.ups.scripts import Scripts

NEXT_SCAN: Final = "next_scan"
WAY: Final = ("label", "in_transit", "out_for_delivery", "delivered")
AFTER: Final = {
    "in_transit": timedelta(hours=6),
    "out_for_delivery": timedelta(hours=30),
    "delivered": timedelta(hours=6),
}
SCANS: Final = {
    # what happened: type, code, status code, words
    "label": ("M", "MP", "003", "Shipper created a label, UPS has not received the package yet. "),
    "voided": ("MV", "VP", "007", "Shipment information voided"),
    "in_transit": ("I", "OR", "005", "Arrived at Facility"),
    "out_for_delivery": ("I", "OT", "021", "Out For Delivery Today"),
    "delivered": ("D", "FS", "011", "DELIVERED "),
    "delay": ("X", "7V", "051", "Severe weather has delayed delivery."),
    "return_requested": ("X", "RF", "033", "The sender requested that the package be returned."),
    "returning": ("X", "RS", "035", "Returning to Sender"),
    "returned": ("RS", "RS", "034", "Returned to Sender"),
    "lost": ("X", "LF", "068", "Sent to Lost and Found"),
    "exception": ("X", "48", "029", "Action is required before the package can be delivered."),
}


class Tracking:
    """Moves parcels along. Every method expects to run inside a store transaction."""

    def __init__(self, books: Books, timers: Timers, scripts: Scripts) -> None:
        self._books, self._timers, self._scripts = books, timers, scripts

    def begin(self, shipment: Record) -> None:
        """A label was bought."""
        self._scan(shipment, "label")
        self._live_on(shipment)

    def on_timer(self, number: str) -> None:
        """The time of the next scan has come."""
        shipment = self._books.shipment(number)
        if shipment is not None and shipment["stage"] in WAY[:-1]:
            self._step(shipment, WAY.index(shipment["stage"]) + 1)
            self._live_on(shipment)

    def advance(self, shipment: Record, to: str) -> bool:
        """Go through every scan up to one at once. False when the parcel is there already, or at its end.

        ``delivered`` means the end of the way, which a script may have changed; another end is taken as it is.
        """
        if shipment["stage"] not in WAY[:-1]:
            return False
        last = len(WAY) - 1
        here, there = WAY.index(shipment["stage"]), WAY.index(to) if to in WAY else last
        for step in range(here + 1, there + 1):
            self._step(shipment, step, to if step == last and to not in WAY else None)
        self._live_on(shipment)
        return there > here

    def delay(self, shipment: Record) -> None:
        """The carrier says that it will be late: no step on the way."""
        self._note(shipment, "delay")
        self._books.save(shipment)

    def turn_around(self, shipment: Record, *, missed: bool) -> None:
        """An intercept was taken: at the end of its way the parcel is back at its sender, unless it was missed."""
        self._note(shipment, "return_requested")
        shipment["turned"] = "missed" if missed else "turned"
        self._books.save(shipment)

    def void(self, shipment: Record) -> None:
        """The label is worth nothing any more."""
        self._timers.cancel(shipment["id"])
        shipment["label"] = "voided"
        self._scan(shipment, "voided")

    def hold(self, shipment: Record) -> None:
        """No further scan until released."""
        self._timers.cancel(shipment["id"])
        self._books.save({**shipment, "paused": True})

    def release(self, shipment: Record) -> bool:
        """Go on after a hold. False when nothing held the parcel."""
        if not shipment["paused"]:
            return False
        self._schedule({**shipment, "paused": False})
        return True

    def obey(self, shipment: Record, script: Record) -> None:
        """Apply a script that came after the label was bought."""
        if shipment["stage"] == script["stop_at"]:
            self.hold(shipment)

    def _step(self, shipment: Record, step: int, end: str | None = None) -> None:
        """One scan further; at the last one the parcel ends as told."""
        if step < len(WAY) - 1:
            self._scan(shipment, WAY[step])
            return
        end = end or self._end(shipment)
        if end == "returned":
            self._note(shipment, "returning")
        self._scan(shipment, end)

    def _end(self, shipment: Record) -> str:
        turned = shipment["turned"] == "turned"
        return "returned" if turned else str(self._scripts.of(shipment)["end"])

    def _scan(self, shipment: Record, stage: str) -> None:
        self._note(shipment, stage)
        shipment["stage"] = stage
        shipment["scanned"] = shipment["scanned"] or stage not in {"label", "voided"}
        self._books.save(shipment)

    def _note(self, shipment: Record, what: str) -> None:
        """An activity, the most recent one first."""
        shipment["activity"].insert(0, {"what": what, "at": self._books.now().isoformat()})

    def _live_on(self, shipment: Record) -> None:
        if self._scripts.of(shipment)["stop_at"] == shipment["stage"]:
            self.hold(shipment)
        else:
            self._schedule({**shipment, "paused": False})

    def _schedule(self, shipment: Record) -> None:
        self._timers.cancel(shipment["id"])
        self._books.save(shipment)
        if shipment["stage"] in WAY[:-1]:
            seconds = AFTER[WAY[WAY.index(shipment["stage"]) + 1]].total_seconds()
            self._timers.after(seconds, NEXT_SCAN, {"number": shipment["id"]}, key=shipment["id"])
