"""The deadlines an order gets: business days from payment, and one more beyond a shop's daily capacity.

US rules: shipped within 2 business days, and the carrier's scan is what counts; delivered within 6; canceled after 7.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from emulators.common import Clock, Store

SHIP_DAYS, DELIVER_DAYS, CANCEL_DAYS = 2, 6, 7
GRACE_SECONDS: Final = 3600.0
DAY_SECONDS: Final = 86400
_SATURDAY: Final = 5
_CAPACITY, _ORDERS_OF, _STRETCH = "capacity", "orders_of", "stretch"


def after_business_days(begin: float, days: int) -> float:
    """The same time of day, so many business days later; weekends do not count."""
    moment = datetime.fromtimestamp(begin, UTC)
    while days:
        moment += timedelta(days=1)
        days -= moment.weekday() < _SATURDAY
    return moment.timestamp()


class Deadlines:
    """Gives an order its clocks. Simulated life may run faster: what is told is when it will really be so."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def set_capacity(self, shop: str, per_day: int | None) -> None:
        """How many orders a shop handles in a day; None: any number."""
        self._store.set_value(f"{_CAPACITY}:{shop}", per_day)

    def stretch(self, factor: float) -> None:
        """Orders from now on get deadlines that are so many times later: a fast clock leaves sellers little time."""
        self._store.set_value(_STRETCH, factor)

    def is_beyond_capacity(self, shop: str) -> bool:
        """Count one more order of today."""
        today = f"{_ORDERS_OF}:{shop}:{int(self._clock.virtual() // DAY_SECONDS)}"
        number = self._store.next_number(today)
        capacity = self._store.value(f"{_CAPACITY}:{shop}")
        return capacity is not None and number > capacity

    def of(self, paid_at: float, *, beyond_capacity: bool) -> dict[str, int]:
        """The order's clocks, as seconds since 1970."""
        more = 1 if beyond_capacity else 0
        days = {
            "rts_sla_time": SHIP_DAYS,
            "tts_sla_time": SHIP_DAYS,
            "shipping_due_time": CANCEL_DAYS,
            "cancel_order_sla_time": CANCEL_DAYS,
            "collection_due_time": CANCEL_DAYS,
            "delivery_sla_time": DELIVER_DAYS,
        }
        return {name: self._told(paid_at, number + more) for name, number in days.items()}

    def _told(self, paid_at: float, days: int) -> int:
        lasting = after_business_days(paid_at, days) - paid_at
        return int(paid_at + self._clock.real_delay(lasting) * (self._store.value(_STRETCH) or 1.0))

    def until(self, moment: int) -> float:
        """Virtual seconds until a deadline that was told."""
        return max(0.0, (moment - self._clock.now()) * self._clock.scale)
