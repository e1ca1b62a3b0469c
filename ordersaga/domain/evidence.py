"""Our side of a reconciliation: what our ledgers hold of an order, a shelf, or a call, in the shape its rules need."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from ordersaga.domain.books import Account
from ordersaga.domain.effects import EffectStatus
from ordersaga.domain.orders import Order, ParcelPlan
from ordersaga.domain.reconciliation import Repair, repair_step
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus

OPEN = (EffectStatus.INTENDED, EffectStatus.UNKNOWN)
"""Nobody knows yet what came of it."""


@dataclass(frozen=True)
class Deed:
    """An effect as the rules need it. `said`: the decision or status it was answered with; `amount` in minor units.

    `account`: at which of several accounts, None for the first.
    """

    key: str
    step: str
    parcel: int
    generation: int
    status: EffectStatus
    external_id: str | None
    amount: int
    said: str
    intended_at: datetime
    settled_at: datetime | None = None
    account: str | None = None

    @property
    def done(self) -> bool:
        return self.status is EffectStatus.DONE

    @property
    def open(self) -> bool:
        return self.status in OPEN

    @property
    def at(self) -> datetime:
        """When it was last heard of."""
        return self.settled_at or self.intended_at


@dataclass(frozen=True)
class Heard:
    """A report that reached the order's story: `kind` is a parcel status, or `conflict` with what was said."""

    parcel: int
    kind: str
    text: str
    at: datetime


@dataclass(frozen=True)
class OrderEvidence:
    """All we hold of one order.

    `money`: signed minor units by parcel and account. `shipped`: parcels that left by our books. `heard`: reports in
    its story. `told`: entry ids of its story that say what became of voids. `asked`: questions ever put to people, by
    kind and parcel. `returning`: a return's own workflow minds the order.
    """

    order: Order
    status: OrderStatus
    parcels: tuple[ParcelPlan, ...]
    accepted_at: datetime
    updated_at: datetime
    started: bool
    deeds: tuple[Deed, ...] = ()
    money: Mapping[tuple[int, Account], int] = field(default_factory=dict)
    shipped: frozenset[int] = frozenset()
    heard: tuple[Heard, ...] = ()
    told: frozenset[str] = frozenset()
    asked: frozenset[tuple[str, int]] = frozenset()
    returning: bool = False

    @property
    def order_id(self) -> str:
        return self.order.order_id

    @property
    def final(self) -> bool:
        """Whether the order has ended; one with a return under way has not."""
        return self.status in FINAL_STATUSES

    @cached_property
    def plans(self) -> Mapping[int, ParcelPlan]:
        """Its parcels by number."""
        return {plan.parcel: plan for plan in self.parcels}

    def amount(self, parcel: int, account: Account) -> int:
        """What an account holds of a parcel, in minor units."""
        return self.money.get((parcel, account), 0)

    def payments(self, parcel: int) -> list[tuple[str, Deed]]:
        """Ids of the parcel's payments, with the authorization that led to each, or the entry that took it in."""
        deeds = [*self.of("authorize", parcel), *self.of(repair_step(Repair.ENTER), parcel)]
        return [(payment_id, deed) for deed in deeds for payment_id in (deed.external_id or "").split()]

    def of(self, step: str, parcel: int, generation: int | None = None) -> list[Deed]:
        """A parcel's effects of a step, oldest generation first."""
        found = [
            deed
            for deed in self.deeds
            if (deed.step, deed.parcel) == (step, parcel) and generation in (None, deed.generation)
        ]
        return sorted(found, key=lambda deed: (deed.generation, deed.intended_at))

    def latest(self, step: str, parcel: int, generation: int | None = None) -> Deed | None:
        """The latest of them."""
        found = self.of(step, parcel, generation)
        return found[-1] if found else None


@dataclass(frozen=True)
class OpenEffect:
    """An effect without a known outcome, and the order it belongs to."""

    key: str
    order_id: str
    step: str
    parcel: int
    generation: int
    intended_at: datetime
    seller: str
    final: bool
    updated_at: datetime


@dataclass(frozen=True)
class ShelfEvidence:
    """Units of a SKU on one of our shelves.

    `under_way`: of parcels handed to the provider and not booked as shipped: its goods may have left already.
    `came`, `went`: units booked onto and off the shelf just now, which the provider may not have counted yet.
    `coming`: of returns on their way, which may lie there before their inspection is booked.
    """

    location: str
    sku: str
    seller: str
    on_hand: int
    held: int
    under_way: int = 0
    came: int = 0
    went: int = 0
    coming: int = 0
