"""An order's way from payment to completion, and what the platform does by itself when a deadline passes."""

from collections.abc import Callable
from typing import Final

from emulators.common import Timers
from emulators.tiktok_shop.books import Books, Record
from emulators.tiktok_shop.clocks import GRACE_SECONDS, Deadlines
from emulators.tiktok_shop.notices import Notices
from emulators.tiktok_shop.scripts import Scripts

NEXT: Final = "next_status"
OVERDUE: Final = "overdue"
WAY: Final = (
    "UNPAID",
    "ON_HOLD",
    "AWAITING_SHIPMENT",
    "PARTIALLY_SHIPPING",
    "AWAITING_COLLECTION",
    "IN_TRANSIT",
    "DELIVERED",
    "COMPLETED",
)
BY_ITSELF: Final = {
    "ON_HOLD": ("AWAITING_SHIPMENT", GRACE_SECONDS),
    "AWAITING_COLLECTION": ("IN_TRANSIT", 6 * 3600.0),
    "IN_TRANSIT": ("DELIVERED", 48 * 3600.0),
    "DELIVERED": ("COMPLETED", 7 * 86400.0),
}
NOT_COLLECTED: Final = ("ON_HOLD", "AWAITING_SHIPMENT", "PARTIALLY_SHIPPING", "AWAITING_COLLECTION")
_TIMES: Final = {"IN_TRANSIT": "collection_time", "DELIVERED": "delivery_time", "CANCELLED": "cancel_time"}

CancelByPlatform = Callable[[Record, str], None]


class Life:
    """Moves orders along. Every method expects to run inside a store transaction."""

    def __init__(self, books: Books, timers: Timers, scripts: Scripts, deadlines: Deadlines, notices: Notices) -> None:
        self._books, self._timers, self._scripts = books, timers, scripts
        self._deadlines, self._notices = deadlines, notices

    def pay(self, order: Record) -> None:
        """The buyer has paid the platform: the clocks run, and the order is on hold."""
        order["times"]["paid_time"] = now = self._books.now()
        order["beyond_capacity"] = self._deadlines.is_beyond_capacity(order["shop"])
        order["clocks"] = self._deadlines.of(now, beyond_capacity=order["beyond_capacity"])
        self._books.write(order, "collected", order["total"])
        data = {"order_id": order["id"]}
        self._timers.after(
            self._deadlines.until(order["clocks"]["collection_due_time"]), OVERDUE, data, key=_overdue_key(order)
        )
        self.arrive(order, "ON_HOLD")

    def arrive(self, order: Record, status: str) -> None:
        """A new status: told, and what follows by itself begins."""
        order["status"] = status
        if status in _TIMES:
            order["times"][_TIMES[status]] = self._books.now()
        if status == "IN_TRANSIT":
            self._books.write(order, "scanned")
        self._books.save(order)
        self._notices.order_status(order)
        self._live_on(order)

    def _live_on(self, order: Record) -> None:
        self._timers.cancel(_next_key(order))
        following = BY_ITSELF.get(order["status"])
        if following is None or self._scripts.for_order(order)["stop_at"] == order["status"]:
            return
        data = {"order_id": order["id"], "to": following[0]}
        self._timers.after(following[1], NEXT, data, key=_next_key(order))

    def on_next(self, order_id: str, status: str) -> None:
        """The time of the next status has come."""
        order = self._books.order(order_id)
        if order is not None and order["status"] != "CANCELLED":
            self.arrive(order, status)

    def overdue(self, order: Record, cancel: CancelByPlatform) -> bool:
        """Nothing was collected in time: the platform cancels, and the seller is at fault."""
        if order["status"] not in NOT_COLLECTED:
            return False
        cancel(order, "system_cancel_overdue")
        return True

    def advance(self, order: Record, to: str) -> bool:
        """Through every status up to one that comes by itself; False when it cannot."""
        if order["status"] not in WAY or to not in WAY or WAY.index(order["status"]) >= WAY.index(to):
            return False
        while order["status"] != to and order["status"] in BY_ITSELF:
            self.arrive(order, BY_ITSELF[order["status"]][0])
        return bool(order["status"] == to)

    def release(self, order: Record) -> None:
        """Go on after a stop."""
        self._live_on(order)

    def told(self, order: Record) -> None:
        """A tracking number was told for some of its lines: all of them, or a part."""
        living = [line for line in order["lines"] if not line["cancelled"]]
        status = "AWAITING_COLLECTION" if all(line["tracking_number"] for line in living) else "PARTIALLY_SHIPPING"
        self.arrive(order, status)

    def end(self, order: Record) -> None:
        """It is cancelled: nothing comes by itself any more."""
        self._timers.cancel(_overdue_key(order))
        self.arrive(order, "CANCELLED")


def _next_key(order: Record) -> str:
    return f"next:{order['id']}"


def _overdue_key(order: Record) -> str:
    return f"overdue:{order['id']}"
