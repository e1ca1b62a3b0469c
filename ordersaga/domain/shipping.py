"""What providers (3PLs) and carriers are asked, and what they answer."""

from datetime import timedelta
from enum import StrEnum

from pydantic import AwareDatetime, Field

from ordersaga.domain.money import Currency, MinorUnits
from ordersaga.domain.orders import Address, LineQuantity, OrderLine, not_given
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
    `changed_at`: when it last changed, by the provider's clock, if the provider tells. `packages`: the tracking numbers
    of all that it left in, where its provider does not tell what becomes of them.
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
    packages: tuple[str, ...] = Field(default=(), exclude_if=not_given)


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
    `reserves`: it sets a parcel's units aside (`ReservingProvider`) until they are shipped or let go; `reserved_for`:
    how long at most, None without end.
    `idempotent`: a hand-off sent again under its reference is the same one; else it is sent again only once an inquiry
    has proved that nothing came of it.
    `cancels_parts`: a cancellation it refuses may have stopped some of a parcel's shipments: it is looked at.
    `changes_address`: it takes another address for a parcel it has; else the parcel is taken back for that.
    `tells_delivery`: it, or whoever carries for it, says when a parcel arrived; else its silence proves nothing.
    `followed`: a carrier account of ours is asked what becomes of its packages, by their numbers.
    `tells`: it sends webhooks, which are taken at its account's address; else it is only polled.
    `calls_per_minute`: what it publishes as its limit for one account, None without one: the rate of its lane.
    """

    name: str
    books_carrier: bool
    point_of_no_return: ParcelStatus
    reserves: bool = False
    reserved_for: timedelta | None = None
    idempotent: bool = False
    cancels_parts: bool = False
    changes_address: bool = False
    tells_delivery: bool = True
    followed: bool = False
    tells: bool = False
    calls_per_minute: float | None = None


class LabelRequest(Message):
    """A label to buy. `weight_grams` of the whole parcel; `reference` finds it again.

    `carrier`: only this one's rates, in lower case; None: the cheapest of any; of those in `avoid` none is bought.
    `returning`: a label for the shopper to send the parcel back with, from `ship_from` (the shopper) to `ship_to` (the
    warehouse).
    """

    reference: str
    ship_from: Address
    ship_to: Address
    weight_grams: int
    service: ShippingService = ShippingService.STANDARD
    carrier: str | None = None
    avoid: tuple[str, ...] = ()
    returning: bool = False


class LabelState(Message):
    """A label as its carrier sees it. `cost` in minor units of `currency`; None where the carrier tells it once only.

    `can_intercept`: its carrier can be asked to turn the parcel around on its way; `intercepted`: it took that.
    `url`: of the label to print. `account`: of ours, where it was bought; a carrier does not know it.
    """

    label_id: str
    reference: str
    carrier: str
    tracking_number: str
    cost: int | None
    currency: Currency = "USD"
    voided: bool = False
    can_intercept: bool = False
    intercepted: bool = False
    url: str | None = None
    account: str | None = None


class Quote(Message):
    """What a label would cost, asked before it is bought. `cost` in minor units of `currency`.

    `deliver_by`: the promised delivery. `cut_off`: a parcel given up later than this goes with the next pick-up.
    """

    carrier: str
    cost: MinorUnits
    currency: Currency
    deliver_by: AwareDatetime | None = None
    cut_off: AwareDatetime | None = None


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
