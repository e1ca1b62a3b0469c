"""What the fake stores share: the tables, as dictionaries."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ordersaga.domain.books import MoneyTransaction
from ordersaga.domain.catalog import Catalog, Location, Product, StockLevel
from ordersaga.domain.effects import EffectRow
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.journal import AttentionItem, JournalEntry, OrderRecord, TimelineEntry


def utc_now() -> datetime:
    """The time, by default."""
    return datetime.now(UTC)


@dataclass
class Shelf:
    """Units of one SKU at one location."""

    on_hand: int = 0
    held: int = 0

    def change(self, on_hand: int, held: int) -> None:
        """Move units; refuses what the database would refuse."""
        if not 0 <= self.held + held <= self.on_hand + on_hand:
            raise OperatorError("integrity_violation", "held must stay between 0 and on_hand")
        self.on_hand, self.held = self.on_hand + on_hand, self.held + held


@dataclass
class Hold:
    """One line of a parcel, held at a location. `status`: held, confirmed, shipped or released."""

    parcel: int
    sku: str
    location: str
    quantity: int
    status: str


@dataclass
class TakenBack:
    """Units by SKU that came back to a location; sellable or written off."""

    location: str
    sellable: bool
    units: Counter[str]


@dataclass
class Memory:
    """All tables; `now` may be replaced to move time."""

    now: Callable[[], datetime] = utc_now
    locations: dict[str, Location] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)
    receipts: set[str] = field(default_factory=set)
    shelves: dict[tuple[str, str], Shelf] = field(default_factory=dict)
    holds: dict[str, list[Hold]] = field(default_factory=dict)
    back: dict[tuple[str, int, str], TakenBack] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    orders: dict[str, OrderRecord] = field(default_factory=dict)
    effects: dict[str, EffectRow] = field(default_factory=dict)
    leases: dict[str, datetime] = field(default_factory=dict)
    money: dict[str, MoneyTransaction] = field(default_factory=dict)
    journal: dict[tuple[str, str], JournalEntry] = field(default_factory=dict)
    attention: dict[tuple[str, str], AttentionItem] = field(default_factory=dict)
    messages: list[tuple[str, TimelineEntry]] = field(default_factory=list)

    def load(self, catalog: Catalog) -> None:
        """Take a catalog in; a receipt adds its units once."""
        self.locations |= {location.location: location for location in catalog.locations}
        self.products |= {product.sku: product for product in catalog.products}
        for receipt in catalog.receipts:
            if receipt.receipt_id not in self.receipts:
                self.receipts.add(receipt.receipt_id)
                self.shelf(receipt.location, receipt.sku).change(receipt.quantity, 0)

    def shelf(self, location: str, sku: str) -> Shelf:
        """The shelf of a SKU at a location."""
        return self.shelves.setdefault((location, sku), Shelf())

    def stock_levels(self) -> list[StockLevel]:
        """Every shelf by (sku, location)."""
        found = [
            StockLevel(location=location, sku=sku, on_hand=shelf.on_hand, held=shelf.held)
            for (location, sku), shelf in self.shelves.items()
        ]
        return sorted(found, key=lambda level: (level.sku, level.location))

    def live_holds(self, order_id: str, parcel: int | None = None) -> list[Hold]:
        """Holds of an order that have not ended."""
        return [
            hold
            for hold in self.holds.get(order_id, [])
            if hold.status in ("held", "confirmed") and parcel in (None, hold.parcel)
        ]

    def post(self, transactions: Iterable[MoneyTransaction]) -> None:
        """Append money transactions, all or none, as the database does."""
        new = dict(self.money)
        for wanted in transactions:
            if sum(posting.amount for posting in wanted.postings):
                raise OperatorError("integrity_violation", f"{wanted.transaction_id} does not sum to 0")
            standing = new.setdefault(wanted.transaction_id, wanted)
            if _money(standing) != _money(wanted):
                raise OperatorError("transaction_conflict", f"Other postings stand under {wanted.transaction_id}")
        self.money = new


def _money(transaction: MoneyTransaction) -> tuple[object, ...]:
    return transaction.order_id, transaction.parcel, transaction.currency, transaction.postings
