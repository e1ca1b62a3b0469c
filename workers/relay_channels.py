"""What webhooks of marketplaces missed: each account is asked what changed; now and then also what nobody told."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

import structlog

from ordersaga.bootstrap import Services
from ordersaga.domain.channel_orders import ACCEPTABLE
from ordersaga.domain.channels import ChannelNews, ChannelOrder, ChannelStatus, ChannelTopic
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.statuses import FINAL_STATUSES
from workers.relay_pollers import FIRST_LOOK_BACK, OVERLAP, store

SWEEP_BACK: Final = timedelta(days=8)
"""A marketplace's order that is not shipped by then is canceled by it."""
SWEEP_SECONDS: Final = 6 * 3600.0

log = structlog.get_logger(__name__)


class ChannelPoller:
    """Asks one account. What it says goes through the inbox as a message does, and is looked at there."""

    def __init__(self, services: Services, account: str) -> None:
        self._services, self._account = services, account
        self._cursor = f"channel:{account}"

    async def step(self) -> bool:
        """Ask once what changed since the last time."""
        asked_at = datetime.now(UTC)
        since = await self._services.poll_cursors.get(self._cursor) or asked_at - FIRST_LOOK_BACK
        changed = await self._services.channels[self._account].changed_since(since)
        new = sum([await store(self._services, self._message(order, "poll", _changed(order))) for order in changed])
        await self._services.poll_cursors.move(self._cursor, asked_at - OVERLAP)
        if new:
            log.info("poll_found", channel=self._account, new=new)
        return False

    async def sweep(self) -> bool:
        """Reconcile: orders there that are none here, or that go on here though they are canceled there."""
        now = datetime.now(UTC)
        missed = [
            order
            for order in await self._services.channels[self._account].changed_since(now - SWEEP_BACK)
            if await self._differs(order)
        ]
        for order in missed:
            if await store(self._services, self._message(order, "missed", f"{now:%Y-%m-%dT%H}")):
                log.warning("channel_order_missed", order_id=order.order_id, status=order.status)
        return False

    async def _differs(self, order: ChannelOrder) -> bool:
        record = await self._services.journal.get(order.order_id)
        if record is None:
            return order.status in ACCEPTABLE
        return order.status is ChannelStatus.CANCELED and record.status not in FINAL_STATUSES

    def _message(self, order: ChannelOrder, how: str, when: str) -> Incoming:
        news = ChannelNews(
            shop=order.shop,
            topic=ChannelTopic.ORDER,
            channel_order_ids=(order.channel_order_id,),
            said=order.status_told,
        )
        return Incoming(
            source=self._account,
            source_id=f"{how}:{order.channel_order_id}:{when}",
            order_id=order.order_id,
            news=news,
        )


def _changed(order: ChannelOrder) -> str:
    """One name for each state: two changes in one second are two."""
    return f"{order.status}:{sha256(order.model_dump_json().encode()).hexdigest()[:16]}"
