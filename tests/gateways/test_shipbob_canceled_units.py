"""Which units of an order ShipBob canceled, from the shipments it cut the order into."""

from typing import Any

import pytest

from ordersaga.domain.orders import LineQuantity
from ordersaga.gateways.shipbob.states import provider_order


def product(sku: object, *lots: object) -> dict[str, Any]:
    """A product of a shipment, in units from these lots."""
    return {"reference_id": sku, "inventory_items": [{"id": 1, "quantity": quantity} for quantity in lots]}


def shipment(status: str, *products: dict[str, Any]) -> dict[str, Any]:
    """A shipment that holds these."""
    return {"status": status, "products": list(products)}


def canceled(*shipments: dict[str, Any]) -> tuple[LineQuantity, ...]:
    """The canceled units of an order of 5 A and 2 B."""
    ordered = [{"reference_id": "A", "quantity": 5}, {"reference_id": "B", "quantity": 2}]
    order = {"id": 1, "reference_id": "o1-1-1", "products": ordered, "shipments": list(shipments)}
    return provider_order(order).canceled_lines


def units(**quantities: int) -> tuple[LineQuantity, ...]:
    """Units by SKU."""
    return tuple(LineQuantity(sku=sku, quantity=quantity) for sku, quantity in quantities.items())


def test_units_are_summed_over_shipments_and_lots() -> None:
    """Of the canceled shipments only."""
    alive = shipment("Processing", product("A", 2))
    first, second = shipment("Cancelled", product("A", 1), product("B", 1)), shipment("Cancelled", product("A", 1, 1))
    assert canceled(first, alive, second) == units(A=3, B=1)


@pytest.mark.parametrize("status", ["Processing", "Cancelled"])
def test_all_or_nothing_names_no_units(status: str) -> None:
    """The whole order, or none of it."""
    assert canceled(shipment(status, product("A", 5)), shipment(status, product("B", 2))) == ()


@pytest.mark.parametrize(
    "told",
    [
        [product("B", 3)],
        [product("C", 1)],
        [product("B")],
        [product("B", None)],
        [product("B", -1)],
        [product(None, 1)],
        [{"reference_id": "B"}],
        [],
    ],
)
def test_units_that_cannot_be_the_orders_are_not_told(told: list[dict[str, Any]]) -> None:
    """A bundle counted in its parts, or words we do not know: a person must look, and no part is taken for all."""
    known, odd, alive = product("A", 1), shipment("Cancelled", *told), shipment("Processing", product("A", 4))
    assert canceled(shipment("Cancelled", known), odd, alive) == ()
