"""What TikTok Shop has written down: orders, cancellations, returns, and a ledger of what it thinks happened."""

import json
from collections.abc import Iterator
from typing import Any, Final

from emulators.common import Clock, Store

Record = dict[str, Any]
ORDERS: Final = "orders"
CANCELLATIONS: Final = "cancellations"
RETURNS: Final = "returns"
LEDGER: Final = "ledger"
_FIRST: Final = {ORDERS: 576461413000000001, CANCELLATIONS: 4035633447000001, RETURNS: 4035920000000001}


class Books:
    """Reads and writes. Amounts are minor units; times are seconds since 1970."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store, self._clock = store, clock

    def now(self) -> int:
        """Real UTC now, in whole seconds as the API tells them."""
        return int(self._clock.now())

    def real(self, virtual_seconds: float) -> float:
        """How long a virtual duration takes."""
        return self._clock.real_delay(virtual_seconds)

    def new_id(self, kind: str) -> str:
        """An id never given before."""
        return str(self.store.next_number(kind, _FIRST.get(kind, 1_000_000_001)))

    def order(self, order_id: str) -> Record | None:
        """The order, or None."""
        return self.store.get(ORDERS, order_id)

    def order_of_package(self, package_id: str) -> Record | None:
        """The order a package belongs to, or None."""
        found = self.store.find(ORDERS, f"package:{package_id}")
        return found[0] if found else None

    def orders(self, shop: str) -> Iterator[Record]:
        """A shop's orders, oldest first."""
        return (order for order in self.store.all(ORDERS) if order["shop"] == shop)

    def orders_matching(self, match: str) -> list[Record]:
        """Orders that contain the text anywhere, oldest first."""
        return [order for order in self.store.all(ORDERS) if match in json.dumps(order)]

    def save(self, order: Record) -> None:
        """Keep the order as changed now."""
        order["update_time"] = self.now()
        keys = {f"package:{line['package_id']}" for line in order["lines"] if line["package_id"]}
        self.store.put(ORDERS, order["id"], order, keys=keys)

    def cancellation(self, cancel_id: str) -> Record | None:
        """The cancellation, or None."""
        return self.store.get(CANCELLATIONS, cancel_id)

    def cancellations_of(self, order_id: str) -> list[Record]:
        """Every cancellation of an order, oldest first."""
        return self.store.find(CANCELLATIONS, f"order:{order_id}")

    def open_request(self, order_id: str) -> Record | None:
        """The buyer's request that waits for an answer, or None."""
        waiting = (each for each in self.cancellations_of(order_id) if each["status"] == "PENDING")
        return next((each for each in waiting if each["role"] == "BUYER"), None)

    def save_cancellation(self, cancellation: Record) -> None:
        """Keep it as changed now."""
        cancellation["update_time"] = self.now()
        keys = [f"order:{cancellation['order_id']}"]
        self.store.put(CANCELLATIONS, cancellation["cancel_id"], cancellation, keys=keys)

    def write(self, order: Record, kind: str, amount: int = 0, about: str = "") -> None:
        """One line of the ledger: `collected`, `refunded`, `shipped`, `scanned`, `canceled`."""
        number = self.store.next_number(LEDGER)
        line = {
            "order_id": order["id"],
            "kind": kind,
            "amount": amount,
            "currency": order["currency"],
            "about": about,
            "at": self.now(),
        }
        self.store.put(LEDGER, str(number), line)
