"""The UPS emulator: who may enter, what is refused, what a timer means."""

import re
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from emulators.common import Answer, Call, Emulator, EmulatorConfig
from emulators.ups import errors, tracking
from emulators.ups.control import Control
from emulators.ups.desk import Desk
from emulators.ups.routes import TOKEN_PATH, Routes

NUMBER: Final = re.compile(r"1Z[A-Z0-9]{16}")


class UPS(Emulator):
    """UPS's APIs as a process of its own."""

    def __init__(self, config: EmulatorConfig) -> None:
        super().__init__(config)
        self.desk = Desk.open(self)

    def routes(self) -> list[BaseRoute]:
        """Security, shipping, tracking and intercepts."""
        return Routes(self.desk).table()

    def control_routes(self) -> list[BaseRoute]:
        """What UPS can be told to do."""
        return Control(self.desk).table()

    def vendor_app(self) -> ASGIApp:
        """The APIs, with refusals turned into answers."""
        return Starlette(routes=self.routes(), exception_handlers={errors.RefusedError: _refused})

    def enter(self, call: Call) -> Answer | None:
        """A token that lives, then the rate limit; tokens themselves are had for credentials."""
        if call.path == TOKEN_PATH:
            return None
        authorization = call.headers.get("authorization", "")
        if not self.desk.tokens.is_good(authorization):
            return Answer.json(401, errors.error_body(*errors.NO_CREDENTIALS))
        return self.desk.limit.take(authorization)

    def about(self, call: Call) -> str:
        """The references of the shipment whose number stands in the path."""
        number = NUMBER.search(call.path)
        shipment = self.desk.books.shipment(number[0]) if number else None
        return " ".join(shipment["references"]) if shipment else ""

    def error_answer(self, status: int, call: Call) -> Answer:
        """An error body whose code tells the status, as the gateway of UPS writes them."""
        return Answer.json(status, errors.error_body(f"10{status}", f"Emulated status {status}"))

    def refuse(self, call: Call, code: str) -> Answer:
        """A 400 with one of UPS's codes."""
        known = errors.REFUSALS.get(code, (code, f"Refused: {code}"))
        return Answer.json(400, errors.error_body(*known))

    def on_timer(self, kind: str, data: dict[str, Any]) -> None:
        """A parcel's next scan."""
        if kind == tracking.NEXT_SCAN:
            self.desk.tracking.on_timer(data["number"])

    def on_reset(self) -> None:
        """The limit is a setting, like the pace: it outlives a reset."""
        self.desk.limit.begin_anew()


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, errors.RefusedError)
    return JSONResponse(error.body, error.status)
