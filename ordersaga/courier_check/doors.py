"""Checks of who may enter, and of how refusals look."""

from typing import Final

from ordersaga.courier_check.check import checks
from ordersaga.courier_check.site import Site, require

_NO_KEY: Final = "not-a-key-of-anybody"
_NOBODY: Final = "no-such-shipment"


async def keys_are_required(site: Site) -> None:
    """Without a key, or with a wrong one, everything is refused: 401 unauthorized."""
    booking = await site.booking()
    for key in ("", _NO_KEY):
        await site.refused("zones", 401, "unauthorized", key=key)
        await site.refused("shipments", 401, "unauthorized", key=key)
        headers = {"idempotency-key": booking["reference"]}
        await site.refused("book", 401, "unauthorized", key=key, json=booking, headers=headers)
    require(not await site.booked_under(booking["reference"]), "a booking without a key made a shipment")


async def unknown_shipments(site: Site) -> None:
    """What nobody booked is 404 not_found, whatever is asked of it."""
    for operation in ("shipment", "shipmentEvents", "void", "turnAround"):
        await site.refused(operation, 404, "not_found", id=_NOBODY)
    found = await site.booked_under(site.new_name())
    require(found == [], "a reference nobody used lists shipments")


async def malformed_requests(site: Site) -> None:
    """A body that is no JSON object is 400 malformed; fields that are missing or wrong are 422 invalid, and named."""
    headers = {"idempotency-key": site.new_name(), "content-type": "application/json"}
    for body in ("{", "[]"):
        await site.refused("quote", 400, "malformed", content=body, headers=headers)
        await site.refused("book", 400, "malformed", content=body, headers=headers)
    parcel = await site.parcel(weight_grams="heavy")
    parcel.pop("service")
    answer = await site.ask("quote", status=422, json=parcel)
    told = answer.json()
    require(told["code"] == "invalid", f"refused with code {told['code']!r}, not 'invalid'")
    named = {each["field"] for each in told.get("errors", [])}
    require({"weight_grams", "service"} <= named, f"errors names {sorted(named)}, not service and weight_grams")


async def problems_say_their_status(site: Site) -> None:
    """`status` of a problem is the status of the answer."""
    for answer in (await site.ask("zones", key=_NO_KEY), await site.ask("shipment", id=_NOBODY)):
        told = answer.json().get("status")
        require(told == answer.status_code, f"status {told} in an answer {answer.status_code}")


async def unknown_fields_are_ignored(site: Site) -> None:
    """A field the courier does not know changes nothing."""
    await site.get("quote", json=await site.parcel(field_of_a_later_version=1))


CHECKS: Final = checks(
    keys_are_required,
    unknown_shipments,
    malformed_requests,
    problems_say_their_status,
    unknown_fields_are_ignored,
)
