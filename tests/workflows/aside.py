"""A world one of whose providers sets units aside while an order waits."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from ordersaga.domain.orders import Order
from ordersaga.domain.shipping import ProviderOrder
from tests.fakes.shipping import FakeProvider
from tests.workflows.moving import MovingWorld
from workers.activities import Ports

AMAZON = "amazon_mcf"
GRACE = timedelta(hours=1)
KEPT_FOR = timedelta(days=2)


class AsideWorld(MovingWorld):
    """Ten of each at `ca-1`, which is Amazon's, reserves and is tried first, and at `nj-1`, the seller's own."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.provider = FakeProvider(AMAZON, books_carrier=True, reserves=True, reserved_for=KEPT_FOR)
        self._share_log()
        self.memory.locations["ca-1"] = self.memory.locations["ca-1"].model_copy(update={"provider": AMAZON})

    def ports(self) -> Ports:
        """The same, with Amazon instead of ShipBob."""
        known = super().ports()
        providers = {AMAZON: self.provider, "seller_warehouse": self.warehouse}
        return replace(known, providers=providers, moving=self.looking(providers))

    def standing(self, placed: Order, generation: int = 1) -> ProviderOrder:
        """What Amazon has under a reference of the order."""
        return self.provider.orders[self.reference(placed, generation=generation)]
