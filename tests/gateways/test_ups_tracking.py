"""UPS against the emulated UPS: where parcels are, and those that are turned around."""

from typing import Any

import pytest

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.shipping import CancelDecision, InterceptDecision
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.ups.carrier import UPS
from tests.contracts.carrier_ups import turning_ups, ups, ups_company, ups_emulator
from tests.gateways.support import address, label, new_order, unknown_outcome
from tests.support.emulators import EmulatorProcess

__all__ = ["turning_ups", "ups", "ups_company", "ups_emulator"]

INTERCEPT = "/deliveryintercept/v2/return/"
ACCEPTED, REFUSED, NOT_OFFERED = InterceptDecision.ACCEPTED, InterceptDecision.REFUSED, InterceptDecision.NOT_OFFERED


@pytest.mark.parametrize(
    ("to", "status", "detail"),
    [
        ("in_transit", ParcelStatus.IN_TRANSIT, "Arrived at Facility"),
        ("out_for_delivery", ParcelStatus.IN_TRANSIT, "Out For Delivery Today"),
        ("delivered", ParcelStatus.DELIVERED, "DELIVERED"),
        ("returned", ParcelStatus.RETURNED_TO_SENDER, "Returned to Sender"),
        ("lost", ParcelStatus.LOST, "Sent to Lost and Found"),
    ],
)
async def test_changes_tells_where_labels_are(
    ups: UPS, ups_emulator: EmulatorProcess, to: str, status: ParcelStatus, detail: str
) -> None:
    """The poller sees each label's latest scan, the same event each time, and nothing for an unknown reference."""
    bought = await ups.book(label(order_id := new_order()))
    await ups_emulator.post("advance", match=order_id, to=to)
    (event,) = await ups.changes([bought.reference, f"{new_order()}-1-1"])
    assert (event.source, event.parcel, event.generation) == ("ups", 1, 1)
    assert (event.status, event.detail) == (status, detail)
    assert (event.carrier, event.tracking_number) == ("UPS", bought.tracking_number)
    assert await ups.changes([bought.reference]) == (event,)
    assert await ups.look(bought.reference) == event


async def test_a_problem_on_the_way_tells_of_the_scan_too(ups: UPS, ups_emulator: EmulatorProcess) -> None:
    """A parcel that needs somebody was scanned before, whether or not that was heard; a look says where it stands."""
    bought = await ups.book(label(order_id := new_order()))
    await ups_emulator.post("advance", match=order_id, to="exception")
    scan, problem = await ups.changes([bought.reference])
    assert (scan.status, problem.status) == (ParcelStatus.IN_TRANSIT, ParcelStatus.EXCEPTION)
    assert scan.occurred_at <= problem.occurred_at
    assert scan.source_id != problem.source_id
    assert await ups.look(bought.reference) == problem


async def test_a_delay_ends_no_journey(ups: UPS, ups_emulator: EmulatorProcess) -> None:
    """Late on its way is on its way; late before the first scan is a problem of the warehouse's."""
    scanned, waiting = await ups.book(label(first := new_order())), await ups.book(label(second := new_order()))
    await ups_emulator.post("advance", match=first, to="in_transit")
    for order_id in (first, second):
        await ups_emulator.post("delay", match=order_id)
    events = await ups.changes([scanned.reference, waiting.reference])
    assert [event.status for event in events] == [ParcelStatus.IN_TRANSIT, ParcelStatus.EXCEPTION]
    assert await ups.void(waiting.reference) is CancelDecision.CANCELED


async def test_a_parcel_that_is_turned_around_comes_back(turning_ups: UPS, ups_emulator: EmulatorProcess) -> None:
    """Asked once, shown by the label, and at its end the parcel is at its sender, not delivered."""
    bought = await turning_ups.book(label(order_id := new_order()))
    await ups_emulator.post("advance", match=order_id, to="out_for_delivery")
    assert await turning_ups.intercept(bought.reference) is ACCEPTED
    assert await turning_ups.intercept(bought.reference) is ACCEPTED
    assert len(await ups_emulator.get("requests", path=f"{INTERCEPT}{bought.label_id}")) == 1
    (event,) = await turning_ups.changes([bought.reference])
    assert event.status is ParcelStatus.IN_TRANSIT
    await ups_emulator.post("advance", match=order_id, to="delivered")
    (event,) = await turning_ups.changes([bought.reference])
    assert event.status is ParcelStatus.RETURNED_TO_SENDER


async def test_an_intercept_promises_nothing(turning_ups: UPS, ups_emulator: EmulatorProcess) -> None:
    """Taken, and delivered all the same: delivered is what is told."""
    await ups_emulator.post("scripts", match=(order_id := new_order()), intercept="missed")
    bought = await turning_ups.book(label(order_id))
    await ups_emulator.post("advance", match=order_id, to="in_transit")
    assert await turning_ups.intercept(bought.reference) is ACCEPTED
    await ups_emulator.post("advance", match=order_id, to="delivered")
    (event,) = await turning_ups.changes([bought.reference])
    assert event.status is ParcelStatus.DELIVERED


async def test_a_lost_answer_to_an_intercept(turning_ups: UPS, ups_emulator: EmulatorProcess) -> None:
    """Unknown; the label says that it was taken."""
    bought = await turning_ups.book(label(order_id := new_order()))
    await ups_emulator.post("advance", match=order_id, to="in_transit")
    await ups_emulator.post("faults", kind="lose_answer", path=INTERCEPT, times=1)
    with unknown_outcome("ups_no_answer"):
        await turning_ups.intercept(bought.reference)
    found = await turning_ups.inquire(bought.reference)
    assert found is not None
    assert found.intercepted is True


async def test_intercepts_that_are_refused(turning_ups: UPS, ups_emulator: EmulatorProcess) -> None:
    """By UPS; and without asking it: delivered, lost, never scanned."""
    await ups_emulator.post("scripts", match=(order_id := new_order()), intercept="refused")
    bought = await turning_ups.book(label(order_id))
    await ups_emulator.post("advance", match=order_id, to="in_transit")
    assert await turning_ups.intercept(bought.reference) is REFUSED
    found = await turning_ups.inquire(bought.reference)
    assert found is not None
    assert found.intercepted is False
    for end in ("delivered", "lost"):
        ended = await turning_ups.book(label(other := new_order()))
        await ups_emulator.post("advance", match=other, to=end)
        assert await turning_ups.intercept(ended.reference) is REFUSED
        assert await ups_emulator.get("requests", path=f"{INTERCEPT}{ended.label_id}") == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"status": 200, "body": {"success": False}}, REFUSED),
        ({"status": 403}, "ups_credentials"),  # the app has not got the product
        ({"status": 400, "body": {"response": {"errors": [{"code": "710", "message": "input"}]}}}, "ups_refused"),
    ],
)
async def test_other_answers_to_an_intercept(
    turning_ups: UPS, ups_emulator: EmulatorProcess, answer: dict[str, Any], expected: InterceptDecision | str
) -> None:
    """A refusal in the body; what only an operator can mend."""
    bought = await turning_ups.book(label(order_id := new_order()))
    await ups_emulator.post("advance", match=order_id, to="in_transit")
    await ups_emulator.post("faults", kind="status", path=INTERCEPT, times=1, **answer)
    if isinstance(expected, InterceptDecision):
        assert await turning_ups.intercept(bought.reference) is expected
        return
    with pytest.raises(OperatorError) as caught:
        await turning_ups.intercept(bought.reference)
    assert caught.value.code == expected


async def test_an_unreadable_answer_to_an_intercept(turning_ups: UPS, ups_emulator: EmulatorProcess) -> None:
    """It may have been taken."""
    bought = await turning_ups.book(label(order_id := new_order()))
    await ups_emulator.post("advance", match=order_id, to="in_transit")
    await ups_emulator.post("faults", kind="status", status=200, path=INTERCEPT, body={}, times=1)
    with unknown_outcome("ups_unavailable"):
        await turning_ups.intercept(bought.reference)


async def test_what_comes_back_is_not_turned_around(turning_ups: UPS) -> None:
    """A shopper's return is on its way to us anyway."""
    order_id = new_order()
    asked_for = label(order_id, ship_from=address(), returning=True, reference=f"{order_id}-r1-1")
    bought = await turning_ups.book(asked_for)
    assert bought.can_intercept is False
    assert await turning_ups.intercept(bought.reference) is NOT_OFFERED


async def test_ups_sends_no_messages_that_must_be_completed(ups: UPS) -> None:
    """A message says what it says, and UPS is not asked."""
    message = Incoming(source="ups", source_id="1")
    assert await ups.resolve(message) == message
