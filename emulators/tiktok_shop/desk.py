"""Everything the routes of the TikTok Shop emulator work with, put together once."""

from dataclasses import dataclass
from typing import Self

from emulators.common import Emulator, Store
from emulators.tiktok_shop.access import Access
from emulators.tiktok_shop.aftersales import Aftersales
from emulators.tiktok_shop.books import Books
from emulators.tiktok_shop.cancellation import Cancellation
from emulators.tiktok_shop.clocks import Deadlines
from emulators.tiktok_shop.life import Life
from emulators.tiktok_shop.notices import Notices
from emulators.tiktok_shop.placing import Placing
from emulators.tiktok_shop.rate_limit import RateLimit
from emulators.tiktok_shop.scripts import Scripts
from emulators.tiktok_shop.shipping import Shipping


@dataclass(frozen=True)
class Desk:
    """The parts of the company."""

    store: Store
    books: Books
    access: Access
    deadlines: Deadlines
    scripts: Scripts
    life: Life
    placing: Placing
    cancellation: Cancellation
    shipping: Shipping
    aftersales: Aftersales
    notices: Notices
    limit: RateLimit

    @classmethod
    def open(cls, emulator: Emulator) -> Self:
        """Build the parts on an emulator's store, clock, timers and outbox."""
        store, clock, timers = emulator.store, emulator.clock, emulator.timers
        books, scripts, deadlines = Books(store, clock), Scripts(store), Deadlines(store, clock)
        notices = Notices(books, emulator.webhooks, emulator.config)
        life = Life(books, timers, scripts, deadlines, notices)
        cancellation = Cancellation(books, timers, scripts, life, notices)
        return cls(
            store=store,
            books=books,
            access=Access(store, clock, emulator.config.webhook_secret),
            deadlines=deadlines,
            scripts=scripts,
            life=life,
            placing=Placing(books, life),
            cancellation=cancellation,
            shipping=Shipping(books, cancellation, life, notices),
            aftersales=Aftersales(books, timers, notices),
            notices=notices,
            limit=RateLimit(store, clock),
        )
