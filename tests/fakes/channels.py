"""The Channel port in memory: a marketplace whose buyers do what the test says."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

from ordersaga.domain.channels import (
    CANCEL_ANSWER_WITHIN,
    CancellationStatus,
    CancelReason,
    CancelRequest,
    ChannelCancellation,
    ChannelClocks,
    ChannelLine,
    ChannelMoney,
    ChannelOrder,
    ChannelPackage,
    ChannelRefund,
    ChannelShipment,
    ChannelStatus,
    Recipient,
    RefundRequest,
    RejectReason,
)
from ordersaga.domain.errors import NotShownError, OperatorError
from ordersaga.domain.shipping import CancelDecision
from tests.fakes.memory import Memory
from tests.fakes.script import Scripted

_OPEN = (ChannelStatus.ON_HOLD, ChannelStatus.AWAITING_SHIPMENT, ChannelStatus.PARTIALLY_SHIPPED)
_DISPATCHED = (ChannelStatus.IN_TRANSIT, ChannelStatus.DELIVERED, ChannelStatus.COMPLETED)
RECIPIENT = Recipient(
    name="Grace Hopper",
    phone="2125550142",
    lines=("75 Ninth Avenue", "Suite 4"),
    city="New York City",
    region="NY",
    postal_code="10011",
    country="US",
)


class FakeChannel(Scripted):
    """Orders are placed by `place`, and on hold without an address until `release`."""

    def __init__(self, memory: Memory | None = None, shop: str = "1") -> None:
        super().__init__()
        self.memory, self.shop = memory or Memory(), shop
        self.orders: dict[str, ChannelOrder] = {}
        self.made: dict[str, ChannelCancellation] = {}
        self.asked: dict[str, RefundRequest] = {}
        self._numbers = count(1)

    def place(self, *lines: tuple[str, int, int], shipping: int = 0, tax: int = 0) -> ChannelOrder:
        """A buyer's paid order of (SKU, quantity, price of one)."""
        now, number = self._now(), f"5764{next(self._numbers):014d}"
        units = [(sku, price) for sku, quantity, price in lines for _ in range(quantity)]
        goods = sum(price for _, price in units)
        self.orders[number] = ChannelOrder(
            channel="tiktok_shop",
            shop=self.shop,
            channel_order_id=number,
            status=ChannelStatus.ON_HOLD,
            status_told="ON_HOLD",
            buyer=f"u{number}",
            money=ChannelMoney(currency="USD", total=goods + shipping + tax, goods=goods, shipping=shipping, tax=tax),
            lines=tuple(
                ChannelLine(line_id=f"{number}{index:02d}", sku_id=f"s-{sku}", seller_sku=sku, price=price)
                for index, (sku, price) in enumerate(units)
            ),
            clocks=ChannelClocks(rts_sla_time=now + timedelta(days=2)),
            grace_until=now + timedelta(hours=1),
            placed_at=now,
            paid_at=now,
            changed_at=now,
        )
        return self.orders[number]

    def release(self, order: str) -> None:
        """The hour is over: it may be shipped, and says where."""
        told = {"status": ChannelStatus.AWAITING_SHIPMENT, "status_told": "AWAITING_SHIPMENT", "recipient": RECIPIENT}
        self._change(order, **told, grace_until=None)

    def ask_to_cancel(
        self, order: str, reason: str = "no_longer_needed", line_ids: tuple[str, ...] = ()
    ) -> ChannelCancellation:
        """The buyer cancels: at once while it is on hold, else it is a request."""
        found = self.orders[order]
        made = self._make(order, "buyer", reason, line_ids or tuple(line.line_id for line in found.lines))
        if found.status is ChannelStatus.ON_HOLD:
            return self._grant(made)
        self._change(order, cancel_requested=True)
        return self._keep(made.model_copy(update={"answer_by": self._now() + CANCEL_ANSWER_WITHIN}))

    def lapse(self, request_id: str) -> ChannelCancellation:
        """Nobody answered a buyer's request: the platform grants it."""
        return self._grant(self.made[request_id])

    def refund_all(self, order: str) -> None:
        """The platform has given back what it granted."""
        for made in list(self.made.values()):
            if made.channel_order_id == order and made.status is CancellationStatus.APPROVED:
                self._keep(made.model_copy(update={"status": CancellationStatus.COMPLETED}))
        for key, asked in self.asked.items():
            if asked.channel_order_id == order:
                self.asked[key] = asked.model_copy(update={"status": "succeeded"})

    async def fetch(self, channel_order_id: str) -> ChannelOrder:
        """The order as it stands."""
        with self._call("fetch", channel_order_id):
            if channel_order_id not in self.orders:
                raise NotShownError("not_visible", f"no order {channel_order_id} is shown")
            return self.orders[channel_order_id]

    async def changed_since(self, since: datetime) -> Sequence[ChannelOrder]:
        """Those changed since then."""
        with self._call("changed_since", since):
            found = [order for order in self.orders.values() if order.changed_at and order.changed_at >= since]
            return sorted(found, key=lambda order: order.changed_at or since)

    async def ship(self, shipment: ChannelShipment) -> ChannelPackage:
        """Tell a tracking number; a buyer's open request ends."""
        with self._call("ship", shipment.reference):
            order = self.orders[shipment.channel_order_id]
            lines = self._named(order, shipment)
            numbers = {line.tracking_number for line in lines}
            if numbers != {shipment.tracking_number}:
                self._tell(order, lines, shipment, {number for number in numbers if number})
            return self._package(shipment)

    def _tell(
        self, order: ChannelOrder, lines: Sequence[ChannelLine], shipment: ChannelShipment, numbers: set[str]
    ) -> None:
        if numbers - {shipment.tracking_number}:
            raise OperatorError("shipped_otherwise", "known under another number")
        if order.status not in _OPEN or order.status is ChannelStatus.ON_HOLD:
            raise OperatorError("refused", f"the order is {order.status}")
        named = {line.line_id for line in lines}
        told = {"tracking_number": shipment.tracking_number, "carrier": shipment.carrier}
        changed = tuple(line.model_copy(update=told) if line.line_id in named else line for line in order.lines)
        whole = all(line.tracking_number or line.canceled for line in changed)
        status = ChannelStatus.AWAITING_COLLECTION if whole else ChannelStatus.PARTIALLY_SHIPPED
        self._end_request(order.channel_order_id)
        self._change(order.channel_order_id, lines=changed, status=status, status_told=status.name)

    @staticmethod
    def _named(order: ChannelOrder, shipment: ChannelShipment) -> list[ChannelLine]:
        wanted = shipment.line_ids or tuple(line.line_id for line in order.lines if not line.canceled)
        lines = [line for line in order.lines if line.line_id in wanted]
        if not lines or len(lines) != len(wanted):
            raise OperatorError("unknown_lines", "no such lines")
        return lines

    def _package(self, shipment: ChannelShipment) -> ChannelPackage:
        order = self.orders[shipment.channel_order_id]
        lines = [line for line in order.lines if line.tracking_number == shipment.tracking_number]
        return ChannelPackage(
            channel_order_id=order.channel_order_id,
            tracking_number=shipment.tracking_number,
            carrier=lines[0].carrier,
            line_ids=tuple(line.line_id for line in lines),
        )

    async def inquire_shipment(self, shipment: ChannelShipment) -> ChannelPackage | None:
        """What is known under the number."""
        with self._call("inquire_shipment", shipment.reference):
            lines = self.orders[shipment.channel_order_id].lines
            known = any(line.tracking_number == shipment.tracking_number for line in lines)
            return self._package(shipment) if known else None

    async def cancel(
        self, channel_order_id: str, reason: CancelReason, *, key: str, line_ids: Sequence[str] = ()
    ) -> CancelDecision:
        """The seller cancels what is not shipped."""
        with self._call("cancel", channel_order_id, key):
            order = self.orders[channel_order_id]
            wanted = [line for line in order.lines if not line_ids or line.line_id in line_ids]
            if all(line.canceled for line in wanted):
                return CancelDecision.CANCELED
            if order.status not in _OPEN or any(line.tracking_number for line in wanted):
                return CancelDecision.REFUSED
            self._grant(self._make(channel_order_id, "seller", reason, tuple(line.line_id for line in wanted)))
            return CancelDecision.CANCELED

    async def cancellations(self, channel_order_id: str) -> Sequence[ChannelCancellation]:
        """Every one, oldest first."""
        with self._call("cancellations", channel_order_id):
            return [made for made in self.made.values() if made.channel_order_id == channel_order_id]

    async def open_cancel_requests(self, since: datetime) -> Sequence[CancelRequest]:
        """Those that wait."""
        with self._call("open_cancel_requests", since):
            waiting = [made for made in self.made.values() if made.status is CancellationStatus.PENDING]
            return [
                CancelRequest(
                    request_id=made.cancellation_id,
                    channel_order_id=made.channel_order_id,
                    reason=made.reason,
                    answer_by=made.answer_by,
                    line_ids=made.line_ids,
                )
                for made in waiting
                if made.answer_by is not None
            ]

    async def answer_cancel_request(
        self, request_id: str, *, approve: bool, reason: RejectReason = RejectReason.ALREADY_PACKED
    ) -> ChannelCancellation:
        """Grant it or turn it down; settled, it stays as it is."""
        with self._call("answer_cancel_request", request_id, approve):
            made = self.made[request_id]
            if made.status is CancellationStatus.PENDING and approve:
                self._grant(made)
            elif made.status is CancellationStatus.PENDING:
                self._end_request(made.channel_order_id)
            return self.made[request_id]

    async def refunds(self, channel_order_id: str) -> Sequence[ChannelRefund]:
        """What was given back."""
        with self._call("refunds", channel_order_id):
            return [
                ChannelRefund(
                    refund_id=made.cancellation_id,
                    channel_order_id=channel_order_id,
                    amount=made.refund or 0,
                    currency=made.currency,
                    because="cancellation",
                    line_ids=made.line_ids,
                )
                for made in self.made.values()
                if made.channel_order_id == channel_order_id and made.status is CancellationStatus.COMPLETED
            ]

    async def give_back(self, channel_order_id: str, amount: int, currency: str, *, key: str) -> RefundRequest:
        """Of what is dispatched, once per key."""
        with self._call("give_back", channel_order_id, amount, key):
            order = self.orders[channel_order_id]
            given = sum(each.amount for each in self.asked.values() if each.channel_order_id == channel_order_id)
            total = order.money.total if order.money else 0
            if key not in self.asked and (order.status not in _DISPATCHED or given + amount > (total or 0)):
                raise OperatorError("refund_refused", "not dispatched, or more than is left")
            made = RefundRequest(
                request_id=f"4036{next(self._numbers):012d}",
                channel_order_id=channel_order_id,
                by="seller",
                amount=amount,
                currency=currency,
                status="pending",
            )
            return self.asked.setdefault(key, made)

    async def refund_requests(self, channel_order_id: str) -> Sequence[RefundRequest]:
        """Oldest first."""
        with self._call("refund_requests", channel_order_id):
            return [each for each in self.asked.values() if each.channel_order_id == channel_order_id]

    def dispatch(self, order: str) -> None:
        """The carrier has scanned it."""
        self._change(order, status=ChannelStatus.IN_TRANSIT, status_told="IN_TRANSIT")

    def _make(self, order: str, by: str, reason: str, line_ids: tuple[str, ...]) -> ChannelCancellation:
        found = self.orders[order]
        whole = set(line_ids) == {line.line_id for line in found.lines if not line.canceled}
        goods = sum(line.price or 0 for line in found.lines if line.line_id in line_ids)
        refund = found.money.total if whole and found.money else goods
        return self._keep(
            ChannelCancellation(
                cancellation_id=f"4035{next(self._numbers):012d}",
                channel_order_id=order,
                status=CancellationStatus.PENDING,
                by=by,
                reason=reason,
                line_ids=line_ids,
                refund=refund,
                currency="USD",
                asked_at=self._now(),
                changed_at=self._now(),
            )
        )

    def _grant(self, made: ChannelCancellation) -> ChannelCancellation:
        order = self.orders[made.channel_order_id]
        lines = tuple(
            line.model_copy(update={"canceled": line.canceled or line.line_id in made.line_ids}) for line in order.lines
        )
        ended = {"status": ChannelStatus.CANCELED, "status_told": "CANCELLED"} if all(x.canceled for x in lines) else {}
        self._change(made.channel_order_id, lines=lines, cancel_requested=False, **ended)
        return self._keep(made.model_copy(update={"status": CancellationStatus.APPROVED, "answer_by": None}))

    def _end_request(self, order: str) -> None:
        for made in list(self.made.values()):
            if made.channel_order_id == order and made.status is CancellationStatus.PENDING:
                self._keep(made.model_copy(update={"status": CancellationStatus.ENDED, "answer_by": None}))
        self._change(order, cancel_requested=False)

    def _keep(self, made: ChannelCancellation) -> ChannelCancellation:
        self.made[made.cancellation_id] = made
        return made

    def _change(self, order: str, **changes: object) -> None:
        told = {**changes, "changed_at": self._now()}
        self.orders[order] = self.orders[order].model_copy(update=told)

    def _now(self) -> datetime:
        return self.memory.now().astimezone(UTC)
