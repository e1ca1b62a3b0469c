"""Providers: hand a parcel over, beside withdrawing it."""

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import Field
from temporalio import activity

from activities.effects import Effects, always, by_operator, never_sent, require_replaceable
from activities.failures import translated
from activities.standing import standing
from ordersaga.domain.carriers import EASYPOST, CarrierAccount
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectRow, EffectStatus
from ordersaga.domain.errors import OperatorError, RefusedError, RetryError
from ordersaga.domain.identifiers import Code, ParcelReference, parse_parcel_reference
from ordersaga.domain.orders import AWAITED, Address, not_given
from ordersaga.domain.shipping import AddressDecision, CancelDecision, HandOff, ParcelReport, ProviderOrder
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.domain.values import Message
from ordersaga.ports import EffectLedger, Provider

SET_ASIDE: Final = "set_aside"
ENDED_THERE: Final = "no_longer_set_aside"
"""The code of a hand-off whose provider had let go by itself of what it had set aside: another reference is due."""


class HandOffParcel(Message):
    """A parcel for one provider; the same value withdraws it."""

    provider: str
    parcel: int
    generation: int
    hand_off: HandOff


class HandOffResult(Message):
    """Accepted with the provider's id, or refused with `code`. `point_of_no_return`: from there it cancels nothing.

    `carrier_accounts`: where a label of ours can be bought, if that is not the first account alone.
    `tells_delivery`: somebody will say when it arrived. `changes_address`, `cancels_parts`: the provider can.
    """

    accepted: bool
    books_carrier: bool
    point_of_no_return: ParcelStatus | None = None
    provider_id: str | None = None
    code: str | None = None
    message: str | None = None
    carrier_accounts: tuple[Code, ...] = Field(default=(), exclude_if=not_given)
    tells_delivery: bool = Field(default=True, exclude_if=bool)
    changes_address: bool = Field(default=True, exclude_if=bool)
    cancels_parts: bool = Field(default=True, exclude_if=bool)


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
    """Activities at the 3PLs; each provider's run on its own lane. `accounts`: of carriers, as they are configured."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        effects: Effects,
        ledger: EffectLedger,
        accounts: Sequence[CarrierAccount] = (CarrierAccount(EASYPOST),),
    ) -> None:
        self._providers = providers
        self._accounts = accounts
        self._effects = effects
        self._ledger = ledger

    def _provider(self, name: str) -> Provider:
        if name not in self._providers:
            known = ", ".join(sorted(self._providers))
            raise OperatorError("unknown_provider", f"no provider is named {name!r}; configured: {known}")
        return self._providers[name]

    def _selling(self) -> tuple[str, ...]:
        codes = tuple(account.code for account in self._accounts)
        return () if codes == (EASYPOST,) else codes

    @activity.defn
    @translated
    async def hand_off(self, request: HandOffParcel) -> HandOffResult:
        """Give the parcel to its provider, once per reference; never without an address (`address_awaited`)."""
        if request.hand_off.ship_to == AWAITED:
            raise OperatorError("address_awaited", f"nobody knows yet where {request.hand_off.reference} goes")
        provider = self._provider(request.provider)

        async def call(_: str) -> EffectOutcome:
            return await self._accepted(provider, intent, await provider.submit(request.hand_off))

        async def inquire(_: EffectRow) -> EffectOutcome | None:
            found = await handed_over(provider, request.hand_off.reference)
            return await self._accepted(provider, intent, found) if found else None

        intent = intent_of("hand_off", request)
        await require_replaceable(self._ledger, intent, undo="withdraw")
        able = provider.capabilities
        row = await self._effects.perform(intent, call, inquire, repeatable=able.idempotent)
        if row.status is EffectStatus.DONE:
            await shipped_as_one(provider, self._ledger, row)
        return HandOffResult(
            accepted=row.status is EffectStatus.DONE,
            books_carrier=able.books_carrier,
            point_of_no_return=able.point_of_no_return,
            provider_id=row.external_id,
            code=row.code,
            message=row.message,
            carrier_accounts=() if able.books_carrier else self._selling(),
            tells_delivery=able.tells_delivery,
            changes_address=able.changes_address,
            cancels_parts=able.cancels_parts,
        )

    @activity.defn
    @translated
    async def call_off(self, request: HandOffParcel) -> bool:
        """Close a hand-off that was surely never sent, asking nobody; False where the provider may have it."""
        intent = intent_of("hand_off", request)
        row = await self._ledger.find(intent.order_id, intent.step, intent.parcel, intent.generation)
        if row is not None and (row.status is EffectStatus.REFUSED or not never_sent(row)):
            return row.status is EffectStatus.REFUSED

        async def send_nothing(_: str) -> EffectOutcome:
            return EffectOutcome(status=EffectStatus.REFUSED, code="not_sent", message="called off before it was sent")

        async def look_again(_: EffectRow) -> EffectOutcome | None:
            raise RetryError("effect_in_flight", "another attempt was made meanwhile")

        closed = await self._effects.perform(intent, send_nothing, look_again)
        return closed.status is EffectStatus.REFUSED

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
        await shipped_as_one(provider, self._ledger, handed)
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
        found = await standing(self._provider(request.provider), request.reference)
        return _report(found) if found else None

    async def _resolve(self, provider: Provider, handed: EffectRow, request: WithdrawParcel) -> bool:
        """Learn whether an interrupted hand-off reached the provider; True when it did.

        Raises RetryError as long as it might still arrive there.
        """

        async def inquire(_: EffectRow) -> EffectOutcome | None:
            if request.goods_left:
                return EffectOutcome(status=EffectStatus.DONE, answer={"known_by": "its goods left"})
            found = await handed_over(provider, reference_of(handed))
            return accepted(found) if found else None

        return await self._effects.resolve(handed, inquire)

    async def _accepted(self, provider: Provider, intent: EffectIntent, order: ProviderOrder) -> EffectOutcome:
        """Not where what was set aside for it had ended before: a canceled order ships nothing, another must be made.

        Raises RefusedError `no_longer_set_aside`.
        """
        if provider.capabilities.reserves and order.status is ParcelStatus.CANCELED:
            aside = await self._ledger.find(intent.order_id, SET_ASIDE, intent.parcel, intent.generation)
            if aside is not None:
                raise RefusedError(ENDED_THERE, f"{order.reference} was set aside, and ended before it was handed over")
        return accepted(order)

    async def _ask_to_cancel(self, provider: Provider, request: WithdrawParcel, handed: EffectRow) -> CancelDecision:
        async def call(_: str) -> EffectOutcome:
            gone = request.goods_left
            return decided(CancelDecision.REFUSED if gone else await provider.cancel(reference_of(handed)))

        async def ask_again(_: EffectRow) -> EffectOutcome | None:
            return None  # asking a provider to cancel is harmless to repeat, and its answer is the inquiry

        intent = EffectIntent(
            order_id=request.order_id, step="withdraw", parcel=request.parcel, generation=handed.generation
        )
        row = await self._effects.perform(intent, call, ask_again, always)
        return CancelDecision(row.answer.get("decision", CancelDecision.REFUSED))


def only_set_aside(provider: Provider, order: ProviderOrder) -> bool:
    """Whether the provider keeps the parcel's units and ships nothing: that is no hand-off."""
    return provider.capabilities.reserves and order.status is ParcelStatus.PLANNED


async def handed_over(provider: Provider, reference: str) -> ProviderOrder | None:
    """What it has under our reference to ship."""
    found = await provider.inquire(reference)
    return None if found is None or only_set_aside(provider, found) else found


async def shipped_as_one(provider: Provider, ledger: EffectLedger, handed: EffectRow) -> None:
    """What was set aside is in the parcel handed over: that answers whoever does not know whether it was."""
    if not provider.capabilities.reserves:
        return
    aside = await ledger.find(handed.order_id, SET_ASIDE, handed.parcel, handed.generation)
    if aside is not None and aside.status not in (EffectStatus.DONE, EffectStatus.REFUSED):
        await ledger.settle(aside.key, EffectOutcome(status=EffectStatus.DONE, answer={"known_by": "its hand-off"}))


def reference_of(handed: EffectRow) -> str:
    """What the provider knows this very hand-off by."""
    return str(ParcelReference(handed.order_id, handed.parcel, handed.generation))


def intent_of(step: str, request: HandOffParcel) -> EffectIntent:
    """The effect of a step with the parcel. Raises OperatorError `bad_reference`."""
    parsed = parse_parcel_reference(request.hand_off.reference)
    if parsed is None:
        raise OperatorError("bad_reference", f"{request.hand_off.reference!r} is not a parcel reference")
    return EffectIntent(order_id=parsed.order_id, step=step, parcel=request.parcel, generation=request.generation)


def accepted(order: ProviderOrder) -> EffectOutcome:
    """The provider has it, as it stands."""
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


def decided(decision: CancelDecision) -> EffectOutcome:
    """What a provider answered to being asked to stop. Raises RetryError while it has not decided."""
    if decision is CancelDecision.PENDING:
        raise RetryError("cancel_pending", "the provider has not decided yet", unknown=True)
    stopped = decision in (CancelDecision.CANCELED, CancelDecision.NOTHING_TO_UNDO)
    return EffectOutcome(
        status=EffectStatus.DONE if stopped else EffectStatus.REFUSED,
        answer={"decision": decision.value},
        code=None if stopped else "cancel_refused",
    )
