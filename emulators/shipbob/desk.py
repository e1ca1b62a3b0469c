"""Everything the routes of the ShipBob emulator work with, put together once."""

from dataclasses import dataclass
from typing import Self

from emulators.common import Emulator, Store
from emulators.shipbob.books import Books
from emulators.shipbob.cancellation import Cancellation
from emulators.shipbob.inventory import Inventory
from emulators.shipbob.orders import Orders
from emulators.shipbob.rate_limit import RateLimit
from emulators.shipbob.scripts import Scripts
from emulators.shipbob.simulations import Simulations
from emulators.shipbob.subscriptions import Subscriptions
from emulators.shipbob.warehouse import Warehouse


@dataclass(frozen=True)
class Desk:
    """The parts of the company."""

    store: Store
    books: Books
    inventory: Inventory
    scripts: Scripts
    warehouse: Warehouse
    orders: Orders
    cancellation: Cancellation
    subscriptions: Subscriptions
    simulations: Simulations
    limit: RateLimit

    @classmethod
    def open(cls, emulator: Emulator) -> Self:
        """Build the parts on an emulator's store, clock, timers and outbox."""
        store, clock, timers = emulator.store, emulator.clock, emulator.timers
        books, inventory, scripts = Books(store, clock), Inventory(store), Scripts(store)
        subscriptions = Subscriptions(books, emulator.webhooks, emulator.config)
        warehouse = Warehouse(books, timers, scripts, inventory, subscriptions.notify)
        return cls(
            store=store,
            books=books,
            inventory=inventory,
            scripts=scripts,
            warehouse=warehouse,
            orders=Orders(books, inventory, scripts, warehouse),
            cancellation=Cancellation(books, scripts, warehouse),
            subscriptions=subscriptions,
            simulations=Simulations(books, timers, clock, warehouse),
            limit=RateLimit(store, clock),
        )
