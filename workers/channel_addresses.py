"""Where a marketplace's order goes: its saga is told the first address, and every other one.

News of one order are heard by any of several relays, at the same time and more than once: each tells what the
marketplace said when it looked. So whoever told an address looks once more: it may have been replaced by then.
"""

from datetime import UTC, datetime
from hashlib import sha256

from ordersaga.bootstrap import Services
from ordersaga.client_errors import OrderRefusedError
from ordersaga.domain.channel_orders import UnmappableOrderError, address_of
from ordersaga.domain.channels import ChannelAccount, ChannelOrder
from ordersaga.domain.errors import RetryError
from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.orders import Address
from ordersaga.domain.stops import stopping
from workers.channel_questions import ADDRESS, ask, settled
from workflows.foretelling import PreviewRequest
from workflows.messages import AddressChange


class UndecidedThereError(RetryError):
    """Nothing is wrong: whoever must decide has not yet."""


class Addresses:
    """Tells sagas where their orders go."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def tell(self, account: ChannelAccount, told: ChannelOrder, record: OrderRecord) -> None:
        """The first address, or another one; nothing while the marketplace keeps it back.

        Raises:
            UndecidedThereError: hear it again; the saga has not decided, a stop forbids the region, nobody can ship to
                the address, or the shopper has changed it meanwhile.
            OrderClosedError, OrderNotFoundError: there is no saga any more.
        """
        ship_to = await self._read(told)
        if ship_to is None:
            return
        if ship_to != record.order.ship_to:
            await self._refuse_what_must_wait(record, ship_to)
            if (why := await self._refusal(account, told, record, ship_to)) is not None:
                question = f"{told.channel} names another address of {told.order_id}, too late: {why}"
                await ask(self._services, told.order_id, ADDRESS, question, _named(ship_to))
                return
            await self._look_again(account, told)
        await settled(self._services, told.order_id, ADDRESS)

    async def _read(self, told: ChannelOrder) -> Address | None:
        try:
            return address_of(told)
        except UnmappableOrderError as error:
            question = f"The address of {told.order_id} cannot be shipped to: {error.message}."
            await ask(self._services, told.order_id, ADDRESS, question, _named(told.recipient))
            raise UndecidedThereError(error.code, error.message) from None

    async def _refuse_what_must_wait(self, record: OrderRecord, ship_to: Address) -> None:
        """An order that is not confirmed takes no address; one to a stopped region goes on waiting for it."""
        if record.outcome is None:
            raise UndecidedThereError("not_confirmed", f"{record.order.order_id} is not confirmed yet")
        there = record.order.model_copy(update={"ship_to": ship_to})
        rule = stopping(await self._services.stop_rules.standing(), there, datetime.now(UTC))
        if rule is not None:
            raise UndecidedThereError("stopped", f"stop {rule.stop_id} holds orders to where it goes")

    async def _refusal(
        self, account: ChannelAccount, told: ChannelOrder, record: OrderRecord, ship_to: Address
    ) -> str | None:
        """Why the order does not go there; None: it does. Raises UndecidedThereError while nobody knows."""
        change = _change(account, told, record.order.ship_to, ship_to)
        try:
            answer = await self._services.orders.change(told.order_id, change)
            why = answer.message if answer.outcome == "refused" else None
            if answer.outcome == "pending":
                why = await self._foreseen(told, change)
        except OrderRefusedError as error:
            why = error.message
        return None if why is None or await self._goes_to(told, ship_to) else why

    async def _foreseen(self, told: ChannelOrder, change: AddressChange) -> str:
        """Why a change that was undecided is none any more. Raises UndecidedThereError while it may still be made."""
        anew = PreviewRequest(address=change.model_copy(update={"request_id": None}))
        foretold = await self._services.orders.preview_change(told.order_id, anew)
        if foretold.outcome != "refused":
            raise UndecidedThereError("address_undecided", f"the address of {told.order_id} is being changed")
        return " ".join(foretold.effects)

    async def _goes_to(self, told: ChannelOrder, ship_to: Address) -> bool:
        """Whether it was told by somebody else meanwhile."""
        record = await self._services.journal.get(told.order_id)
        return record is not None and record.order.ship_to == ship_to

    async def _look_again(self, account: ChannelAccount, told: ChannelOrder) -> None:
        """What was told may have been replaced by then, and its successor told before it."""
        now = await self._services.channels[account.account].fetch(told.channel_order_id)
        if now.recipient != told.recipient:
            raise UndecidedThereError("another_address", f"the address of {told.order_id} was changed meanwhile")


def _change(account: ChannelAccount, told: ChannelOrder, former: Address, ship_to: Address) -> AddressChange:
    """Told twice, it is the same change; back to where the order went before is another one."""
    return AddressChange(
        by=account.account,
        reason="told by the marketplace",
        request_id=f"address-{_named(former, ship_to, told.changed_at)}",
        ship_to=ship_to,
    )


def _named(*what: object) -> str:
    """A name that says nothing of the address."""
    return sha256(repr(what).encode()).hexdigest()[:16]
