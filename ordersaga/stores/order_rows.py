"""Rows of the `orders` table and the values they hold."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import structlog
from pydantic import ValidationError

from ordersaga.domain.capacity import shipping_by
from ordersaga.domain.journal import OrderRecord, UnreadOrder
from ordersaga.domain.orders import Address, Order, ParcelPlan
from ordersaga.privacy.sealing import Keys, seal_request
from ordersaga.stores.pools import Connection, columns
from ordersaga.stores.storable import storable
from ordersaga.stores.vault import Row

_INSERT = """
INSERT INTO orders (order_id, seller, channel, currency, total, request, terms, ship_by, parcels, status, outcome,
                    reason, buyer, started_at)
SELECT order_id, seller, channel, currency, total, request, terms, ship_by, parcels::jsonb, status, outcome, reason,
       buyer, CASE WHEN $14 THEN now() END
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::jsonb[], $7::jsonb[],
            $8::timestamptz[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[])
     AS new(order_id, seller, channel, currency, total, request, terms, ship_by, parcels, status, outcome, reason,
            buyer)
ON CONFLICT (order_id) DO NOTHING
"""

log = structlog.get_logger(__name__)
Loaded = TypeVar("Loaded")
NewOrder = tuple[Order, Sequence[ParcelPlan], str, str | None, str | None]


@dataclass(frozen=True)
class Hidden:
    """How new orders are kept from who reads the database: their keys, and the marks of their buyers."""

    keys: Keys = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)


PLAIN: Final = Hidden()
"""Everything as it is: nothing is encrypted."""


def dump_order(order: Order) -> tuple[dict[str, Any], dict[str, Any]]:
    """The order as stored: the request without its terms, and the terms."""
    request: dict[str, Any] = storable(order.model_dump(mode="json"))
    return request, request.pop("terms")


def load_order(row: Row) -> Order:
    """The order of a row with `request`, `terms` and `ship_by`, as it was asked for.

    An order that waited for its units was promised anew when it got them: what it was asked with stands unchanged.
    """
    order = Order.model_validate({**row["request"], "terms": row["terms"]})
    return shipping_by(order, row["ship_by"]) if row["ship_by"] > order.ship_by else order


def load_or_skip(row: Row, load: Callable[[Row], Loaded]) -> Loaded | UnreadOrder:
    """What `load` makes of a row; of one it cannot read, what is known of it, so that it keeps no other order waiting.

    The row has `order_id`, `seller`, `currency`, `total` and `accepted_at` besides.
    """
    try:
        return load(row)
    except ValidationError as error:
        fields = tuple(sorted({".".join(map(str, bad["loc"])) for bad in error.errors(include_input=False)}))
        log.error("order_unreadable", order_id=row["order_id"], fields=fields)
        names = ("order_id", "seller", "currency", "total", "accepted_at")
        return UnreadOrder(**{name: row[name] for name in names}, fields=fields)


def dump_parcels(parcels: Sequence[ParcelPlan]) -> list[dict[str, Any]]:
    """Parcels as stored."""
    return [plan.model_dump(mode="json") for plan in parcels]


def load_parcels(stored: list[dict[str, Any]]) -> tuple[ParcelPlan, ...]:
    """Parcels as planned."""
    return tuple(ParcelPlan.model_validate(plan) for plan in stored)


def load_record(row: Row) -> OrderRecord:
    """A whole row of `orders`; its order goes to the address that stands now."""
    order = load_order(row)
    ship_to = Address.model_validate(row["ship_to"]) if row["ship_to"] else order.ship_to
    return OrderRecord(
        order=order.model_copy(update={"ship_to": ship_to}),
        status=row["status"],
        outcome=row["outcome"],
        reason=row["reason"],
        parcels=load_parcels(row["parcels"]),
        accepted_at=row["accepted_at"],
        updated_at=row["updated_at"],
        started=row["started_at"] is not None,
        elsewhere=row["elsewhere"] or (),
    )


async def insert_orders(
    connection: Connection, new: Sequence[NewOrder], *, started: bool, hidden: Hidden = PLAIN
) -> None:
    """Write new orders (order, parcels, status, outcome, reason); one that stands already is left alone."""
    if new:
        await connection.execute(_INSERT, *columns([_row(hidden, *order) for order in new], 13), started)


def _row(
    hidden: Hidden,
    order: Order,
    parcels: Sequence[ParcelPlan],
    status: str,
    outcome: str | None,
    reason: str | None,
) -> tuple[Any, ...]:
    asked, terms = dump_order(order)
    request = seal_request(hidden.keys.get(order.order_id), asked)
    head = (order.order_id, order.seller, order.channel, order.currency, order.total, request, terms, order.ship_by)
    # as text: a list inside a list would be taken for one array of two dimensions
    mark = hidden.marks.get(order.buyer or "")
    return (*head, json.dumps(dump_parcels(parcels)), status, outcome, reason, mark)
