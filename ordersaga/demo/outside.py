"""What the outside companies say happened, in one shape an audit can compare."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ordersaga.domain.identifiers import ParcelReference

_OPEN: Final = frozenset({"requires_capture", "requires_action", "requires_confirmation", "processing"})


@dataclass(frozen=True)
class Payment:
    """A payment at Stripe. Amounts in minor units; `key` is our effect key, found in its metadata."""

    payment_id: str
    order_id: str
    parcel: int
    key: str
    status: str
    amount: int
    captured: int = 0
    refunds: tuple[tuple[str, int], ...] = ()

    @property
    def refunded(self) -> int:
        """What went back to the shopper."""
        return sum(amount for _, amount in self.refunds)

    @property
    def net(self) -> int:
        """What the shopper paid and did not get back."""
        return self.captured - self.refunded

    @property
    def is_open(self) -> bool:
        """Whether funds are reserved, or still may be."""
        return self.status in _OPEN


@dataclass(frozen=True)
class Page:
    """A page of Stripe's on which an order can be paid. `is_open`: the shopper may still pay there."""

    session_id: str
    order_id: str
    is_open: bool
    key: str = ""


@dataclass(frozen=True)
class ProviderParcel:
    """A parcel at a 3PL. `live`: not canceled, or shipped all the same; `units`: what left the building, by SKU.

    `provider`: at which of them. `kept`: the shopper has it, or is about to.
    """

    reference: ParcelReference
    live: bool
    units: Mapping[str, int] = field(default_factory=dict)
    provider: str = "shipbob"
    kept: bool = True

    @property
    def left(self) -> bool:
        """Whether goods left the building."""
        return bool(self.units)


@dataclass(frozen=True)
class Label:
    """A label we bought at an account. `scanned`: the carrier has the parcel; `kept`: the shopper has it, or will."""

    reference: ParcelReference
    voided: bool = False
    scanned: bool = False
    kept: bool = True
    account: str = "easypost"


@dataclass(frozen=True)
class Sale:
    """An order that a marketplace sold for us. Amounts in minor units; `told`: units it was told have left, by SKU."""

    order_id: str
    collected: int
    refunded: int = 0
    canceled: bool = False
    told: Mapping[str, int] = field(default_factory=dict)

    @property
    def net(self) -> int:
        """What the shopper paid there and did not get back."""
        return self.collected - self.refunded


@dataclass(frozen=True)
class Outside:
    """Everything the companies say."""

    payments: tuple[Payment, ...] = ()
    provider_parcels: tuple[ProviderParcel, ...] = ()
    labels: tuple[Label, ...] = ()
    pages: tuple[Page, ...] = ()
    sales: tuple[Sale, ...] = ()
