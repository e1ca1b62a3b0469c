"""Cancelling: by the buyer, who asks once the hour is over; by the seller; by the platform. The platform refunds."""

from typing import Final

from emulators.common import Timers
from emulators.tiktok_shop import envelope, shapes
from emulators.tiktok_shop.books import CANCELLATIONS, Books, Record
from emulators.tiktok_shop.envelope import RefusedError
from emulators.tiktok_shop.life import Life
from emulators.tiktok_shop.notices import Notices
from emulators.tiktok_shop.scripts import Scripts

REFUND: Final = "refund"
LAPSE: Final = "lapse"
REFUND_SECONDS: Final = 900.0
ANSWER_SECONDS: Final = 86400.0
_FREE: Final = ("UNPAID", "ON_HOLD")
_CANCELLABLE: Final = ("ON_HOLD", "AWAITING_SHIPMENT", "PARTIALLY_SHIPPING")
_REASONS: Final = ("seller_cancel_",)


class Cancellation:
    """Every method expects to run inside a store transaction."""

    def __init__(self, books: Books, timers: Timers, scripts: Scripts, life: Life, notices: Notices) -> None:
        self._books, self._timers, self._scripts = books, timers, scripts
        self._life, self._notices = life, notices

    def by_seller(self, order: Record, reason: str, line_ids: list[str]) -> Record:
        """Cancel the whole order, or lines of it. Raises RefusedError."""
        if not reason.startswith(_REASONS):
            raise RefusedError(envelope.BAD_REASON, "Cancel reason is invalid.")
        lines = self._cancellable(order, line_ids)
        script = self._scripts.for_order(order)["cancel"]
        if script == "refuse":
            raise RefusedError(envelope.RISK_CONTROL, "The request is blocked by risk control.")
        self.turn_down(order)
        made = self._make(order, "SELLER", reason, lines)
        if script == "pending":
            self._save(order, made)
        else:
            self._grant(order, made)
        return made

    def _cancellable(self, order: Record, line_ids: list[str]) -> list[Record]:
        if order["status"] == "CANCELLED":
            raise RefusedError(envelope.ALREADY_CANCELLED, "The order is already cancelling or cancelled.")
        if order["status"] not in _CANCELLABLE:
            raise RefusedError(envelope.SHIPPED, "The order has been shipped and cannot be cancelled.")
        lines = [line for line in order["lines"] if line["id"] in line_ids] if line_ids else _living(order)
        if len(lines) != len(line_ids or lines):
            raise RefusedError(envelope.NO_SUCH_LINES, "Cannot cancel these line items.")
        busy = {each for one in self._books.cancellations_of(order["id"]) for each in _underway(one)}
        if any(line["cancelled"] or line["id"] in busy for line in lines):
            raise RefusedError(envelope.ALREADY_CANCELLED, "The line items are already cancelling or cancelled.")
        if any(line["tracking_number"] for line in lines):
            raise RefusedError(envelope.SHIPPED, "The line items have been shipped and cannot be cancelled.")
        return lines

    def by_buyer(self, order: Record, reason: str) -> Record | None:
        """Free as long as the order is on hold; a request after that. None when it is too late, or asked already."""
        if order["status"] not in (*_CANCELLABLE, *_FREE) or order["cancel_requested"]:
            return None
        made = self._make(order, "BUYER", reason, _living(order))
        if order["status"] in _FREE:
            self._grant(order, made)
            return made
        made["deadline"] = self._books.now() + int(self._books.real(ANSWER_SECONDS))
        order["cancel_requested"], order["times"]["request_cancel_time"] = True, self._books.now()
        self._books.save(order)
        self._timers.after(ANSWER_SECONDS, LAPSE, {"cancel_id": made["cancel_id"]}, key=_lapse_key(made))
        self._save(order, made)
        return made

    def by_platform(self, order: Record, reason: str) -> None:
        """The whole order."""
        self.turn_down(order)
        self._grant(order, self._make(order, "SYSTEM", reason, _living(order)))

    def answer(self, cancel_id: str, key: str | None, *, approve: bool) -> None:
        """The seller's answer to a buyer's request, once for a key. Raises RefusedError."""
        made = self._books.cancellation(cancel_id)
        if made is None:
            raise RefusedError(envelope.NO_PERMISSION, "No permission for this cancellation.")
        if key is not None and made["answered_under"] == key:
            return
        if made["status"] != "PENDING" or made["role"] != "BUYER":
            raise RefusedError(envelope.NOT_APPROVABLE, "The status of the request does not allow this.")
        order, made["answered_under"] = self._order(made), key
        self._books.save_cancellation(made)
        if approve:
            self._grant(order, made)
        else:
            self.turn_down(order)

    def turn_down(self, order: Record) -> None:
        """The buyer's open request, if there is one, ends without a cancellation."""
        made = self._books.open_request(order["id"])
        if made is None:
            return
        made["status"], order["cancel_requested"] = "CANCEL", False
        self._timers.cancel(_lapse_key(made))
        self._books.save(order)
        self._save(order, made)

    def lapse(self, cancel_id: str) -> None:
        """Nobody answered in time: granted."""
        made = self._books.cancellation(cancel_id)
        if made is not None and made["status"] == "PENDING":
            self._grant(self._order(made), made)

    def settle(self, order: Record) -> list[str]:
        """Whatever waits for the platform is done now; answers which."""
        found = [each for each in self._books.cancellations_of(order["id"]) if each["status"] in ("PENDING", "SUCCESS")]
        for made in found:
            if made["status"] == "PENDING" and made["role"] != "BUYER":
                self._grant(order, made)
            if made["status"] == "SUCCESS":
                self.refund(made["cancel_id"])
        return [made["cancel_id"] for made in found]

    def refund(self, cancel_id: str) -> None:
        """The platform gives the money back."""
        made = self._books.cancellation(cancel_id)
        if made is None or made["status"] != "SUCCESS":
            return
        order = self._order(made)
        made["status"] = "COMPLETE"
        order["refunded"] += made["refund"]
        self._books.save(order)
        self._books.write(order, "refunded", made["refund"], cancel_id)
        self._timers.cancel(_refund_key(made))
        self._save(order, made)
        self._notices.refund(order, cancel_id, shapes.amount(made["refund"]), made["line_ids"])

    def _make(self, order: Record, role: str, reason: str, lines: list[Record]) -> Record:
        whole = len(lines) == len(_living(order))
        left = order["total"] - order["refunded"]
        paid = "paid_time" in order["times"]
        made = {
            "cancel_id": self._books.new_id(CANCELLATIONS),
            "order_id": order["id"],
            "shop": order["shop"],
            "role": role,
            "reason": reason,
            "status": "PENDING",
            "line_ids": [line["id"] for line in lines],
            "refund": (left if whole else sum(line["price"] for line in lines)) if paid else 0,
            "currency": order["currency"],
            "create_time": self._books.now(),
            "deadline": None,
            "answered_under": None,
        }
        self._books.save_cancellation(made)
        return made

    def _grant(self, order: Record, made: Record) -> None:
        made["status"], order["cancel_requested"] = "SUCCESS", False
        order["cancel_reason"], order["cancellation_initiator"] = made["reason"], made["role"]
        for line in order["lines"]:
            line["cancelled"] = line["cancelled"] or line["id"] in made["line_ids"]
        self._timers.cancel(_lapse_key(made))
        self._timers.after(REFUND_SECONDS, REFUND, {"cancel_id": made["cancel_id"]}, key=_refund_key(made))
        self._books.write(order, "canceled", made["refund"], made["cancel_id"])
        self._books.save(order)
        self._save(order, made)
        if not _living(order):
            self._life.end(order)

    def _save(self, order: Record, made: Record) -> None:
        self._books.save_cancellation(made)
        self._notices.cancellation(order, made)

    def _order(self, made: Record) -> Record:
        order = self._books.order(made["order_id"])
        assert order is not None, "a cancellation has an order"
        return order


def _living(order: Record) -> list[Record]:
    return [line for line in order["lines"] if not line["cancelled"]]


def _underway(made: Record) -> list[str]:
    """Lines of a cancellation of the seller's that waits."""
    return list(made["line_ids"]) if made["status"] == "PENDING" and made["role"] == "SELLER" else []


def _lapse_key(made: Record) -> str:
    return f"lapse:{made['cancel_id']}"


def _refund_key(made: Record) -> str:
    return f"refund:{made['cancel_id']}"
