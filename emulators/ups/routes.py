"""The APIs over HTTP: security, shipping, tracking, intercepts."""

from datetime import date, datetime, timedelta
from json import JSONDecodeError
from typing import Any, Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from emulators.ups import errors
from emulators.ups.books import Record
from emulators.ups.desk import Desk
from emulators.ups.tokens import client_of
from emulators.ups.views import tracked

TOKEN_PATH: Final = "/security/v1/oauth/token"  # noqa: S105 - a path
SHIP_VERSION: Final = "v2409"
TRACKING_DELAY: Final = "tracking_delay"
DAYS_BACK: Final = 14
RETAINED: Final = timedelta(days=120)


class Routes:
    """Endpoints by path. The work of each request is one transaction."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def table(self) -> list[BaseRoute]:
        """Every route."""
        paths = [
            ("POST", TOKEN_PATH, self._token),
            ("POST", f"/api/shipments/{SHIP_VERSION}/ship", self._ship),
            ("DELETE", f"/api/shipments/{SHIP_VERSION}/void/cancel/{{number}}", self._void),
            ("POST", "/api/labels/{version}/recovery", self._recover),
            ("GET", "/api/track/v1/details/{number}", self._track),
            ("GET", "/api/track/v1/reference/details/{reference}", self._track_reference),
            ("POST", "/api/deliveryintercept/v2/return/{number}", self._turn_around),
        ]
        return [Route(path, endpoint, methods=[method]) for method, path, endpoint in paths]

    async def _token(self, request: Request) -> Response:
        client_id = client_of(request.headers.get("authorization", ""))
        if not client_id:
            raise errors.refused(("10401", "ClientId is Invalid"), 401)
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        if form.get("grant_type") != ["client_credentials"]:
            raise errors.refused(("10400", "Invalid/Missing grant_type"))
        with self._desk.store.transaction():
            return JSONResponse(self._desk.tokens.issue(client_id))

    async def _ship(self, request: Request) -> Response:
        body = await _json(request)
        with self._desk.store.transaction():
            return JSONResponse(self._desk.shipments.ship(body))

    async def _void(self, request: Request) -> Response:
        with self._desk.store.transaction():
            return JSONResponse(self._desk.shipments.void(request.path_params["number"]))

    async def _recover(self, request: Request) -> Response:
        return JSONResponse(self._desk.shipments.recover(await _json(request)))

    async def _track(self, request: Request) -> Response:
        _require_transaction(request)
        number = request.path_params["number"]
        shipment = self._desk.books.shipment(number)
        return JSONResponse(tracked([shipment] if shipment and self._is_visible(shipment) else [], number))

    async def _track_reference(self, request: Request) -> Response:
        _require_transaction(request)
        reference, shipper = request.path_params["reference"], request.query_params.get("shipperNum")
        since, until = self._window(request)
        found = [
            each
            for each in self._desk.books.with_reference(reference)
            if self._is_visible(each)
            and since <= datetime.fromisoformat(each["created_at"]).date() <= until
            and shipper in {None, each["shipper"]}
        ]
        if not found:
            raise errors.refused(errors.NOT_TRACKED, 404)
        return JSONResponse(tracked(found, reference))

    async def _turn_around(self, request: Request) -> Response:
        body = await _json(request)
        with self._desk.store.transaction():
            return JSONResponse(self._desk.intercepts.turn_around(request.path_params["number"], body))

    def _is_visible(self, shipment: Record) -> bool:
        """Tracking learns of labels later than shipping sold them, and forgets them after 120 days."""
        age = self._desk.books.now() - datetime.fromisoformat(shipment["created_at"])
        return timedelta(seconds=self._desk.store.value(TRACKING_DELAY) or 0) <= age < RETAINED

    def _window(self, request: Request) -> tuple[date, date]:
        """The pick-up dates that are asked for; by default the last fourteen days."""
        today, query = self._desk.books.now().date(), request.query_params
        since = _day(query.get("fromPickUpDate"), today - timedelta(days=DAYS_BACK))
        return since, _day(query.get("toPickUpDate"), today)


def _day(text: str | None, otherwise: date) -> date:
    if not text:
        return otherwise
    try:
        return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a date has no time zone
    except ValueError:
        raise errors.refused(("TV1008", "Invalid pick up date")) from None


def _require_transaction(request: Request) -> None:
    """Tracking wants to know who asks, and a number for each question."""
    for name, code in (("transId", "TV0004"), ("transactionSrc", "TV0005")):
        if not request.headers.get(name):
            raise errors.missing(code, f"header {name}")


async def _json(request: Request) -> Any:
    try:
        return await request.json()
    except (JSONDecodeError, UnicodeDecodeError):
        return None
