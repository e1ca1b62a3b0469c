"""What an order is accepted with, and what may become of it at that moment."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ordersaga.domain.orders import Order, ParcelPlan
from ordersaga.domain.stops import StopRule


@dataclass(frozen=True)
class IdempotencyKey:
    """A caller's `Idempotency-Key`, scoped by the API key it came with; `request_hash` tells two requests apart."""

    api_key_id: str
    key: str
    request_hash: str


@dataclass(frozen=True)
class AcceptRequest:
    """An order to accept; its hold expires after `hold_ttl` unless its saga confirms it.

    `wait_until`: the shopper agrees to wait until then for what is sold out or cannot be shipped soon.
    """

    order: Order
    hold_ttl: timedelta
    idempotency: IdempotencyKey | None = None
    wait_until: datetime | None = None


@dataclass(frozen=True)
class Accepted:
    """The order is ours: hold, row and key are committed, and a starter will start it if the caller does not.

    `order` has the terms it was accepted with.
    """

    order: Order
    parcels: tuple[ParcelPlan, ...]

    @property
    def order_id(self) -> str:
        """Of the order."""
        return self.order.order_id


@dataclass(frozen=True)
class Waiting:
    """The order is ours, holds nothing, and waits until then for `lacking` (SKUs, or its seller's room to ship).

    `place`: 1 is next; in the longest line it stands in.
    """

    order: Order
    place: int
    lacking: tuple[str, ...]
    until: datetime

    @property
    def order_id(self) -> str:
        """Of the order."""
        return self.order.order_id


@dataclass(frozen=True)
class SoldOut:
    """The order is stored as rejected and holds nothing; `missing` are the SKUs of which too few were left."""

    order_id: str
    missing: tuple[str, ...]


@dataclass(frozen=True)
class BuyerNeeded:
    """Nothing is stored: of these SKUs a buyer may have only so many, and the order does not say who buys."""

    order_id: str
    skus: tuple[str, ...]


@dataclass(frozen=True)
class OverBuyerLimit:
    """Nothing is stored: the buyer would have more than `limit` units of the SKU, and has `has` of it."""

    order_id: str
    sku: str
    limit: int
    has: int


@dataclass(frozen=True)
class NoCapacity:
    """Nothing is stored: no day of the next `days` has room to ship the order; `lacking` as in `Waiting`."""

    order_id: str
    lacking: tuple[str, ...]
    days: int


@dataclass(frozen=True)
class Stopped:
    """Nothing is stored: an operator stopped orders like this one; `rule` says what and until when."""

    order_id: str
    rule: StopRule


@dataclass(frozen=True)
class Replay:
    """The same request was taken before. `status` and `body` are its HTTP answer, None when none was saved yet:
    the caller then answers from the order's record."""

    order_id: str
    status: int | None = None
    body: Any = None


@dataclass(frozen=True)
class KeyMismatch:
    """A different request already stands under the same `field`: `idempotency_key` or `order_id`. Nothing changed."""

    order_id: str
    field: str


Unstored = BuyerNeeded | OverBuyerLimit | NoCapacity | Stopped
"""Refusals that leave nothing behind, not even the key: who asks again is judged anew."""
Refused = SoldOut | KeyMismatch | Unstored
Acceptance = Accepted | Waiting | Replay | Refused


async def refused_id(
    gone: str, asked: Sequence[AcceptRequest], accept: Callable[[Sequence[AcceptRequest]], Awaitable[list[Acceptance]]]
) -> list[Acceptance]:
    """Accept what does not bear the id of an order that was erased and is not on record any more: it stays taken."""
    others = iter(await accept([each for each in asked if each.order.order_id != gone]))
    return [KeyMismatch(gone, "order_id") if each.order.order_id == gone else next(others) for each in asked]
