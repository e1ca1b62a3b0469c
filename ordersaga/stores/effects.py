"""The effect ledger: every outside call, written before it is made and after.

Of what a company answered, the address of a label is sealed: whoever opens it sees where the shopper lives.
"""

from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from ordersaga import meters
from ordersaga.domain.books import Balance, MoneyTransaction
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectRow, EffectStatus
from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.identifiers import order_of_effect
from ordersaga.stores.books import post_transactions, read_balance
from ordersaga.stores.pools import Connection, Pool, connection
from ordersaga.stores.pools import transaction as begin
from ordersaga.stores.storable import storable
from ordersaga.stores.vault import CLEAR, Vault

_COLUMNS = """key, order_id, step, parcel, generation, amount, currency, status, external_id, answer, code, message,
attempts, intended_at, account"""

# clock_timestamp(), not now(): a transaction that waited for another must measure the lease at the moment it reads it.
_BEGIN = f"""
INSERT INTO effects AS standing
    (key, order_id, step, parcel, generation, amount, currency, account, status, lease_until)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'intended', clock_timestamp() + $9::interval)
ON CONFLICT (key) DO UPDATE SET attempts = standing.attempts + 1, lease_until = clock_timestamp() + $9::interval
WHERE standing.status IN ('intended', 'unknown')
  AND (standing.lease_until IS NULL OR standing.lease_until <= clock_timestamp())
RETURNING {_COLUMNS}, attempts = 1 AS fresh
"""  # noqa: S608 - only column names are put in
_READ = f"SELECT {_COLUMNS}, lease_until - clock_timestamp() AS lease_left FROM effects WHERE key = $1"  # noqa: S608
_LOCK = "SELECT step, status, external_id, code FROM effects WHERE key = $1 FOR UPDATE"
_SETTLE = """
UPDATE effects SET status = $2, external_id = coalesce($3, external_id), answer = $4, code = $5, message = $6,
    lease_until = NULL, settled_at = CASE WHEN $2 IN ('done', 'refused') THEN clock_timestamp() END
WHERE key = $1
"""
_LATEST = f"""
SELECT {_COLUMNS} FROM effects WHERE order_id = $1 AND step = $2 AND parcel = $3
  AND ($4::int IS NULL OR generation = $4) ORDER BY generation DESC, intended_at DESC LIMIT 1
"""  # noqa: S608 - only column names are put in
_UNSETTLED = f"""
SELECT {_COLUMNS} FROM effects WHERE status IN ('intended', 'unknown') AND intended_at <= now() - $1::interval
ORDER BY intended_at LIMIT $2
"""  # noqa: S608 - only column names are put in
_BY_EXTERNAL_ID = f"SELECT {_COLUMNS} FROM effects WHERE external_id = $1 ORDER BY intended_at"  # noqa: S608
_OF_ORDER = f"SELECT {_COLUMNS} FROM effects WHERE order_id = $1 ORDER BY intended_at, key"  # noqa: S608
# What became of a refund stands in the journal (the relay's notices), once the carrier has said it.
_OPEN_VOIDS = f"""
SELECT {_COLUMNS} FROM effects
WHERE step IN ('void_label', 'void_return_label') AND status = 'done' AND answer ->> 'decision' = 'pending'
  AND key > $1 AND NOT EXISTS (
    SELECT 1 FROM journal WHERE journal.order_id = effects.order_id
      AND journal.entry_id = CASE step WHEN 'void_label' THEN 'void-' || effects.parcel || '-' || effects.generation
                                       ELSE 'void-r' || effects.generation || '-' || effects.parcel END)
ORDER BY key LIMIT $2
"""  # noqa: S608 - only column names are put in
_LABEL = "url"
_FINAL = {EffectStatus.DONE.value, EffectStatus.REFUSED.value}


class PostgresEffects:
    """The EffectLedger port on PostgreSQL."""

    def __init__(self, pool: Pool, vault: Vault = CLEAR) -> None:
        self._pool = pool
        self._vault = vault

    async def begin(self, intent: EffectIntent) -> EffectRow:
        """Write the intention (`fresh`), take over one whose lease ended, or return what it came to.

        Raises RetryError `effect_in_flight` while another attempt's lease runs, and OperatorError `effect_conflict`
        when the key already stands for another amount, or at another account.
        """
        async with begin(self._pool) as work:
            row = await work.fetchrow(_BEGIN, *_intended(intent), intent.lease)
            if row is None:
                row = await work.fetchrow(_READ, intent.key)
                assert row is not None, "a conflicting row exists and effects are never deleted"
                _refuse_in_flight(row)
            if (row["amount"], row["currency"]) != (intent.amount, intent.currency):
                raise _conflict(intent.key, f"it stands for {row['amount']} {row['currency']}")
            if row["account"] != intent.account:
                raise _conflict(intent.key, f"it stands at the account {row['account'] or 'that was the first'}")
        return (await self._effects([row]))[0]

    async def settle(self, key: str, outcome: EffectOutcome) -> None:
        """Write what it came to and the money it moved, in one transaction.

        The same outcome again is harmless, and so is `unknown` about an effect that is known by now. Raises
        OperatorError `effect_conflict` for a contradiction, `effect_missing` for a key never intended.
        """
        kept = await self._sealed(key, outcome)
        async with begin(self._pool) as work:
            standing = await work.fetchrow(_LOCK, key)
            if standing is None:
                raise OperatorError("effect_missing", f"Effect {key} was never intended")
            new = standing["status"] not in _FINAL
            if new:
                await _write(work, key, kept)
            elif outcome.status is EffectStatus.UNKNOWN:
                return
            elif not _agrees(standing, outcome):
                raise _conflict(key, f"it is {standing['status']} as {standing['external_id']}")
            await post_transactions(work, outcome.transactions)
        if new:
            meters.effect_settled(standing["step"], outcome.status.value)

    async def find(self, order_id: str, step: str, parcel: int, generation: int | None = None) -> EffectRow | None:
        """This generation of an effect, or the latest one, if it was ever intended."""
        async with connection(self._pool) as reader:
            row = await reader.fetchrow(_LATEST, order_id, step, parcel, generation)
        return (await self._effects([row]))[0] if row else None

    async def post(self, transaction: MoneyTransaction) -> None:
        """Write money that moved without a call of ours; the same transaction again is harmless.

        Raises OperatorError `transaction_conflict` when other postings stand under its id.
        """
        async with begin(self._pool) as work:
            await post_transactions(work, [transaction])

    async def balance(self, order_id: str) -> Balance:
        """The order's money (minor units) and units now."""
        async with begin(self._pool) as reader:
            return await read_balance(reader, order_id)

    async def of_order(self, order_id: str) -> list[EffectRow]:
        """Every effect of an order, oldest first."""
        async with connection(self._pool) as reader:
            rows = await reader.fetch(_OF_ORDER, order_id)
        return await self._effects(rows)

    async def by_external_id(self, external_id: str) -> list[EffectRow]:
        """The effects an outside id belongs to: a payment's authorization, capture and refunds share one."""
        async with connection(self._pool) as reader:
            rows = await reader.fetch(_BY_EXTERNAL_ID, external_id)
        return await self._effects(rows)

    async def unsettled(self, *, older_than: timedelta, limit: int = 100) -> list[EffectRow]:
        """Effects without a known outcome, intended at least `older_than` ago, oldest first: for reconciliation."""
        async with connection(self._pool) as reader:
            rows = await reader.fetch(_UNSETTLED, older_than, limit)
        return await self._effects(rows)

    async def open_voids(self, *, after: str = "", limit: int = 100) -> list[EffectRow]:
        """Voids the carrier took and has not decided, of either way's labels, by key, those behind `after`."""
        async with connection(self._pool) as reader:
            rows = await reader.fetch(_OPEN_VOIDS, after, limit)
        return await self._effects(rows)

    async def _sealed(self, key: str, outcome: EffectOutcome) -> EffectOutcome:
        """The outcome as it is stored."""
        if not outcome.answer.get(_LABEL):
            return outcome
        sealed = await self._vault.text(order_of_effect(key), outcome.answer[_LABEL])
        return outcome.model_copy(update={"answer": {**outcome.answer, _LABEL: sealed}})

    async def _effects(self, rows: Sequence[asyncpg.Record]) -> list[EffectRow]:
        return [EffectRow.model_validate(dict(row)) for row in await self._vault.opened(rows)]


def _intended(intent: EffectIntent) -> tuple[object, ...]:
    return (
        intent.key,
        intent.order_id,
        intent.step,
        intent.parcel,
        intent.generation,
        intent.amount,
        intent.currency,
        intent.account,
    )


def _refuse_in_flight(row: asyncpg.Record) -> None:
    """Raise while the lease of an undecided effect runs; its end by now just means: try again at once."""
    if row["status"] not in _FINAL:
        left = max(row["lease_left"] or timedelta(0), timedelta(milliseconds=10))
        message = f"Another attempt of {row['key']} may still be in flight"
        raise RetryError("effect_in_flight", message, retry_after=left)


async def _write(work: Connection, key: str, outcome: EffectOutcome) -> None:
    if outcome.status is EffectStatus.INTENDED:
        raise _conflict(key, "an intention is not an outcome")
    said = (outcome.external_id, outcome.answer, storable(outcome.code), storable(outcome.message))
    await work.execute(_SETTLE, key, outcome.status.value, *said)


def _agrees(standing: asyncpg.Record, outcome: EffectOutcome) -> bool:
    """Same status and, where both name one, the same external id."""
    ids = {standing["external_id"], outcome.external_id} - {None}
    return bool(standing["status"] == outcome.status.value and len(ids) <= 1)


def _conflict(key: str, standing: str) -> OperatorError:
    return OperatorError("effect_conflict", f"Effect {key} contradicts what the ledger holds: {standing}")
