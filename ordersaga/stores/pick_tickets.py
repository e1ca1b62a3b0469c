"""A location whose seller packs the parcels: the Provider port is a list of pick tickets the seller works off."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.orders import Address, OrderLine
from ordersaga.domain.shipping import (
    AddressDecision,
    CancelDecision,
    HandOff,
    ProviderCapabilities,
    ProviderOrder,
    ShippingService,
)
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.privacy.key_ring import DataKey
from ordersaga.privacy.sealing import seal_address
from ordersaga.stores.pools import Pool, connection, transaction
from ordersaga.stores.vault import CLEAR, Row, Vault

PROVIDER = "seller_warehouse"

_SUBMIT = """
INSERT INTO pick_tickets (reference, order_id, seller, location, lines, ship_to, ship_by, service)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (reference) DO NOTHING
"""
_GET = "SELECT reference, status, changed_at FROM pick_tickets WHERE reference = $1"
_MOVE = """
UPDATE pick_tickets SET status = $2,
    changed_at = CASE WHEN status = $2 THEN changed_at ELSE clock_timestamp() END
WHERE reference = $1 AND status = ANY($3::text[]) AND ($4::text IS NULL OR seller = $4)
RETURNING reference, status, changed_at
"""
_ADDRESSED = "SELECT order_id, status, ship_to FROM pick_tickets WHERE reference = $1 FOR UPDATE"
_READDRESS = "UPDATE pick_tickets SET ship_to = $2 WHERE reference = $1"
_STANDING = "SELECT status FROM pick_tickets WHERE reference = $1 AND ($2::text IS NULL OR seller = $2)"
_CHANGES = """
SELECT reference, status, changed_at FROM pick_tickets WHERE changed_at >= $1 ORDER BY changed_at, reference
"""
_LIST = """
SELECT reference, order_id, seller, location, lines, ship_to, ship_by, service, status, created_at FROM pick_tickets
WHERE ($1::text IS NULL OR seller = $1) AND status = ANY($2::text[]) ORDER BY ship_by, reference LIMIT $3
"""
_OPEN = (ParcelStatus.ACCEPTED, ParcelStatus.PACKED)


@dataclass(frozen=True)
class PickTicket:
    """What the seller sees: which units to pack for whom, and by when the carrier must have them."""

    reference: str
    order_id: str
    seller: str
    location: str
    lines: tuple[OrderLine, ...]
    ship_to: Address
    ship_by: datetime
    service: ShippingService
    status: ParcelStatus
    created_at: datetime


class SellerWarehouse:
    """The Provider port for locations with the provider code `seller_warehouse`."""

    def __init__(self, pool: Pool, vault: Vault = CLEAR) -> None:
        self._pool = pool
        self._vault = vault

    @property
    def capabilities(self) -> ProviderCapabilities:
        """We book the carrier; the seller can put a parcel back until the carrier collected it."""
        return ProviderCapabilities(
            name=PROVIDER,
            books_carrier=False,
            point_of_no_return=ParcelStatus.LEFT_WAREHOUSE,
            idempotent=True,
            changes_address=True,
        )

    async def submit(self, hand_off: HandOff) -> ProviderOrder:
        """Write a pick ticket; repeating the same reference returns the one that stands."""
        key = await self._vault.key(hand_off.order_id)
        async with transaction(self._pool) as work:
            await work.execute(_SUBMIT, *_ticket_row(hand_off, key))
            row = await work.fetchrow(_GET, hand_off.reference)
            assert row is not None, "it was written just now, and tickets are never deleted"
            return _provider_order(row)

    async def inquire(self, reference: str) -> ProviderOrder | None:
        """The ticket under our reference; None means none was written."""
        async with connection(self._pool) as reader:
            row = await reader.fetchrow(_GET, reference)
            return _provider_order(row) if row else None

    async def cancel(self, reference: str) -> CancelDecision:
        """Take a ticket back: CANCELED until it is collected, then REFUSED.

        Raises RetryError `pick_ticket_not_visible` when there is none: only parcels handed over are taken back.
        """
        before_collection = [*_OPEN, ParcelStatus.CANCELED]
        async with transaction(self._pool) as work:
            status = await work.fetchval("SELECT status FROM pick_tickets WHERE reference = $1 FOR UPDATE", reference)
            if status is None:
                raise _not_visible(reference)
            if status in _OPEN:
                await work.execute(_MOVE, reference, ParcelStatus.CANCELED.value, list(_OPEN), None)
            return CancelDecision.CANCELED if status in before_collection else CancelDecision.REFUSED

    async def update_address(self, reference: str, ship_to: Address) -> AddressDecision:
        """Write another address on the ticket until it is packed; what stands on it already is UPDATED.

        Raises RetryError `pick_ticket_not_visible` when there is none.
        """
        async with transaction(self._pool) as work:
            row = await self._vault.opened_one(await work.fetchrow(_ADDRESSED, reference))
            if row is None:
                raise _not_visible(reference)
            stands = row["status"] != ParcelStatus.CANCELED and Address.model_validate(row["ship_to"]) == ship_to
            if not stands and row["status"] != ParcelStatus.ACCEPTED:
                return AddressDecision.REFUSED
            key = await self._vault.key(row["order_id"])
            await work.execute(_READDRESS, reference, seal_address(key, ship_to.model_dump(mode="json")))
            return AddressDecision.UPDATED

    async def changes_since(self, since: datetime) -> Sequence[ProviderOrder]:
        """Tickets written or changed since then, oldest change first."""
        async with connection(self._pool) as reader:
            return [_provider_order(row) for row in await reader.fetch(_CHANGES, since)]

    async def tickets(
        self, *, seller: str | None = None, statuses: Sequence[ParcelStatus] = _OPEN, limit: int = 200
    ) -> Sequence[PickTicket]:
        """Tickets to work off, the most urgent ship-by first."""
        async with connection(self._pool) as reader:
            rows = await reader.fetch(_LIST, seller, [status.value for status in statuses], limit)
        return [_ticket(row) for row in await self._vault.opened(rows)]

    async def mark_packed(self, reference: str, *, seller: str | None = None) -> ProviderOrder:
        """The seller packed it. Raises OperatorError `pick_ticket_unknown` or `pick_ticket_refused`."""
        return await self._move(reference, ParcelStatus.PACKED, _OPEN, seller)

    async def mark_collected(self, reference: str, *, seller: str | None = None) -> ProviderOrder:
        """The carrier took it. Its first scan, and so the capture, is heard of from the carrier alone.

        Raises OperatorError `pick_ticket_unknown` or `pick_ticket_refused` (canceled).
        """
        return await self._move(reference, ParcelStatus.LEFT_WAREHOUSE, (*_OPEN, ParcelStatus.LEFT_WAREHOUSE), seller)

    async def _move(
        self, reference: str, to: ParcelStatus, allowed: Sequence[ParcelStatus], seller: str | None
    ) -> ProviderOrder:
        async with transaction(self._pool) as work:
            row = await work.fetchrow(_MOVE, reference, to.value, [status.value for status in allowed], seller)
            if row is None:
                raise _refusal(reference, await work.fetchval(_STANDING, reference, seller), to)
            return _provider_order(row)


def _not_visible(reference: str) -> RetryError:
    return RetryError("pick_ticket_not_visible", f"There is no pick ticket {reference}", unknown=True)


def _refusal(reference: str, standing: str | None, to: ParcelStatus) -> OperatorError:
    if standing is None:
        return OperatorError("pick_ticket_unknown", f"There is no pick ticket {reference}")
    return OperatorError("pick_ticket_refused", f"Pick ticket {reference} is {standing} and cannot become {to}")


def _ticket_row(hand_off: HandOff, key: DataKey | None) -> tuple[Any, ...]:
    lines = [line.model_dump(mode="json") for line in hand_off.lines]
    head = (hand_off.reference, hand_off.order_id, hand_off.seller, hand_off.location)
    ship_to = seal_address(key, hand_off.ship_to.model_dump(mode="json"))
    return (*head, lines, ship_to, hand_off.ship_by, hand_off.service.value)


def _provider_order(row: asyncpg.Record) -> ProviderOrder:
    return ProviderOrder(
        provider_id=f"ticket-{row['reference']}",
        reference=row["reference"],
        status=ParcelStatus(row["status"]),
        changed_at=row["changed_at"],
    )


def _ticket(row: Row) -> PickTicket:
    return PickTicket(
        **{
            **dict(row),
            "lines": tuple(OrderLine.model_validate(line) for line in row["lines"]),
            "ship_to": Address.model_validate(row["ship_to"]),
            "service": ShippingService(row["service"]),
            "status": ParcelStatus(row["status"]),
        }
    )
