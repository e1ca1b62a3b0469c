"""Bookings: each key makes one shipment, which the courier never forgets."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from emulators.courier.books import SHIPMENTS, Books, Record, shipment_id, view
from emulators.courier.parcels import Parcels
from emulators.courier.problems import RefusedError
from emulators.courier.quotes import Quote, quoted
from emulators.courier.scripts import Scripts
from emulators.courier.zones import vans_leave

ANSWERS: Final = "_answer"
_PICKED_UP_AFTER: Final = timedelta(hours=1)
_SORTED_AFTER: Final = timedelta(hours=3)
_SHORTEST: Final = timedelta(hours=1)


class Shipments:
    """Makes shipments. Every method expects to run inside a store transaction."""

    def __init__(self, books: Books, parcels: Parcels, scripts: Scripts) -> None:
        self._books, self._parcels, self._scripts = books, parcels, scripts

    def replay(self, key: str, body: Record) -> Record | None:
        """The first answer to this key, None for a new key; another body under it is refused."""
        known = self._books.under_key(key)
        if known is None:
            return None
        if known["body"] != body:
            raise RefusedError("idempotency_key_reused", "Another shipment was booked under this key.")
        return self._books.store.get(ANSWERS, known["id"])

    def book(self, key: str, body: Record) -> Record:
        """Make a shipment of a body whose fields have been checked; answers it as it will be answered ever after."""
        quote = quoted(body, self._books.clock)
        _refuse_undeliverable(body)
        shipment = self._new(key, body, quote)
        self._parcels.begin(shipment)
        answer = view(shipment)
        self._books.store.put(ANSWERS, shipment["id"], answer)
        return answer

    def _new(self, key: str, body: Record, quote: Quote) -> Record:
        number = self._books.next_number(SHIPMENTS)
        identity = shipment_id(number)
        return {
            "id": identity,
            "number": number,
            "reference": body["reference"],
            "idempotency_key": key,
            "kind": body["kind"],
            "service": body["service"],
            "weight_grams": body["weight_grams"],
            "price": quote.price,
            "zone": quote.zone.code,
            "delivery_date": quote.delivery_date.isoformat(),
            "tracking_number": f"PD{number:010}US",
            "label_url": f"https://courier.example/labels/{identity}.pdf",
            "can_return": self._scripts.of(body["reference"])["return"] != "not_offered",
            "return_requested": False,
            "created_at": self._books.now(),
            "label": "bought",
            "paused": False,
            "sequence": 0,
            "initials": " ".join(f"{word[0].upper()}." for word in body["to"]["name"].split()[:3] if word[0].isalpha())
            or "N.",
            "body": body,
            **self._plan(quote),
        }

    def _plan(self, quote: Quote) -> dict[str, Any]:
        """How long until the pick-up, and from the sorting to the van."""
        picked_up = quote.cut_off + _PICKED_UP_AFTER
        van = vans_leave(quote.delivery_date, quote.zone)
        waiting = picked_up - datetime.fromtimestamp(self._books.clock.now(), UTC)
        return {
            "pickup_seconds": waiting.total_seconds(),
            "line_haul_seconds": max(_SHORTEST, van - picked_up - _SORTED_AFTER).total_seconds(),
        }


def _refuse_undeliverable(body: Record) -> None:
    to = body["to"]
    if "UNDELIVERABLE" in f"{to['line1']} {to.get('line2') or ''}":
        errors = [{"field": "to.line1", "code": "unknown_street"}]
        raise RefusedError("address_invalid", "Nobody can deliver to this address.", errors)
