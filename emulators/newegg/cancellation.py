"""Canceling at the seller's request: taken at once, decided later, by where the warehouse is then."""

from typing import Final

from emulators.common import Timers
from emulators.newegg import stages
from emulators.newegg.books import Books
from emulators.newegg.pace import Pace
from emulators.newegg.scripts import Scripts
from emulators.newegg.stages import Record
from emulators.newegg.warehouse import Warehouse

TIMER: Final = "cancellation"
SELLER: Final = "seller"
SUCCESS, FAILED, PROCESSING = "Success", "Failed", "Processing"
FAILURE: Final = "Order void was not successful due to technical issues / order already shipped."
REASONS: Final = {"24", "72", "73", "74"}


class Cancellation:
    """Takes and decides requests. Every method expects to run inside a store transaction."""

    def __init__(self, books: Books, timers: Timers, scripts: Scripts, warehouse: Warehouse, pace: Pace) -> None:
        self._books, self._timers, self._scripts = books, timers, scripts
        self._warehouse, self._pace = warehouse, pace

    def ask(self, order: Record) -> str:
        """Take a request for an order that is shown as unshipped: `Void` where it is decided so, else `Processing`."""
        if (order["cancellation"] or {}).get("result") != PROCESSING:
            order["cancellation"] = {"requested_at": self._books.epoch(), "result": PROCESSING, "error": ""}
            self._books.save_order(order)
            self._begin(order)
        return "Void" if (order["cancellation"] or {}).get("result") == SUCCESS else "Processing"

    def _begin(self, order: Record) -> None:
        if self._scripts.of(order["body"])["cancel"] == "stuck":
            return
        if self._pace.cancel_seconds:
            self._timers.after(self._pace.cancel_seconds, TIMER, {"number": order["id"]})
        else:
            self.decide(order)

    def on_timer(self, number: int) -> None:
        """A request is decided."""
        order = self._books.order(number)
        if order is not None and (order["cancellation"] or {}).get("result") == PROCESSING:
            self.decide(order)

    def decide(self, order: Record) -> None:
        """Success, unless the warehouse has begun, or a script refuses."""
        plan = self._scripts.of(order["body"])["cancel"]
        agreed = stages.may_cancel(order) and plan != "refuse"
        told = {"result": SUCCESS if agreed else FAILED, "error": "" if agreed else FAILURE}
        order["cancellation"] = {**order["cancellation"], **told}
        if agreed:
            self._warehouse.cancel(order, SELLER, ships_anyway=plan == "agree_and_ship")
        else:
            self._books.save_order(order)

    def release(self, match: str) -> list[int]:
        """Decide the requests that hang."""
        held = [
            order
            for order in self._books.orders_matching(match)
            if (order["cancellation"] or {}).get("result") == PROCESSING
        ]
        for order in held:
            self.decide(order)
        return [order["id"] for order in held]
