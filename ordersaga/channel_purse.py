"""The ChannelMoney of a marketplace that sold for us: it gives back by itself what is canceled, and returns.

So what it gave back is read first, and entered. Of an order that is dispatched only the rest is asked for, by amount;
what the platform refuses, or cannot be asked for yet, is a person's to give there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ordersaga.channel_money import ChannelMoney
from ordersaga.channel_ports import Channel
from ordersaga.domain.channels import (
    CancellationStatus,
    ChannelCancellation,
    ChannelOrder,
    ChannelStatus,
    RefundRequest,
)
from ordersaga.domain.effects import EffectRow, EffectStatus
from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.orders import Order
from ordersaga.domain.payments import RefundState
from ordersaga.domain.statuses import OrderStatus
from ordersaga.ports import EffectLedger, OrderJournal

_Status = Literal["pending", "succeeded", "failed"]
_DISPATCHED: Final = frozenset({ChannelStatus.IN_TRANSIT, ChannelStatus.DELIVERED, ChannelStatus.COMPLETED})
"""Before that the platform gives money back by canceling only."""
_UNDO: Final = "/refund/"
"""In the key of a refund that undoes a parcel: our saga cancels it there, with the rest of the order or by itself."""


class Purses(Mapping[str, ChannelMoney]):
    """One for each of these channels, those that are opened later as well."""

    def __init__(self, channels: Mapping[str, Channel], journal: OrderJournal, ledger: EffectLedger) -> None:
        self._channels, self._journal, self._ledger = channels, journal, ledger

    def __getitem__(self, account: str) -> ChannelMoney:
        return ChannelPurse(account, self._channels[account], self._journal, self._ledger)

    def __iter__(self) -> Iterator[str]:
        return iter(self._channels)

    def __len__(self) -> int:
        return len(self._channels)


class ChannelPurse:
    """One account's. Amounts are compared to the cent for each line: a share of an order is rounded there as here."""

    def __init__(self, account: str, channel: Channel, journal: OrderJournal, ledger: EffectLedger) -> None:
        self._account, self._channel = account, channel
        self._journal, self._ledger = journal, ledger

    async def refund(self, order_id: str, amount: int, *, key: str) -> RefundState:
        """What the platform gave back, or gives when asked for the rest.

        Raises OperatorError `give_back_there` where it does neither, RetryError `refund_undecided` while it decides, or
        while a parcel that is undone here, or another of its order, is still to be canceled there.
        """
        standing = await self._standing(order_id)
        if standing is None:
            raise self._persons(amount, "it is not known there")
        if standing.covers(amount):
            return _state(key, standing.told.channel_order_id, amount, "succeeded")
        return await self._asked(standing, amount, key)

    async def _asked(self, standing: "_Standing", amount: int, key: str) -> RefundState:
        told, order = standing.told, standing.record.order
        if told.status not in _DISPATCHED:
            if _UNDO in key or standing.record.status is OrderStatus.CANCELING:
                raise RetryError("refund_undecided", f"{self._account} has not canceled all of the order yet")
            raise self._persons(amount, "it is not dispatched there")
        rest = amount - max(standing.extra, 0)
        try:
            request = await self._channel.give_back(told.channel_order_id, rest, order.currency, key=key)
        except OperatorError as error:
            if error.code != "refund_refused":
                raise
            raise self._persons(rest, error.message) from None
        return _state(request.request_id, told.channel_order_id, amount, request.status)

    def _persons(self, amount: int, why: str) -> OperatorError:
        advice = "cancel or refund it in the marketplace's own surface, then try again"
        return OperatorError(
            "give_back_there", f"{self._account} has not given {amount} minor units back ({why}): {advice}"
        )

    async def find_refund(self, order_id: str, reference: str) -> RefundState | None:
        """The refund under this key, once the platform has given back more than our books know."""
        row = await self._row(reference)
        if row is None or row.amount is None:
            return None
        if row.status is EffectStatus.DONE:
            return await self._as_it_stands(order_id, row.external_id or reference, row.amount)
        return await self._read(order_id, row.amount, reference)

    async def _as_it_stands(self, order_id: str, refund_id: str, amount: int) -> RefundState:
        """One that was asked for is what the platform says of it; any other was read as given back."""
        record = await self._journal.get(order_id)
        sold_at = record.order.sold_at if record else None
        requests = await self._channel.refund_requests(sold_at.order) if sold_at else ()
        asked: _Status | None = next((each.status for each in requests if each.request_id == refund_id), None)
        return _state(refund_id, order_id, amount, asked or "succeeded")

    async def _row(self, key: str) -> EffectRow | None:
        order_id, step, parcel, generation = key.split("/")
        return await self._ledger.find(order_id, step, int(parcel), int(generation.partition(".")[0]))

    async def _read(self, order_id: str, amount: int, key: str) -> RefundState | None:
        standing = await self._standing(order_id)
        if standing is None or not standing.covers(amount):
            return None
        return _state(key, standing.told.channel_order_id, amount, "succeeded")

    async def _standing(self, order_id: str) -> "_Standing | None":
        """Raises RetryError `refund_undecided` while the platform has not decided on a cancellation."""
        record = await self._journal.get(order_id)
        if record is None or record.order.sold_at is None:
            return None
        told = await self._channel.fetch(record.order.sold_at.order)
        entered = record.order.total - (await self._ledger.balance(order_id)).captured_net
        return _Standing(record, told, await self._given_there(told, record.order) - entered)

    async def _given_there(self, told: ChannelOrder, order: Order) -> int:
        """Of a canceled order, all; else what cancellations that stand, returns and our own requests come to."""
        if told.status is ChannelStatus.CANCELED:
            return order.total
        found = await self._channel.cancellations(told.channel_order_id)
        if any(each.status is CancellationStatus.PENDING and each.answer_by is None for each in found):
            raise RetryError("refund_undecided", f"{self._account} has not decided on a cancellation")
        canceled = sum(each.refund or 0 for each in _of_ours(found, told, order))
        asked = await self._channel.refund_requests(told.channel_order_id)
        return canceled + sum(each.amount for each in asked if _counts(each))


@dataclass(frozen=True)
class _Standing:
    """`extra`: what the platform gave back and our books do not know yet, in minor units."""

    record: OrderRecord
    told: ChannelOrder
    extra: int

    def covers(self, amount: int) -> bool:
        """To the cent for each line."""
        return self.extra > 0 and self.extra + len(self.told.lines) >= amount


def _of_ours(found: Sequence[ChannelCancellation], told: ChannelOrder, order: Order) -> Iterator[ChannelCancellation]:
    """Those that stand, without the first ones: of lines that were canceled before the order was ours."""
    before = len(told.lines) - sum(line.quantity for line in order.lines)
    standing = (each for each in found if each.stands)
    for each in sorted(standing, key=lambda one: one.asked_at or order.placed_at):
        if before <= 0:
            yield each
        before -= len(each.line_ids)


def _counts(request: RefundRequest) -> bool:
    """Paid out, or asked for by us and sure to be; a shopper's that nobody has decided is not."""
    return request.status == "succeeded" or (request.status == "pending" and request.by == "seller")


def _state(refund_id: str, payment_id: str, amount: int, status: _Status) -> RefundState:
    return RefundState(refund_id=refund_id, payment_id=payment_id, status=status, amount=amount)
