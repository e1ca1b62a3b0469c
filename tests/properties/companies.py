"""The outside companies as they really are: what each did to a parcel, and what of it is ever heard."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

from ordersaga.domain.errors import CustomerError, OperatorError, OrdersagaError, RetryError
from ordersaga.domain.identifiers import ParcelReference, parse_parcel_reference
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.shipping import CancelDecision, ParcelEvent, ProviderOrder
from ordersaga.domain.statuses import ParcelStatus as P
from tests.fakes.script import Scripted
from tests.fakes.shipping import FakeCarrier, FakeProvider
from tests.workflows.world import World

IN_THE_HOUSE = (P.ACCEPTED, P.PICKED, P.PACKED, P.LABELED, P.EXCEPTION)
LEFT = (P.LEFT_WAREHOUSE, P.IN_TRANSIT, P.DELIVERED, P.LOST, P.RETURNED_TO_SENDER)
ENDS = (P.DELIVERED, P.LOST, P.RETURNED_TO_SENDER)
_WAY = (P.ACCEPTED, P.EXCEPTION, P.PICKED, P.PACKED, P.LABELED, P.LEFT_WAREHOUSE, P.IN_TRANSIT)
_SAID_BY_PROVIDER = {
    "shipbob": {P.PICKED, P.PACKED, P.LABELED, P.LEFT_WAREHOUSE, P.IN_TRANSIT, P.DELIVERED, P.EXCEPTION, P.CANCELED},
    "seller_warehouse": {P.PACKED, P.LEFT_WAREHOUSE, P.CANCELED},
}

Fault = Callable[[], OrdersagaError]
FAULTS: dict[str, Fault] = {
    "answer lost": lambda: RetryError("timeout", "no answer", unknown=True),
    "no answer": lambda: RetryError("timeout", "no answer", unknown=True),
    "busy": lambda: RetryError("busy", "try again later"),
    "refused to us": lambda: OperatorError("bad_credentials", "key revoked"),
    "refused": lambda: CustomerError("refused", "not this one"),
}
"""What may happen to one call. A lost answer is the only one where the work is done."""
_MAY_REFUSE = ("payments.capture", "provider.submit", "warehouse.submit", "carrier.book")
CALLS = (
    *_MAY_REFUSE,
    "payments.authorize",
    "payments.void",
    "payments.refund",
    "payments.find",
    "payments.inquire",
    "provider.cancel",
    "provider.inquire",
    "warehouse.cancel",
    "warehouse.inquire",
    "carrier.void",
    "carrier.inquire",
)


class HonestCarrier(FakeCarrier):
    """A carrier that gives no label back whose parcel it has."""

    async def void(self, reference: str) -> CancelDecision:
        """Refused once the parcel was scanned."""
        told = self.tracked.get(reference)
        if told is not None and told.status in LEFT:
            self.answer_void_next(CancelDecision.REFUSED)
        return await super().void(reference)


class DecidingProvider(FakeProvider):
    """A provider that decides about every cancellation as it is told: `decides`, or by itself when that is None."""

    decides: CancelDecision | None = None

    async def cancel(self, reference: str) -> CancelDecision:
        """As decided."""
        if self.decides is not None:
            self.answer_cancel_next(self.decides)
        return await super().cancel(reference)


class Companies:
    """What truly happens to the parcels of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.shipped_all_the_same: set[str] = set()
        self._beyond: dict[str, P] = {}
        self._numbers = count(1)

    @property
    def orders(self) -> dict[str, ProviderOrder]:
        """Every hand-off by reference, in a fixed order."""
        return dict(sorted({**self.world.provider.orders, **self.world.warehouse.orders}.items()))

    def provider_of(self, reference: str) -> FakeProvider:
        """Who was given this hand-off."""
        return next(one for one in (self.world.provider, self.world.warehouse) if reference in one.orders)

    def standing(self, reference: str) -> P:
        """Where the goods of a hand-off truly are, whatever its provider can say of that."""
        return self._beyond.get(reference, self.orders[reference].status)

    def labeled(self, reference: str) -> bool:
        """Whether a carrier would take the parcel."""
        if self.provider_of(reference).capabilities.books_carrier:
            return True
        label = self.world.carrier.labels.get(reference)
        return label is not None and not label.voided

    def can_move(self, reference: str, to: P) -> bool:
        """Whether a parcel that stands where it does can get there."""
        now = self.standing(reference)
        if to in ENDS:
            return now is P.IN_TRANSIT
        if to is P.IN_TRANSIT and not self.labeled(reference):
            return False
        if to in (P.CANCELED, P.EXCEPTION):
            return now in IN_THE_HOUSE
        return now in _WAY and _WAY.index(to) > _WAY.index(now)

    def move(self, reference: str, to: P) -> list[ParcelEvent]:
        """It truly gets there; what somebody will say about that."""
        provider = self.provider_of(reference)
        name = provider.capabilities.name
        said = to in _SAID_BY_PROVIDER[name]
        if to in LEFT:
            self._beyond[reference] = to
            self._carried(reference, to)
        if said or to in LEFT:
            provider.advance(reference, to if said else P.LEFT_WAREHOUSE)
        return [self.event(name if said else "easypost", reference, to)] if said or to in LEFT else []

    def can_lack(self, reference: str) -> bool:
        """Whether its provider, which has not packed it, may still leave a unit out; it sends no empty parcel."""
        by_shipbob = self.provider_of(reference) is self.world.provider
        left = sum(line.quantity for line in self._left_in(reference))
        return by_shipbob and self.standing(reference) in (P.ACCEPTED, P.PICKED) and left > 1

    def lack(self, reference: str) -> ParcelEvent:
        """One unit less; it says what is missing by now."""
        sku = self._left_in(reference)[0].sku
        gone = Counter({line.sku: line.quantity for line in self.orders[reference].canceled_lines}) + Counter([sku])
        missing = tuple(LineQuantity(sku=each, quantity=quantity) for each, quantity in sorted(gone.items()))
        status = self.standing(reference)
        self.provider_of(reference).advance(reference, status, partially_canceled=True, canceled_lines=missing)
        told = self.event("shipbob", reference, status)
        return told.model_copy(update={"partial": True, "canceled_lines": missing})

    def _left_in(self, reference: str) -> list[LineQuantity]:
        gone = Counter({line.sku: line.quantity for line in self.orders[reference].canceled_lines})
        handed = self.provider_of(reference).hand_offs[reference].lines
        left = Counter({line.sku: line.quantity for line in handed}) - gone
        return [LineQuantity(sku=sku, quantity=quantity) for sku, quantity in sorted(left.items())]

    def _carried(self, reference: str, to: P) -> None:
        if reference in self.world.carrier.labels and to is not P.LEFT_WAREHOUSE:
            self.world.carrier.track(reference, to)

    def event(self, source: str, reference: str, status: P) -> ParcelEvent:
        """A message about a hand-off."""
        of = parse_parcel_reference(reference)
        assert isinstance(of, ParcelReference)
        return ParcelEvent(
            source=source,
            source_id=f"{source}-{next(self._numbers)}",
            parcel=of.parcel,
            generation=of.generation,
            status=status,
            occurred_at=datetime.now(UTC),
        )

    def fault(self, call: str, kind: str) -> None:
        """The next call of this kind meets a fault; a refusal only where the company may refuse the shopper."""
        name, method = call.split(".")
        fake: Scripted = getattr(self.world, name)
        kind = kind if kind != "refused" or call in _MAY_REFUSE else "refused to us"
        fake.fail_next(method, FAULTS[kind](), after_doing=kind == "answer lost")

    def get_well(self) -> None:
        """No company fails from now on."""
        for call in CALLS:
            name, method = call.split(".")
            getattr(self.world, name).forget_failures(method)
