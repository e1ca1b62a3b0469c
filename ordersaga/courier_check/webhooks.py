"""The check of webhooks: what happens is told at the door we opened, signed."""

import asyncio
import json
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from ordersaga.courier_check.check import Check
from ordersaga.courier_check.contract import body_violations
from ordersaga.courier_check.listener import Delivery, Listener
from ordersaga.courier_check.site import FailedError, Site, SkippedError, require

_PAUSE: Final = 0.1


@dataclass(frozen=True)
class WebhookCheck:
    """Waits at the listener for the events of one shipment."""

    listener: Listener
    secret: str
    patience: timedelta

    async def webhooks_are_signed(self, site: Site) -> None:
        """Each event is told by a webhook with its id, signed by Standard Webhooks, and holds what polling tells."""
        shipment = await site.book()
        await site.get("void", id=shipment["id"])
        events = {each["id"]: each for each in (await site.get("shipmentEvents", id=shipment["id"]))["events"]}
        for identity, event in events.items():
            body = self._verified(await self._delivery(identity))
            found = body_violations("Told", body)
            require(not found, f"a webhook does not keep to the published API: {'; '.join(found)}")
            require(body["data"] == event, f"the webhook of {event['type']} holds something else than polling tells")
            require(body["type"] == f"shipment.{event['type']}", f"the type of a webhook is {body['type']}")

    async def _delivery(self, identity: str) -> Delivery:
        deadline = time.monotonic() + self.patience.total_seconds()
        while time.monotonic() < deadline:
            for each in self.listener.deliveries:
                if each.headers.get("webhook-id") == identity:
                    return each
            await asyncio.sleep(_PAUSE)
        heard = len(self.listener.deliveries)
        wait = f"{self.patience.total_seconds():.0f} s"
        raise FailedError(f"no webhook with the event's id came within {wait}; {heard} others did")

    def _verified(self, delivery: Delivery) -> Any:
        try:
            Webhook(self.secret).verify(delivery.body, delivery.headers, json_parse=False)
        except WebhookVerificationError as error:
            raise FailedError(f"a webhook is not signed with our secret: {error}") from error
        return json.loads(delivery.body)

    def check(self) -> Check:
        """As a check."""
        return Check.of(self.webhooks_are_signed)


def not_listening() -> Check:
    """The same without a door or a secret."""
    return replace(Check.of(WebhookCheck.webhooks_are_signed), run=_skipped)  # type: ignore[arg-type]  # its rule only


async def _skipped(site: Site) -> None:
    raise SkippedError("give --listen HOST:PORT, where the courier sends webhooks, and --secret")
