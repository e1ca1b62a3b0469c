"""The ReturnStore and Exchanges ports in memory."""

from collections.abc import Sequence
from datetime import datetime

from ordersaga.domain.books import Account
from ordersaga.domain.effects import EffectStatus
from ordersaga.domain.errors import CustomerError, OperatorError
from ordersaga.domain.exchanges import exchange_answer, link_entry
from ordersaga.domain.orders import Order
from ordersaga.domain.return_rules import OrderFacts, ParcelFacts, answered, opening_entry, order_status
from ordersaga.domain.returns import (
    RETURNABLE,
    ExchangeAnswer,
    Opened,
    Refusal,
    ReturnAsk,
    ReturnRecord,
    ReturnUpdate,
)
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus
from tests.fakes.memory import Memory
from tests.fakes.script import Scripted
from tests.fakes.stock import FakeStock

_TAKEN = (Account.CASH, Account.PLATFORM)


class FakeReturns(Scripted):
    """Returns in dictionaries, beside the orders of the memory."""

    def __init__(self, memory: Memory) -> None:
        super().__init__()
        self.memory = memory
        self.records: dict[tuple[str, int], ReturnRecord] = {}
        self._keys: dict[tuple[str, str], int] = {}

    async def open(self, order_id: str, ask: ReturnAsk, now: datetime) -> Opened | Refusal:
        """Accept a return by the rules, or say why not."""
        with self._call("open", order_id):
            answer = answered(self._facts(order_id), self._standing(order_id, ask), ask, now)
            if isinstance(answer, Opened) and not answer.repeated:
                self._insert(answer.record, ask.key)
            return answer

    async def record(self, update: ReturnUpdate) -> None:
        """Write what changed, with the order's status, story and questions."""
        case = update.record.case
        with self._call("record", case.return_id, update.record.status):
            if (case.order_id, case.number) not in self.records:
                raise OperatorError("return_missing", f"Return {case.return_id} was never accepted")
            started = update.record.model_copy(update={"started": True, "updated_at": self.memory.now()})
            self.records[case.order_id, case.number] = started
            self._show(case.order_id)
            for entry in update.entries:
                self.memory.journal.setdefault((case.order_id, entry.entry_id), entry)
            for item in update.attention:
                self.memory.attention[case.order_id, item.item_id] = item

    async def get(self, order_id: str, number: int) -> ReturnRecord | None:
        """A return as it stands."""
        with self._call("get", order_id, number):
            return self.records.get((order_id, number))

    async def of_order(self, order_id: str) -> Sequence[ReturnRecord]:
        """The order's returns by number."""
        with self._call("of_order", order_id):
            return self._of_order(order_id)

    async def parcel(self, order_id: str, parcel: int) -> ParcelFacts | None:
        """What the books say of a parcel now."""
        with self._call("parcel", order_id, parcel):
            return self._facts(order_id).parcel(parcel)

    def _insert(self, record: ReturnRecord, key: str | None) -> None:
        case = record.case
        self.records[case.order_id, case.number] = record.model_copy(update={"updated_at": self.memory.now()})
        if key is not None:
            self._keys[case.order_id, key] = case.number
        self._show(case.order_id)
        entry = opening_entry(case)
        self.memory.journal[case.order_id, entry.entry_id] = entry

    def _standing(self, order_id: str, ask: ReturnAsk) -> ReturnRecord | None:
        number = self._keys.get((order_id, ask.key)) if ask.key else None
        return self.records.get((order_id, number or ask.number or 0))

    def _of_order(self, order_id: str) -> list[ReturnRecord]:
        return [record for (owner, _), record in sorted(self.records.items()) if owner == order_id]

    def _show(self, order_id: str) -> None:
        facts = self._facts(order_id)
        if facts.status in RETURNABLE:
            changes = {"status": order_status(facts), "reason": None, "updated_at": self.memory.now()}
            self.memory.orders[order_id] = self.memory.orders[order_id].model_copy(update=changes)

    def _facts(self, order_id: str) -> OrderFacts:
        record = self.memory.orders.get(order_id)
        if record is None:
            raise CustomerError("order_not_found", f"there is no order {order_id}")
        went = {each.parcel: each.ship_to for each in record.elsewhere}
        parcels = [
            ParcelFacts(
                plan=plan,
                delivered_at=self._delivered(order_id, plan.parcel),
                captured=self._captured(order_id, plan.parcel),
                payment=self._payment(order_id, plan.parcel),
                account=self._sold_by(order_id, plan.parcel),
                sent_to=went.get(plan.parcel),
            )
            for plan in record.parcels
        ]
        return OrderFacts(record.order, record.status, parcels, self._of_order(order_id))

    def _delivered(self, order_id: str, parcel: int) -> datetime | None:
        entries = [entry for (owner, _), entry in self.memory.journal.items() if owner == order_id]
        return min((e.at for e in entries if e.kind == "delivered" and e.parcel == parcel), default=None)

    def _captured(self, order_id: str, parcel: int) -> int:
        own = [t for t in self.memory.money.values() if (t.order_id, t.parcel) == (order_id, parcel)]
        return sum(posting.amount for t in own for posting in t.postings if posting.account in _TAKEN)

    def _sold_by(self, order_id: str, parcel: int) -> str | None:
        rows = [row for row in self.memory.effects.values() if (row.order_id, row.step) == (order_id, "book_label")]
        bought = [row for row in rows if row.parcel == parcel and row.status is EffectStatus.DONE]
        return max(bought, key=lambda row: row.generation).account if bought else None

    def _payment(self, order_id: str, parcel: int) -> int:
        done = [
            row.generation
            for row in self.memory.effects.values()
            if (row.order_id, row.step, row.parcel, row.status) == (order_id, "capture", parcel, EffectStatus.DONE)
        ]
        return max(done, default=1)


class FakeExchanges(Scripted):
    """Takes orders as the intake does: stock is held, and whoever plays the starter starts the saga."""

    def __init__(self, stock: FakeStock) -> None:
        super().__init__()
        self._stock = stock
        self.memory = stock.memory
        self.placed: dict[str, Order] = {}
        self.links: dict[str, str] = {}

    async def place(self, order: Order, return_id: str) -> ExchangeAnswer:
        """Hold and accept, once per order id."""
        with self._call("place", order.order_id, return_id):
            if order.order_id not in self.placed and await self._stock.confirm_hold(order) is None:
                self.memory.orders.pop(order.order_id, None)
                reason = f"sold out: {', '.join(line.sku for line in order.lines)}"
                return ExchangeAnswer(order_id=order.order_id, decided=True, placed=False, reason=reason)
            self.placed.setdefault(order.order_id, order)
            self.links.setdefault(order.order_id, return_id)
            entry = link_entry(return_id, self.memory.now())
            self.memory.journal.setdefault((order.order_id, entry.entry_id), entry)
            return self._look(order.order_id)

    async def look(self, order_id: str) -> ExchangeAnswer:
        """How the order stands."""
        with self._call("look", order_id):
            return self._look(order_id)

    def _look(self, order_id: str) -> ExchangeAnswer:
        record = self.memory.orders.get(order_id)
        if record is None:
            raise OperatorError("exchange_missing", f"Order {order_id} was never accepted")
        outcome = ConfirmOutcome(record.outcome) if record.outcome else None
        return exchange_answer(order_id, OrderStatus(record.status), outcome, record.reason)
