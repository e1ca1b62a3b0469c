"""Everything the routes of the reference courier work with, put together once."""

from dataclasses import dataclass
from typing import Self

from emulators.common import Clock, Emulator, Store
from emulators.courier.books import Books
from emulators.courier.events import Events
from emulators.courier.parcels import Parcels
from emulators.courier.rate_limit import RateLimit
from emulators.courier.scripts import Scripts
from emulators.courier.shipments import Shipments


@dataclass(frozen=True)
class Desk:
    """The parts of the company."""

    store: Store
    clock: Clock
    books: Books
    scripts: Scripts
    parcels: Parcels
    shipments: Shipments
    limit: RateLimit

    @classmethod
    def open(cls, emulator: Emulator) -> Self:
        """Build the parts on an emulator's store, clock, timers and outbox."""
        store, clock = emulator.store, emulator.clock
        books, scripts = Books(store, clock), Scripts(store)
        events = Events(books, emulator.webhooks, emulator.config)
        parcels = Parcels(books, emulator.timers, scripts, events)
        return cls(
            store=store,
            clock=clock,
            books=books,
            scripts=scripts,
            parcels=parcels,
            shipments=Shipments(books, parcels, scripts),
            limit=RateLimit(store, clock),
        )
