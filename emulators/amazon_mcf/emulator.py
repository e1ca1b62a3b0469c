"""The Amazon emulator: who may enter, what is refused, what a timer means."""

import re
import secrets
from typing import Any, Final

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emulators.amazon_mcf import tokens
from emulators.amazon_mcf.control import Control
from emulators.amazon_mcf.desk import Desk
from emulators.amazon_mcf.routes import TRACKING, Routes, errors
from emulators.common import Answer, Call, Emulator, EmulatorConfig

CODES: Final = {
    400: "InvalidInput",
    401: "Unauthorized",
    403: "Unauthorized",
    404: "NotFound",
    429: "QuotaExceeded",
    503: "ServiceUnavailable",
}
DENIED: Final = "Access to requested resource is denied."
QUOTA: Final = "You exceeded your quota for the requested resource."
PACKAGE: Final = re.compile(r"(?:^|&)packageNumber=(\d+)")


class AmazonMcf(Emulator):
    """The Selling Partner API's fulfillment outbound part as a process of its own."""

    def __init__(self, config: EmulatorConfig) -> None:
        super().__init__(config)
        self.desk = Desk.open(self)
        self._table = [route for route in Routes(self.desk).table() if isinstance(route, Route)]

    def routes(self) -> list[BaseRoute]:
        """Both versions, tracking, inventory, tokens."""
        return list(self._table)

    def control_routes(self) -> list[BaseRoute]:
        """What Amazon can be told to do."""
        return Control(self.desk).table()

    def vendor_app(self) -> ASGIApp:
        """The API, with the headers of every answer."""
        return _TellsRate(Starlette(routes=self.routes()), self.desk)

    def enter(self, call: Call) -> Answer | None:
        """The access token first, then the bucket of its account and the operation."""
        if call.path == tokens.PATH:
            return None
        access = call.headers.get("x-amz-access-token", "")
        account = self.desk.tokens.account(access)
        if account is None:
            return _refusal(403, DENIED, self.desk.tokens.why_not(access))
        if not self.desk.limit.take(account, self._operation(call)):
            return _refusal(429, QUOTA)
        return None

    def _operation(self, call: Call) -> str:
        scope = {"type": "http", "path": call.path, "method": call.method}
        names = (route.name for route in self._table if route.matches(scope)[0] is Match.FULL)
        return next(names, "unknown")

    def about(self, call: Call) -> str:
        """Whose package is asked for; any other request names its order itself."""
        found = PACKAGE.search(call.query) if call.path == TRACKING else None
        known = self.desk.books.by_package(int(found[1])) if found else None
        return str(known[0]["id"]) if known else super().about(call)

    def error_answer(self, status: int, call: Call) -> Answer:
        """One error with the code that goes with the status; the token endpoint has a shape of its own."""
        if call.path == tokens.PATH:
            return Answer.json(status, {"error": "server_error", "error_description": f"Emulated status {status}"})
        return _refusal(status, QUOTA if status == 429 else f"Emulated status {status}")

    def refuse(self, call: Call, code: str) -> Answer:
        """A 400 with a code and, after a colon, a message."""
        name, _, message = code.partition(":")
        return Answer.json(400, errors(name, message.strip() or f"Refused: {name}"), _request_id())

    def on_timer(self, kind: str, data: dict[str, Any]) -> None:
        """An order's next stage, the end of its hold, a decision."""
        self.desk.life.on_timer(kind, data["order_id"])

    def on_reset(self) -> None:
        """Limit and page size are settings, like the pace: they outlive a reset."""
        self.desk.limit.begin_anew()
        self.desk.orders.set_page_size(self.desk.orders.page_size)


def _refusal(status: int, message: str, details: str = "") -> Answer:
    return Answer.json(status, errors(CODES.get(status, "InternalFailure"), message, details), _request_id())


def _request_id() -> dict[str, str]:
    return {"x-amzn-requestid": secrets.token_hex(16)}


class _TellsRate:
    """Adds the rate and a request id to every answer of the application inside."""

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        self._app, self._desk = app, desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update({**_request_id(), "x-amzn-ratelimit-limit": str(self._desk.limit.per_second)})
            await send(message)

        await self._app(scope, receive, send_with_headers)
