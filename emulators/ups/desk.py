"""Everything the routes of the UPS emulator work with, put together once."""

from dataclasses import dataclass
from typing import Self

from emulators.common import Emulator, Store
from emulators.ups.books import Books
from emulators.ups.intercepts import Intercepts
from emulators.ups.rate_limit import RateLimit
from emulators.ups.scripts import Scripts
from emulators.ups.shipments import Shipments
from emulators.ups.tokens import Tokens
from emulators.ups.tracking import Tracking


@dataclass(frozen=True)
class Desk:
    """The parts of the company."""

    store: Store
    books: Books
    scripts: Scripts
    tokens: Tokens
    limit: RateLimit
    tracking: Tracking
    shipments: Shipments
    intercepts: Intercepts

    @classmethod
    def open(cls, emulator: Emulator) -> Self:
        """Build the parts on an emulator's store, clock and timers."""
        store, clock = emulator.store, emulator.clock
        books, scripts = Books(store, clock), Scripts(store)
        tracking = Tracking(books, emulator.timers, scripts)
        return cls(
            store=store,
            books=books,
            scripts=scripts,
            tokens=Tokens(store, clock),
            limit=RateLimit(store, clock),
            tracking=tracking,
            shipments=Shipments(books, tracking, scripts),
            intercepts=Intercepts(books, tracking, scripts),
        )
