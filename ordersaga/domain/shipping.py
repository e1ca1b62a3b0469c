"""What providers (3PLs) and carriers are asked, and what they answer."""

from enum import StrEnum

from pydantic import AwareDatetime

from ordersaga.domain.orders import Address, LineQuantity, OrderLine
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.domain.values import Message


class ShippingService(StrEnum):
    """How fast a parcel travels; each provider and carrier has its own name for it."""

    STANDARD = "standard"
    EXPEDITED = "expedited"


class HandOff(Message):
    """A parcel to be picked, packed and shipped. `reference` is unique at the provider."""

    reference: str
    order_id: str
    seller: str
    location: str
    lines: tuple[OrderLine, ...]
    ship_to: Address
    ship_by: AwareDatetime
    service: ShippingService = ShippingService.STANDARD


class ProviderOrder(Message):
    """A parcel as its provider sees it. `carrier` and `tracking_number` once the provider booked a carrier.

    `partially_canceled`: the provider cut the parcel into shipments, and some of them, not all, are canceled;
    `canceled_lines` are the units in those, where the provider says.
    `changed_at`: when it last changed, by the provider's clock, if the provider tells.
    """

    provider_id: str
    reference: str
    status: ParcelStatus
    carrier: str | None = None
    tracking_number: str | None = None
    detail: str | None = None
    partially_canceled: bool = False
    canceled_lines: tuple[LineQuantity, ...] = ()
    changed_at: AwareDatetime | None = None


class CancelDecision(StrEnum):
    """A provider's or carrier's answer to being asked to undo."""

    CANCELED = "canceled"
    REFUSED = "refused"
    PENDING = "pending"
    NOTHING_TO_UNDO = "nothing_to_undo"


class AddressDecision(StrEnum):
    """A provider's answer to another address for a parcel it already has."""

    UPDATED = "updated"
    REFUSED = "refused"
    NOT_OFFERED = "not_offered"


class InterceptDecision(StrEnum):
    """A carrier's answer to turning a parcel around that is on its way."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_OFFERED = "not_offered"


class ParcelReport(Message):
    """What a provider or carrier answers about a parcel when asked: as it stands now, nothing is moved by it.

    `source`: whose lattice judges it; None: the provider that was asked. `partial` and `canceled_lines` as in
    `ParcelEvent`.
    """

    status: ParcelStatus
    source: str | None = None
    carrier: str | None = None
    tracking_number: str | None = None
    detail: str | None = None
    partial: bool = False
    canceled_lines: tuple[LineQuantity, ...] = ()


class ProviderCapabilities(Message):
    """What differs between providers, as data.

    `books_carrier`: it buys the label itself.
    `point_of_no_return`: the first status from which it refuses to cancel (ShipBob: Picked).
    """

    name: str
    books_carrier: bool
    point_of_no_return: ParcelStatus


class LabelRequest(Message):
    """A label to buy. `weight_grams` of the whole parcel; `reference` finds it again.

    `carrier`: only this one's rates, in lower case; None: the cheapest of any. `returning`: a label for the shopper to
    send the parcel back with, from `ship_from` (the shopper) to `ship_to` (the warehouse).
    """

    reference: str
    ship_from: Address
    ship_to: Address
    weight_grams: int
    service: ShippingService = ShippingService.STANDARD
    carrier: str | None = None
    returning: bool = False


class LabelState(Message):
    """A label as its carrier sees it. `cost` in minor units of USD.

    `can_intercept`: its carrier can be asked to turn the parcel around on its way; `intercepted`: it took that.
    `url`: of the label to print.
    """

    label_id: str
    reference: str
    carrier: str
    tracking_number: str
    cost: int
    voided: bool = False
    can_intercept: bool = False
    intercepted: bool = False
    url: str | None = None


class ParcelEvent(Message):
    """One thing a provider or carrier told us about a parcel, translated. `source_id` is unique at `source`.

    `partial`: some but not all shipments of the parcel are canceled, so less leaves than was sold; `detail` says it,
    and `canceled_lines` which units, where the provider tells.
    `notice`: this is about the parcel's label (`void_rejected`, `void_settled`) and moves no parcel; its status is
    PLANNED, which no carrier may report, so that a lattice that is asked anyway records it and applies nothing.
    `returning`: the number of the return whose way back this is about; 0: the way to the shopper.
    """

    source: str
    source_id: str
    parcel: int
    generation: int
    status: ParcelStatus
    occurred_at: AwareDatetime
    carrier: str | None = None
    tracking_number: str | None = None
    detail: str | None = None
    partial: bool = False
    canceled_lines: tuple[LineQuantity, ...] = ()
    notice: str | None = None
    returning: int = 0


class PaymentEvent(Message):
    """One thing the payment company told us: the state of a payment changed; `parcel` says whose."""

    source: str
    source_id: str
    parcel: int
    payment_id: str
    kind: str
