"""The StockStore port in memory."""

from collections import Counter
from collections.abc import Sequence

from ordersaga.domain.books import MoneyTransaction
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.orders import LineQuantity, Order, ParcelPlan
from ordersaga.domain.routing import StockOffer, route
from ordersaga.domain.shipping import LabelRequest
from ordersaga.domain.statuses import OrderStatus
from tests.fakes.memory import Hold, Memory, TakenBack
from tests.fakes.script import Scripted


class FakeStock(Scripted):
    """Holds in dictionaries; takes them by the same routing rule as PostgreSQL."""

    def __init__(self, memory: Memory) -> None:
        super().__init__()
        self.memory = memory

    async def confirm_hold(self, order: Order) -> tuple[ParcelPlan, ...] | None:
        """Take the order's hold unless it stands; None: sold out."""
        with self._call("confirm_hold", order.order_id):
            record = self._record(order)
            if any(hold.status in ("confirmed", "shipped") for hold in self.memory.holds.get(order.order_id, [])):
                return record.parcels
            if order.order_id in self.memory.ended and record.parcels:
                return record.parcels
            if order.order_id in self.memory.ended:
                raise OperatorError("hold_released", f"The hold of order {order.order_id} was already given back")
            parcels = route(order, self.offers(order))
            if parcels is None:
                return None
            self._take(order.order_id, parcels)
            return self._write_parcels(order.order_id, tuple(parcels))

    async def release(self, order_id: str, parcel: int) -> int:
        """Give a parcel's held units back; returns how many."""
        with self._call("release", order_id, parcel):
            self.memory.ended.add(order_id)
            return self._end(order_id, parcel, "released", on_hand=0)

    async def ship(self, order_id: str, plan: ParcelPlan, transaction: MoneyTransaction) -> None:
        """End the parcel's hold as shipped and write the sale."""
        with self._call("ship", order_id, plan.parcel):
            shipped = self._end(order_id, plan.parcel, "shipped", on_hand=-1)
            if not shipped and not self._left_before(order_id, plan.parcel):
                self._ship_unheld(order_id, plan)
            self.memory.post([transaction])

    async def replan(self, order_id: str, parcels: Sequence[ParcelPlan]) -> bool:
        """Hold exactly what these plans say for their parcels; False: too little."""
        with self._call("replan", order_id, tuple(parcels)):
            wanted = self._movable(order_id, parcels)
            if not self._fits(order_id, wanted):
                return False
            for plan in wanted:
                self._end(order_id, plan.parcel, "released", on_hand=0)
            self._take(order_id, wanted)
            plans = {plan.parcel: plan for plan in (*self.memory.orders[order_id].parcels, *wanted)}
            self._write_parcels(order_id, tuple(plans[number] for number in sorted(plans)))
            self.memory.ended.add(order_id)
            return True

    async def take_back(
        self,
        order_id: str,
        parcel: int,
        reference: str,
        lines: Sequence[LineQuantity],
        location: str,
        *,
        sellable: bool,
    ) -> int:
        """Goods of a parcel came back, once per reference."""
        with self._call("take_back", order_id, parcel, reference):
            back = TakenBack(location, sellable, Counter())
            for line in lines:
                back.units[line.sku] += line.quantity
            if self.memory.back.get((order_id, parcel, reference), back) != back:
                raise OperatorError("take_back_conflict", f"Other goods came back under {reference}")
            if lines and (order_id, parcel, reference) not in self.memory.back:
                self._book_back(order_id, parcel, reference, back)
            return back.units.total()

    async def ship_from(self, location: str, order: Order, plan: ParcelPlan, reference: str) -> LabelRequest:
        """The label a parcel of this location needs."""
        with self._call("ship_from", location, order.order_id, plan.parcel):
            if location not in self.memory.locations:
                raise OperatorError("unknown_location", f"Location {location} is not in the catalog")
            return LabelRequest(
                reference=reference,
                ship_from=self.memory.locations[location].address,
                ship_to=order.ship_to,
                weight_grams=sum(self._weight(line.sku) * line.quantity for line in plan.lines),
            )

    def _record(self, order: Order) -> OrderRecord:
        now = self.memory.now()
        fresh = OrderRecord(
            order=order,
            status=OrderStatus.PENDING,
            outcome=None,
            reason=None,
            parcels=(),
            accepted_at=now,
            updated_at=now,
            started=True,
        )
        return self.memory.orders.setdefault(order.order_id, fresh)

    def offers(self, order: Order) -> list[StockOffer]:
        """Locations with units of this seller's SKUs."""
        offers = []
        for location in self.memory.locations.values():
            available = {line.sku: self._available(location.location, line.sku, order.seller) for line in order.lines}
            if any(available.values()):
                offers.append(StockOffer.at(location, available))
        return offers

    def _available(self, location: str, sku: str, seller: str) -> int:
        product, shelf = self.memory.products.get(sku), self.memory.shelves.get((location, sku))
        return shelf.on_hand - shelf.held if shelf and product and product.seller == seller else 0

    def _take(self, order_id: str, parcels: Sequence[ParcelPlan]) -> None:
        taken = self.memory.holds.setdefault(order_id, [])
        for plan in parcels:
            for line in plan.lines:
                self.memory.shelf(plan.location, line.sku).change(0, line.quantity)
                taken.append(Hold(plan.parcel, line.sku, plan.location, line.quantity, "confirmed"))

    def _write_parcels(self, order_id: str, parcels: tuple[ParcelPlan, ...]) -> tuple[ParcelPlan, ...]:
        self.memory.orders[order_id] = self.memory.orders[order_id].model_copy(update={"parcels": parcels})
        return parcels

    def _movable(self, order_id: str, parcels: Sequence[ParcelPlan]) -> list[ParcelPlan]:
        """The plans without those of parcels that left exactly so."""
        if order_id not in self.memory.orders:
            raise OperatorError("unknown_order", f"Order {order_id} is not known")
        standing = {plan.parcel: plan for plan in self.memory.orders[order_id].parcels}
        for plan in parcels:
            if self._left_before(order_id, plan.parcel) and plan != standing.get(plan.parcel):
                raise OperatorError("already_shipped", f"Parcel {plan.parcel} of order {order_id} already left")
        return [plan for plan in parcels if not self._left_before(order_id, plan.parcel)]

    def _fits(self, order_id: str, wanted: Sequence[ParcelPlan]) -> bool:
        """Whether the shelves have what the plans need beyond what is held for these parcels."""
        needed = Counter[tuple[str, str]]()
        for plan in wanted:
            for line in plan.lines:
                needed[plan.location, line.sku] += line.quantity
            for hold in self.memory.live_holds(order_id, plan.parcel):
                needed[hold.location, hold.sku] -= hold.quantity
        shelves = {place: shelf.on_hand - shelf.held for place, shelf in self.memory.shelves.items()}
        return all(units <= shelves.get(place, 0) for place, units in needed.items() if units > 0)

    def _book_back(self, order_id: str, parcel: int, reference: str, back: TakenBack) -> None:
        """Refuses more than left; then the shelf gets what can be sold."""
        for sku, quantity in sorted(back.units.items()):
            gone, before = self._left_and_back(order_id, parcel, sku)
            if quantity > gone - before:
                raise OperatorError(
                    "not_shipped",
                    f"{quantity} of {sku} came back for parcel {parcel} of order {order_id}, but {gone} left with it "
                    f"and {before} came back before; correct the quantities or the parcel",
                )
        if back.location not in self.memory.locations:
            raise OperatorError("unknown_location", f"Location {back.location} is not in the catalog")
        self.memory.back[order_id, parcel, reference] = back
        for sku, quantity in back.units.items():
            self.memory.shelf(back.location, sku).change(quantity * back.sellable, 0)

    def _end(self, order_id: str, parcel: int, status: str, *, on_hand: int) -> int:
        ended = self.memory.live_holds(order_id, parcel)
        for hold in ended:
            self.memory.shelf(hold.location, hold.sku).change(on_hand * hold.quantity, -hold.quantity)
            hold.status = status
        return sum(hold.quantity for hold in ended)

    def _left_before(self, order_id: str, parcel: int) -> bool:
        holds = self.memory.holds.get(order_id, [])
        return any(hold.parcel == parcel and hold.status == "shipped" for hold in holds)

    def _ship_unheld(self, order_id: str, plan: ParcelPlan) -> None:
        for line in plan.lines:
            self.memory.shelf(plan.location, line.sku).change(-line.quantity, 0)
            gone = Hold(plan.parcel, line.sku, plan.location, line.quantity, "shipped")
            self.memory.holds.setdefault(order_id, []).append(gone)

    def _left_and_back(self, order_id: str, parcel: int, sku: str) -> tuple[int, int]:
        """Units of a SKU that left with a parcel, and that came back."""
        holds = self.memory.holds.get(order_id, [])
        left = [hold for hold in holds if (hold.parcel, hold.sku, hold.status) == (parcel, sku, "shipped")]
        known = self.memory.back.items()
        back = [taken.units[sku] for (owner, number, _), taken in known if (owner, number) == (order_id, parcel)]
        return sum(hold.quantity for hold in left), sum(back)

    def _weight(self, sku: str) -> int:
        if sku not in self.memory.products:
            raise OperatorError("unknown_product", f"Product {sku} is not in the catalog")
        return self.memory.products[sku].weight_grams
