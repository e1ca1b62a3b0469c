"""Checks of what becomes of a label: given back, turned around, delivered; and of the events that tell it."""

from datetime import datetime
from typing import Final

from ordersaga.courier_check.check import checks
from ordersaga.courier_check.site import Json, Site, SkippedError, require

_MOST_PAGES: Final = 500


async def unused_labels_are_taken_back(site: Site) -> None:
    """Before the first scan a label is voided, for good; to void it again is the same answer."""
    shipment = await site.book()
    first, again = await site.get("void", id=shipment["id"]), await site.get("void", id=shipment["id"])
    require(first["status"] == "voided", f"a void answers a shipment that is {first['status']}")
    require(again == first, "a second void is not answered as the first was")
    require(await _types(site, shipment) == ["created", "voided"], "the events are not created, voided")
    answer = await site.ask("advance", id=shipment["id"], json={"to": "picked_up"})
    require(answer.status_code != 200, "a voided label is picked up")


async def used_labels_are_not(site: Site) -> None:
    """After the first scan: 409 already_scanned, and the parcel goes on."""
    shipment = await site.advance(await site.book(), "picked_up")
    await site.refused("void", 409, "already_scanned", id=shipment["id"])
    now = await site.get("shipment", id=shipment["id"])
    require(now["status"] == "picked_up", f"a refused void leaves the shipment {now['status']}")


async def parcels_are_turned_around(site: Site) -> None:
    """From the first scan on, where `can_return` says so: asked once or twice, it goes back to its sender."""
    shipment = await site.book()
    if not shipment["can_return"]:
        await site.advance(shipment, "picked_up")
        await site.refused("turnAround", 409, "return_not_offered", id=shipment["id"])
        raise SkippedError("this courier does not turn parcels around")
    await site.refused("turnAround", 409, "not_scanned", id=shipment["id"])
    await site.advance(shipment, "picked_up")
    for _ in range(2):
        turned = await site.get("turnAround", id=shipment["id"])
        require(turned["return_requested"] is True, "a parcel that is turned around lacks `return_requested`")
    back = await site.advance(shipment, "returned")
    require(back["status"] == "returned", f"a parcel that is turned around ends {back['status']}")
    await site.refused("turnAround", 409, "already_ended", id=await _delivered(site))


async def events_are_in_order(site: Site) -> None:
    """A parcel's events count from 1, go from created over picked_up to delivered, and their times never go back."""
    shipment = await site.advance(await site.book(), "delivered")
    events = await _events(site, shipment)
    numbers = [event["sequence"] for event in events]
    require(numbers == list(range(1, len(events) + 1)), f"the sequence of events is {numbers}")
    times = [datetime.fromisoformat(event["occurred_at"]) for event in events]
    require(times == sorted(times), "occurred_at goes back")
    types = [event["type"] for event in events]
    ordered = types[0] == "created" and types[-1] == "delivered" and "picked_up" in types
    require(ordered, f"the events are {', '.join(types)}")
    _check_owner(shipment, events)


async def deliveries_are_proved(site: Site) -> None:
    """`delivered` has a proof: when, and to whom in initials or where it was left."""
    shipment = await site.advance(await site.book(), "delivered")
    proof = shipment["last_event"].get("proof")
    require(isinstance(proof, dict), "a delivery has no proof")
    require(proof.get("name_initials") or proof.get("left_at"), "a proof says neither who took it nor where it lies")
    earlier = [event["type"] for event in (await _events(site, shipment))[:-1] if event.get("proof")]
    require(not earlier, f"events before the delivery have proofs: {', '.join(earlier)}")


async def cursors_lose_nothing(site: Site) -> None:
    """From a cursor on, each event comes once, in the order of its recording, whatever the size of the page."""
    start = await _end(site)
    shipments = [await site.book() for _ in range(2)]
    for shipment in shipments:
        await site.get("void", id=shipment["id"])
    expected = [event["id"] for shipment in shipments for event in await _events(site, shipment)]
    for limit in ("100", "1"):
        found = await _after(site, start, limit, set(expected))
        require(sorted(found) == sorted(expected), f"pages of {limit} hold {len(found)} of {len(expected)} new events")
        for shipment in shipments:
            own = [each for each in found if each in await _ids(site, shipment)]
            require(own == await _ids(site, shipment), "a page holds the events of a shipment in another order")


async def cursors_at_the_end(site: Site) -> None:
    """Where nothing is new the page is empty, and its cursor goes on from there."""
    end = await _end(site)
    page = await site.get("events", params={"after": end})
    shipment = await site.book()
    later = await _after(site, page["next"], "100", set(await _ids(site, shipment)))
    require(len(later) == 1, "the cursor of an empty page does not lead to what comes next")


async def _delivered(site: Site) -> str:
    return str((await site.advance(await site.book(), "delivered"))["id"])


async def _events(site: Site, shipment: Json) -> list[Json]:
    found: list[Json] = (await site.get("shipmentEvents", id=shipment["id"]))["events"]
    return found


async def _ids(site: Site, shipment: Json) -> list[str]:
    return [event["id"] for event in await _events(site, shipment)]


async def _types(site: Site, shipment: Json) -> list[str]:
    return [event["type"] for event in await _events(site, shipment)]


def _check_owner(shipment: Json, events: list[Json]) -> None:
    require(shipment["last_event"] == events[-1], "last_event is not the last of the events")
    owner = (shipment["id"], shipment["reference"], shipment["tracking_number"])
    for event in events:
        told = (event["shipment_id"], event["reference"], event["tracking_number"])
        require(told == owner, f"event {event['sequence']} names another shipment, reference or tracking number")


async def _end(site: Site) -> str:
    """The cursor behind everything there is."""
    query: dict[str, str] = {"limit": "100"}
    for _ in range(_MOST_PAGES):
        page = await site.get("events", params=query)
        query["after"] = page["next"]
        if not page["events"]:
            return query["after"]
    raise SkippedError(f"there are more than {_MOST_PAGES} pages of events")


async def _after(site: Site, cursor: str, limit: str, wanted: set[str]) -> list[str]:
    """Ids of the wanted events beyond a cursor, as they come; others share the account."""
    found: list[str] = []
    for _ in range(_MOST_PAGES):
        page = await site.get("events", params={"after": cursor, "limit": limit})
        if not page["events"]:
            return found
        found += [event["id"] for event in page["events"] if event["id"] in wanted]
        cursor = page["next"]
    return found


CHECKS: Final = checks(
    unused_labels_are_taken_back,
    used_labels_are_not,
    parcels_are_turned_around,
    events_are_in_order,
    deliveries_are_proved,
    cursors_lose_nothing,
    cursors_at_the_end,
)
