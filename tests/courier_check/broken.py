"""Couriers with one thing wrong each, such as one writes on a first day, and what the checks say of each."""

import itertools
import json
from datetime import datetime, timedelta
from typing import Any

from emulators.common import Answer, Call
from tests.courier_check.support import KEY, Fault, Reference, changed, with_body, with_headers

BOOKINGS = "/v1/shipments"


def books(call: Call) -> bool:
    """Whether a request is a booking."""
    return (call.method, call.path) == ("POST", BOOKINGS)


def buys_twice() -> Fault:
    """Every booking is a new one, whatever its key."""
    numbers = itertools.count()

    async def fault(call: Call, reference: Reference) -> Answer:
        key = call.headers.get("idempotency-key")
        asked = with_headers(call, idempotency_key=f"k{next(numbers)}") if books(call) and key else call
        answer = await reference(asked)
        if books(call) and answer.status == 201:
            return changed(answer, {**json.loads(answer.body), "idempotency_key": key})
        return answer

    return fault


def ignores_other_bodies() -> Fault:
    """A key is answered with its first shipment, though another body came with it."""
    bodies: dict[str, Any] = {}

    async def fault(call: Call, reference: Reference) -> Answer:
        key = call.headers.get("idempotency-key", "")
        if books(call) and key in bodies:
            return await reference(with_body(call, bodies[key]))
        answer = await reference(call)
        if books(call) and answer.status == 201:
            bodies[key] = json.loads(call.body)
        return answer

    return fault


async def says_voided_after_the_scan(call: Call, reference: Reference) -> Answer:
    """A void is answered with success always."""
    answer = await reference(call)
    if call.path.endswith("/void") and answer.status == 409:
        path = call.path.removesuffix("/void")
        scope = {**call.scope, "method": "GET", "path": path, "raw_path": path.encode()}
        found = await reference(Call("GET", path, "", call.headers, b"", scope))
        return changed(found, {**json.loads(found.body), "status": "voided"})
    return answer


async def lets_everybody_in(call: Call, reference: Reference) -> Answer:
    """No key is asked for."""
    return await reference(with_headers(call, authorization=f"Bearer {KEY}"))


async def answers_plain_errors(call: Call, reference: Reference) -> Answer:
    """Problems come as any JSON does."""
    answer = await reference(call)
    if answer.status >= 400:
        return Answer(answer.status, answer.body, {**answer.headers, "content-type": "application/json"})
    return answer


async def goes_everywhere(call: Call, reference: Reference) -> Answer:
    """Every quote is given, whatever the zones are."""
    if call.path == "/v1/quotes" and b'"AQ"' in call.body:
        body = json.loads(call.body)
        place = next(body[side] for side in ("from", "to") if body[side]["country"] != "AQ")
        return await reference(with_body(call, {**body, "from": place, "to": place}))
    return await reference(call)


async def tells_events_backward(call: Call, reference: Reference) -> Answer:
    """The newest first."""
    answer = await reference(call)
    if call.path.endswith("/events") and call.path != "/v1/events" and answer.status == 200:
        return changed(answer, {"events": json.loads(answer.body)["events"][::-1]})
    return answer


async def skips_an_event(call: Call, reference: Reference) -> Answer:
    """A page's cursor is one too far."""
    answer = await reference(call)
    page = json.loads(answer.body)
    if call.path == "/v1/events" and answer.status == 200 and page["events"]:
        return changed(answer, {**page, "next": str(int(page["next"]) + 1)})
    return answer


async def proves_nothing(call: Call, reference: Reference) -> Answer:
    """Deliveries are told without their proof."""
    answer = await reference(call)
    body = json.loads(answer.body)
    if body.get("status") == "delivered":
        return changed(answer, {**body, "last_event": {**body["last_event"], "proof": None}})
    return answer


async def counts_in_dollars(call: Call, reference: Reference) -> Answer:
    """Prices are decimal texts."""
    answer = await reference(call)
    body = json.loads(answer.body)
    if isinstance(body.get("price"), dict):
        body["price"]["amount"] = f"{body['price']['amount'] / 100:.2f}"
        return changed(answer, body)
    return answer


def gossips() -> Fault:
    """The recipient is in every shipment."""
    names: dict[str, str] = {}

    async def fault(call: Call, reference: Reference) -> Answer:
        answer = await reference(call)
        body = json.loads(answer.body)
        if books(call) and answer.status == 201:
            names[body["id"]] = json.loads(call.body)["to"]["name"]
        return changed(answer, {**body, "recipient": names[body["id"]]}) if body.get("id") in names else answer

    return fault


async def picks_up_at_any_minute(call: Call, reference: Reference) -> Answer:
    """Quotes name a cut-off the zones do not."""
    answer = await reference(call)
    if call.path == "/v1/quotes" and answer.status == 200:
        body = json.loads(answer.body)
        at = datetime.fromisoformat(body["cut_off"]["at"]) + timedelta(minutes=7)
        return changed(answer, {**body, "cut_off": {**body["cut_off"], "at": at.isoformat()}})
    return answer


async def hides_repeats(call: Call, reference: Reference) -> Answer:
    """Repeats are not marked."""
    answer = await reference(call)
    headers = {name: value for name, value in answer.headers.items() if name != "idempotency-replayed"}
    return Answer(answer.status, answer.body, headers)


BROKEN: dict[str, tuple[Fault, set[str]]] = {
    "buys twice": (
        buys_twice(),
        {
            "bookings_are_found",
            "repeats_give_the_first_answer",
            "repeats_after_a_void",
            "one_key_one_body",
            "repeats_at_once",
        },
    ),
    "ignores other bodies": (ignores_other_bodies(), {"one_key_one_body"}),
    "says voided after the scan": (says_voided_after_the_scan, {"used_labels_are_not"}),
    "lets everybody in": (lets_everybody_in, {"keys_are_required", "problems_say_their_status"}),
    "answers plain errors": (answers_plain_errors, {"published_api"}),
    "goes everywhere": (goes_everywhere, {"out_of_zone_is_refused"}),
    "tells events backward": (
        tells_events_backward,
        {"unused_labels_are_taken_back", "events_are_in_order", "deliveries_are_proved", "cursors_lose_nothing"},
    ),
    "skips an event": (skips_an_event, {"cursors_lose_nothing", "cursors_at_the_end"}),
    "proves nothing": (proves_nothing, {"deliveries_are_proved", "events_are_in_order", "published_api"}),
    "counts in dollars": (counts_in_dollars, {"published_api", "bookings_are_found", "one_key_one_body"}),
    "gossips": (gossips(), {"nothing_personal_is_told", "bookings_are_found", "one_key_one_body"}),
    "picks up at any minute": (picks_up_at_any_minute, {"cut_offs_keep_to_the_zones"}),
    "hides repeats": (hides_repeats, {"repeats_give_the_first_answer", "repeats_after_a_void"}),
}
