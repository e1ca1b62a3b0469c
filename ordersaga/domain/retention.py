"""What is kept for how long. What is not named here is kept for good: law, books and the audit trail need it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from ordersaga.domain.notifications import KEPT
from ordersaga.domain.values import Message

PERIODS: Final[Mapping[str, timedelta]] = {
    "idempotency_keys": timedelta(days=7),
    "webhook_inbox": timedelta(days=7),
    "webhook_record": timedelta(days=90),
    "notifications": KEPT,
    "reconciliation_runs": timedelta(days=90),
}
"""By table. Messages of an order that is open are kept whatever their age: a recovery tells them again. Those of others
move from the inbox into the record, whose months are dropped as a whole once their last day is so old."""


class Forgettable(Message):
    """What of a table is older than it is kept. `rows`: that may be forgotten or moved now, or were."""

    table: str
    kept: timedelta
    rows: int
