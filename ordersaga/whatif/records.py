"""What became of each simulated order."""

from collections import Counter
from dataclasses import dataclass, field

from ordersaga.domain.orders import Order
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus
from ordersaga.whatif.clock import as_microseconds


@dataclass
class OrderRecord:
    """Times in microseconds; `scanned` and `handed`: when the last of its parcels was. `captured` in minor units.

    `asked`: questions to persons by kind; `story`: the kinds of its journal's entries.
    """

    order_id: str
    seller: str
    placed_at: int
    ship_by: int
    outcome: ConfirmOutcome | None = None
    status: OrderStatus | None = None
    parcels: int = 0
    handed: dict[int, int] = field(default_factory=dict)
    scanned: dict[int, int] = field(default_factory=dict)
    captured: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    story: list[str] = field(default_factory=list)

    @property
    def handed_at(self) -> int | None:
        """When its providers had all of it; None: they never had."""
        return max(self.handed.values()) if self.parcels and len(self.handed) == self.parcels else None

    @property
    def scanned_at(self) -> int | None:
        """When all of it had left."""
        return max(self.scanned.values()) if self.parcels and len(self.scanned) == self.parcels else None

    @property
    def confirmed(self) -> bool:
        return self.outcome is ConfirmOutcome.CONFIRMED

    @property
    def on_time(self) -> bool:
        """The carrier had scanned all of it before its ship-by."""
        return self.scanned_at is not None and self.scanned_at <= self.ship_by


@dataclass
class Tally:
    """Every order, by its id; and the lanes' depths over time, as (microseconds, calls waiting)."""

    began: int
    orders: dict[str, OrderRecord] = field(default_factory=dict)
    depths: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    activations: int = 0

    def placed(self, order: Order) -> OrderRecord:
        """An order arrived."""
        record = OrderRecord(
            order_id=order.order_id,
            seller=order.seller,
            placed_at=as_microseconds(order.placed_at),
            ship_by=as_microseconds(order.ship_by),
        )
        self.orders[order.order_id] = record
        return record
