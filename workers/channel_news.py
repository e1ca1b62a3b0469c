"""What a marketplace says meets the order's saga: as it stands there now, whatever the message said and when.

So messages that come twice, late or out of order are harmless: each only makes us look.

| there | here |
|---|---|
| nobody knows it here | it is taken in |
| its address is released, or another one | the saga's address changes, unless a stop forbids that region |
| canceled, as a whole | the saga cancels; goods that cannot be stopped are a person's question |
| lines canceled by shopper or platform | the saga cancels these units |
| a shopper asks to cancel | the saga decides; what it stops it grants itself, what left is turned down |
"""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from ordersaga.bootstrap import Services
from ordersaga.client_errors import OrderClosedError, OrderNotFoundError, OrderRefusedError
from ordersaga.domain.channel_orders import units_of
from ordersaga.domain.channels import (
    ChannelAccount,
    ChannelCancellation,
    ChannelNews,
    ChannelOrder,
    ChannelStatus,
    our_order_id,
)
from ordersaga.domain.errors import NotShownError, RetryError
from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.orders import LineQuantity, SoldAt
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus
from workers.channel_addresses import Addresses, UndecidedThereError
from workers.channel_intake import ChannelIntake
from workers.channel_questions import REQUEST, SHIPS, ask, settled
from workflows.messages import CancelAnswer, CancelRequest

ASK_BEFORE: Final = timedelta(hours=4)
"""How long before a request lapses a person hears of it."""
SHOWN_WITHIN: Final = timedelta(hours=1)
"""So old is news of an order that is neither ours nor shown there, when nobody asks for it any more; the sweep does."""
_UNDONE: Final = frozenset({OrderStatus.CANCELED, OrderStatus.REJECTED})
_LEAVING: Final = FINAL_STATUSES | {OrderStatus.CANCELING}
"""No address matters to it any more."""


class ChannelDesk:
    """Looks at orders of marketplaces, and tells their sagas."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._intake = ChannelIntake(services)
        self._addresses = Addresses(services)

    async def hear(self, news: ChannelNews, source: str, heard_at: datetime) -> str | None:
        """Look at every order that is named; answers why nothing came of it, or None. `source`: whom it was told.

        Raises RetryError while the marketplace, the saga or a person has not answered: hear it again.
        """
        accounts = self._services.channel_accounts
        account = next((each for each in accounts.values() if each.shop == news.shop), None)
        if account is None:
            return "a shop of nobody here"
        if source in accounts and source != account.account:
            return "told to another account than its shop's"
        reasons: list[str | None] = []
        undecided: RetryError | None = None
        for name in news.channel_order_ids:
            try:
                reasons.append(await self._look_for(account, name, heard_at))
            except RetryError as error:
                undecided = undecided or error
        if undecided is not None:
            raise undecided
        return None if None in reasons else reasons[0]

    async def _look_for(self, account: ChannelAccount, channel_order_id: str, heard_at: datetime) -> str | None:
        """Look at an order, or answer that there is none: somebody tried the webhook out, say."""
        try:
            return await self.look(account, channel_order_id)
        except NotShownError:
            ours = our_order_id(account.channel, account.shop, channel_order_id)
            if datetime.now(UTC) - heard_at < SHOWN_WITHIN or await self._services.journal.get(ours) is not None:
                raise
            return f"{account.channel} shows no such order"

    async def look(self, account: ChannelAccount, channel_order_id: str) -> str | None:
        """Look at one order."""
        told = await self._services.channels[account.account].fetch(channel_order_id)
        record = await self._services.journal.get(told.order_id)
        if record is None:
            return await self._intake.take_in(told, account)
        if record.order.sold_at is None:
            return "taken in by another way"
        return await self._meet(account, told, record)

    async def _meet(self, account: ChannelAccount, told: ChannelOrder, record: OrderRecord) -> str | None:
        if not record.started:
            return await self._before_it_began(told, record)
        if told.status is ChannelStatus.CANCELED:
            return await self._canceled(account, told, record)
        if record.status in FINAL_STATUSES:
            return "the order has ended"
        if any(line.canceled for line in told.lines) or told.cancel_requested:
            await self._cancellations(account, told, record)
            record = await self._services.journal.get(told.order_id) or record
        if record.status not in _LEAVING:
            with suppress(OrderClosedError, OrderNotFoundError):
                await self._addresses.tell(account, told, record)
        return None

    async def _before_it_began(self, told: ChannelOrder, record: OrderRecord) -> str | None:
        if record.status not in FINAL_STATUSES:
            raise UndecidedThereError("saga_not_started", f"the saga of {told.order_id} is not started yet")
        if told.status is not ChannelStatus.CANCELED:
            await self._intake.cancel_sold_out(record.order)
        return "rejected when it came"

    # ---- what is not sold any more ---------------------------------------------------------------------------

    async def _canceled(self, account: ChannelAccount, told: ChannelOrder, record: OrderRecord) -> str | None:
        """Canceled there by whomever, which refunds: here too. What our own saga canceled is an echo."""
        if record.status in _UNDONE:
            return "canceled here too"
        answer = await self._cancel(account, told, "canceled there", "canceled")
        if answer is not None and answer.outcome in ("canceled", "intercepting"):
            return None
        if answer is None and await self._undone(told.order_id):
            return "canceled here too"
        question = f"{told.channel} canceled {told.order_id} and refunds it, but goods of it cannot be stopped."
        await ask(self._services, told.order_id, SHIPS, question)
        return None

    async def _cancellations(self, account: ChannelAccount, told: ChannelOrder, record: OrderRecord) -> None:
        """Each by itself: the shopper's requests, and lines that shopper or platform canceled since it is ours.

        None waits for another's answer. Raises UndecidedThereError when one was not decided.
        """
        undecided: UndecidedThereError | None = None
        for made in await self._services.channels[account.account].cancellations(told.channel_order_id):
            try:
                if made.answer_by is not None:
                    await self._requested(account, told, made, made.answer_by)
                elif made.stands and made.by != "seller" and _since(made, record.accepted_at):
                    await self._granted(account, told, made)
            except UndecidedThereError as error:
                undecided = undecided or error
        if undecided is not None:
            raise undecided

    async def _granted(self, account: ChannelAccount, told: ChannelOrder, made: ChannelCancellation) -> None:
        """Units are canceled there, and refunded, by whomever: here too. What ships all the same, a person settles."""
        try:
            answer = await self._asked(account, told, made.reason, made.cancellation_id, _units(told, made, account))
        except OrderRefusedError:
            return  # somebody canceled them here before
        except (OrderClosedError, OrderNotFoundError):
            answer = None
            if await self._undone(told.order_id):
                return
        if answer is None or answer.outcome != "canceled":
            question = f"{told.channel} canceled units of {told.order_id} and refunds them, but they cannot be stopped."
            await ask(self._services, told.order_id, SHIPS, question, made.cancellation_id)

    async def _undone(self, order_id: str) -> bool:
        """Whether nothing of it is sold any more: its saga may have ended so after the record was read.

        Raises UndecidedThereError while it is being canceled.
        """
        record = await self._services.journal.get(order_id)
        if record is not None and record.status is OrderStatus.CANCELING:
            raise UndecidedThereError("cancel_undecided", f"{order_id} is being canceled")
        return record is None or record.status in _UNDONE

    async def _requested(
        self, account: ChannelAccount, told: ChannelOrder, made: ChannelCancellation, answer_by: datetime
    ) -> None:
        """The saga decides. What it cancels it grants there itself, with its own undo; the rest is turned down."""
        try:
            answer = await self._cancel(account, told, made.reason, made.cancellation_id, _units(told, made, account))
        except RetryError:
            await self._ask_in_time(told, made, answer_by)
            raise
        undone = answer is None and await self._undone(told.order_id)
        if not undone and (answer is None or answer.outcome in ("too_late", "partly_canceled")):
            where = self._sold_at(told, account)
            await self._intake.channels.turned_down(told.order_id, where, made.cancellation_id)
        await settled(self._services, told.order_id, REQUEST)

    async def _ask_in_time(self, told: ChannelOrder, made: ChannelCancellation, answer_by: datetime) -> None:
        if datetime.now(UTC) >= answer_by - ASK_BEFORE:
            when = f"{answer_by:%Y-%m-%d %H:%M} UTC"
            question = f"A shopper wants to cancel {told.order_id}; unanswered, {told.channel} grants it at {when}."
            await ask(self._services, told.order_id, REQUEST, question, made.cancellation_id)

    @staticmethod
    def _sold_at(told: ChannelOrder, account: ChannelAccount) -> SoldAt:
        return SoldAt(account=account.account, order=told.channel_order_id)

    async def _cancel(
        self, account: ChannelAccount, told: ChannelOrder, why: str, name: str, lines: tuple[LineQuantity, ...] = ()
    ) -> CancelAnswer | None:
        """The saga's answer; None: there is nothing left that it could cancel. Raises as `_asked` otherwise."""
        try:
            return await self._asked(account, told, why, name, lines)
        except (OrderClosedError, OrderNotFoundError, OrderRefusedError):
            return None

    async def _asked(
        self, account: ChannelAccount, told: ChannelOrder, why: str, name: str, lines: tuple[LineQuantity, ...]
    ) -> CancelAnswer:
        """The saga's answer. Raises UndecidedThereError while it is not decided."""
        request = CancelRequest(
            by=account.account, reason=why or "not given", lines=lines, request_id=f"{account.account}-{name}"
        )
        answer = await self._services.orders.cancel_or_hear(told.order_id, request)
        if answer.outcome in ("pending", "intercepting"):
            raise UndecidedThereError("cancel_undecided", f"the cancellation of {told.order_id} is {answer.outcome}")
        return answer


def _units(told: ChannelOrder, made: ChannelCancellation, account: ChannelAccount) -> tuple[LineQuantity, ...]:
    """The units it names; none: the whole order."""
    living = {line.line_id for line in told.lines if not line.canceled}
    whole = not made.line_ids or living <= set(made.line_ids)
    return () if whole and not made.stands else tuple(units_of(told, made.line_ids, account.skus))


def _since(made: ChannelCancellation, moment: datetime) -> bool:
    return made.changed_at is None or made.changed_at >= moment
