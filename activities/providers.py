"""Providers: hand a parcel over, beside withdrawing it."""

from collections.abc import Mapping

from temporalio import activity

from activities.effects import Effects, always, by_operator, require_replaceable
from activities.failures import translated
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectRow, EffectStatus
from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.identifiers import ParcelReference, parse_parcel_reference
from ordersaga.domain.orders import Address
from ordersaga.domain.shipping import AddressDecision, CancelDecision, HandOff, ParcelReport, ProviderOrder
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.domain.values import Message
from ordersaga.ports import EffectLedger, Provider


class HandOffParcel(Message):
    """A parcel for one provider; the same value withdraws it."""

    provider: str
    parcel: int
    generation: int
    hand_off: HandOff


class HandOffResult(Message):
    """Accepted with the provider's id, or refused with `code`. `point_of_no_return`: from there it cancels nothing."""

    accepted: bool
    books_carrier: bool
    point_of_no_return: ParcelStatus | None = None
    provider_id: str | None = None
    code: str | None = None
    message: str | None = None


class WithdrawParcel(Message):
    """Which hand-off to undo. `goods_left`: nobody is asked any more; an open question is settled as refused."""

    provider: str
    order_id: str
    parcel: int
    goods_left: bool = False


class UpdateAddress(Message):
    """Another address for a parcel handed over under `reference`. `generation` counts the changes of its address."""

    provider: str
    order_id: str
    parcel: int
    generation: int
    reference: str
    ship_to: Address


class LookAtParcel(Message):
    """Which parcel a provider is asked about."""

    provider: str
    reference: str


class Providers:
    """Activities at the 3PLs; each provider's run on its own lane."""

    def __init__(self, providers: Mapping[str, Provider], effects: Effects, ledger: EffectLedger) -> None:
        self._providers = providers
        self._effects = effects
        self._ledger = ledger

    def _provider(self, name: str) -> Provider:
        if name not in self._providers:
            known = ", ".join(sorted(self._providers))
            raise OperatorError("unknown_provider", f"no provider is named {name!r}; configured: {known}")
        return self._providers[name]

    @activity.defn
    @translated
    async def hand_off(self, request: HandOffParcel) -> HandOffResult:
        """Give the parcel to its provider, once per reference."""
        provider = self._provider(request.provider)

        async def call(_: str) -> EffectOutcome:
            return _accepted(await provider.submit(request.hand_off))

        async def inquire(_: EffectRow) -> EffectOutcome | None:
            found = await provider.inquire(request.hand_off.reference)
            return _accepted(found) if found else None

        intent = _hand_off_intent(request)
        await require_replaceable(self._ledger, intent, undo="withdraw")
        row = await self._effects.perform(intent, call, inquire)
        return HandOffResult(
            accepted=row.status is EffectStatus.DONE,
            books_carrier=provider.capabilities.books_carrier,
            point_of_no_return=provider.capabilities.point_of_no_return,
            provider_id=row.external_id,
            code=row.code,
            message=row.message,
        )

    @activity.defn
    @translated
    async def withdraw(self, request: WithdrawParcel) -> CancelDecision:
        """Undo of `hand_off`: ask the provider to stop the parcel. REFUSED means the goods can no longer be kept."""
        provider = self._provider(request.provider)
        handed = await self._ledger.find(request.order_id, "hand_off", request.parcel)
        if handed is None or handed.status is EffectStatus.REFUSED:
            return CancelDecision.NOTHING_TO_UNDO
        if handed.status is not EffectStatus.DONE and not await self._resolve(provider, handed, request):
            return CancelDecision.NOTHING_TO_UNDO
        return await self._ask_to_cancel(provider, request, handed)

    @activity.defn
    @translated
    async def update_address(self, request: UpdateAddress) -> AddressDecision:
        """Ship a parcel to another address. REFUSED and NOT_OFFERED are answers, kept for this generation."""
        provider = self._provider(request.provider)

        async def call(_: str) -> EffectOutcome:
            return _readdressed(await provider.update_address(request.reference, request.ship_to))

        async def ask_again(_: EffectRow) -> EffectOutcome | None:
            return None  # the same address twice is one change, and the answer is the inquiry

        intent = EffectIntent(
            order_id=request.order_id, step="update_address", parcel=request.parcel, generation=request.generation
        )
        row = await self._effects.perform(intent, call, ask_again, by_operator)
        return AddressDecision(row.answer.get("decision", AddressDecision.REFUSED))

    @activity.defn(name="look_at_parcel")
    @translated
    async def look(self, request: LookAtParcel) -> ParcelReport | None:
        """How the parcel stands at its provider now; None: it has no such order."""
        found = await self._provider(request.provider).inquire(request.reference)
        return _report(found) if found else None

    async def _resolve(self, provider: Provider, handed: EffectRow, request: WithdrawParcel) -> bool:
        """Learn whether an interrupted hand-off reached the provider; True when it did.

        Raises RetryError as long as it might still arrive there.
        """

        async def resend_nothing(_: str) -> EffectOutcome:
            return EffectOutcome(
                status=EffectStatus.REFUSED, code="not_found", message="the provider has no such order"
            )

        async def inquire(_: EffectRow) -> EffectOutcome | None:
            if request.goods_left:
                return EffectOutcome(status=EffectStatus.DONE, answer={"known_by": "its goods left"})
            found = await provider.inquire(_reference(handed))
            return _accepted(found) if found else None

        intent = EffectIntent(
            order_id=handed.order_id, step=handed.step, parcel=handed.parcel, generation=handed.generation
        )
        row = await self._effects.perform(intent, resend_nothing, inquire, repeatable=False)
        return row.status is EffectStatus.DONE

    async def _ask_to_cancel(self, provider: Provider, request: WithdrawParcel, handed: EffectRow) -> CancelDecision:
        async def call(_: str) -> EffectOutcome:
            gone = request.goods_left
            return _decided(CancelDecision.REFUSED if gone else await provider.cancel(_reference(handed)))

        async def ask_again(_: EffectRow) -> EffectOutcome | None:
            return None  # asking a provider to cancel is harmless to repeat, and its answer is the inquiry

        intent = EffectIntent(
            order_id=request.order_id, step="withdraw", parcel=request.parcel, generation=handed.generation
        )
        row = await self._effects.perform(intent, call, ask_again, always)
        return CancelDecision(row.answer.get("decision", CancelDecision.REFUSED))


def _reference(handed: EffectRow) -> str:
    """What the provider knows this very hand-off by."""
    return str(ParcelReference(handed.order_id, handed.parcel, handed.generation))


def _hand_off_intent(request: HandOffParcel) -> EffectIntent:
    parsed = parse_parcel_reference(request.hand_off.reference)
    if parsed is None:
        raise OperatorError("bad_reference", f"{request.hand_off.reference!r} is not a parcel reference")
    return EffectIntent(order_id=parsed.order_id, step="hand_off", parcel=request.parcel, generation=request.generation)


def _accepted(order: ProviderOrder) -> EffectOutcome:
    return EffectOutcome(status=EffectStatus.DONE, external_id=order.provider_id, answer=order.model_dump(mode="json"))


def _report(found: ProviderOrder) -> ParcelReport:
    return ParcelReport(
        status=found.status,
        carrier=found.carrier,
        tracking_number=found.tracking_number,
        detail=found.detail,
        partial=found.partially_canceled,
        canceled_lines=found.canceled_lines,
    )


def _readdressed(decision: AddressDecision) -> EffectOutcome:
    updated = decision is AddressDecision.UPDATED
    return EffectOutcome(
        status=EffectStatus.DONE if updated else EffectStatus.REFUSED,
        answer={"decision": decision.value},
        code=None if updated else f"address_{decision}",
    )


def _decided(decision: CancelDecision) -> EffectOutcome:
    if decision is CancelDecision.PENDING:
        raise RetryError("cancel_pending", "the provider has not decided yet", unknown=True)
    stopped = decision in (CancelDecision.CANCELED, CancelDecision.NOTHING_TO_UNDO)
    return EffectOutcome(
        status=EffectStatus.DONE if stopped else EffectStatus.REFUSED,
        answer={"decision": decision.value},
        code=None if stopped else "cancel_refused",
    )
