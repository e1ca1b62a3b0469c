"""A parcel's units at a provider that can set them aside before they are to be shipped, beside letting them go."""

from collections.abc import Mapping
from datetime import timedelta

from temporalio import activity

from activities.effects import Effects, always
from activities.failures import translated
from activities.providers import (
    SET_ASIDE,
    HandOffParcel,
    accepted,
    decided,
    intent_of,
    reference_of,
    shipped_as_one,
)
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectRow, EffectStatus
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.orders import AWAITED
from ordersaga.domain.shipping import CancelDecision, ProviderOrder
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.domain.values import Message
from ordersaga.ports import EffectLedger, Provider, ReservingProvider


class SetAsideResult(Message):
    """Set aside for `lasts` (None: without end), or refused with `code`."""

    set_aside: bool
    lasts: timedelta | None = None
    code: str | None = None
    message: str | None = None


class LetGo(Message):
    """Whose units are to be let go: those set aside for this generation of a parcel."""

    provider: str
    order_id: str
    parcel: int
    generation: int


class SettingAside:
    """Activities at the providers that reserve; each provider's run on its own lane."""

    def __init__(self, providers: Mapping[str, Provider], effects: Effects, ledger: EffectLedger) -> None:
        self._providers = providers
        self._effects = effects
        self._ledger = ledger

    def _provider(self, name: str) -> ReservingProvider:
        provider = self._providers.get(name)
        if provider is None or not provider.capabilities.reserves or not isinstance(provider, ReservingProvider):
            raise OperatorError("sets_nothing_aside", f"{name!r} is no provider that sets units aside")
        return provider

    @activity.defn
    @translated
    async def set_aside(self, request: HandOffParcel) -> SetAsideResult:
        """Have the parcel's units set aside, once per reference; the hand-off of the same reference ships them.

        Never without an address (`address_awaited`). What the provider refused later counts as refused.
        """
        if request.hand_off.ship_to == AWAITED:
            raise OperatorError("address_awaited", f"nobody knows yet where {request.hand_off.reference} goes")
        provider = self._provider(request.provider)

        async def call(_: str) -> EffectOutcome:
            return _stands(await provider.reserve(request.hand_off))

        async def inquire(_: EffectRow) -> EffectOutcome | None:
            found = await provider.inquire(request.hand_off.reference)
            return _stands(found) if found else None

        row = await self._effects.perform(intent_of(SET_ASIDE, request), call, inquire)
        return SetAsideResult(
            set_aside=row.status is EffectStatus.DONE,
            lasts=provider.capabilities.reserved_for,
            code=row.code,
            message=row.message,
        )

    @activity.defn
    @translated
    async def let_go(self, request: LetGo) -> CancelDecision:
        """Undo of `set_aside`. What was handed over meanwhile is not let go: `withdraw` undoes that.

        REFUSED: the provider ships it, though nobody handed it over.
        """
        provider = self._provider(request.provider)
        place = (request.parcel, request.generation)
        aside = await self._ledger.find(request.order_id, SET_ASIDE, *place)
        if aside is None or aside.status is EffectStatus.REFUSED:
            return CancelDecision.NOTHING_TO_UNDO
        handed = await self._ledger.find(request.order_id, "hand_off", *place)
        if handed is not None and handed.status is EffectStatus.DONE:
            await shipped_as_one(provider, self._ledger, handed)
            return CancelDecision.NOTHING_TO_UNDO
        if aside.status is not EffectStatus.DONE and not await self._resolve(provider, aside):
            return CancelDecision.NOTHING_TO_UNDO
        return await self._ask_to_cancel(provider, aside)

    async def _resolve(self, provider: Provider, aside: EffectRow) -> bool:
        async def inquire(_: EffectRow) -> EffectOutcome | None:
            found = await provider.inquire(reference_of(aside))
            return _stands(found) if found else None

        return await self._effects.resolve(aside, inquire)

    async def _ask_to_cancel(self, provider: Provider, aside: EffectRow) -> CancelDecision:
        async def call(_: str) -> EffectOutcome:
            return decided(await provider.cancel(reference_of(aside)))

        async def ask_again(_: EffectRow) -> EffectOutcome | None:
            return None  # harmless to repeat, and its answer is the inquiry

        intent = EffectIntent(order_id=aside.order_id, step="let_go", parcel=aside.parcel, generation=aside.generation)
        row = await self._effects.perform(intent, call, ask_again, always)
        return CancelDecision(row.answer.get("decision", CancelDecision.REFUSED))


def _stands(order: ProviderOrder) -> EffectOutcome:
    """A canceled order keeps nothing, whoever ended it."""
    if order.status is not ParcelStatus.CANCELED:
        return accepted(order)
    told = order.detail or "the provider says no more"
    return EffectOutcome(status=EffectStatus.REFUSED, code="not_set_aside", message=f"its order ended there: {told}")
