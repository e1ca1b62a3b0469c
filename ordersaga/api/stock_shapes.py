"""What the HTTP API answers about stock and catalogs."""

from typing import Self

from ordersaga.domain.catalog import StockLevel
from ordersaga.domain.values import Message


class StockRow(Message):
    """Units of a SKU at a location, and what holds for the SKU: units one buyer may have, units that can be shipped on
    a day (null: any number), whether shoppers may wait for it, and how many orders wait in its line."""

    location: str
    sku: str
    on_hand: int
    held: int
    available: int
    max_per_buyer: int | None = None
    daily_units: int | None = None
    waitlist: bool = False
    waiting: int = 0

    @classmethod
    def of(cls, level: StockLevel) -> Self:
        """The row of a level."""
        return cls(**level.model_dump(), available=level.available)


class StockList(Message):
    """Stock levels, by SKU and location. `next_cursor` fetches the page after this one."""

    levels: tuple[StockRow, ...]
    next_cursor: str | None = None


class CatalogLoaded(Message):
    """What a catalog file brought, or with `dry_run` would bring: rows written; receipts that were new, their units."""

    dry_run: bool = False
    sellers: int
    locations: int
    products: int
    receipts: int
    units: int
