"""Locations as routing sees them, and why orders ship from where they do."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import asyncpg

from ordersaga.domain.dispatch import Dispatch
from ordersaga.domain.routing import StockOffer
from ordersaga.stores.pools import Connection, columns

_WRITE: Final = """
INSERT INTO routings (order_id, why) SELECT * FROM unnest($1::text[], $2::json[])
ON CONFLICT (order_id) DO UPDATE SET why = excluded.why
"""

Reason = tuple[str, Mapping[str, Any]]
"""An order, and what is kept of the choice of its locations."""


def offer_of(row: asyncpg.Record) -> StockOffer:
    """The location of a row with its region, country, postal code and dispatch (as text); nothing is available yet."""
    place = {name: row[name] for name in ("location", "provider", "region", "country", "postal_code")}
    return StockOffer(**place, dispatch=_dispatch(row["dispatch"]), available={})


@lru_cache(maxsize=1024)
def _dispatch(stored: str) -> Dispatch:
    return Dispatch.model_validate(json.loads(stored))


async def write_reasons(work: Connection, reasons: Sequence[Reason]) -> None:
    """Keep why these orders ship from where they do; most have one location, and nothing to keep."""
    if reasons:
        await work.execute(_WRITE, *columns(reasons, 2))
