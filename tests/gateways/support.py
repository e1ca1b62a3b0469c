"""Requests, addresses and emulators for gateway tests."""

import contextlib
import itertools
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ordersaga.domain.errors import RetryError
from ordersaga.domain.identifiers import effect_key
from ordersaga.domain.orders import Address, OrderLine
from ordersaga.domain.payments import PaymentRequest
from ordersaga.domain.shipping import HandOff, LabelRequest
from tests.support.emulators import EmulatorProcess, WebhookReceiver, free_port, receiving, running

TIMEOUT = timedelta(seconds=5)
STRIPE_SECRET = "whsec_gateway_tests"
SHIPBOB_SECRET = "whsec_c2hpcGJvYi1nYXRld2F5LXRlc3RzLTAwMQ=="
EASYPOST_SECRET = "easypost-gateway-tests"
_orders = itertools.count(1)


def new_order() -> str:
    """An order id no other test uses."""
    return f"gw{next(_orders):05d}x"


def address(**changes: Any) -> Address:
    """A deliverable address in the United States."""
    fields = {
        "name": "Ada Lovelace",
        "line1": "1 Main St",
        "city": "Chicago",
        "region": "IL",
        "postal_code": "60601",
        "country": "US",
        "phone": "3125550100",
    }
    return Address(**{**fields, **changes})


def payment(order_id: str, *, generation: int = 1, **changes: Any) -> PaymentRequest:
    """An authorization of 12.34 USD for parcel 1."""
    fields: dict[str, Any] = {
        "order_id": order_id,
        "parcel": 1,
        "reference": effect_key(order_id, "authorize", 1, generation),
        "amount": 1234,
        "currency": "USD",
        "payment_method": "pm_card_visa",
    }
    return PaymentRequest(**{**fields, **changes})


def hand_off(order_id: str, **changes: Any) -> HandOff:
    """A parcel of two lines."""
    fields: dict[str, Any] = {
        "reference": f"{order_id}-1-1",
        "order_id": order_id,
        "seller": "acme",
        "location": "chicago",
        "lines": (
            OrderLine(sku="SKU-A", quantity=2, unit_price=500),
            OrderLine(sku="SKU-B", quantity=1, unit_price=234),
        ),
        "ship_to": address(),
        "ship_by": datetime.now(UTC) + timedelta(days=2),
    }
    return HandOff(**{**fields, **changes})


def label(order_id: str, **changes: Any) -> LabelRequest:
    """A label for half a kilogram from Newark to Chicago."""
    fields: dict[str, Any] = {
        "reference": f"{order_id}-1-1",
        "ship_from": address(name="Warehouse", city="Newark", region="NJ", postal_code="07102"),
        "ship_to": address(),
        "weight_grams": 500,
    }
    return LabelRequest(**{**fields, **changes})


@contextlib.contextmanager
def unknown_outcome(code: str) -> Iterator[None]:
    """The block ends with a RetryError that says: it may have happened."""
    with pytest.raises(RetryError) as caught:
        yield
    assert (caught.value.code, caught.value.unknown) == (code, True)


@contextlib.asynccontextmanager
async def company(name: str, data: Path, secret: str) -> AsyncIterator[tuple[EmulatorProcess, WebhookReceiver]]:
    """An emulator at real pace with its webhook receiver: nothing moves there unless a test moves it."""
    with receiving() as receiver:
        async with running(name, data, webhook_url=receiver.url, webhook_secret=secret) as process:
            yield process, receiver


def nobody() -> str:
    """A URL where nobody listens."""
    return f"http://127.0.0.1:{free_port()}"
