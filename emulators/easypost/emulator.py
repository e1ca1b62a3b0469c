"""The EasyPost emulator: who may enter, what is refused, how events are signed, what a timer means."""

import base64
import binascii
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from emulators.common import Answer, Call, Emulator, EmulatorConfig, Message
from emulators.easypost import errors, refunds, tracking
from emulators.easypost.control import Control
from emulators.easypost.desk import Desk
from emulators.easypost.events import signed_headers
from emulators.easypost.routes import Routes


class EasyPost(Emulator):
    """EasyPost API v2 as a process of its own."""

    def __init__(self, config: EmulatorConfig) -> None:
        super().__init__(config)
        self.desk = Desk.open(self)

    def routes(self) -> list[BaseRoute]:
        """The v2 API."""
        return Routes(self.desk).table()

    def control_routes(self) -> list[BaseRoute]:
        """What carriers can be told to do."""
        return Control(self.desk).table()

    def vendor_app(self) -> ASGIApp:
        """The API, with refusals turned into answers."""
        return Starlette(routes=self.routes(), exception_handlers={errors.RefusedError: _refused})

    def enter(self, call: Call) -> Answer | None:
        """An API key as user name (Basic, as documented) or as token (Bearer, as the 10.7 SDK sends it)."""
        if _api_key(call.headers.get("authorization", "")):
            return None
        return Answer.json(401, errors.error_body("APIKEY.INACTIVE", "This api key is no longer active."))

    def about(self, call: Call) -> str:
        """The reference of the shipment in the path: `/v2/shipments/shp_.../buy` says nothing of it."""
        _, _, rest = call.path.partition("/shipments/")
        shipment = self.desk.books.shipment(rest.partition("/")[0]) if rest else None
        return str((shipment or {}).get("reference") or "")

    def error_answer(self, status: int, call: Call) -> Answer:
        """An error body whose code tells the status."""
        return Answer.json(status, errors.error_body(f"EMULATED.{status}", f"Emulated status {status}"))

    def refuse(self, call: Call, code: str) -> Answer:
        """A 422 in EasyPost's shape."""
        known = errors.REFUSALS.get(code)
        return Answer.json(422, known().body if known else errors.error_body(code, f"Refused: {code}"))

    def sign(self, message: Message) -> dict[str, str]:
        """The HMAC header."""
        return signed_headers(message, self.config.webhook_secret)

    def on_timer(self, kind: str, data: dict[str, Any]) -> None:
        """A parcel's next scan, or a carrier's decision on a refund."""
        if kind == tracking.NEXT_SCAN:
            self.desk.tracking.on_timer(data["tracker_id"])
        elif kind == refunds.DECISION:
            self.desk.refunds.on_timer(data["shipment_id"])


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, errors.RefusedError)
    return JSONResponse(error.body, error.status)


def _api_key(authorization: str) -> str:
    scheme, _, credentials = authorization.partition(" ")
    if scheme == "Bearer":
        return credentials.strip()
    if scheme != "Basic":
        return ""
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""
