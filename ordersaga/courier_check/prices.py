"""Checks of zones and quotes: what a courier says of where it goes must hold when it is asked."""

from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ordersaga.courier_check.check import checks
from ordersaga.courier_check.site import FailedError, Json, Site, SkippedError, require

_NOWHERE: Final = {"postal_code": "0001", "country": "AQ", "city": "South Pole"}
_SOME: Final = 5
_SLACK: Final = timedelta(minutes=5)


async def zones_are_disjoint(site: Site) -> None:
    """Each zone has a code of its own, and its sample address lies in it and in no other."""
    zones = await site.zones()
    codes = [zone["code"] for zone in zones]
    require(len(codes) == len(set(codes)), "two zones have one code")
    for zone in zones:
        holding = [each["code"] for each in zones if _has(each, zone["sample_address"])]
        require(holding == [zone["code"]], f"the sample address of {zone['code']} lies in {holding or 'no zone'}")


async def quotes_keep_to_the_zones(site: Site) -> None:
    """A parcel between two zones is quoted, with their codes, a price and a promised day."""
    for zone in (await site.zones())[:_SOME]:
        pickup, quote = await _quoted(site, zone)
        told = (quote["pickup_zone"], quote["zone"])
        require(told == (pickup["code"], zone["code"]), f"{pickup['code']} to {zone['code']} is quoted as {told}")
        require(quote["price"]["currency"] == "USD", "the price is not in the currency that was asked for")
        _check_promise(quote, zone)


async def cut_offs_keep_to_the_zones(site: Site) -> None:
    """The cut-off of a quote is to come, and one of its pick-up zone's."""
    zone = (await site.zones())[0]
    pickup, quote = await _quoted(site, zone)
    at = datetime.fromisoformat(quote["cut_off"]["at"])
    require(at > datetime.now(UTC) - _SLACK, f"the cut-off {at.isoformat()} is over")
    require(quote["cut_off"]["time_zone"] == pickup["time_zone"], "the cut-off is in another time zone than its zone")
    here = at.astimezone(_time_zone(pickup))
    told = {"weekday": f"{here:%A}".lower(), "time": f"{here:%H:%M}"}
    known = [{"weekday": each["weekday"], "time": each["time"]} for each in pickup["cut_offs"]]
    require(told in known, f"{told['weekday']} {told['time']} is no cut-off of zone {pickup['code']}")


async def out_of_zone_is_refused(site: Site) -> None:
    """To or from where the courier does not go: 422 out_of_zone, for quotes and for bookings, which make nothing."""
    if any(_has(zone, _NOWHERE) for zone in await site.zones()):
        raise SkippedError("the courier goes even to the South Pole")
    await site.refused("quote", 422, "out_of_zone", json=await site.parcel(to=_NOWHERE))
    await site.refused("quote", 422, "out_of_zone", json=await site.parcel(**{"from": _NOWHERE}))
    booking = await site.booking()
    booking["to"] = {**booking["to"], **_NOWHERE}
    headers = {"idempotency-key": booking["reference"]}
    await site.refused("book", 422, "out_of_zone", json=booking, headers=headers)
    require(not await site.booked_under(booking["reference"]), "a refused booking made a shipment")


async def bookings_cost_what_was_quoted(site: Site) -> None:
    """A booking right after a quote has its price, zone and promised day."""
    booking = await site.booking()
    quote, shipment = await site.get("quote", json=booking), await site.book(booking)
    for name in ("price", "zone", "delivery_date"):
        require(shipment[name] == quote[name], f"{name} of the booking is not that of the quote")


async def _quoted(site: Site, zone: Json) -> tuple[Json, Json]:
    """The first zone, and its quote for a parcel to another."""
    pickup = (await site.zones())[0]
    wanted = await site.parcel(to=zone["sample_address"], service=zone["services"][0])
    return pickup, await site.get("quote", json=wanted)


def _check_promise(quote: Json, zone: Json) -> None:
    day, by = date.fromisoformat(quote["delivery_date"]), datetime.fromisoformat(quote["deliver_by"])
    require(by.astimezone(_time_zone(zone)).date() == day, "deliver_by is not on the delivery date, in the zone's time")
    require(by > datetime.fromisoformat(quote["cut_off"]["at"]), "delivery is promised before the pick-up")


def _time_zone(zone: Json) -> ZoneInfo:
    try:
        return ZoneInfo(zone["time_zone"])
    except (ZoneInfoNotFoundError, ValueError):
        raise FailedError(f"zone {zone['code']}: {zone['time_zone']!r} is no IANA time zone") from None


def _has(zone: Json, place: Json) -> bool:
    code = str(place["postal_code"])
    return zone["country"] == place["country"] and any(_covers(part, code) for part in zone["postal_codes"])


def _covers(part: Json, code: str) -> bool:
    if "prefix" in part:
        return code.startswith(part["prefix"])
    first, last = part["first"], part["last"]
    return len(first) == len(code) and first <= code <= last


CHECKS: Final = checks(
    zones_are_disjoint,
    quotes_keep_to_the_zones,
    cut_offs_keep_to_the_zones,
    out_of_zone_is_refused,
    bookings_cost_what_was_quoted,
)
