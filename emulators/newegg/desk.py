"""Everything the routes of the Newegg emulator work with, put together once."""

from dataclasses import dataclass
from typing import Self

from emulators.common import Emulator, Store
from emulators.newegg.books import Books
from emulators.newegg.cancellation import Cancellation
from emulators.newegg.feeds import Feeds
from emulators.newegg.inventory import Inventory
from emulators.newegg.orders import Orders
from emulators.newegg.pace import Pace
from emulators.newegg.rate_limit import RateLimit
from emulators.newegg.scripts import Scripts
from emulators.newegg.warehouse import Warehouse


@dataclass(frozen=True)
class Desk:
    """The parts of the company."""

    store: Store
    books: Books
    inventory: Inventory
    scripts: Scripts
    warehouse: Warehouse
    orders: Orders
    feeds: Feeds
    cancellation: Cancellation
    pace: Pace
    limit: RateLimit

    @classmethod
    def open(cls, emulator: Emulator) -> Self:
        """Build the parts on an emulator's store, clock and timers."""
        store, clock, timers = emulator.store, emulator.clock, emulator.timers
        books, inventory, scripts, pace = Books(store, clock), Inventory(store), Scripts(store), Pace(store)
        warehouse = Warehouse(books, timers, scripts, inventory)
        orders = Orders(books, inventory, scripts, warehouse)
        return cls(
            store=store,
            books=books,
            inventory=inventory,
            scripts=scripts,
            warehouse=warehouse,
            orders=orders,
            feeds=Feeds(books, timers, scripts, orders, pace),
            cancellation=Cancellation(books, timers, scripts, warehouse, pace),
            pace=pace,
            limit=RateLimit(store, clock),
        )
