"""What a request says, or what is wrong with it."""

import json
from datetime import datetime
from typing import Any, Final

from starlette.requests import Request

from emulators.courier.problems import Errors, RefusedError

Record = dict[str, Any]
ADDRESS: Final = ("name", "line1", "city", "postal_code", "country")
PLACE: Final = ("postal_code", "country")
LARGEST_PAGE: Final = 100


async def json_object(request: Request) -> Record:
    """The body; refused as malformed unless it is a JSON object."""
    try:
        body = json.loads(await request.body())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RefusedError("malformed", "The body is no JSON object.")
    return body


def check_quote(body: Record) -> None:
    """Refuse what is no request for a quote."""
    _refuse([*_place(body, "from", PLACE), *_place(body, "to", PLACE), *_parcel(body)])


def check_booking(body: Record) -> None:
    """Refuse what is no booking."""
    wrong = [*_place(body, "from", ADDRESS), *_place(body, "to", ADDRESS), *_parcel(body)]
    if not isinstance(body.get("reference"), str) or len(body["reference"]) > 100:
        wrong.append(_named(body, "reference"))
    if body.get("kind") not in ("outbound", "return"):
        wrong.append(_named(body, "kind"))
    _refuse(wrong)


def page_size(request: Request) -> int:
    """How many are wanted at most."""
    given = request.query_params.get("limit", str(LARGEST_PAGE))
    if not given.isdecimal() or not 1 <= int(given) <= LARGEST_PAGE:
        raise RefusedError("malformed", f"limit is a number from 1 to {LARGEST_PAGE}.")
    return int(given)


def position(request: Request, name: str) -> int:
    """The number behind a cursor, 0 without one."""
    given = request.query_params.get(name, "0")
    if not given.isdecimal():
        raise RefusedError("malformed", f"{name} is no cursor of ours.")
    return int(given)


def created_from(request: Request) -> datetime | None:
    """The moment from which shipments are listed, or None."""
    given = request.query_params.get("created_from")
    if given is None:
        return None
    try:
        found = datetime.fromisoformat(given.replace(" ", "+"))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise RefusedError("malformed", "created_from is a moment with an offset.")
    return found


def _parcel(body: Record) -> Errors:
    weight = body.get("weight_grams")
    wrong = []
    if not isinstance(weight, int) or isinstance(weight, bool) or weight < 1:
        wrong.append(_named(body, "weight_grams"))
    if body.get("service") not in ("standard", "expedited"):
        wrong.append(_named(body, "service"))
    currency = body.get("currency")
    if not isinstance(currency, str) or len(currency) != 3:
        wrong.append(_named(body, "currency"))
    return wrong


def _place(body: Record, name: str, fields: tuple[str, ...]) -> Errors:
    place = body.get(name)
    if not isinstance(place, dict):
        return [_named(body, name)]
    missing = [field for field in fields if not isinstance(place.get(field), str) or not place[field].strip()]
    return [{"field": f"{name}.{field}", "code": "invalid" if place.get(field) else "required"} for field in missing]


def _named(body: Record, field: str) -> dict[str, str]:
    return {"field": field, "code": "required" if body.get(field) is None else "invalid"}


def _refuse(wrong: Errors) -> None:
    if wrong:
        raise RefusedError("invalid", "Some fields are missing or wrong.", wrong)
