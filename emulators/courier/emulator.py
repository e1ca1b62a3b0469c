"""The reference courier: who may enter, what is refused, how events are signed, what a timer means."""

import re
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from emulators.common import Answer, Call, Emulator, EmulatorConfig, Message
from emulators.courier import parcels
from emulators.courier.control import Control
from emulators.courier.desk import Desk
from emulators.courier.events import signed_headers
from emulators.courier.problems import STATUS, RefusedError, problem
from emulators.courier.routes import Routes

_KEY: Final = re.compile(r"Bearer (sandbox|live)_[A-Za-z0-9_-]{8,}")
_SHIPMENT: Final = re.compile(r"/shipments/(pds_\d+)")
_CODES: Final = {429: "rate_limited", 401: "unauthorized", 402: "account_suspended", 404: "not_found"}


class Courier(Emulator):
    """The private delivery API as a process of its own."""

    def __init__(self, config: EmulatorConfig) -> None:
        super().__init__(config)
        self.desk = Desk.open(self)

    def routes(self) -> list[BaseRoute]:
        """Version 1 of the API."""
        return Routes(self.desk).table()

    def control_routes(self) -> list[BaseRoute]:
        """What the courier can be told to do."""
        return Control(self.desk).table()

    def vendor_app(self) -> ASGIApp:
        """The API, with refusals turned into answers."""
        handlers: dict[Any, Any] = {RefusedError: _refused, HTTPException: _no_such_thing}
        return Starlette(routes=self.routes(), exception_handlers=handlers)

    def enter(self, call: Call) -> Answer | None:
        """A key first, then the rate limit."""
        key = call.headers.get("authorization", "")
        if _KEY.fullmatch(key) is None:
            return problem("unauthorized", "No key that is in force.")
        return self.desk.limit.take(key)

    def about(self, call: Call) -> str:
        """The reference of the shipment in the path, or the idempotency key."""
        found = _SHIPMENT.search(call.path)
        shipment = self.desk.books.shipment(found[1]) if found else None
        return str(shipment["reference"]) if shipment else super().about(call)

    def error_answer(self, status: int, call: Call) -> Answer:
        """A problem with that status."""
        code = _CODES.get(status, "unavailable" if status >= 500 else "emulated")
        return problem(code, f"Emulated status {status}.", status=status)

    def refuse(self, call: Call, code: str) -> Answer:
        """The courier's own refusal."""
        errors = [{"field": "to.line1", "code": "invalid"}] if STATUS.get(code, 422) == 422 else None
        return problem(code, f"Refused: {code}.", errors)

    def sign(self, message: Message) -> dict[str, str]:
        """Standard Webhooks."""
        return signed_headers(message, self.config.webhook_secret, self.clock.now())

    def on_timer(self, kind: str, data: dict[str, Any]) -> None:
        """A parcel's next status."""
        if kind == parcels.NEXT:
            self.desk.parcels.on_timer(data["shipment_id"])

    def on_reset(self) -> None:
        """The limit is a setting, like the pace: it outlives a reset."""
        self.desk.limit.begin_anew()


async def _refused(_: Request, error: RefusedError) -> Response:
    return _response(error.answer)


async def _no_such_thing(_: Request, error: HTTPException) -> Response:
    code = "not_found" if error.status_code == 404 else "method_not_allowed"
    return _response(problem(code, "There is no such thing.", status=error.status_code))


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, answer.headers)
