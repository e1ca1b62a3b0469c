"""EasyPost against the emulated EasyPost: which rate is bought, returns, looks, and what becomes of refunds."""

from typing import Any

import pytest

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.shipping import CancelDecision, InterceptDecision, ParcelEvent, ShippingService
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.easypost import webhooks as easypost_webhooks
from ordersaga.gateways.easypost.carrier import EasyPost
from tests.gateways.conftest import Company
from tests.gateways.support import EASYPOST_SECRET, address, label, new_order
from tests.support.emulators import Delivery, EmulatorProcess, eventually

EXPEDITED = ShippingService.EXPEDITED
WAREHOUSE = address(name="Warehouse", city="Newark", region="NJ", postal_code="07102")


async def bought_rate(emulator: EmulatorProcess, reference: str) -> tuple[str, str]:
    """Carrier and service level of a label."""
    shipment = (await shipment_of(emulator, reference))["selected_rate"]
    return shipment["carrier"], shipment["service"]


async def shipment_of(emulator: EmulatorProcess, reference: str) -> dict[str, Any]:
    """EasyPost's own object."""
    answer = await emulator.request("GET", f"/v2/shipments/{reference}", headers={"authorization": "Bearer audit"})
    shipment: dict[str, Any] = answer.json()
    return shipment


@pytest.mark.parametrize(
    ("carrier", "service", "expected"),
    [
        (None, ShippingService.STANDARD, ("USPS", "GroundAdvantage")),
        ("ups", ShippingService.STANDARD, ("UPS", "Ground")),
        ("fedex", ShippingService.STANDARD, ("FedEx", "FEDEX_GROUND")),
        (None, EXPEDITED, ("USPS", "Priority")),
        ("ups", EXPEDITED, ("UPS", "NextDayAir")),
        ("fedex", EXPEDITED, ("FedEx", "FEDEX_2_DAY")),
    ],
)
async def test_the_cheapest_rate_that_was_asked_for(
    easypost: EasyPost,
    easypost_emulator: EmulatorProcess,
    carrier: str | None,
    service: ShippingService,
    expected: tuple[str, str],
) -> None:
    """Of this carrier, or any; of its services that count as expedited, or any."""
    bought = await easypost.book(label(new_order(), carrier=carrier, service=service))
    assert await bought_rate(easypost_emulator, bought.reference) == expected
    assert bought.carrier == expected[0]


@pytest.mark.parametrize("service", ShippingService)
async def test_a_carrier_that_offers_nothing_is_an_operators(easypost: EasyPost, service: ShippingService) -> None:
    """Who offered rates is named, and nothing is bought."""
    with pytest.raises(OperatorError) as caught:
        await easypost.book(label(order_id := new_order(), carrier="dhl", service=service))
    assert caught.value.code == "no_rates"
    assert caught.value.message == (
        f"no {service} rate of dhl is offered; rates came from: FedEx, UPS, USPS; choose one of these carriers"
    )
    assert await easypost.inquire(f"{order_id}-1-1") is None


async def test_a_return_goes_from_the_shopper_to_the_warehouse(
    easypost: EasyPost, easypost_emulator: EmulatorProcess
) -> None:
    """EasyPost turns a return's addresses around by itself; the label says what the request means."""
    asked = label(new_order(), ship_from=address(), ship_to=WAREHOUSE, returning=True)
    bought = await easypost.book(asked)
    shipment = await shipment_of(easypost_emulator, bought.reference)
    assert shipment["is_return"] is True
    assert (shipment["from_address"]["city"], shipment["to_address"]["city"]) == ("Chicago", "Newark")
    assert bought.url == shipment["postage_label"]["label_url"]
    there = await easypost.book(label(new_order()))
    shipment = await shipment_of(easypost_emulator, there.reference)
    assert shipment["is_return"] is False
    assert (shipment["from_address"]["city"], shipment["to_address"]["city"]) == ("Newark", "Chicago")


async def test_easypost_turns_no_parcel_around(easypost: EasyPost, easypost_emulator: EmulatorProcess) -> None:
    """Its API has no call for that: no label says otherwise, and EasyPost is not asked."""
    bought = await easypost.book(label(order_id := new_order()))
    await easypost_emulator.post("advance", match=order_id, to="in_transit")
    asked = len(await easypost_emulator.get("requests"))
    assert bought.can_intercept is False
    assert await easypost.intercept(bought.reference) is InterceptDecision.NOT_OFFERED
    assert len(await easypost_emulator.get("requests")) == asked


async def decided(easypost: EasyPost, emulator: EmulatorProcess, order_id: str, refund: str) -> ParcelEvent:
    """A label is voided, and its carrier decides so."""
    await emulator.post("scripts", match=order_id, refund=refund)
    bought = await easypost.book(label(order_id))
    assert await easypost.void_news(bought.reference) is None
    assert await easypost.void(bought.reference) is CancelDecision.PENDING
    assert await easypost.void_news(bought.reference) is None
    await emulator.post("time-scale", scale=100_000)

    async def told() -> bool:
        return await easypost.void_news(bought.reference) is not None

    await eventually(told)
    await emulator.post("time-scale", scale=1)
    event = await easypost.void_news(bought.reference)
    assert event is not None
    return event


@pytest.mark.parametrize(
    ("refund", "notice"),
    [("rejected", "void_rejected"), ("refunded", "void_settled"), ("not_applicable", "void_settled")],
)
async def test_what_became_of_a_void(
    easypost: EasyPost, easypost_emulator: EmulatorProcess, refund: str, notice: str
) -> None:
    """Nothing while it is undecided; then a notice, which names the label and moves no parcel."""
    event = await decided(easypost, easypost_emulator, order_id := new_order(), refund)
    assert (event.notice, event.parcel, event.generation) == (notice, 1, 1)
    assert event.status is ParcelStatus.PLANNED
    found = await easypost.inquire(f"{order_id}-1-1")
    assert found is not None
    assert found.voided is (refund == "refunded")
    assert found.tracking_number in (event.detail or "")


async def test_a_refund_webhook_asks_what_became_of_the_void(
    easypost: EasyPost, easypost_company: Company, easypost_emulator: EmulatorProcess
) -> None:
    """It names EasyPost's shipment; looked up, it says whose label is refunded, and nothing about the parcel."""
    await decided(easypost, easypost_emulator, order_id := new_order(), "refunded")
    shipment = (await shipment_of(easypost_emulator, f"{order_id}-1-1"))["id"]

    def announced() -> list[Delivery]:
        told = easypost_company[1].deliveries
        return [each for each in told if "refund.successful" in each.body and shipment in each.body]

    await eventually(lambda: bool(announced()))
    delivery = announced()[0]
    read = easypost_webhooks.verify_and_read(delivery.headers, delivery.body.encode(), EASYPOST_SECRET)
    assert (read.lookup, read.events, read.order_id) == (f"refund:{shipment}", (), None)
    resolved = await easypost.resolve(read)
    (event,) = resolved.events
    assert isinstance(event, ParcelEvent)
    assert (resolved.order_id, event.notice, event.source_id) == (order_id, "void_settled", read.source_id)


async def test_a_refund_nobody_asked_for_says_nothing(easypost: EasyPost) -> None:
    """A lookup about a label that is not voided, or about nothing of ours."""
    bought = await easypost.book(label(new_order()))
    for shipment in (bought.label_id, "shp_unknown"):
        asked = Incoming(source="easypost", source_id="evt_1", lookup=f"refund:{shipment}")
        assert await easypost.resolve(asked) == Incoming(source="easypost", source_id="evt_1")
