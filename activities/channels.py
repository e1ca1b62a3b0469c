"""Activities at marketplaces: what left, what is canceled, what a shopper is answered; each an effect with its inquiry.

Which of the marketplace's lines our units are is decided when it is asked, by the order as it stands there.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from temporalio import activity

from activities.effects import Call, Effects, Inquire, always
from activities.failures import translated
from ordersaga.channel_ports import Channel
from ordersaga.domain.channel_orders import lines_of, units_of
from ordersaga.domain.channels import (
    CancellationStatus,
    CancelReason,
    ChannelAccount,
    ChannelCancellation,
    ChannelOrder,
    ChannelPackage,
    ChannelShipment,
    ChannelStatus,
    RejectReason,
)
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectRow, EffectStatus
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.identifiers import ParcelReference
from ordersaga.domain.orders import LineQuantity, SoldAt
from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.values import Message

CANCEL_THERE: Final = "cancel_there"
SHIPPED_THERE: Final = "shipped_there"
_SKEW: Final = timedelta(minutes=5)
"""How far the marketplace's clock may be behind ours."""


class CancelThere(Message):
    """What is not sold any more. `units` empty: all that is left of the order there.

    `number` tells several cancellations of one parcel apart; `parcel` 0 is the order.
    """

    order_id: str
    sold_at: SoldAt
    reason: CancelReason
    parcel: int = 0
    number: int = 1
    units: tuple[LineQuantity, ...] = ()


class TellShipped(Message):
    """A parcel that its carrier has, under this number."""

    order_id: str
    sold_at: SoldAt
    parcel: int
    generation: int
    carrier: str
    tracking_number: str
    units: tuple[LineQuantity, ...]


class Channels:
    """Each account's calls run on its own lane."""

    def __init__(
        self, channels: Mapping[str, Channel], accounts: Mapping[str, ChannelAccount], effects: Effects
    ) -> None:
        self._channels, self._accounts, self._effects = channels, accounts, effects

    @activity.defn
    @translated
    async def cancel_there(self, request: CancelThere) -> CancelDecision:
        """Have it canceled at the marketplace, which refunds it; a shopper's request for just that is granted."""
        return await self.canceled(request)

    @activity.defn
    @translated
    async def tell_shipped(self, request: TellShipped) -> None:
        """Tell that a parcel left. It cannot be taken back there, and turns a shopper's request to cancel down."""
        channel, skus = self._channel(request.sold_at), self._skus(request.sold_at)

        async def call(_: str) -> EffectOutcome:
            order = await channel.fetch(request.sold_at.order)
            return _shipped(await channel.ship(_shipment(order, request, skus)))

        async def inquire(_: EffectRow) -> EffectOutcome | None:
            order = await channel.fetch(request.sold_at.order)
            found = await channel.inquire_shipment(_shipment(order, request, skus))
            return _shipped(found) if found else None

        await self._effects.perform(_shipped_intent(request), call, inquire, always)

    @activity.defn
    @translated
    async def canceled_there_by_hand(self, request: CancelThere) -> None:
        """A person canceled it in the marketplace's own surface."""
        await self._by_hand(_cancel_intent(request))

    @activity.defn
    @translated
    async def shipped_there_by_hand(self, request: TellShipped) -> None:
        """A person told it in the marketplace's own surface."""
        await self._by_hand(_shipped_intent(request))

    async def canceled(self, request: CancelThere) -> CancelDecision:
        """The same as `cancel_there`, outside of workflows. OperatorError `shipped_there`: it is too late."""
        channel, skus = self._channel(request.sold_at), self._skus(request.sold_at)

        async def call(key: str) -> EffectOutcome:
            order = await channel.fetch(request.sold_at.order)
            return _decided(await _ask_to_cancel(channel, order, request, skus, key))

        async def inquire(row: EffectRow) -> EffectOutcome | None:
            order = await channel.fetch(request.sold_at.order)
            return await _found_canceled(channel, order, request, skus, row.intended_at)

        whole = not request.units
        row = await self._effects.perform(_cancel_intent(request), call, inquire, always, repeatable=whole)
        return CancelDecision(row.answer.get("decision", CancelDecision.CANCELED))

    async def turned_down(self, order_id: str, sold_at: SoldAt, request_id: str) -> None:
        """A shopper's request cannot be granted any more: they are told so, once."""
        channel = self._channel(sold_at)

        async def call(_: str) -> EffectOutcome:
            told = await channel.answer_cancel_request(request_id, approve=False)
            return EffectOutcome(status=EffectStatus.DONE, external_id=request_id, answer={"status": told.status})

        async def inquire(_: EffectRow) -> EffectOutcome | None:
            return None

        intent = EffectIntent(
            order_id=order_id, step=f"turn_down:{request_id}", parcel=0, generation=1, account=sold_at.account
        )
        await self._effects.perform(intent, call, inquire, always)

    async def _by_hand(self, intent: EffectIntent) -> None:
        outcome = EffectOutcome(status=EffectStatus.DONE, answer={"settled": "by_hand"})
        call, inquire = _entering(outcome)
        await self._effects.perform(intent, call, inquire, always)

    def _channel(self, sold_at: SoldAt) -> Channel:
        found = self._channels.get(sold_at.account)
        if found is None:
            known = ", ".join(sorted(self._channels)) or "none"
            raise OperatorError("channel_not_configured", f"no account is named {sold_at.account}; configured: {known}")
        return found

    def _skus(self, sold_at: SoldAt) -> Mapping[str, str]:
        account = self._accounts.get(sold_at.account)
        return account.skus if account else {}


def _entering(outcome: EffectOutcome) -> tuple[Call, Inquire]:
    async def call(_: str) -> EffectOutcome:
        return outcome

    async def inquire(_: EffectRow) -> EffectOutcome | None:
        return outcome

    return call, inquire


def _cancel_intent(request: CancelThere) -> EffectIntent:
    return EffectIntent(
        order_id=request.order_id,
        step=CANCEL_THERE,
        parcel=request.parcel,
        generation=request.number,
        account=request.sold_at.account,
    )


def _shipped_intent(request: TellShipped) -> EffectIntent:
    return EffectIntent(
        order_id=request.order_id,
        step=SHIPPED_THERE,
        parcel=request.parcel,
        generation=request.generation,
        account=request.sold_at.account,
    )


async def _ask_to_cancel(
    channel: Channel, order: ChannelOrder, request: CancelThere, skus: Mapping[str, str], key: str
) -> CancelDecision:
    """What the shopper asks for is granted; anything else is canceled by us.

    A request for more than this cannot be granted for this alone: it is ended, and the lines are canceled.
    """
    if order.status is ChannelStatus.CANCELED:
        return CancelDecision.CANCELED
    living = {line.line_id for line in order.lines if not line.canceled}
    units = lines_of(order, request.units, "", skus, parcel=request.parcel)
    wanted = set(units) if request.units else living
    if not wanted:
        return CancelDecision.CANCELED
    asked = _answerable(await channel.cancellations(order.channel_order_id)) if order.cancel_requested else None
    if asked is not None and (named := set(asked.line_ids or living) & living) <= wanted:
        granted = await channel.answer_cancel_request(asked.cancellation_id, approve=True)
        wanted -= named if granted.stands else set()
    elif asked is not None and named & wanted:
        agreed = RejectReason.AGREED_WITH_SHOPPER  # of the other parcels it is decided by itself
        await channel.answer_cancel_request(asked.cancellation_id, approve=False, reason=agreed)
    if not wanted:
        return CancelDecision.CANCELED
    only = () if wanted == living else tuple(sorted(wanted))
    return await channel.cancel(order.channel_order_id, request.reason, key=key, line_ids=only)


def _answerable(found: Sequence[ChannelCancellation]) -> ChannelCancellation | None:
    return next((each for each in found if each.answer_by is not None), None)


async def _found_canceled(
    channel: Channel, order: ChannelOrder, request: CancelThere, skus: Mapping[str, str], since: datetime
) -> EffectOutcome | None:
    """What came of an earlier attempt: of a whole order it shows; of units, by a cancellation of just these."""
    if order.status is ChannelStatus.CANCELED or all(line.canceled for line in order.lines):
        return _decided(CancelDecision.CANCELED)
    if not request.units:
        return None
    wanted = _counted(request.units)
    for made in await channel.cancellations(order.channel_order_id):
        counts = made.stands or (made.status is CancellationStatus.PENDING and made.answer_by is None)
        recent = made.changed_at is not None and made.changed_at >= since - _SKEW
        if counts and recent and _counted(units_of(order, made.line_ids, skus)) == wanted:
            return _decided(CancelDecision.CANCELED if made.stands else CancelDecision.PENDING)
    return None


def _counted(units: Sequence[LineQuantity]) -> Counter[str]:
    counted = Counter[str]()
    for each in units:
        counted[each.sku] += each.quantity
    return counted


def _decided(decision: CancelDecision) -> EffectOutcome:
    """Raises OperatorError `shipped_there`."""
    if decision is CancelDecision.REFUSED:
        raise OperatorError("shipped_there", "the marketplace has it as shipped: only a return gives the money back")
    return EffectOutcome(status=EffectStatus.DONE, answer={"decision": decision.value})


def _shipped(package: ChannelPackage) -> EffectOutcome:
    told = package.model_dump(mode="json", include={"carrier", "line_ids", "package_ids"})
    return EffectOutcome(status=EffectStatus.DONE, external_id=package.tracking_number, answer=told)


def _shipment(order: ChannelOrder, request: TellShipped, skus: Mapping[str, str]) -> ChannelShipment:
    """Raises OperatorError `unknown_lines` when the marketplace has fewer units left than the parcel."""
    lines = lines_of(order, request.units, request.tracking_number, skus, parcel=request.parcel)
    if len(lines) < sum(unit.quantity for unit in request.units):
        raise OperatorError("unknown_lines", f"{request.sold_at.account} has fewer units left than the parcel")
    living = {line.line_id for line in order.lines if not line.canceled}
    return ChannelShipment(
        reference=str(ParcelReference(request.order_id, request.parcel, request.generation)),
        channel_order_id=request.sold_at.order,
        carrier=request.carrier,
        tracking_number=request.tracking_number,
        line_ids=() if set(lines) == living else tuple(lines),
    )
