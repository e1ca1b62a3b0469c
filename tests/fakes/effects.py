"""The EffectLedger port in memory."""

from ordersaga.domain.books import Balance, MoneyTransaction
from ordersaga.domain.closing import Entry, OrderBooks, Standing
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectRow, EffectStatus
from ordersaga.domain.errors import OperatorError, RetryError
from tests.fakes.memory import Memory
from tests.fakes.script import Scripted

_UNDECIDED = (EffectStatus.INTENDED, EffectStatus.UNKNOWN)


class FakeEffects(Scripted):
    """Effects and money in dictionaries, with the same leases and refusals as PostgreSQL."""

    def __init__(self, memory: Memory) -> None:
        super().__init__()
        self.memory = memory

    async def begin(self, intent: EffectIntent) -> EffectRow:
        """Write the intention, take over one whose lease ended, or return what it came to."""
        with self._call("begin", intent.key):
            standing = self.memory.effects.get(intent.key)
            row = self._fresh(intent) if standing is None else self._again(standing)
            if (row.amount, row.currency, row.account) != (intent.amount, intent.currency, intent.account):
                raise _conflict(intent.key)
            self.memory.effects[intent.key] = row.model_copy(update={"fresh": False})
            if row.status in _UNDECIDED:
                self.memory.leases[intent.key] = self.memory.now() + intent.lease
            return row

    async def settle(self, key: str, outcome: EffectOutcome) -> None:
        """Write what it came to and the money it moved."""
        with self._call("settle", key, outcome.status):
            standing = self.memory.effects.get(key)
            if standing is None:
                raise OperatorError("effect_missing", f"Effect {key} was never intended")
            if standing.status in _UNDECIDED:
                settled = _settled(standing, outcome)
                self.memory.post(outcome.transactions)
                self.memory.effects[key] = settled
                self.memory.leases.pop(key, None)
            elif outcome.status is not EffectStatus.UNKNOWN:
                if not _agrees(standing, outcome):
                    raise _conflict(key)
                self.memory.post(outcome.transactions)

    async def find(self, order_id: str, step: str, parcel: int, generation: int | None = None) -> EffectRow | None:
        """This generation of an effect, or the latest one."""
        with self._call("find", order_id, step, parcel):
            wanted = (order_id, step, parcel)
            rows = [row for row in self.memory.effects.values() if (row.order_id, row.step, row.parcel) == wanted]
            rows = [row for row in rows if generation in (None, row.generation)]
            return max(reversed(rows), key=lambda row: row.generation, default=None)

    async def post(self, transaction: MoneyTransaction) -> None:
        """Write money that moved without a call of ours."""
        with self._call("post", transaction.transaction_id):
            self.memory.post([transaction])

    async def balance(self, order_id: str) -> Balance:
        """The order's money and units now."""
        with self._call("balance", order_id):
            holds = self.memory.holds.get(order_id, [])
            plans = self.memory.orders[order_id].parcels if order_id in self.memory.orders else ()
            books = OrderBooks(
                entries=self._entries(order_id),
                effects=[
                    Standing(row.key, row.step, row.parcel, row.generation, row.status)
                    for row in self.memory.effects.values()
                    if row.order_id == order_id
                ],
                shipped=frozenset(hold.parcel for hold in holds if hold.status == "shipped"),
                units_held=sum(hold.quantity for hold in self.memory.live_holds(order_id)),
                free=frozenset(plan.parcel for plan in plans if plan.amount == 0),
            )
            return books.balance()

    def _fresh(self, intent: EffectIntent) -> EffectRow:
        return EffectRow(
            **intent.model_dump(exclude={"lease"}),
            key=intent.key,
            status=EffectStatus.INTENDED,
            external_id=None,
            answer={},
            code=None,
            message=None,
            attempts=1,
            intended_at=self.memory.now(),
            fresh=True,
        )

    def _again(self, standing: EffectRow) -> EffectRow:
        if standing.status not in _UNDECIDED:
            return standing
        left = self.memory.leases.get(standing.key, self.memory.now()) - self.memory.now()
        if left.total_seconds() > 0:
            raise RetryError("effect_in_flight", f"Another attempt of {standing.key} is in flight", retry_after=left)
        return standing.model_copy(update={"attempts": standing.attempts + 1})

    def _entries(self, order_id: str) -> list[Entry]:
        return [
            Entry(transaction.transaction_id, transaction.parcel, posting.account, posting.amount)
            for transaction in self.memory.money.values()
            if transaction.order_id == order_id
            for posting in transaction.postings
        ]


def _settled(standing: EffectRow, outcome: EffectOutcome) -> EffectRow:
    if outcome.status is EffectStatus.INTENDED:
        raise _conflict(standing.key)
    known = outcome.model_dump(exclude={"transactions", "external_id"})
    return standing.model_copy(update={**known, "external_id": outcome.external_id or standing.external_id})


def _agrees(standing: EffectRow, outcome: EffectOutcome) -> bool:
    ids = {standing.external_id, outcome.external_id} - {None}
    return standing.status is outcome.status and len(ids) <= 1


def _conflict(key: str) -> OperatorError:
    return OperatorError("effect_conflict", f"Effect {key} contradicts what the ledger holds")
