"""Checks of bookings: each key one shipment, found again, and nothing of the recipient told."""

import asyncio
from typing import Final

from ordersaga.courier_check.check import checks
from ordersaga.courier_check.site import Json, Site, require

_TOGETHER: Final = 5
_RECIPIENT: Final = {"name": "Xaver Qwertzmann", "line2": "Unit 8271", "phone": "5550148271", "email": "xq@example.com"}


async def bookings_are_found(site: Site) -> None:
    """A booking is a shipment with our reference and key, found by its id, by its reference and from its moment on."""
    booking = await site.booking()
    shipment = await site.book(booking)
    told = {name: shipment[name] for name in ("reference", "idempotency_key", "kind", "weight_grams", "service")}
    asked = {**{name: booking[name] for name in told if name in booking}, "idempotency_key": booking["reference"]}
    require(told == asked, f"the shipment says {told}, the booking said {asked}")
    require(shipment["status"] == shipment["last_event"]["type"] == "created", "a new shipment is not `created`")
    require(await site.get("shipment", id=shipment["id"]) == shipment, "the shipment by its id is not the one answered")
    require(await site.booked_under(booking["reference"]) == [shipment], "the reference does not list the shipment")
    require(shipment["id"] in await _listed(site, shipment["created_at"]), "created_from does not list the shipment")


async def repeats_give_the_first_answer(site: Site) -> None:
    """The same key and body: the first answer again, marked as replayed, and no second shipment."""
    booking = await site.booking()
    first, again = await site.book(booking), await _again(site, booking)
    require(first == again, "a repeat is not answered as the first booking was")
    require(len(await site.booked_under(booking["reference"])) == 1, "a repeat made a second shipment")


async def repeats_after_a_void(site: Site) -> None:
    """A key is never free again: after its label was given back, a repeat is still the first answer."""
    booking = await site.booking()
    first = await site.book(booking)
    await site.get("void", id=first["id"])
    require(await _again(site, booking) == first, "a repeat after a void is not answered as the first booking was")
    found = await site.booked_under(booking["reference"])
    require([each["status"] for each in found] == ["voided"], "a repeat after a void made another shipment")


async def one_key_one_body(site: Site) -> None:
    """The same key with another body: 409 idempotency_key_reused, and nothing is made or changed."""
    booking = await site.booking()
    first = await site.book(booking)
    other = {**booking, "weight_grams": booking["weight_grams"] + 1}
    headers = {"idempotency-key": booking["reference"]}
    await site.refused("book", 409, "idempotency_key_reused", json=other, headers=headers)
    require(await site.booked_under(booking["reference"]) == [first], "the refused booking made or changed a shipment")


async def keys_are_required_to_book(site: Site) -> None:
    """Without an Idempotency-Key: 400 idempotency_key_missing, and nothing is made."""
    booking = await site.booking()
    await site.refused("book", 400, "idempotency_key_missing", json=booking)
    require(not await site.booked_under(booking["reference"]), "a booking without a key made a shipment")


async def repeats_at_once(site: Site) -> None:
    """Repeats that arrive together make one shipment; each hears of it, or 409 in_progress."""
    booking = await site.booking()
    headers = {"idempotency-key": booking["reference"]}
    answers = await asyncio.gather(*(site.ask("book", json=booking, headers=headers) for _ in range(_TOGETHER)))
    known = {201: None, 409: "in_progress"}
    for answer in answers:
        fits = answer.status_code in known and answer.json().get("code") == known[answer.status_code]
        require(fits, f"one of {_TOGETHER} repeats at once was answered {answer.status_code}")
    found = await site.booked_under(booking["reference"])
    require(len(found) == 1, f"{_TOGETHER} repeats at once made {len(found)} shipments")


async def several_under_one_reference(site: Site) -> None:
    """Another key books another shipment under the same reference; both are listed, oldest first."""
    booking = await site.booking()
    first, second = await site.book(booking), await site.book(booking, site.new_name())
    listed = [each["id"] for each in await site.booked_under(booking["reference"])]
    require(listed == [first["id"], second["id"]], f"the reference lists {listed}")


async def pages_are_whole(site: Site) -> None:
    """Page by page, each shipment is listed once."""
    booking = await site.booking()
    made = [(await site.book(booking, site.new_name()))["id"] for _ in range(3)]
    found: list[str] = []
    query: dict[str, str] = {"reference": booking["reference"], "limit": "1"}
    for _ in made:
        page = await site.get("shipments", params=query)
        found += [each["id"] for each in page["shipments"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    require(found == made, f"pages of one list {len(found)} of {len(made)} shipments in their order")


async def nothing_personal_is_told(site: Site) -> None:
    """No answer repeats the recipient's name, address, phone number or e-mail address."""
    booking = await site.booking()
    booking["to"] = {**booking["to"], **_RECIPIENT}
    shipment = await site.book(booking)
    answers = [
        await site.ask("shipment", id=shipment["id"]),
        await site.ask("shipmentEvents", id=shipment["id"]),
        await site.ask("book", json=booking, headers={"idempotency-key": booking["reference"]}),
    ]
    for name, value in _RECIPIENT.items():
        told = any(value.lower() in answer.text.lower() for answer in answers)
        require(not told, f"an answer repeats the recipient's {name}")


async def _again(site: Site, booking: Json) -> Json:
    answer = await site.ask("book", status=201, json=booking, headers={"idempotency-key": booking["reference"]})
    require(
        answer.headers.get("idempotency-replayed") == "true", "a repeat lacks the header Idempotency-Replayed: true"
    )
    body: Json = answer.json()
    return body


async def _listed(site: Site, since: str) -> list[str]:
    found = await site.get("shipments", params={"created_from": since})
    return [each["id"] for each in found["shipments"]]


CHECKS: Final = checks(
    bookings_are_found,
    repeats_give_the_first_answer,
    repeats_after_a_void,
    one_key_one_body,
    keys_are_required_to_book,
    repeats_at_once,
    several_under_one_reference,
    pages_are_whole,
    nothing_personal_is_told,
)
