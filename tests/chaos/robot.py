"""An operator who answers every question, carefully: look again, wait, try again, and only then give something up."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from ordersaga.api.attention_shapes import OpenItem
from ordersaga.demo.case import World
from ordersaga.demo.companies import DemoError
from ordersaga.http_client import ApiError, ApiUnreachableError

ROUND: Final = 1.0
PATIENT: Final = 4
"""How often the careful choice is made before the next one."""

CAREFUL: Final[Mapping[str, Sequence[str]]] = {
    "address_refused": ("ship_to_former",),
    "books_differ": ("recheck",),
    "capture_refused": ("retry", "write_off"),
    "delivery_overdue": ("keep_waiting",),
    "no_scan": ("keep_waiting",),
    "not_stopped": ("retry",),
    "partly_canceled": ("refund",),
    "provider_silent": ("keep_waiting", "retry", "cancel"),
    "refund_approval": ("approve",),
    "renewal_failed": ("retry", "cancel"),
    "ship_by_missed": ("keep_waiting",),
    "step_failed": ("retry", "cancel"),
}
"""Choices by kind of question, the most careful first. Other questions are answered only if they are notes."""
_TRUTH: Final = {"label_not_voided": ("it_ships", "it_has_not")}
"""Questions of fact: the choice if the carrier has the parcel, and if not."""


class Robot:
    """`asked` counts the questions by kind, `chosen` the answers. Messages that were given up on go out once more."""

    def __init__(self, world: World) -> None:
        self.asked: Counter[str] = Counter()
        self.chosen: Counter[str] = Counter()
        self._world = world
        self._seen: dict[tuple[str, str], int] = {}
        self._repeats: Counter[tuple[str, int, str]] = Counter()

    async def work(self) -> None:
        """Answer until canceled."""
        while True:
            with contextlib.suppress(ApiError, ApiUnreachableError, DemoError):
                await self._round()
            await asyncio.sleep(ROUND)

    async def _round(self) -> None:
        for item in (await self._world.operator.attention()).items:
            with contextlib.suppress(ApiError):  # answered meanwhile, or the order cannot be reached now
                await self._answer(item)
        for message in (await self._world.operator.failed_messages()).messages:
            await self._world.operator.requeue_message(message.id)

    async def _answer(self, item: OpenItem) -> None:
        subject = (item.order_id, item.parcel, item.kind)
        if (item.order_id, item.item_id) not in self._seen:
            self._seen[item.order_id, item.item_id] = self._repeats[subject]
            self._repeats[subject] += 1
            self.asked[item.kind] += 1
        choice = await self._choice(item, self._seen[item.order_id, item.item_id])
        if choice:
            said = "chaos: the careful choice"
            await self._world.operator.resolve(item.item_id, choice, reason=said, order_id=item.order_id)
            self.chosen[f"{item.kind}: {choice}"] += 1

    async def _choice(self, item: OpenItem, before: int) -> str | None:
        if item.kind in _TRUTH:
            return _TRUTH[item.kind][0 if await self._carrier_has_it(item) else 1]
        if item.choices == ("noted",):
            return "noted"
        offered = [choice for choice in CAREFUL.get(item.kind, ()) if choice in item.choices]
        return offered[min(before // PATIENT, len(offered) - 1)] if offered else None

    async def _carrier_has_it(self, item: OpenItem) -> bool:
        found = await self._world.easypost.records(f"{item.order_id}-{item.parcel}-", "trackers")
        shipments = (await self._world.easypost.records(f"{item.order_id}-{item.parcel}-", "shipments"))["shipments"]
        trackers = {tracker["id"]: tracker["status"] for tracker in found.get("trackers", [])}
        statuses = {trackers.get(shipment.get("tracker_id"), "unknown") for shipment in shipments}
        return bool(statuses - {"unknown", "pre_transit"})
