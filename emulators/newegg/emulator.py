"""The Newegg emulator: who may enter, what is refused, what a timer means."""

import json
import re
from typing import Any, Final
from urllib.parse import parse_qs

from starlette.routing import BaseRoute

from emulators.common import Answer, Call, Emulator, EmulatorConfig
from emulators.newegg import cancellation, feeds, times, warehouse
from emulators.newegg.control import Control
from emulators.newegg.desk import Desk
from emulators.newegg.rate_limit import TOO_MANY, headers
from emulators.newegg.routes import PREFIX, Routes

ORDER_PATH: Final = re.compile(rf"{PREFIX}/ordermgmt/(?:orderstatus/orders|sbnorder/cancellationresult)/(\d+)$")
FEED_PATH: Final = re.compile(rf"{PREFIX}/datafeedmgmt/feeds/(?:result/(?P<id>\w+)|status)$")
HOURLY: Final = "Your feed exceeded the hourly allowance and cannot be processed. Please submit your feed again after"


class Newegg(Emulator):
    """The Marketplace API as a process of its own."""

    def __init__(self, config: EmulatorConfig) -> None:
        super().__init__(config)
        self.desk = Desk.open(self)

    def routes(self) -> list[BaseRoute]:
        """The API."""
        return Routes(self.desk).table()

    def control_routes(self) -> list[BaseRoute]:
        """What the company can be told to do."""
        return Control(self.desk).table()

    def enter(self, call: Call) -> Answer | None:
        """Both keys and the seller first, then the limit of the function."""
        seller = parse_qs(call.query).get("sellerid", [""])[0]
        if not call.headers.get("authorization"):
            return _unauthorized("InvalidConsumerKey", "The provided consumer key is malformed or otherwise invalid.")
        if not call.headers.get("secretkey"):
            return _unauthorized("InvalidToken", "Secret Key is null.")
        if not seller:
            return _unauthorized("InvalidToken", "SellerID is null.")
        return self.desk.limit.take(seller, call)

    def about(self, call: Call) -> str:
        """The SellerOrderIDs of the order or the feeds that a request names by Newegg's numbers."""
        order, feed = ORDER_PATH.match(call.path), FEED_PATH.match(call.path)
        if order:
            found = self.desk.books.order(int(order[1]))
            return str(found["reference_id"]) if found else ""
        if feed:
            return " ".join(name for each in self._named(feed["id"], call) for name in each["references"])
        return super().about(call)

    def _named(self, request_id: str | None, call: Call) -> list[dict[str, Any]]:
        ids = [request_id] if request_id else re.findall(r"\w{13}", _text(call.body))
        return [feed for each in ids if (feed := self.desk.books.feed(each))]

    def error_answer(self, status: int, call: Call) -> Answer:
        """A code and a message, and when to come back for a 429."""
        if status == 429:
            return Answer.json(429, TOO_MANY, headers(1000, 0, self.clock.now() + 2))
        return Answer.json(status, [{"Code": str(status), "Message": f"Emulated status {status}"}])

    def refuse(self, call: Call, code: str) -> Answer:
        """A code of Newegg's own; `hourly_allowance`: too many records in an hour, until two minutes from now."""
        if code == "hourly_allowance":
            message = f"{HOURLY} {times.printed(self.clock.now() + 120)}."
            return Answer.json(400, [{"Code": "DF012", "Message": message}])
        return Answer.json(400, [{"Code": code, "Message": f"Refused: {code}"}])

    def on_timer(self, kind: str, data: dict[str, Any]) -> None:
        """An order's next stage, a feed's next step, or a cancellation to be decided."""
        if kind == warehouse.NEXT_STAGE:
            self.desk.warehouse.on_timer(data["number"])
        elif kind == feeds.TIMER:
            self.desk.feeds.on_timer(data["id"], data["to"])
        elif kind == cancellation.TIMER:
            self.desk.cancellation.on_timer(data["number"])

    def on_reset(self) -> None:
        """Limit and pace are settings, like the time scale: they outlive a reset."""
        self.desk.limit.begin_anew()
        self.desk.pace.change()


def _unauthorized(code: str, message: str) -> Answer:
    return Answer.json(401, [{"Code": code, "Message": message}])


def _text(body: bytes) -> str:
    try:
        return json.dumps(json.loads(body or b"{}").get("RequestBody", {}))
    except (ValueError, AttributeError):
        return ""
