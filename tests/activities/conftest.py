"""Activities on the fakes, called as Temporal would call them but without a server."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from activities.by_hand import ByHand
from activities.carriers import Carriers
from activities.effects import Effects
from activities.payments import ParcelPayment, Payments
from activities.providers import HandOffParcel, Providers, WithdrawParcel
from activities.refunds import Refunds
from ordersaga.domain.effects import EffectRow
from ordersaga.domain.shipping import HandOff
from tests.fakes.effects import FakeEffects
from tests.fakes.memory import Memory
from tests.fakes.payments import FakePayments
from tests.fakes.samples import EAST, address, catalog, order
from tests.fakes.shipping import FakeCarrier, FakeProvider
from tests.fakes.stock import FakeStock

PAYMENT = ParcelPayment(order_id="o1", parcel=1, amount=1000, currency="USD", payment_method="pm_card_visa")
REFERENCE = "o1-1-1"
HAND_OFF = HandOffParcel(
    provider="shipbob",
    parcel=1,
    generation=1,
    hand_off=HandOff(
        reference=REFERENCE,
        order_id="o1",
        seller="acme",
        location=EAST,
        lines=order().lines,
        ship_to=address(),
        ship_by=order().ship_by,
    ),
)
WITHDRAW = WithdrawParcel(provider="shipbob", order_id="o1", parcel=1)


@dataclass
class Bench:
    """Activities, and the fakes behind them."""

    memory: Memory = field(default_factory=Memory)

    def __post_init__(self) -> None:
        self.memory.load(catalog((EAST, "MUG", 10)))
        self.ledger = FakeEffects(self.memory)
        self.gateway = FakePayments(self.memory)
        self.carrier = FakeCarrier()
        self.effects = Effects(self.ledger, timedelta(minutes=1))
        self.payments = Payments(self.gateway, self.effects, self.ledger)
        self.refunds = Refunds(self.gateway, self.effects, self.ledger)
        self.by_hand = ByHand(self.effects, self.ledger)
        self.at(FakeProvider(memory=self.memory))
        self.carriers = Carriers({"easypost": self.carrier}, FakeStock(self.memory), self.effects, self.ledger)

    def at(self, provider: FakeProvider) -> None:
        """Parcels are handed to this provider."""
        self.provider = provider
        self.providers = Providers({"shipbob": provider}, self.effects, self.ledger)

    def time_has_passed(self) -> None:
        """Long enough that finding nothing proves that nothing happened."""
        self.effects.visible_after = timedelta(0)

    def row(self, step: str, generation: int = 1) -> EffectRow:
        """What the ledger holds of a step of parcel 1."""
        return self.memory.effects[f"o1/{step}/1/{generation}"]

    def steps(self) -> dict[str, str]:
        """Every effect's key, without the order, and what it came to."""
        return {key.removeprefix("o1/"): row.status.value for key, row in self.memory.effects.items()}

    async def balanced(self) -> None:
        """Nothing is reserved, owed or unknown."""
        assert (await self.ledger.balance("o1")).differences() == []


@pytest.fixture
def bench() -> Bench:
    """A fresh bench."""
    return Bench()
