"""What our own ledgers hold, whole, for an audit that lays them beside what the outside companies say."""

from collections.abc import Iterator
from dataclasses import dataclass

from ordersaga.domain.books import Account
from ordersaga.domain.identifiers import ParcelReference, ReturnReference
from ordersaga.domain.orders import ParcelPlan
from ordersaga.domain.statuses import OrderStatus


@dataclass(frozen=True)
class OrderLedger:
    """An order's standing. `parcels` as planned when its stock was held."""

    order_id: str
    status: OrderStatus
    outcome: str | None
    reason: str | None
    parcels: tuple[ParcelPlan, ...] = ()


@dataclass(frozen=True)
class AccountBalance:
    """A money account of one parcel: signed minor units, debit positive."""

    order_id: str
    parcel: int
    account: Account
    amount: int


@dataclass(frozen=True)
class EffectEntry:
    """An outside call and what it came to."""

    key: str
    order_id: str
    step: str
    parcel: int
    status: str
    external_id: str | None = None

    @property
    def generation(self) -> int:
        """As its key says."""
        return int(self.key.rpartition("/")[2].partition(".")[0])


@dataclass(frozen=True)
class ShippedUnits:
    """Units of a SKU that our books say left a location with a parcel."""

    order_id: str
    parcel: int
    location: str
    sku: str
    quantity: int


@dataclass(frozen=True)
class RestockedUnits:
    """Units of a SKU that came back with a parcel to a location and are on its shelf again."""

    order_id: str
    parcel: int
    location: str
    sku: str
    quantity: int


@dataclass(frozen=True)
class CountedUnits:
    """Units of a SKU that a count of the shelf added at a location, or took away when negative."""

    location: str
    sku: str
    quantity: int


@dataclass(frozen=True)
class Shelf:
    """Stock of a SKU at a location."""

    location: str
    sku: str
    on_hand: int
    held: int


@dataclass(frozen=True)
class OpenQuestion:
    """An attention item nobody answered."""

    item_id: str
    order_id: str
    kind: str


@dataclass(frozen=True)
class Ledgers:
    """Everything an audit asks of us, read in one transaction."""

    orders: tuple[OrderLedger, ...] = ()
    money: tuple[AccountBalance, ...] = ()
    effects: tuple[EffectEntry, ...] = ()
    shipped: tuple[ShippedUnits, ...] = ()
    restocked: tuple[RestockedUnits, ...] = ()
    counted: tuple[CountedUnits, ...] = ()
    shelves: tuple[Shelf, ...] = ()
    questions: tuple[OpenQuestion, ...] = ()

    def label_references(self) -> Iterator[str]:
        """What every label that was asked for is known by at its carrier, ways back included."""
        for effect in self.effects:
            if effect.step == "book_label":
                yield str(ParcelReference(effect.order_id, effect.parcel, effect.generation))
            elif effect.step == "book_return_label":
                yield str(ReturnReference(effect.order_id, effect.generation, effect.parcel))
