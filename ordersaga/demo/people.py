"""The people of the demo who act by themselves: the sellers' warehouse staff, and the operator."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Final

from ordersaga.api.shapes import Ticket
from ordersaga.demo.case import World, labels_at
from ordersaga.demo.companies import DemoError
from ordersaga.demo.outside import Label
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.http_client import ApiClient, ApiError, ApiUnreachableError

ROUND: Final = 1.0
_SCAN: Final = {"easypost": "in_transit", "ups": "in_transit", "courier": "picked_up"}
"""What each carrier calls its first scan."""


async def pack_and_hand_over(world: World) -> None:
    """Work off pick tickets: pack, then give the parcel to the carrier once it has a label."""
    while True:
        with contextlib.suppress(ApiError, ApiUnreachableError, DemoError):
            for ticket in (await world.operator.pick_tickets()).tickets:
                if ticket.order_id not in world.waits_at_home:
                    await _work_off(world, ticket)
        await asyncio.sleep(ROUND)


async def _work_off(world: World, ticket: Ticket) -> None:
    with contextlib.suppress(ApiError):
        if ticket.status is ParcelStatus.ACCEPTED:
            await world.operator.move_ticket(ticket.reference, "packed")
        elif label := await _label_of(world, ticket):
            # first the carrier's scan: its failure is tried again next round; one that was scanned stays where it is
            await world.companies[label.account].tell("advance", match=str(label.reference), to=_SCAN[label.account])
            await world.operator.move_ticket(ticket.reference, "collected")


async def _label_of(world: World, ticket: Ticket) -> Label | None:
    """The parcel's label, wherever it was bought, if it was not given back."""
    parcel = ticket.reference.rpartition("-")[0]
    for carrier in world.carriers:
        bought = [label for label in await labels_at(carrier, parcel) if str(label.reference).startswith(f"{parcel}-")]
        if bought:
            return bought[-1]
    return None


class OperatorDesk:
    """Answers the questions a scenario leads to. Any other question stays open and is found by the audit."""

    def __init__(self, api: ApiClient, choices: Mapping[tuple[str, str], str]) -> None:
        self.answered = 0
        self._api = api
        self._choices = choices

    async def work(self) -> None:
        """Answer until canceled."""
        while True:
            with contextlib.suppress(ApiError, ApiUnreachableError):
                for item in (await self._api.attention()).items:
                    choice = self._choices.get((item.order_id, item.kind))
                    if choice in item.choices:
                        await self._api.resolve(item.item_id, choice, reason="the demo", order_id=item.order_id)
                        self.answered += 1
            await asyncio.sleep(ROUND)
