"""Orders in exchange for goods that came back: accepted as a checkout's are, and linked to their return."""

from datetime import UTC, datetime, timedelta

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.exchanges import exchange_answer, link_entry
from ordersaga.domain.orders import Order
from ordersaga.domain.returns import ExchangeAnswer
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus
from ordersaga.stores.accept import PostgresIntake
from ordersaga.stores.acceptances import Acceptance, Accepted, NoCapacity, Replay, SoldOut, Stopped
from ordersaga.stores.journal import write_story
from ordersaga.stores.pools import Pool, connection, transaction
from ordersaga.stores.vault import CLEAR, Vault

_LINK = "UPDATE orders SET exchange_of = $2 WHERE order_id = $1 AND exchange_of IS NULL RETURNING true"
_LOOK = "SELECT status, outcome, reason FROM orders WHERE order_id = $1"


class PostgresExchanges:
    """The Exchanges port on PostgreSQL; the relay's starter starts the order's saga."""

    def __init__(self, pool: Pool, intake: PostgresIntake, hold_ttl: timedelta, vault: Vault = CLEAR) -> None:
        self._pool = pool
        self._vault = vault
        self._intake = intake
        self._hold_ttl = hold_ttl

    async def place(self, order: Order, return_id: str) -> ExchangeAnswer:
        """Hold the stock and store the order in one commit, then link it. Repeated, it looks at what stands."""
        marked = order.model_copy(update={"exchange_of": return_id})
        answer = await self._intake.accept(marked, hold_ttl=self._hold_ttl)
        if not isinstance(answer, (Accepted, Replay)):
            return _not_placed(order, _why_not(answer))
        await self._link(order.order_id, return_id)
        return await self.look(order.order_id)

    async def look(self, order_id: str) -> ExchangeAnswer:
        """How the order stands."""
        async with connection(self._pool) as reader:
            found = await reader.fetchrow(_LOOK, order_id)
        row = await self._vault.opened_one(found, order_id)
        if row is None:
            raise OperatorError("exchange_missing", f"Order {order_id} was never accepted")
        outcome = ConfirmOutcome(row["outcome"]) if row["outcome"] else None
        return exchange_answer(order_id, OrderStatus(row["status"]), outcome, row["reason"])

    async def _link(self, order_id: str, return_id: str) -> None:
        async with transaction(self._pool) as work:
            if await work.fetchval(_LINK, order_id, return_id):
                await write_story(work, order_id, [link_entry(return_id, datetime.now(UTC))], ())


def _why_not(answer: Acceptance) -> str:
    if isinstance(answer, SoldOut):
        return f"sold out: {', '.join(answer.missing)}"
    if isinstance(answer, NoCapacity):
        return f"no room to ship it within {answer.days} days"
    if isinstance(answer, Stopped):
        return answer.rule.told()
    return "another order has this id"


def _not_placed(order: Order, reason: str) -> ExchangeAnswer:
    return ExchangeAnswer(order_id=order.order_id, decided=True, placed=False, reason=reason)
