"""After dispatch: what comes back is refunded once it is with the seller; a seller refunds amounts without goods."""

from decimal import Decimal, InvalidOperation
from typing import Any, Final

from emulators.common import Timers
from emulators.tiktok_shop import envelope, shapes
from emulators.tiktok_shop.books import RETURNS, Books, Record
from emulators.tiktok_shop.cancellation import REFUND_SECONDS
from emulators.tiktok_shop.envelope import RefusedError
from emulators.tiktok_shop.notices import Notices

GIVEN_BACK: Final = "given_back"
REASONS: Final = ("seller_refund_reason_goodwill", "seller_refund_reason_package_damaged")
_DISPATCHED: Final = ("IN_TRANSIT", "DELIVERED", "COMPLETED")
_AGREED, _DONE = "RETURN_OR_REFUND_REQUEST_SUCCESS", "RETURN_OR_REFUND_REQUEST_COMPLETE"


class Aftersales:
    """Expects to run inside a store transaction."""

    def __init__(self, books: Books, timers: Timers, notices: Notices) -> None:
        self._books, self._timers, self._notices = books, timers, notices

    def eligibility(self, order: Record) -> Record:
        """Whether the seller may refund its lines, and for which reasons."""
        open_to = order["status"] in _DISPATCHED
        told: Record = {"request_type": "REFUND", "eligible": open_to}
        told |= (
            {"available_reason_names": list(REASONS)}
            if open_to
            else {"ineligible_code": envelope.BAD_STATUS, "ineligible_reason": "The order is not dispatched yet."}
        )
        lines = [{"order_line_item_id": line["id"]} for line in order["lines"] if not line["cancelled"]]
        return {"sku_eligibility": [{"line_item_eligibility": [{**told, "order_line_list": lines}]}]}

    def by_seller(self, order: Record, body: dict[str, Any], key: str | None) -> Record:
        """A refund of an amount, agreed to at once and paid out a while later; once per key. Raises RefusedError."""
        known = self._books.store.find(RETURNS, f"key:{key}") if key else []
        if known:
            return known[0]
        amount = _minor(str(body.get("refund_total")))
        reserved = sum(each["refund"] for each in self._of(order) if each["return_status"] == _AGREED)
        if body.get("return_type") != "REFUND" or body.get("return_reason") not in REASONS or amount is None:
            raise RefusedError(envelope.BAD_PARAMETER, "Invalid return type, reason or amount.")
        if order["status"] not in _DISPATCHED or body.get("currency") != order["currency"]:
            raise RefusedError(envelope.BAD_STATUS, "The order cannot be refunded.")
        if amount > order["total"] - order["refunded"] - reserved:
            raise RefusedError(envelope.BAD_PARAMETER, "The amount exceeds what is refundable.")
        lines = [str(each.get("order_line_item_id")) for each in body.get("order_line_list") or []]
        back = self._make(order, "SELLER", _AGREED, lines, amount)
        self._keep(back, key)
        self._timers.after(REFUND_SECONDS, GIVEN_BACK, {"return_id": back["return_id"]}, key=_key(back))
        self._notices.returned(order, back)
        return back

    def pay_out(self, return_id: str) -> None:
        """The platform gives back what a seller's refund says."""
        back = self._books.store.get(RETURNS, return_id)
        if back is None or back["return_status"] != _AGREED:
            return
        order = self._books.order(back["order_id"])
        assert order is not None, "a refund has an order"
        back["return_status"] = _DONE
        self._timers.cancel(_key(back))
        self._enter(order, back)

    def settle(self, order: Record) -> list[str]:
        """Every refund that waits is paid out now; answers which."""
        waiting = [each["return_id"] for each in self._of(order) if each["return_status"] == _AGREED]
        for each in waiting:
            self.pay_out(each)
        return waiting

    def complete(self, order: Record) -> Record | None:
        """Everything that was delivered came back and is refunded; None when nothing was."""
        if order["status"] not in ("DELIVERED", "COMPLETED") or order["refunded"] >= order["total"]:
            return None
        lines = [line for line in order["lines"] if not line["cancelled"]]
        amount = sum(line["price"] for line in lines)
        back = self._make(order, "BUYER", _DONE, [line["id"] for line in lines], amount)
        self._enter(order, back)
        return back

    def _make(self, order: Record, role: str, status: str, line_ids: list[str], amount: int) -> Record:
        return {
            "return_id": self._books.new_id(RETURNS),
            "order_id": order["id"],
            "shop": order["shop"],
            "role": role,
            "return_status": status,
            "line_ids": line_ids,
            "refund": amount,
            "currency": order["currency"],
            "create_time": self._books.now(),
            "asked_under": None,
        }

    def _keep(self, back: Record, key: str | None = None) -> None:
        back["asked_under"] = key or back["asked_under"]
        keys = [f"order:{back['order_id']}", *([f"key:{back['asked_under']}"] if back["asked_under"] else [])]
        self._books.store.put(RETURNS, back["return_id"], back, keys=keys)

    def _enter(self, order: Record, back: Record) -> None:
        order["refunded"] += back["refund"]
        self._books.save(order)
        self._keep(back)
        self._books.write(order, "refunded", back["refund"], back["return_id"])
        self._notices.returned(order, back)
        self._notices.refund(order, back["return_id"], shapes.amount(back["refund"]), back["line_ids"])

    def _of(self, order: Record) -> list[Record]:
        return self._books.store.find(RETURNS, f"order:{order['id']}")


def _minor(text: str) -> int | None:
    """Minor units of a decimal text of two places at most; None for what is none, or not above zero."""
    try:
        amount = Decimal(text) * 100
    except InvalidOperation:
        return None
    return int(amount) if amount > 0 and amount == amount.to_integral_value() else None


def _key(back: Record) -> str:
    return f"given_back:{back['return_id']}"
