"""The ShipBob emulator: who may enter, what is refused, how events are signed, what a timer means."""

import re
from typing import Any, Final

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from emulators.common import Answer, Call, Emulator, EmulatorConfig, Message
from emulators.shipbob import simulations, validation, warehouse
from emulators.shipbob.control import Control
from emulators.shipbob.desk import Desk
from emulators.shipbob.rate_limit import TellsRemainingCalls
from emulators.shipbob.routes import ORDER_PATH, VERSION, Routes
from emulators.shipbob.subscriptions import signed_headers

REFUSALS: Final[dict[str, validation.Errors]] = {
    "address_invalid": {"recipient.address": [validation.INVALID_ADDRESS]},
    "duplicate_reference": {"reference_id": [validation.DUPLICATE_REFERENCE]},
}
OBJECT_PATH: Final = re.compile(rf"{VERSION}/(?P<kind>order|shipment)/(?P<id>\d+)")
RETRY_AFTER: Final = {"x-retry-after": "1", "x-remaining-calls": "0"}


class ShipBob(Emulator):
    """ShipBob API 2026-01 as a process of its own."""

    def __init__(self, config: EmulatorConfig) -> None:
        super().__init__(config)
        self.desk = Desk.open(self)

    def routes(self) -> list[BaseRoute]:
        """The 2026-01 API."""
        return Routes(self.desk).table()

    def control_routes(self) -> list[BaseRoute]:
        """What the warehouse can be told to do."""
        return Control(self.desk).table()

    def vendor_app(self) -> ASGIApp:
        """The API, telling the remaining calls on every answer."""
        return TellsRemainingCalls(Starlette(routes=self.routes()), self.desk.limit)

    def enter(self, call: Call) -> Answer | None:
        """Bearer token first, then the rate limit, then the channel an order needs."""
        token = call.headers.get("authorization", "")
        if not token.startswith("Bearer ") or len(token) == len("Bearer "):
            return Answer.json(401, {"message": "Unauthorized"}, {"www-authenticate": "Bearer"})
        return self.desk.limit.take(token) or self._missing_channel(call)

    def about(self, call: Call) -> str:
        """The reference of the order, or of the shipment's order, whose id stands in the path."""
        found = OBJECT_PATH.match(call.path)
        if found is None:
            return super().about(call)
        books, number = self.desk.books, int(found["id"])
        record = books.order(number) if found["kind"] == "order" else books.shipment(number)
        return str(record["reference_id"]) if record else ""

    @staticmethod
    def _missing_channel(call: Call) -> Answer | None:
        if call.method != "POST" or call.path != ORDER_PATH:
            return None
        if call.headers.get("shipbob_channel_id", "").isdigit():
            return None
        return Answer.json(400, {"shipbob_channel_id": ["The shipbob_channel_id header is required."]})

    def error_answer(self, status: int, call: Call) -> Answer:
        """A bare message, and when to come back for a 429."""
        return Answer.json(status, {"message": f"Emulated status {status}"}, RETRY_AFTER if status == 429 else None)

    def refuse(self, call: Call, code: str) -> Answer:
        """A 422 in the shape of a validation error."""
        return Answer.json(422, REFUSALS.get(code, {code: [f"Refused: {code}"]}))

    def sign(self, message: Message) -> dict[str, str]:
        """Standard Webhooks."""
        return signed_headers(message, self.clock.now())

    def on_timer(self, kind: str, data: dict[str, Any]) -> None:
        """A shipment's next stage, or a simulation's next action."""
        if kind == warehouse.NEXT_STAGE:
            self.desk.warehouse.on_timer(data["shipment_id"])
        elif kind == simulations.TIMER:
            self.desk.simulations.on_timer(data["simulation_id"], data["index"])

    def on_reset(self) -> None:
        """The limit is a setting, like the pace: it outlives a reset."""
        self.desk.limit.begin_anew()
