"""A world with three carrier accounts: the first there was, `ups` and `courier`, which name prices."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.testing import WorkflowEnvironment

from ordersaga.domain.carriers import CarrierAccount
from ordersaga.domain.stops import StopMatch, StopRule
from tests.fakes.quoting import FakeQuotingCarrier
from tests.fakes.shipping import FakeCarrier
from tests.workflows.world import Handle, World
from workers.activities import Ports

ACCOUNTS = (
    CarrierAccount("courier", carriers=("rapid",), returns=False),
    CarrierAccount("ups", carriers=("ups",)),
    CarrierAccount("easypost"),
)


class ManyCarriers(World):
    """All stock at the seller's own warehouse, whose labels we buy: the courier is cheapest, then UPS.

    `full`: accounts whose lanes hand nothing out. `rules`: the stops in force.
    """

    def __init__(
        self, environment: WorkflowEnvironment, prefix: str | None = None, full: Sequence[str] = (), **worker: Any
    ) -> None:
        self._full = full
        self.rules: list[StopRule] = []
        self.courier = FakeQuotingCarrier("rapid", cost=500)
        self.ups = FakeQuotingCarrier("ups", cost=700)
        super().__init__(environment, prefix, **worker)
        self.restocked(("nj-1", "MUG", 10), provider="seller_warehouse")

    @property
    def sellers(self) -> dict[str, FakeCarrier]:
        """The accounts by name."""
        return {"courier": self.courier, "ups": self.ups, "easypost": self.carrier}

    def ports(self) -> Ports:
        """The same, and the other two accounts."""
        quoting = {"courier": self.courier, "ups": self.ups}
        return replace(super().ports(), carriers=self.sellers, accounts=ACCOUNTS, quoting=quoting, standing_stops=self)

    async def standing(self) -> list[StopRule]:
        """The stops in force, as the activities read them."""
        return self.rules

    def stop(self, carrier: str) -> None:
        """Stop a carrier from now on."""
        match, now = StopMatch(carrier=carrier), datetime.now(UTC) - timedelta(seconds=1)
        self.rules.append(StopRule(stop_id=f"s{len(self.rules) + 1}", match=match, effective_at=now))

    def attended(self, ports: Ports) -> list[str]:
        """All but those that hand nothing out."""
        return [account for account in super().attended(ports) if account not in self._full]

    async def labeled(self, handle: Handle) -> str | None:
        """Wait for the parcel's label; its carrier."""
        view = await self.until(handle, lambda seen: seen.parcels[0].tracking_number is not None)
        return view.parcels[0].carrier

    def sold(self) -> dict[str, list[str]]:
        """References of the labels that each account has sold, and not taken back."""
        live = {
            name: [ref for ref, label in one.labels.items() if not label.voided] for name, one in self.sellers.items()
        }
        return {name: references for name, references in live.items() if references}

    def told(self, kind: str) -> list[str]:
        """The texts of a kind in the stories of all orders."""
        return [entry.text for entry in self.memory.journal.values() if entry.kind == kind]
