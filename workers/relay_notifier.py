"""Notifications to their endpoints: signed webhooks and e-mail. Delivered, tried again later, or given up after days.

At most `PER_ENDPOINT` are under way to one endpoint, so one that does not answer holds up nobody else. Notifications
of one order may arrive in any order.
"""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime
from typing import Final

import structlog

from ordersaga.bootstrap import Claimed, Services
from ordersaga.domain.errors import OperatorError, OrdersagaError
from ordersaga.domain.notifications import email_about, next_attempt

AT_ONCE: Final = 32
PER_ENDPOINT: Final = 4
GONE: Final = 410
"""A receiver's way to say that it wants nothing more."""
_LAST_MOMENT: Final = 5.0
"""Seconds for what is under way when the relay stops."""
_LOOK_UP: Final = 1.0
"""Seconds after which new notifications are looked for although all under way still wait for an answer."""

log = structlog.get_logger(__name__)


class Notifier:
    """Delivers side by side; a step ends when there is room for more."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._under_way: dict[asyncio.Task[None], str] = {}

    async def step(self) -> bool:
        """Claim what is due and begin to deliver it. True: something is under way, or there may be more.

        Raises RetryError when the database does not answer: what was not marked is due again when its lease ends.
        """
        claimed = await self._claim()
        for each in claimed:
            self._under_way[asyncio.create_task(self._deliver(each))] = each.endpoint_id
        if not self._under_way:
            return False
        done, _ = await asyncio.wait(self._under_way, timeout=_LOOK_UP, return_when=asyncio.FIRST_COMPLETED)
        self._forget(done)
        return True

    async def finish(self) -> None:
        """Give what is under way a moment more; what is cut off then is due again when its lease ends."""
        if self._under_way:
            done, late = await asyncio.wait(self._under_way, timeout=_LAST_MOMENT)
            for task in late:
                task.cancel()
            self._forget(done)

    async def _claim(self) -> list[Claimed]:
        busy = Counter(self._under_way.values())
        full = [endpoint for endpoint, count in busy.items() if count >= PER_ENDPOINT]
        room = AT_ONCE - len(self._under_way)
        return await self._services.outbox.claim(room, per_endpoint=PER_ENDPOINT, excluded=full) if room else []

    def _forget(self, done: set[asyncio.Task[None]]) -> None:
        """Raise what went wrong with the last of them, after all are forgotten."""
        errors = [error for task in done if (error := task.exception()) is not None]
        for task in done:
            del self._under_way[task]
        if errors:
            raise errors[-1]

    async def _deliver(self, claimed: Claimed) -> None:
        try:
            error = await (self._mail(claimed) if claimed.kind == "email" else self._post(claimed))
        except OrdersagaError as failure:
            error = str(failure)
        if error is None:
            await self._services.outbox.mark_delivered(claimed.notification.id)
        else:
            await self._try_later(claimed, error)

    async def _post(self, claimed: Claimed) -> str | None:
        """Why the receiver does not have it; None when it has."""
        notification = claimed.notification
        answer = await self._services.webhook_sender.post(
            claimed.url, claimed.secrets, notification.id, notification.payload()
        )
        if answer.taken:
            return None
        if answer.status == GONE and await self._services.endpoints.disable(claimed.endpoint_id, f"answered {GONE}"):
            log.warning("endpoint_disabled", endpoint=claimed.endpoint_id, status=answer.status)
        return f"HTTP {answer.status}: {answer.text}".removesuffix(": ")

    async def _mail(self, claimed: Claimed) -> None:
        """Hand it to the SMTP server."""
        if self._services.notifier is None:
            raise OperatorError(
                "smtp_not_set", "no SMTP server is set; set ORDERSAGA_SMTP_HOST and ORDERSAGA_SMTP_FROM"
            )
        await self._services.notifier.send(email_about(claimed.notification, claimed.url.removeprefix("mailto:")))

    async def _try_later(self, claimed: Claimed, error: str) -> None:
        """Logged without the receiver's own words: they may hold anything."""
        again_at = next_attempt(claimed.attempts, claimed.queued_at, datetime.now(UTC), random.random())  # noqa: S311 - only spreads load
        await self._services.outbox.mark_failed(claimed.notification.id, error, again_at)
        log.warning(
            "notification_not_delivered",
            order_id=claimed.notification.order_id,
            notification=claimed.notification.id,
            endpoint=claimed.endpoint_id,
            error=error.partition(": ")[0],
            attempts=claimed.attempts,
            again_at=again_at,
        )
