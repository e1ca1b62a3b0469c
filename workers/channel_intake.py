"""An order that a marketplace sold becomes one of ours: accepted as a checkout's is, once, or canceled there.

What cannot be accepted is not lost: a person is asked, and it is tried again for as long as it waits there.
"""

from typing import Final

import structlog

from activities.channels import CancelThere, Channels
from activities.effects import Effects
from ordersaga.bootstrap import Acceptance, Accepted, KeyMismatch, Replay, Services, SoldOut
from ordersaga.domain.channel_orders import ACCEPTABLE, Problem, UnmappableOrderError, as_order
from ordersaga.domain.channels import CancelReason, ChannelAccount, ChannelOrder, ChannelStatus
from ordersaga.domain.errors import RetryError
from ordersaga.domain.orders import Order, SoldAt
from ordersaga.domain.sellers import not_sold
from workers.channel_questions import NOT_TAKEN, ask, settled

_OVER: Final = frozenset(ChannelStatus) - {*ACCEPTABLE, ChannelStatus.UNPAID, ChannelStatus.UNKNOWN}
"""Shipped by somebody, or canceled: no order of ours any more."""

log = structlog.get_logger(__name__)


class NotTakenError(RetryError):
    """It waits at the marketplace until somebody has repaired what is in its way."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)


class ChannelIntake:
    """Takes orders of marketplaces in."""

    def __init__(self, services: Services) -> None:
        self._services = services
        effects = Effects(services.effects, services.settings.visible_after)
        self.channels = Channels(services.channels, services.channel_accounts, effects)

    async def take_in(self, told: ChannelOrder, account: ChannelAccount) -> str | None:
        """Accept it, or cancel what is sold out; answers why it is none of ours, or None.

        Raises NotTakenError when a person is asked.
        """
        if told.status is ChannelStatus.UNPAID:
            return "not paid yet"
        if told.status in _OVER:
            await settled(self._services, told.order_id, NOT_TAKEN)
            return f"{told.status} before it was ours"
        try:
            order = await self._as_order(told, account)
        except UnmappableOrderError as error:
            raise await self._not_taken(told, error.code, error.message) from None
        await self._accept(told, order)
        return None

    async def _as_order(self, told: ChannelOrder, account: ChannelAccount) -> Order:
        """Raises UnmappableOrderError, also for a seller or SKUs that the catalog does not know."""
        catalog = self._services.catalog
        terms = await catalog.terms(account.seller)
        if terms is None:
            raise UnmappableOrderError(told, [Problem("seller", f"the catalog has no seller {account.seller}")])
        order = as_order(told, account, terms)
        known_only = self._services.settings.sellers == "known"
        selling = await self._services.sellers.selling(account.seller)
        if (found := not_sold(account.seller, selling, order.channel, known_only=known_only)) is not None:
            raise UnmappableOrderError(told, [Problem(found.field, f"{found.message}: {found.remedy}")])
        unknown = await catalog.unknown(account.seller, [line.sku for line in order.lines])
        if unknown.skus:
            advice = f"map it to ours under accounts.{account.account}.skus, or load it"
            problems = [Problem("seller_sku", f"{account.seller} has no SKU {sku}: {advice}") for sku in unknown.skus]
            raise UnmappableOrderError(told, problems)
        return order

    async def _accept(self, told: ChannelOrder, order: Order) -> None:
        acceptance = await self._services.intake.accept(order, hold_ttl=self._services.settings.hold_ttl)
        if isinstance(acceptance, SoldOut):
            await self.cancel_sold_out(order)
        elif isinstance(acceptance, Accepted):
            await self._services.starting.leave(order.order_id)
            log.info("channel_order_taken_in", order_id=order.order_id, address_awaited=order.address_awaited)
        elif not isinstance(acceptance, Replay | KeyMismatch):  # those are ours already
            raise await self._not_taken(told, "not_accepted", _why(acceptance))
        await settled(self._services, order.order_id, NOT_TAKEN)

    async def cancel_sold_out(self, order: Order) -> None:
        """It was rejected when it came: the shopper is told, and refunded, by the marketplace."""
        if order.sold_at is not None:
            await self.cancel(order.order_id, order.sold_at, CancelReason.OUT_OF_STOCK)
            log.info("channel_order_sold_out", order_id=order.order_id)

    async def cancel(self, order_id: str, sold_at: SoldAt, reason: CancelReason) -> None:
        """Cancel the whole order there."""
        await self.channels.canceled(CancelThere(order_id=order_id, sold_at=sold_at, reason=reason))

    async def _not_taken(self, told: ChannelOrder, code: str, why: str) -> NotTakenError:
        question = f"An order of {told.channel} cannot be taken in: {why}. Repair it, or cancel it there."
        await ask(self._services, told.order_id, NOT_TAKEN, question)
        return NotTakenError(code, why)


def _why(refused: Acceptance) -> str:
    """In words, without anything of the shopper's."""
    words = {
        "Stopped": "an operator stopped orders like it",
        "NoCapacity": "its seller has no room to ship it",
        "OverBuyerLimit": "the shopper would have more than the seller allows",
        "BuyerNeeded": "the marketplace does not say who buys, and the seller limits that",
    }
    return words.get(type(refused).__name__, "it was refused")
