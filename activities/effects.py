"""How every outside call is made: intended, called, settled; an attempt that finds an earlier one inquires first."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectRow, EffectStatus
from ordersaga.domain.errors import CustomerError, OperatorError, RetryError
from ordersaga.ports import EffectLedger

Call = Callable[[str], Awaitable[EffectOutcome]]
Inquire = Callable[[EffectRow], Awaitable[EffectOutcome | None]]
Again = Callable[[EffectRow], bool]

STORED_FAILURE = "stored_failure"
"""The other side keeps answering a failure it stored under our key (Stripe replays stored 500s): a new key is due."""


_BY_OPERATOR = {"refused_to": "operator"}


def never(_: EffectRow) -> bool:
    """A refusal is final."""
    return False


def by_operator(row: EffectRow) -> bool:
    """Refused to us, not to the shopper (credentials, settings): worth asking anew once an operator has repaired it."""
    return row.status is EffectStatus.REFUSED and row.answer == _BY_OPERATOR


def always(row: EffectRow) -> bool:
    """Any refusal may turn out otherwise next time."""
    return row.status is EffectStatus.REFUSED


class Effects:
    """The three-valued call.

    `visible_after`: how long a thing done at the other side may stay invisible to our inquiry (Stripe's search is
    eventually consistent). Only an inquiry later than that proves that nothing happened.
    """

    def __init__(self, ledger: EffectLedger, visible_after: timedelta = timedelta(minutes=1)) -> None:
        self._ledger = ledger
        self._visible_after = visible_after

    async def perform(self, intent: EffectIntent, call: Call, inquire: Inquire, again: Again = never) -> EffectRow:
        """Bring an effect to a known outcome, `done` or `refused`, calling at most once per key.

        `again` says which refusals found in the ledger are asked anew, under the next key.

        Raises RetryError while the outcome is unknown, OperatorError when an operator must look.
        """
        row = await self._ledger.begin(intent)
        if (row.code == STORED_FAILURE and row.status is EffectStatus.REFUSED) or again(row):
            return await self.perform(intent.model_copy(update={"rekeyed": intent.rekeyed + 1}), call, inquire, again)
        if by_operator(row):
            raise OperatorError(row.code or "refused", row.message or "an operator must look")
        if row.status in (EffectStatus.DONE, EffectStatus.REFUSED):
            return row
        found = None if row.fresh else await inquire(row)
        if found is not None:
            return await self._settle(row, found)
        return await self._call(row, intent, call, inquire)

    async def _call(self, row: EffectRow, intent: EffectIntent, call: Call, inquire: Inquire) -> EffectRow:
        try:
            outcome = await call(row.key)
        except RetryError as error:
            await self._unresolved(row, error)
            return await self.perform(intent, call, inquire)
        except (CustomerError, OperatorError) as error:
            ours = isinstance(error, OperatorError)
            refusal = EffectOutcome(
                status=EffectStatus.REFUSED,
                answer=_BY_OPERATOR if ours else {},
                code=error.code,
                message=error.message,
            )
            settled = await self._settle(row, refusal)
            if ours:
                raise
            return settled
        return await self._settle(row, outcome)

    async def _unresolved(self, row: EffectRow, error: RetryError) -> None:
        """Record that we do not know, and let the retry inquire; a stored failure is final once nothing can appear."""
        stored = error.code == STORED_FAILURE
        remaining = row.intended_at + self._visible_after - datetime.now(UTC)
        if stored and remaining <= timedelta(0) and not row.fresh:
            await self._settle(
                row, EffectOutcome(status=EffectStatus.REFUSED, code=STORED_FAILURE, message=error.message)
            )
            return
        await self._settle(row, EffectOutcome(status=EffectStatus.UNKNOWN, code=error.code, message=error.message))
        wait = max(remaining, timedelta(0)) if stored else error.retry_after
        raise RetryError(error.code, error.message, unknown=error.unknown, retry_after=wait) from error

    async def _settle(self, row: EffectRow, outcome: EffectOutcome) -> EffectRow:
        await self._ledger.settle(row.key, outcome)
        return row.model_copy(update=outcome.model_dump(exclude={"transactions"}))
