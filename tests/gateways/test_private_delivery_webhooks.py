"""A private courier's webhooks, signed by the reference courier itself."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.shipping import ParcelEvent
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.private_delivery.carrier import PrivateDelivery
from ordersaga.gateways.private_delivery.webhooks import verify_and_read
from tests.contracts.carrier_courier import SECRET, CourierCompany
from tests.gateways.support import label, new_order
from tests.gateways.test_webhooks import hardened, heard
from tests.support.emulators import EmulatorProcess

OTHER_SECRET = "whsec_b3RoZXItc2VjcmV0LW9mLXNvbWVib2R5"


def signed(body: str, off: timedelta = timedelta(0)) -> dict[str, str]:
    """The headers a courier sends with a body; its clock may be off."""
    now = datetime.now(UTC) + off
    signature = Webhook(SECRET).sign("msg_1", now, body)
    return {"Webhook-Id": "msg_1", "Webhook-Timestamp": str(int(now.timestamp())), "Webhook-Signature": signature}


async def test_a_delivery_is_told_with_its_proof(
    courier_company: CourierCompany, turning_courier: PrivateDelivery, courier_emulator: EmulatorProcess
) -> None:
    """One event of the order's parcel, in words without the person; polled, it has the same id."""
    bought = await turning_courier.book(label(order := new_order()))
    await courier_emulator.post("advance", match=order, to="delivered")
    delivery = await heard(courier_company, '"shipment.delivered"', bought.reference)
    incoming = verify_and_read(delivery.headers, delivery.body.encode(), SECRET)
    (event,) = incoming.events
    assert isinstance(event, ParcelEvent)
    assert (incoming.source, incoming.source_id, incoming.order_id) == ("private_delivery", event.source_id, order)
    assert (event.status, event.tracking_number) == (ParcelStatus.DELIVERED, bought.tracking_number)
    assert event.detail == "handed over; the courier keeps photo and position"
    assert "A. L." in delivery.body
    assert "A. L." not in incoming.model_dump_json()
    assert await turning_courier.look(bought.reference) == event
    assert Incoming.model_validate_json(incoming.model_dump_json()) == incoming


async def test_a_void_is_a_notice(courier_company: CourierCompany, turning_courier: PrivateDelivery) -> None:
    """It is about the label, and moves no parcel."""
    bought = await turning_courier.book(label(new_order()))
    await turning_courier.void(bought.reference)
    delivery = await heard(courier_company, '"shipment.voided"', bought.reference)
    (event,) = verify_and_read(delivery.headers, delivery.body.encode(), SECRET).events
    assert isinstance(event, ParcelEvent)
    assert (event.notice, event.status) == ("void_settled", ParcelStatus.PLANNED)


async def test_signatures_are_checked(courier_company: CourierCompany, turning_courier: PrivateDelivery) -> None:
    """A changed body, another secret, no signature or nonsense for one: refused, and nothing is quoted."""
    bought = await turning_courier.book(label(new_order()))
    delivery = await heard(courier_company, '"shipment.created"', bought.reference)
    hardened(verify_and_read, delivery, SECRET, OTHER_SECRET, "webhook-signature")


@pytest.mark.parametrize("off", [timedelta(hours=-1), timedelta(hours=1)])
def test_a_courier_whose_clock_is_an_hour_off_is_not_heard(off: timedelta) -> None:
    """What is signed for another time may be played again; what its webhooks would tell, its poller finds."""
    with pytest.raises(OperatorError, match="bad_signature"):
        verify_and_read(signed("{}", off), b"{}", SECRET)
    assert verify_and_read(signed("{}", off / 60), b"{}", SECRET).ignored


@pytest.mark.parametrize(
    "body",
    ["[]", "nonsense", "{}", '{"data": null}', json.dumps({"type": "shipment.x", "data": {"id": 7}})],
)
def test_signed_nonsense_is_ignored(body: str) -> None:
    """Verified, named by its id, and not acted on."""
    incoming = verify_and_read(signed(body), body.encode(), SECRET)
    assert (incoming.ignored, incoming.source_id) == (True, "private_delivery:msg_1")


async def test_two_couriers_count_for_themselves(
    courier_company: CourierCompany, turning_courier: PrivateDelivery
) -> None:
    """Messages with one id of two couriers are two messages."""
    bought = await turning_courier.book(label(new_order()))
    delivery = await heard(courier_company, '"shipment.created"', bought.reference)
    told = [verify_and_read(delivery.headers, delivery.body.encode(), SECRET, name) for name in ("metro", "rapid")]
    names = [(event.carrier, event.source) for each in told for event in each.events if isinstance(event, ParcelEvent)]
    assert names == [("metro", "private_delivery"), ("rapid", "private_delivery")]
    assert len({each.source_id for each in told}) == 2


@pytest.mark.parametrize("changes", [{"type": "x_rayed"}, {"reference": "PO 4711/7"}])
async def test_what_is_not_for_us_is_ignored(
    courier_company: CourierCompany, turning_courier: PrivateDelivery, changes: dict[str, Any]
) -> None:
    """Events of a later version, and of labels of others."""
    bought = await turning_courier.book(label(new_order()))
    told = json.loads((await heard(courier_company, '"shipment.created"', bought.reference)).body)
    body = json.dumps({**told, "data": {**told["data"], **changes}})
    assert verify_and_read(signed(body), body.encode(), SECRET).ignored
