"""The people of the demo who act by themselves: the sellers' warehouse staff, and the operator."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Final

from ordersaga.api.shapes import Ticket
from ordersaga.demo.case import World
from ordersaga.demo.companies import DemoError
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.http_client import ApiClient, ApiError, ApiUnreachableError

ROUND: Final = 1.0


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
        elif shipment := await _shipment_of(world, ticket):
            if shipment["status"] == "pre_transit":  # first the carrier's scan: its failure is tried again next round
                await world.easypost.tell("advance", match=shipment["reference"], to="in_transit")
            await world.operator.move_ticket(ticket.reference, "collected")


async def _shipment_of(world: World, ticket: Ticket) -> dict[str, Any] | None:
    """The parcel's shipment at EasyPost, if it has a label that is not given back."""
    parcel = ticket.reference.rpartition("-")[0]
    shipments = (await world.easypost.records(parcel, "shipments")).get("shipments", [])
    bought = [each for each in shipments if each["postage_label"] and not each["refund_status"]]
    return bought[-1] if bought else None


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
