"""Reading TikTok Shop's JSON: amounts are decimal texts, times are seconds; what is unreadable is None."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from ordersaga.gateways.webhook_parts import text

_WITHOUT_CENTS: Final = frozenset({"JPY", "KRW", "VND", "CLP"})
"""Currencies whose smallest unit is the whole one (ISO 4217)."""

_MOST: Final = 10**12


def minor(value: object, currency: str) -> int | None:
    """A decimal amount in minor units; None when it is none, negative, beyond any order, or finer than the currency."""
    try:
        amount = Decimal(str(value)) * (1 if currency in _WITHOUT_CENTS else 100)
    except InvalidOperation:
        return None
    whole = amount.is_finite() and 0 <= amount <= _MOST and amount == amount.to_integral_value()
    return int(amount) if whole else None


def moment(value: object) -> datetime | None:
    """Seconds since 1970; None for 0, for nothing, and for what no calendar has."""
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def objects(parent: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """The objects in a list inside an object."""
    found = parent.get(name)
    yield from (each for each in found if isinstance(each, dict)) if isinstance(found, list) else ()


def texts(parent: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The texts in a list inside an object."""
    found = parent.get(name)
    return tuple(each for each in found if text(each)) if isinstance(found, list) else ()
