"""Taking, changing and canceling orders, whichever version they come by; and finding them again."""

from datetime import UTC, datetime
from typing import Any, Final

from emulators.amazon_mcf import stages, validation
from emulators.amazon_mcf.books import Books
from emulators.amazon_mcf.life import SELLER, Life
from emulators.amazon_mcf.scripts import Scripts
from emulators.amazon_mcf.stages import Record
from emulators.amazon_mcf.validation import RefusedError

FIRST_SHIPMENT: Final = 70_001
FIRST_PACKAGE: Final = 900_001
PAGE: Final = 50
_PAGE_NAME: Final = "page_size"


class Orders:
    """Every method that changes something expects to run inside a store transaction."""

    def __init__(self, books: Books, scripts: Scripts, life: Life) -> None:
        self._books, self._scripts, self._life = books, scripts, life
        self.page_size = int(books.store.value(_PAGE_NAME) or PAGE)

    def set_page_size(self, size: int) -> None:
        """How many of anything are on a page."""
        self.page_size = size
        self._books.store.set_value(_PAGE_NAME, size)

    def place(self, wanted: Record, *, at_once: bool) -> Record:
        """Take an order whose id no other one has, in the words of both versions. Raises RefusedError."""
        validation.check_lines(wanted["lines"])
        if self._books.order(wanted["id"]) is not None:
            raise RefusedError(f"A fulfillment order with the ID {wanted['id']} already exists.")
        order = {**self._blank(wanted), **wanted}
        script = self._scripts.of(order)
        order |= {"tracking": script["tracking"], "unseen": script["unseen"]}
        order["shipments"] = [self._shipment(order, lines) for lines in split(order["lines"], script["split"])]
        self._life.receive(order, at_once=at_once)
        return order

    def _blank(self, wanted: Record) -> Record:
        now = self._books.now()
        return {
            "reference_id": wanted["id"],
            "stage": "New",
            "stage_times": {},
            "outcome": None,
            "ships_anyway": False,
            "cancel_asked": False,
            "paused": False,
            "committed": False,
            "received_at": now,
            "status_at": now,
        }

    def _shipment(self, order: Record, lines: list[Record]) -> Record:
        store = self._books.store
        number = store.next_number("package", FIRST_PACKAGE)
        return {
            "id": f"D{store.next_number('shipment', FIRST_SHIPMENT)}",
            "reference_id": order["id"],
            "package_number": number,
            "tracking_number": f"TBA{number:012d}",
            "goods_left": False,
            "cancelled_at": None,
            "cancelled_by": None,
            "products": [{each: line[each] for each in ("item_id", "sku", "quantity")} for line in lines],
        }

    def seen(self, order_id: str) -> Record:
        """The order. Raises RefusedError: none is shown."""
        order = self._books.order(order_id)
        if order is None or order["unseen"]:
            raise RefusedError(f"No fulfillment order with the ID {order_id} exists.", "NotFound", 404)
        return order

    def change(self, order_id: str, *, ship: bool, address: Record | None = None) -> None:
        """Ship what is on hold, or another address for it. Raises RefusedError."""
        order = self.seen(order_id)
        if order["action"] != "Hold" or order["outcome"]:
            raise RefusedError(f"The fulfillment order {order_id} is not on hold and cannot be updated.")
        if address is not None:
            validation.check_address(address)
            order["address"] = address
        self._books.save(order)
        if ship:
            self._life.ship(order)

    def cancel(self, order_id: str, *, at_once: bool) -> None:
        """Cancel it now, or take the request. Raises RefusedError once picking has begun, or when it has ended."""
        order = self.seen(order_id)
        plan = self._scripts.of(order)["cancel"]
        if not stages.may_cancel(order) or (at_once and plan in {"refuse", "ignore"}):
            status = stages.status_2020(order)
            raise RefusedError(f"The fulfillment order {order_id} cannot be cancelled in status {status}.")
        if at_once:
            self._life.cancel(order, SELLER, ships_anyway=plan == "agree_and_ship")
        else:
            self._life.ask_to_cancel(order)

    def listed(self, field: str, since: str | None, token: str | None) -> tuple[list[Record], str | None]:
        """A page of orders changed since then, oldest first, and the token of the next one. Raises RefusedError."""
        edge = moment(since) if since else datetime.min.replace(tzinfo=UTC)
        found = [order for order in self._books.orders() if not order["unseen"] and moment(order[field]) >= edge]
        return self.page(found, token)

    def page(self, found: list[Any], token: str | None) -> tuple[list[Any], str | None]:
        """A page, and the token of the next one. Raises RefusedError."""
        if token is not None and not token.isdigit():
            raise RefusedError("Value for parameter nextToken is invalid.")
        start = int(token or 0)
        end = start + self.page_size
        return found[start:end], str(end) if end < len(found) else None


def moment(text: str) -> datetime:
    """A time as the API takes it. Raises RefusedError."""
    try:
        parsed = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise RefusedError("A date-time is not in ISO 8601 format.") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def split(lines: list[Record], parts: int) -> list[list[Record]]:
    """Divide the lines over shipments, as far as there are lines."""
    count = min(parts, len(lines))
    return [lines[index::count] for index in range(count)]
