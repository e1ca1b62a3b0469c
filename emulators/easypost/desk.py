"""Everything the routes of the EasyPost emulator work with, put together once."""

from dataclasses import dataclass
from typing import Self

from emulators.common import Emulator, Store
from emulators.easypost.books import Books
from emulators.easypost.events import Events
from emulators.easypost.refunds import Refunds
from emulators.easypost.scripts import Scripts
from emulators.easypost.shipments import Shipments
from emulators.easypost.tracking import Tracking


@dataclass(frozen=True)
class Desk:
    """The parts of the company."""

    store: Store
    books: Books
    scripts: Scripts
    tracking: Tracking
    shipments: Shipments
    refunds: Refunds

    @classmethod
    def open(cls, emulator: Emulator) -> Self:
        """Build the parts on an emulator's store, clock, timers and outbox."""
        store, timers = emulator.store, emulator.timers
        books, scripts = Books(store, emulator.clock), Scripts(store)
        events = Events(books, emulator.webhooks, emulator.config)
        tracking = Tracking(books, timers, scripts, events)
        return cls(
            store=store,
            books=books,
            scripts=scripts,
            tracking=tracking,
            shipments=Shipments(books, tracking),
            refunds=Refunds(books, timers, scripts, events, tracking),
        )
