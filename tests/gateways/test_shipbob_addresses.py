"""ShipBob against the emulated ShipBob: another address for every shipment of an order, or for none."""

import traceback
from typing import Any

import httpx
import pytest

from ordersaga.domain.errors import CustomerError, OperatorError, OrdersagaError, RetryError
from ordersaga.domain.shipping import AddressDecision, ShippingService
from ordersaga.gateways.shipbob.addresses import is_updated
from ordersaga.gateways.shipbob.provider import ShipBob
from tests.gateways.support import TIMEOUT, address, hand_off, new_order
from tests.support.emulators import EmulatorProcess

BEARER = {"authorization": "Bearer pat_audit"}
MOVED = address(line1="2 Side St", city="Evanston")


async def shipments(emulator: EmulatorProcess, reference: str) -> list[dict[str, Any]]:
    """What ShipBob made of an order."""
    answer = await emulator.request("GET", f"/2026-01/order?ReferenceIds={reference}", headers=BEARER)
    found: list[dict[str, Any]] = answer.json()[0]["shipments"]
    return found


async def streets(emulator: EmulatorProcess, reference: str) -> list[str]:
    """Where the shipments of an order go."""
    return [each["recipient"]["address"]["address1"] for each in await shipments(emulator, reference)]


async def puts(emulator: EmulatorProcess, shipment: dict[str, Any]) -> int:
    """How often another address was sent for a shipment."""
    return len(await emulator.get("requests", path=f"/shipment/{shipment['id']}:updateAddress"))


async def split_order(shipbob: ShipBob, emulator: EmulatorProcess) -> str:
    """An order ShipBob cuts into two shipments."""
    await emulator.post("scripts", match=(order := new_order()), split=2)
    return (await shipbob.submit(hand_off(order))).reference


async def test_every_shipment_goes_there(shipbob: ShipBob, shipbob_emulator: EmulatorProcess) -> None:
    """All of the address is replaced, once per shipment."""
    reference = await split_order(shipbob, shipbob_emulator)
    for _ in range(2):
        assert await shipbob.update_address(reference, MOVED) is AddressDecision.UPDATED
    found = await shipments(shipbob_emulator, reference)
    assert [await puts(shipbob_emulator, each) for each in found] == [1, 1]
    for each in found:
        recipient = each["recipient"]
        assert (recipient["full_name"], recipient["phone_number"]) == (MOVED.name, MOVED.phone)
        assert recipient["address"] == {
            "address1": "2 Side St",
            "address2": None,
            "city": "Evanston",
            "state": "IL",
            "country": "US",
            "zip_code": "60601",
            "company_name": None,
        }


async def test_one_shipment_gone_keeps_all_where_they_go(shipbob: ShipBob, shipbob_emulator: EmulatorProcess) -> None:
    """One of two shipments has left: refused, and nothing is sent for the other."""
    reference = await split_order(shipbob, shipbob_emulator)
    first, second = await shipments(shipbob_emulator, reference)
    body = {"shipment_id": str(first["id"]), "simulation": {"action": "ShipOrder"}}
    await shipbob_emulator.request("POST", "/2026-01/simulate/shipment", json=body, headers=BEARER)
    assert await shipbob.update_address(reference, MOVED) is AddressDecision.REFUSED
    assert [await puts(shipbob_emulator, each) for each in (first, second)] == [0, 0]
    assert await streets(shipbob_emulator, reference) == ["1 Main St", "1 Main St"]


async def refuse_second(emulator: EmulatorProcess, reference: str, **changes: Any) -> tuple[dict[str, Any], ...]:
    """The second shipment of an order is picked between our look and our request."""
    first, second = await shipments(emulator, reference)
    refused = {"id": second["id"], "is_success": False, "error": {"code": "CONFLICT", "message": "picked"}}
    path = f"/shipment/{second['id']}:updateAddress$"
    await emulator.post("faults", kind="status", status=200, path=path, body=refused, **changes)
    return first, second


async def test_a_refusal_on_the_way_is_put_back(shipbob: ShipBob, shipbob_emulator: EmulatorProcess) -> None:
    """The first shipment goes where the second still goes: no parcel travels to two addresses."""
    reference = await split_order(shipbob, shipbob_emulator)
    first, second = await refuse_second(shipbob_emulator, reference, times=1)
    assert await shipbob.update_address(reference, MOVED) is AddressDecision.REFUSED
    assert await streets(shipbob_emulator, reference) == ["1 Main St", "1 Main St"]
    assert [await puts(shipbob_emulator, each) for each in (first, second)] == [2, 1]


async def test_what_cannot_be_put_back_is_an_operators(shipbob: ShipBob, shipbob_emulator: EmulatorProcess) -> None:
    """Picked on its way to the new address, while the other goes to the old one: a person sorts it out."""
    reference = await split_order(shipbob, shipbob_emulator)
    first, _ = await refuse_second(shipbob_emulator, reference)
    assert await shipbob.update_address(reference, MOVED) is AddressDecision.REFUSED
    path, refused = f"/shipment/{first['id']}:updateAddress$", {"error": {"code": "CONFLICT"}, "is_success": False}
    await shipbob_emulator.request(
        "PUT",
        f"/2026-01/shipment/{first['id']}:updateAddress",
        json={"street_address1": "2 Side St", "city": "Evanston", "state": "IL", "zip_code": "60601"},
        headers={**BEARER, "shipbob_channel_id": "7"},
    )
    await shipbob_emulator.post("faults", kind="status", status=200, path=path, body=refused)
    with pytest.raises(OperatorError) as caught:
        await shipbob.update_address(reference, MOVED)
    assert caught.value.code == "address_split"
    assert caught.value.message == (
        f"the shipments of {reference} go to two addresses: ask ShipBob to bring its shipments to one address"
    )


async def test_an_address_nobody_ships_to(shipbob: ShipBob, shipbob_emulator: EmulatorProcess) -> None:
    """The shopper must mend it; nothing changed, and the error does not repeat it."""
    reference = (await shipbob.submit(hand_off(new_order()))).reference
    nowhere = address(line1=" ".join(["9", "UNDELIVERABLE", "Ave"]))
    with pytest.raises(CustomerError) as caught:
        await shipbob.update_address(reference, nowhere)
    assert str(caught.value) == "address_refused: ShipBob refuses the address (VALIDATION_ERROR)"
    assert "9 undeliverable" not in "".join(traceback.format_exception(caught.value)).lower()
    assert await streets(shipbob_emulator, reference) == ["1 Main St"]


@pytest.mark.parametrize(
    ("status", "body", "expected", "code"),
    [
        (200, {"is_success": False, "error": {"code": "REPROCESSING_ERROR"}}, RetryError, "not_updated"),
        (200, {"is_success": False}, RetryError, "not_updated"),
        (200, None, RetryError, "not_updated"),
        (400, {"code": "NOT_FOUND", "message": "no"}, RetryError, "not_updated"),
        (400, {"code": "INVALID_PARAMETER", "message": "city"}, CustomerError, "address_refused"),
        (401, None, OperatorError, "shipbob_credentials"),
        (503, None, RetryError, "shipbob_unavailable"),
    ],
)
def test_answers_that_are_no_decision(status: int, body: Any, expected: type[OrdersagaError], code: str) -> None:
    """Who must act on them."""
    with pytest.raises(expected) as caught:
        is_updated(httpx.Response(status, json=body))
    assert caught.value.code.endswith(code)


@pytest.mark.parametrize(
    ("service", "named", "expected"),
    [
        (ShippingService.STANDARD, None, "Standard"),
        (ShippingService.EXPEDITED, None, "Expedited"),
        (ShippingService.EXPEDITED, {ShippingService.EXPEDITED: "2-Day Express"}, "2-Day Express"),
        (ShippingService.STANDARD, {ShippingService.EXPEDITED: "2-Day Express"}, "Standard"),
    ],
)
async def test_the_ship_option_of_a_service(
    shipbob_emulator: EmulatorProcess,
    service: ShippingService,
    named: dict[ShippingService, str] | None,
    expected: str,
) -> None:
    """As the account names it."""
    gateway = ShipBob("pat", base_url=shipbob_emulator.url, channel_id=7, timeout=TIMEOUT, shipping_methods=named)
    placed = await gateway.submit(hand_off(new_order(), service=service))
    (shipment,) = await shipments(shipbob_emulator, placed.reference)
    assert shipment["ship_option"] == expected
    await gateway.aclose()
