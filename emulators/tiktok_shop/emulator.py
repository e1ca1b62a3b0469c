"""The TikTok Shop emulator: who may enter, what is refused, how webhooks are signed, what a timer means."""

import re
from typing import Any, Final

from starlette.routing import BaseRoute

from emulators.common import Answer, Call, Emulator, EmulatorConfig, Message
from emulators.tiktok_shop import aftersales, cancellation, envelope, life
from emulators.tiktok_shop.access import signed_headers
from emulators.tiktok_shop.control import Control
from emulators.tiktok_shop.desk import Desk
from emulators.tiktok_shop.rate_limit import too_many
from emulators.tiktok_shop.routes import Routes

_TOKENS: Final = "/api/v2/token/"
_OBJECT: Final = re.compile(r"/(?P<kind>packages|cancellations)/(?P<id>\d+)")


class TikTokShop(Emulator):
    """TikTok Shop's Partner API as a process of its own."""

    def __init__(self, config: EmulatorConfig) -> None:
        super().__init__(config)
        self.desk = Desk.open(self)

    def routes(self) -> list[BaseRoute]:
        """The Partner API."""
        return Routes(self.desk).table()

    def control_routes(self) -> list[BaseRoute]:
        """What buyers and the platform can be told to do."""
        return Control(self.desk).table()

    def enter(self, call: Call) -> Answer | None:
        """Credentials and signature first, then the rate limit. Tokens are asked for without a signature."""
        if call.path.startswith(_TOKENS):
            return None
        with self.store.transaction():
            refused = self.desk.access.refusal(call)
        return refused or self.desk.limit.take(call.headers["x-tts-access-token"])

    def about(self, call: Call) -> str:
        """The order whose package or cancellation stands in the path."""
        found = _OBJECT.search(call.path)
        if found is None:
            return super().about(call)
        books = self.desk.books
        if found["kind"] == "packages":
            order = books.order_of_package(found["id"])
            return str(order["id"]) if order else ""
        made = books.cancellation(found["id"])
        return str(made["order_id"]) if made else ""

    def error_answer(self, status: int, call: Call) -> Answer:
        """An envelope with the code that TikTok gives this status."""
        if status == 429:
            return too_many()
        code = envelope.INTERNAL if status >= 500 else envelope.PATH if status == 404 else envelope.INVALID
        return envelope.answer(status, code, f"emulated status {status}")

    def refuse(self, call: Call, code: str) -> Answer:
        """An envelope with this very code."""
        number = int(code) if code.isdecimal() else envelope.INVALID
        return envelope.answer(200, number, f"refused: {call.path}")

    def sign(self, message: Message) -> dict[str, str]:
        """The signature of app key and body."""
        return signed_headers(message.body, message.secret or "")

    def on_timer(self, kind: str, data: dict[str, Any]) -> None:
        """An order's next status or deadline; a refund; a request that nobody answered."""
        if kind == life.NEXT:
            self.desk.life.on_next(data["order_id"], data["to"])
        elif kind == life.OVERDUE:
            order = self.desk.books.order(data["order_id"])
            if order is not None:
                self.desk.life.overdue(order, self.desk.cancellation.by_platform)
        elif kind == cancellation.REFUND:
            self.desk.cancellation.refund(data["cancel_id"])
        elif kind == aftersales.GIVEN_BACK:
            self.desk.aftersales.pay_out(data["return_id"])
        elif kind == cancellation.LAPSE:
            self.desk.cancellation.lapse(data["cancel_id"])

    def on_reset(self) -> None:
        """The limit is a setting, like the pace: it outlives a reset."""
        self.desk.limit.begin_anew()
