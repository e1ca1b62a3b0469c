"""What Newegg has written down: feeds, and the orders made of them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from emulators.common import Clock, Store
from emulators.newegg.stages import Record

ORDERS: Final = "orders"
FEEDS: Final = "feeds"


class Books:
    """Reads and writes feeds and orders; the packages of an order are kept inside it."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store, self._clock = store, clock

    def epoch(self) -> float:
        """Real seconds now."""
        return self._clock.now()

    def now(self) -> str:
        """Real UTC now, for the records."""
        return datetime.fromtimestamp(self._clock.now(), UTC).isoformat()

    def order(self, number: int) -> Record | None:
        """The order, or None."""
        return self.store.get(ORDERS, str(number))

    def orders(self) -> Iterator[Record]:
        """Every order, newest first."""
        return self.store.newest(ORDERS)

    def orders_of(self, reference: str) -> list[Record]:
        """The orders with this SellerOrderID, one for each sales channel."""
        return self.store.find(ORDERS, f"reference:{reference}")

    def orders_matching(self, match: str) -> list[Record]:
        """Orders whose SellerOrderID or whole body contains the text, oldest first."""
        return [order for order in self.store.all(ORDERS) if matches(match, order["body"])]

    def save_order(self, order: Record) -> None:
        """Keep the order, found by its SellerOrderID."""
        order["updated_at"] = self.now()
        self.store.put(ORDERS, str(order["id"]), order, keys=[f"reference:{order['reference_id']}"])

    def forget_order(self, order: Record) -> None:
        """As if it had never been placed."""
        self.store.delete(ORDERS, str(order["id"]))

    def feed(self, request_id: str) -> Record | None:
        """The feed, or None."""
        return self.store.get(FEEDS, request_id)

    def feeds(self) -> Iterator[Record]:
        """Every feed, newest first."""
        return self.store.newest(FEEDS)

    def save_feed(self, feed: Record) -> None:
        """Keep the feed."""
        self.store.put(FEEDS, feed["id"], feed)


def matches(match: str, body: object) -> bool:
    """Whether a control's ``match`` is contained anywhere in what was sent."""
    return match in json.dumps(body)
