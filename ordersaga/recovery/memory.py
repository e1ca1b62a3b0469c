"""Calls made once more only to learn what became of the first: no company is asked for what would do anything.

The ledger has forgotten, so an effect it does not know may have happened all the same: it is inquired about first, as
after a time-out. What a company does not show, and the history remembers as refused or decided, is entered as
remembered; anything else stays unknown.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Final

from activities.carriers import LabelResult
from activities.payment_shapes import AuthorizationResult, CaptureResult
from activities.providers import HandOffResult
from ordersaga.domain.books import Balance, MoneyTransaction
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectRow
from ordersaga.domain.errors import CustomerError, RetryError
from ordersaga.domain.orders import Address
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.shipping import (
    AddressDecision,
    CancelDecision,
    HandOff,
    InterceptDecision,
    ProviderCapabilities,
    ProviderOrder,
)
from ordersaga.ports import EffectLedger, Provider
from ordersaga.recovery.histories import Call

NOT_THERE: Final = "not_found_there"
"""Our history says that it was done, and the company does not show it."""
_CALL: ContextVar[Call] = ContextVar("the call that is told again")

DECISIONS: Final[Mapping[str, type]] = {
    "cancel": CancelDecision,
    "void": CancelDecision,
    "update_address": AddressDecision,
    "intercept": InterceptDecision,
}
"""Of these the answer itself is what the history remembers."""
DOING: Final = frozenset({"authorize", "capture", "void", "refund", "book", "intercept", "void_label"}) | frozenset(
    {"ship", "cancel", "answer_cancel_request", "give_back"}
)
"""What does something at a payment company, a carrier or a channel."""


@contextmanager
def remembering(call: Call) -> Iterator[None]:
    """Companies and ledger answer from this call until the block ends."""
    token = _CALL.set(call)
    try:
        yield
    finally:
        _CALL.reset(token)


class ForgetfulLedger:
    """An effect ledger that was restored: one it does not know was perhaps sent when its call was made."""

    def __init__(self, ledger: EffectLedger) -> None:
        self._ledger = ledger

    async def begin(self, intent: EffectIntent) -> EffectRow:
        """As the ledger does, but never `fresh`."""
        row = await self._ledger.begin(intent)
        if not row.fresh:
            return row
        sent = {"attempt": row.attempts, "sent_at": _CALL.get().at.isoformat()}
        return row.model_copy(update={"fresh": False, "attempts": row.attempts + 1, "answer": sent})

    async def settle(self, key: str, outcome: EffectOutcome) -> None:
        """As the ledger does."""
        await self._ledger.settle(key, outcome)

    async def find(self, order_id: str, step: str, parcel: int, generation: int | None = None) -> EffectRow | None:
        """As the ledger does."""
        return await self._ledger.find(order_id, step, parcel, generation)

    async def post(self, transaction: MoneyTransaction) -> None:
        """As the ledger does."""
        await self._ledger.post(transaction)

    async def balance(self, order_id: str) -> Balance:
        """As the ledger does."""
        return await self._ledger.balance(order_id)


class Asked:
    """A payment company, carrier or channel that is only asked; what would do something is remembered instead."""

    def __init__(self, company: object) -> None:
        self._company = company

    def __getattr__(self, name: str) -> Any:
        if name not in DOING:
            return getattr(self._company, name)

        async def recalled(*_: object, **__: object) -> Any:
            return recall(name)

        return recalled


class AskedProvider:
    """A provider that is only asked."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    @property
    def capabilities(self) -> ProviderCapabilities:
        """The provider's."""
        return self._provider.capabilities

    async def submit(self, hand_off: HandOff) -> ProviderOrder:
        """Nothing is handed over. Raises what the history remembers, or RetryError."""
        raise _unknown("submit", hand_off.reference)

    async def reserve(self, hand_off: HandOff) -> ProviderOrder:
        """Nothing is set aside. Raises what the history remembers, or RetryError."""
        raise _unknown("reserve", hand_off.reference)

    async def inquire(self, reference: str) -> ProviderOrder | None:
        """What the provider has."""
        return await self._provider.inquire(reference)

    async def cancel(self, reference: str) -> CancelDecision:
        """What it answered then."""
        decision: CancelDecision = recall("cancel", reference)
        return decision

    async def update_address(self, reference: str, ship_to: Address) -> AddressDecision:
        """What it answered then."""
        decision: AddressDecision = recall("update_address", f"{reference} to {ship_to.country}")
        return decision

    async def changes_since(self, since: datetime) -> Sequence[ProviderOrder]:
        """What the provider has."""
        return await self._provider.changes_since(since)


def recall(name: str, about: str = "") -> Any:
    """What the history remembers as the answer; raises what it remembers as a refusal, or RetryError."""
    result = _CALL.get().result
    if name in DECISIONS and isinstance(result, DECISIONS[name]):
        return result
    raise _unknown(name, about)


def _unknown(name: str, about: str) -> Exception:
    result = _CALL.get().result
    refused = _REFUSED.get(name)
    if refused is not None and (code := refused(result)):
        return CustomerError(code, getattr(result, "message", None) or "refused before the restore")
    told = f"{_CALL.get().activity} is not on record at the company{f' ({about})' if about else ''}"
    return RetryError(NOT_THERE, told, unknown=True)


def _declined(result: object) -> str | None:
    if not isinstance(result, AuthorizationResult):
        return None
    ended = result.status in (PaymentStatus.DECLINED, PaymentStatus.VOIDED)
    return (result.code or result.status.value) if ended else None


def _not_taken(result: object) -> str | None:
    return result.code if isinstance(result, CaptureResult) else None


def _not_accepted(result: object) -> str | None:
    return (result.code or "refused") if isinstance(result, HandOffResult) and not result.accepted else None


def _not_bought(result: object) -> str | None:
    return (result.code or "refused") if isinstance(result, LabelResult) and not result.bought else None


_REFUSED: Final[Mapping[str, Callable[[object], str | None]]] = {
    "authorize": _declined,
    "capture": _not_taken,
    "submit": _not_accepted,
    "book": _not_bought,
}
