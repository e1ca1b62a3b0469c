"""Everything the routes of the Amazon emulator work with, put together once."""

from dataclasses import dataclass
from typing import Self

from emulators.amazon_mcf.books import Books
from emulators.amazon_mcf.inventory import Inventory
from emulators.amazon_mcf.life import Life
from emulators.amazon_mcf.orders import Orders
from emulators.amazon_mcf.rate_limit import RateLimit
from emulators.amazon_mcf.scripts import Scripts
from emulators.amazon_mcf.tokens import Tokens
from emulators.common import Emulator, Store


@dataclass(frozen=True)
class Desk:
    """The parts of the company."""

    store: Store
    books: Books
    inventory: Inventory
    scripts: Scripts
    life: Life
    orders: Orders
    tokens: Tokens
    limit: RateLimit

    @classmethod
    def open(cls, emulator: Emulator) -> Self:
        """Build the parts on an emulator's store, clock and timers."""
        store, clock, timers = emulator.store, emulator.clock, emulator.timers
        books, inventory, scripts = Books(store, clock), Inventory(store), Scripts(store)
        life = Life(books, timers, scripts, inventory)
        orders = Orders(books, scripts, life)
        limit = RateLimit(store, clock)
        return cls(store, books, inventory, scripts, life, orders, Tokens(store, clock), limit)
