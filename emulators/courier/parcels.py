"""A parcel's way: from the label to the door, back to its sender, or nowhere."""

from typing import Final

from emulators.common import Timers
from emulators.courier.books import Books, Record
from emulators.courier.events import Events
from emulators.courier.problems import RefusedError
from emulators.courier.scripts import Scripts

NEXT: Final = "next_status"
_OUT: Final = ("created", "picked_up", "in_transit", "out_for_delivery")
_BACK: Final = ("returning", "returned")
WAYS: Final = {
    "delivered": (*_OUT, "delivered"),
    "delivered_later": (*_OUT, "attempt_failed", "delivered"),
    "refused": (*_OUT, "refused", *_BACK),
    "returned": (*_OUT, "attempt_failed", *_BACK),
    "lost": (*_OUT[:3], "lost"),
    "damaged": (*_OUT[:3], "damaged"),
}
ENDED: Final = frozenset({"voided", "delivered", "returned", "lost", "damaged"})
_HOUR: Final = 3600.0
AFTER: Final = {
    "in_transit": 3 * _HOUR,
    "delivered": 6 * _HOUR,
    "attempt_failed": 6 * _HOUR,
    "refused": 6 * _HOUR,
    "returning": 2 * _HOUR,
    "returned": 24 * _HOUR,
    "lost": 24 * _HOUR,
    "damaged": 4 * _HOUR,
}
REASONS: Final = {"attempt_failed": "nobody_home", "refused": "refused_by_recipient"}
_POSITION: Final = {"latitude": 41.8855, "longitude": -87.6412}


class Parcels:
    """Moves parcels along. Every method expects to run inside a store transaction."""

    def __init__(self, books: Books, timers: Timers, scripts: Scripts, events: Events) -> None:
        self._books, self._timers, self._scripts, self._events = books, timers, scripts, events

    def begin(self, shipment: Record) -> None:
        """A label was bought."""
        self._reach(shipment, "created")
        self._live_on(shipment)

    def on_timer(self, shipment_id: str) -> None:
        """The time of the next status has come."""
        shipment = self._books.shipment(shipment_id)
        ahead = self._ahead(shipment) if shipment else ()
        if shipment is not None and ahead:
            self._reach(shipment, ahead[0])
            self._live_on(shipment)

    def advance(self, shipment: Record, to: str) -> None:
        """Go through every status up to one at once; a status it has already changes nothing."""
        if shipment["status"] == to:
            return
        way = self._way_to(shipment, to)
        shipment["paused"] = False
        for status in way[: way.index(to) + 1]:
            self._reach(shipment, status)
        self._live_on(shipment)

    def void(self, shipment: Record) -> None:
        """Give the label back."""
        if shipment["status"] == "voided":
            return
        if shipment["status"] != "created":
            raise RefusedError("already_scanned", "The parcel is with us: turn it around instead.")
        if self._script(shipment)["void"] == "refused":
            raise RefusedError("void_refused", "This label is not taken back.")
        self._timers.cancel(shipment["id"])
        shipment["label"] = "voided"
        self._reach(shipment, "voided")

    def turn_around(self, shipment: Record) -> None:
        """Bring the parcel back to its sender."""
        if shipment["return_requested"]:
            return
        if not shipment["can_return"]:
            raise RefusedError("return_not_offered", "Parcels of this kind are not turned around.")
        if shipment["status"] == "created":
            raise RefusedError("not_scanned", "We do not have the parcel: void the label instead.")
        if shipment["status"] in ENDED:
            raise RefusedError("already_ended", f"The parcel is {shipment['status']}.")
        if self._script(shipment)["return"] == "refused":
            raise RefusedError("return_refused", "It is too late to turn the parcel around.")
        shipment["return_requested"] = True
        self._live_on(shipment)

    def obey(self, shipment: Record, script: Record) -> None:
        """Apply a script that came after the label was bought."""
        if shipment["status"] == script["stop_at"]:
            self._hold(shipment)

    def release(self, shipment: Record) -> bool:
        """Go on after a stop. False when nothing stopped the parcel."""
        if not shipment["paused"]:
            return False
        shipment["paused"] = False
        self._schedule(shipment)
        return True

    def _script(self, shipment: Record) -> Record:
        return self._scripts.of(shipment["reference"])

    def _ahead(self, shipment: Record, end: str | None = None) -> tuple[str, ...]:
        """The statuses to come, by the script unless another end is named."""
        status = shipment["status"]
        if status in ENDED:
            return ()
        if shipment["return_requested"] or status == "returning":
            return _BACK[1:] if status == "returning" else _BACK
        way = WAYS[end or self._script(shipment)["end"]]
        if status in way:
            return way[way.index(status) + 1 :]
        return () if end else next(found for found in (self._ahead(shipment, each) for each in WAYS) if found)

    def _way_to(self, shipment: Record, to: str) -> tuple[str, ...]:
        ways = [self._ahead(shipment), *(self._ahead(shipment, end) for end in WAYS)]
        found = next((way for way in ways if to in way), None)
        if found is None:
            raise RefusedError("cannot_advance", f"From {shipment['status']} there is no way to {to}.")
        return found

    def _reach(self, shipment: Record, status: str) -> None:
        reason = REASONS.get(status)
        if status == "returning":
            reason = "requested" if shipment["return_requested"] else "undeliverable"
        proof = self._proof(shipment) if status == "delivered" else None
        self._events.record(shipment, status, reason, proof)

    def _proof(self, shipment: Record) -> Record:
        left_at = self._script(shipment)["left_at"]
        return {
            "delivered_at": self._books.now(),
            "name_initials": None if left_at else shipment["initials"],
            "left_at": left_at,
            "photo_url": f"https://courier.example/proofs/{shipment['id']}.jpg",
            "position": _POSITION,
        }

    def _live_on(self, shipment: Record) -> None:
        if self._script(shipment)["stop_at"] == shipment["status"] and not shipment["return_requested"]:
            self._hold(shipment)
        else:
            self._schedule(shipment)

    def _hold(self, shipment: Record) -> None:
        self._timers.cancel(shipment["id"])
        shipment["paused"] = True
        self._books.save(shipment)

    def _schedule(self, shipment: Record) -> None:
        self._timers.cancel(shipment["id"])
        self._books.save(shipment)
        ahead = self._ahead(shipment)
        if ahead:
            seconds = self._seconds_until(ahead[0], shipment)
            self._timers.after(seconds, NEXT, {"shipment_id": shipment["id"]}, key=shipment["id"])

    @staticmethod
    def _seconds_until(status: str, shipment: Record) -> float:
        planned = {"picked_up": shipment["pickup_seconds"], "out_for_delivery": shipment["line_haul_seconds"]}
        return float(planned.get(status) or AFTER[status])
