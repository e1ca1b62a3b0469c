"""How every outside call is made: intended, called, settled; an attempt that finds an earlier one inquires first."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectRow, EffectStatus
from ordersaga.domain.errors import CustomerError, OperatorError, RefusedError, RetryError
from ordersaga.ports import EffectLedger

Call = Callable[[str], Awaitable[EffectOutcome]]
Inquire = Callable[[EffectRow], Awaitable[EffectOutcome | None]]
Again = Callable[[EffectRow], bool]

STORED_FAILURE = "stored_failure"
"""The other side keeps answering a failure it stored under our key (Stripe replays stored 500s): a new key is due."""

NOT_VISIBLE_YET = "not_visible_yet"
"""Nothing was found, too soon after sending for that to prove anything."""

BY_OPERATOR = {"refused_to": "operator"}
"""The answer of a refusal that is worth asking anew."""


def never(_: EffectRow) -> bool:
    """A refusal is final."""
    return False


def by_operator(row: EffectRow) -> bool:
    """Refused to us, not to the shopper (credentials, settings): worth asking anew once an operator has repaired it."""
    return row.status is EffectStatus.REFUSED and row.answer == BY_OPERATOR


def always(row: EffectRow) -> bool:
    """Any refusal may turn out otherwise next time."""
    return row.status is EffectStatus.REFUSED


class Effects:
    """The three-valued call.

    `visible_after`: how long a thing done at the other side may stay invisible to our inquiry (a request still under
    way, a search that lags). Only an inquiry later than that proves that nothing happened.
    """

    def __init__(self, ledger: EffectLedger, visible_after: timedelta = timedelta(minutes=1)) -> None:
        self._ledger = ledger
        self.visible_after = visible_after

    async def perform(
        self, intent: EffectIntent, call: Call, inquire: Inquire, again: Again = never, *, repeatable: bool = True
    ) -> EffectRow:
        """Bring an effect to a known outcome, `done` or `refused`, calling at most once per key.

        `again` says which refusals found in the ledger are asked anew, under the next key.
        `repeatable`: sending it twice is one effect at the other side (it knows our key). When it is not, it is sent
        again only once an inquiry has proved that the earlier sending came to nothing.

        Raises RetryError while the outcome is unknown, RefusedError when an operator must look and nothing happened,
        OperatorError when an operator must look.
        """
        row = await self._ledger.begin(intent)
        if _replayed(row) or again(row):
            rekeyed = intent.model_copy(update={"rekeyed": intent.rekeyed + 1})
            return await self.perform(rekeyed, call, inquire, again, repeatable=repeatable)
        if by_operator(row):
            raise RefusedError(row.code or "refused", row.message or "an operator must look")
        if row.status in (EffectStatus.DONE, EffectStatus.REFUSED):
            return row
        sent_at = _sent_at(row)
        found = None if sent_at is None else await self._inquired(row, inquire, sent_at)
        if found is not None:
            return await self._settle(row, found)
        if sent_at is not None and not repeatable:
            await self._require_absent(row, sent_at)
        return await self._call(row, intent, call, inquire)

    async def resolve(self, row: EffectRow, inquire: Inquire) -> bool:
        """Learn whether an interrupted effect happened, sending nothing; RetryError as long as it might still."""

        async def resend_nothing(_: str) -> EffectOutcome:
            return EffectOutcome(
                status=EffectStatus.REFUSED, code="not_found", message="the provider has no such order"
            )

        intent = EffectIntent(order_id=row.order_id, step=row.step, parcel=row.parcel, generation=row.generation)
        try:
            found = await self.perform(intent, resend_nothing, inquire, repeatable=False)
        except RefusedError:
            return False
        return found.status is EffectStatus.DONE

    async def _inquired(self, row: EffectRow, inquire: Inquire, sent_at: datetime) -> EffectOutcome | None:
        """What the other side has on record; a refusal there is as final as one that is answered.

        An inquiry that failed leaves its trace too: nothing is in flight, so the next attempt need not wait for it.
        """
        try:
            return await inquire(row)
        except RetryError as error:
            await self._unknown(row, sent_at, error, error.retry_after)
        except CustomerError as error:
            return _refusal(error, {})
        except RefusedError as error:
            await self._settle(row, _refusal(error, BY_OPERATOR))
            raise
        except OperatorError as error:
            await self._trace(row, sent_at, error)
            raise

    async def _call(self, row: EffectRow, intent: EffectIntent, call: Call, inquire: Inquire) -> EffectRow:
        try:
            outcome = await call(row.key)
        except RetryError as error:
            await self._unresolved(row, error)
            return await self.perform(intent, call, inquire)
        except CustomerError as error:
            return await self._settle(row, _refusal(error, {}))
        except OperatorError as error:
            await self._settle(row, _refusal(error, BY_OPERATOR))
            raise RefusedError(error.code, error.message) from error
        return await self._settle(row, outcome)

    async def _unresolved(self, row: EffectRow, error: RetryError) -> None:
        """Record that we do not know, and let the retry inquire; a stored failure is final once nothing can appear."""
        stored = error.code == STORED_FAILURE
        remaining = row.intended_at + self.visible_after - datetime.now(UTC)
        if stored and remaining <= timedelta(0) and not row.fresh:
            await self._settle(row, _refusal(error, {}))
            return
        wait = max(remaining, timedelta(0)) if stored else error.retry_after
        await self._unknown(row, datetime.now(UTC) if error.unknown else _sent_at(row), error, wait)

    async def _require_absent(self, row: EffectRow, sent_at: datetime) -> None:
        """Nothing was found; raise until that proves something."""
        remaining = sent_at + self.visible_after - datetime.now(UTC)
        if remaining > timedelta(0):
            error = RetryError(NOT_VISIBLE_YET, "nothing found yet, which proves nothing yet", unknown=True)
            await self._unknown(row, sent_at, error, remaining)

    async def _unknown(
        self, row: EffectRow, sent_at: datetime | None, error: RetryError, wait: timedelta | None
    ) -> NoReturn:
        await self._trace(row, sent_at, error)
        raise RetryError(error.code, error.message, unknown=error.unknown, retry_after=wait) from error

    async def _trace(self, row: EffectRow, sent_at: datetime | None, error: RetryError | OperatorError) -> None:
        """This attempt is over, its outcome unknown."""
        trace = {"attempt": row.attempts, "sent_at": sent_at.isoformat() if sent_at else None}
        outcome = EffectOutcome(status=EffectStatus.UNKNOWN, answer=trace, code=error.code, message=error.message)
        await self._settle(row, outcome)

    async def _settle(self, row: EffectRow, outcome: EffectOutcome) -> EffectRow:
        await self._ledger.settle(row.key, outcome)
        return row.model_copy(update=outcome.model_dump(exclude={"transactions"}))


async def as_it_stands(ledger: EffectLedger, intent: EffectIntent, again: Again = never) -> EffectIntent:
    """The intention whose amount may have changed since it was first asked: what stands keeps its own.

    Only a refusal that is asked anew takes the new amount, under the next key.
    """
    row = await ledger.find(intent.order_id, intent.step, intent.parcel, intent.generation)
    if row is None:
        return intent
    if _replayed(row) or again(row):
        return intent.model_copy(update={"rekeyed": row.intent.rekeyed + 1})
    return intent.model_copy(update={"rekeyed": row.intent.rekeyed, "amount": row.amount})


async def require_replaceable(ledger: EffectLedger, intent: EffectIntent, *, undo: str) -> None:
    """A new generation may only follow one known not to have happened, or undone by `undo`; OperatorError otherwise."""
    latest = await ledger.find(intent.order_id, intent.step, intent.parcel) if intent.generation > 1 else None
    if latest is None or latest.generation >= intent.generation or latest.status is EffectStatus.REFUSED:
        return
    undone = await ledger.find(intent.order_id, undo, intent.parcel, latest.generation)
    if undone is None or undone.status is not EffectStatus.DONE:
        raise OperatorError("generation_open", f"{latest.key} is {latest.status}: it may not be replaced")


def _replayed(row: EffectRow) -> bool:
    """Given up, because the other side repeats a failure under this key."""
    return row.status is EffectStatus.REFUSED and row.code == STORED_FAILURE


def _sent_at(row: EffectRow) -> datetime | None:
    """When this effect was last sent, at the latest; None: surely never.

    Each attempt leaves a trace. An attempt that died without one may have sent at any moment until now.
    """
    if row.fresh:
        return None
    if row.answer.get("attempt") != row.attempts - 1:
        return datetime.now(UTC)
    return datetime.fromisoformat(row.answer["sent_at"]) if row.answer.get("sent_at") else None


def never_sent(row: EffectRow) -> bool:
    """Whether an effect as the ledger has it surely never left: each attempt left a trace, and none was sent."""
    undecided = row.status in (EffectStatus.INTENDED, EffectStatus.UNKNOWN)
    return undecided and row.answer.get("attempt") == row.attempts and not row.answer.get("sent_at")


def _refusal(error: CustomerError | OperatorError | RetryError, answer: dict[str, str]) -> EffectOutcome:
    return EffectOutcome(status=EffectStatus.REFUSED, answer=answer, code=error.code, message=error.message)
