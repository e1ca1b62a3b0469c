"""A private courier against the reference courier."""

import json
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ordersaga.breaker_ports import CallPassage
from ordersaga.courier_check.contract import body_violations
from ordersaga.domain.errors import CustomerError, OperatorError, RateLimitedError, RetryError
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.shipping import CancelDecision, InterceptDecision, LabelState, ShippingService
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.lane_gate import OPEN
from ordersaga.gateways.private_delivery.carrier import PrivateDelivery
from tests.contracts.carrier_courier import KEY, gateway
from tests.gateways.support import TIMEOUT, address, label, new_order, nobody, unknown_outcome
from tests.support.emulators import EmulatorProcess

ELSEWHERE = {"postal_code": "99501", "city": "Anchorage", "region": "AK"}


@pytest.fixture
def courier(turning_courier: PrivateDelivery) -> PrivateDelivery:
    """The gateway."""
    return turning_courier


async def shipments(emulator: EmulatorProcess, order_id: str) -> list[dict[str, Any]]:
    """What the courier itself holds under an order's reference."""
    records = await emulator.get("records", match=f'"{order_id}-1-1"', kind="shipments")
    found: list[dict[str, Any]] = records.get("shipments", [])
    return found


async def calls(emulator: EmulatorProcess, order_id: str, path: str) -> int:
    """How often the courier was asked something about an order."""
    return len(await emulator.get("requests", match=f"{order_id}-1-1", path=path))


async def test_a_quote(courier: PrivateDelivery, courier_emulator: EmulatorProcess) -> None:
    """Price, promised day and next pick-up, without a word of the shopper; nothing is bought."""
    quote = await courier.quote(label(order_id := new_order()))
    assert quote is not None
    assert (quote.carrier, quote.cost, quote.currency) == ("private_delivery", 899, "USD")
    assert quote.cut_off is not None
    assert quote.deliver_by is not None
    assert datetime.now(UTC) < quote.cut_off < quote.deliver_by < quote.cut_off + timedelta(days=5)
    (asked, *_) = (await courier_emulator.get("requests", path="/v1/quotes"))[-1:]
    assert "Lovelace" not in asked["body_excerpt"]
    assert "Main" not in asked["body_excerpt"]
    assert await shipments(courier_emulator, order_id) == []


async def test_faster_and_heavier_costs_more(courier: PrivateDelivery) -> None:
    """The service and the weight are those that were asked for."""
    request = label(new_order())
    changes: list[dict[str, Any]] = [{}, {"weight_grams": 501}, {"service": ShippingService.EXPEDITED}]
    quotes = [await courier.quote(request.model_copy(update=change)) for change in changes]
    assert [quote.cost for quote in quotes if quote] == [899, 944, 1348]


async def test_where_it_does_not_go(courier: PrivateDelivery, courier_emulator: EmulatorProcess) -> None:
    """Out of its zones, too heavy, or another carrier: no quote; a booking says to choose another carrier."""
    order_id = new_order()
    for change in ({"ship_to": address(**ELSEWHERE)}, {"ship_from": address(**ELSEWHERE)}, {"weight_grams": 40_000}):
        assert await courier.quote(label(order_id, **change)) is None
        with pytest.raises(OperatorError) as caught:
            await courier.book(label(order_id, **change))
        assert (caught.value.code, "choose another carrier" in caught.value.message) == ("no_rates", True)
    assert await courier.quote(label(order_id, carrier="fedex")) is None
    with pytest.raises(OperatorError, match="rates come from: private_delivery"):
        await courier.book(label(order_id, carrier="fedex"))
    assert await shipments(courier_emulator, order_id) == []


async def test_a_label(courier: PrivateDelivery, courier_emulator: EmulatorProcess) -> None:
    """Bought under our reference, which is the key, at the quoted price."""
    quote, bought = await courier.quote(label(order_id := new_order())), await courier.book(label(order_id))
    (shipment,) = await shipments(courier_emulator, order_id)
    assert shipment["idempotency_key"] == shipment["reference"] == f"{order_id}-1-1"
    assert quote is not None
    assert bought == LabelState(
        label_id=shipment["id"],
        reference=f"{order_id}-1-1",
        carrier="private_delivery",
        tracking_number=shipment["tracking_number"],
        cost=quote.cost,
        can_intercept=True,
        url=shipment["label_url"],
    )


async def test_what_we_ask_keeps_to_the_api(courier: PrivateDelivery, courier_emulator: EmulatorProcess) -> None:
    """Quotes and bookings are what the published schemas say, with every field of an address and with few."""
    for there in (address(line2="Flat 3", email="ada@example.com"), address(phone=None)):
        request = label(order_id := new_order(), ship_to=there, weight_grams=0)
        await courier.quote(request)
        await courier.book(request)
        (shipment,) = await shipments(courier_emulator, order_id)
        assert body_violations("Booking", shipment["body"]) == []
        asked = (await courier_emulator.get("requests", path="/v1/quotes"))[-1]["body_excerpt"]
        assert body_violations("QuoteRequest", json.loads(asked)) == []


async def test_a_label_for_the_way_back(courier: PrivateDelivery, courier_emulator: EmulatorProcess) -> None:
    """From the shopper to the warehouse, and told as the way back of its return."""
    reference = f"{new_order()}-r2-1"
    await courier.book(label("x", reference=reference, returning=True))
    records = await courier_emulator.get("records", match=f'"{reference}"', kind="shipments")
    assert [each["kind"] for each in records["shipments"]] == ["return"]
    told = await courier.look(reference)
    assert told is not None
    assert (told.returning, told.parcel, told.status) == (2, 1, ParcelStatus.LABELED)


async def test_a_repeat_tells_what_became_of_the_label(courier: PrivateDelivery) -> None:
    """The courier repeats its first answer; we look up what holds now."""
    bought = await courier.book(label(order_id := new_order()))
    await courier.void(bought.reference)
    assert await courier.book(label(order_id)) == bought.model_copy(update={"voided": True})


async def test_a_repeat_with_another_weight(courier: PrivateDelivery, courier_emulator: EmulatorProcess) -> None:
    """The label that stands under the reference is the answer: none is bought besides."""
    bought = await courier.book(label(order_id := new_order()))
    assert await courier.book(label(order_id, weight_grams=900)) == bought
    assert len(await shipments(courier_emulator, order_id)) == 1


async def test_a_key_without_a_label_is_no_answer(courier: PrivateDelivery, courier_emulator: EmulatorProcess) -> None:
    """The courier says that the key was used, and lists nothing: unknown, it is asked again."""
    await courier_emulator.post("faults", kind="refuse", code="idempotency_key_reused", path="/shipments$", times=1)
    with unknown_outcome("private_delivery_not_visible"):
        await courier.book(label(new_order()))


async def test_an_address_nobody_delivers_to(courier: PrivateDelivery, courier_emulator: EmulatorProcess) -> None:
    """The shopper must mend it; the fields are named, their values are not."""
    with pytest.raises(CustomerError) as caught:
        await courier.book(label(order_id := new_order(), ship_to=address(line1="9 UNDELIVERABLE Rd")))
    assert str(caught.value) == "label_refused: the courier refuses the address (to.line1 unknown_street)"
    assert await shipments(courier_emulator, order_id) == []


@pytest.mark.parametrize("code", ["address_invalid", "invalid", "brand_new_code"])
async def test_a_refusal_does_not_repeat_the_address(
    courier: PrivateDelivery, courier_emulator: EmulatorProcess, code: str
) -> None:
    """Whatever the courier writes: neither in the error nor in the traceback that is logged."""
    told = "No service for ADA Lovelace, 1 Main Street, 60601 Chicago, tel. 3125550100"
    body = {"type": "about:blank", "title": told, "status": 422, "code": code, "detail": told}
    await courier_emulator.post("faults", kind="status", status=422, path="/shipments$", body=body, times=1)
    with pytest.raises((CustomerError, OperatorError)) as caught:
        await courier.book(label(new_order()))
    assert caught.value.code == "label_refused"
    logged = "".join(traceback.format_exception(caught.value)).lower()
    assert not [value for value in ("main st", "lovelace", "60601", "chicago", "3125550100") if value in logged]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("unauthorized", "private_delivery_credentials"),
        ("account_suspended", "private_delivery_account"),
        ("currency_not_supported", "label_refused"),
    ],
)
async def test_refusals_for_an_operator(
    courier: PrivateDelivery, courier_emulator: EmulatorProcess, code: str, expected: str
) -> None:
    """An account problem is an operator's; the key is not told, and nothing was bought."""
    await courier_emulator.post("faults", kind="refuse", code=code, path="/v1/shipments$", times=1)
    with pytest.raises(OperatorError) as caught:
        await courier.book(label(order_id := new_order()))
    assert caught.value.code == expected
    assert KEY not in str(caught.value)
    assert await shipments(courier_emulator, order_id) == []


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"kind": "status", "status": 500}, "private_delivery_unavailable"),
        ({"kind": "status", "status": 503}, "private_delivery_unavailable"),
        ({"kind": "refuse", "code": "in_progress"}, "private_delivery_busy"),
        ({"kind": "spoil_answer", "status": 502}, "private_delivery_unavailable"),
        ({"kind": "spoil_answer", "status": 201, "body": {"id": "pds_1"}}, "private_delivery_no_answer"),
        ({"kind": "lose_answer"}, "private_delivery_no_answer"),
        ({"kind": "reset_before"}, "private_delivery_no_answer"),
    ],
)
async def test_what_may_have_happened(
    courier: PrivateDelivery, courier_emulator: EmulatorProcess, fault: dict[str, Any], code: str
) -> None:
    """Is unknown, and a repeat under the same key leads to one label, whether or not it had."""
    order_id = new_order()
    await courier_emulator.post("faults", **fault, method="POST", path="/v1/shipments$", times=1)
    with unknown_outcome(code):
        await courier.book(label(order_id))
    bought = await courier.book(label(order_id))
    assert [each["id"] for each in await shipments(courier_emulator, order_id)] == [bought.label_id]
    assert await courier.inquire(bought.reference) == bought


async def test_a_limit_names_its_moment(courier: PrivateDelivery, courier_emulator: EmulatorProcess) -> None:
    """429: nothing was done, and the courier's wish is passed on."""
    fault = {"kind": "status", "status": 429, "headers": {"retry-after": "7"}, "path": "/v1/shipments$", "times": 1}
    await courier_emulator.post("faults", **fault)
    with pytest.raises(RateLimitedError) as caught:
        await courier.book(label(order_id := new_order()))
    assert (caught.value.retry_after, caught.value.unknown) == (timedelta(seconds=7), False)
    assert await shipments(courier_emulator, order_id) == []


class CountingGate:
    """Always open; counts who passes, and how often a limit was met inside."""

    def __init__(self) -> None:
        self.passed = self.limited = 0

    @asynccontextmanager
    async def passing(self) -> AsyncIterator[CallPassage]:
        """Around one call."""
        self.passed += 1
        try:
            async with OPEN.passing() as passage:
                yield passage
        except RateLimitedError:
            self.limited += 1
            raise


async def test_every_call_passes_the_gate(courier_emulator: EmulatorProcess) -> None:
    """As many pass as the courier gets, each by itself; a 429 is met inside."""
    gate, before = CountingGate(), len(await courier_emulator.get("requests"))
    gated, request = gateway(courier_emulator.url, gate=gate), label(new_order())
    await gated.quote(request)
    await gated.book(request)
    await gated.book(request)
    await gated.look(request.reference)
    await gated.intercept(request.reference)
    await gated.void(request.reference)
    assert len([each async for each in gated.labels_since(datetime.now(UTC) - timedelta(seconds=5))]) >= 1
    await courier_emulator.post("faults", kind="status", status=429, path="/v1/shipments$", times=1)
    with pytest.raises(RateLimitedError):
        await gated.inquire(request.reference)
    await gated.aclose()
    assert gate.passed == len(await courier_emulator.get("requests")) - before
    assert (gate.passed, gate.limited) == (11, 1)


async def test_a_silent_courier_is_unknown_and_asked_once(courier_emulator: EmulatorProcess) -> None:
    """A time-out is unknown; nothing is repeated here."""
    hasty, order_id = gateway(courier_emulator.url, timeout=timedelta(seconds=0.4)), new_order()
    await courier_emulator.post("faults", kind="hang", match=f"{order_id}-1-1", times=1)
    with unknown_outcome("private_delivery_no_answer"):
        await hasty.book(label(order_id))
    await hasty.aclose()
    assert len(await shipments(courier_emulator, order_id)) == 1


async def test_an_unreachable_courier_was_never_asked() -> None:
    """No connection: it cannot have happened."""
    alone = PrivateDelivery(KEY, base_url=nobody(), timeout=TIMEOUT)
    with pytest.raises(RetryError) as caught:
        await alone.book(label(new_order()))
    await alone.aclose()
    assert (caught.value.code, caught.value.unknown) == ("private_delivery_unreachable", False)


async def test_a_void_is_decided_at_once(courier: PrivateDelivery, courier_emulator: EmulatorProcess) -> None:
    """Canceled, and told as settled; the label tells of no parcel any more, and the courier is not asked again."""
    bought = await courier.book(label(order_id := new_order()))
    assert await courier.void_news(bought.reference) is None
    assert await courier.void(bought.reference) is CancelDecision.CANCELED
    assert await courier.void(bought.reference) is CancelDecision.CANCELED
    assert await calls(courier_emulator, order_id, "/void") == 1
    news = await courier.void_news(bought.reference)
    assert news is not None
    assert (news.notice, news.status) == ("void_settled", ParcelStatus.PLANNED)
    assert news.detail == f"label {bought.tracking_number} costs nothing"
    assert await courier.look(bought.reference) is None
    assert await courier.changes([bought.reference]) == ()


async def test_a_void_refused(courier: PrivateDelivery, courier_emulator: EmulatorProcess) -> None:
    """After the first scan, or by the courier's decision: the label stands."""
    order_id = new_order()
    await courier_emulator.post("scripts", match=order_id, void="refused")
    bought = await courier.book(label(order_id))
    assert await courier.void(bought.reference) is CancelDecision.REFUSED
    await courier_emulator.post("advance", match=order_id, to="picked_up")
    assert await courier.void(bought.reference) is CancelDecision.REFUSED
    found = await courier.inquire(bought.reference)
    assert found is not None
    assert found.voided is False
    assert await courier.void_news(bought.reference) is None


async def test_a_void_without_its_answer(courier: PrivateDelivery, courier_emulator: EmulatorProcess) -> None:
    """Unknown; asked again it is canceled, and the courier voided once."""
    bought = await courier.book(label(order_id := new_order()))
    for fault in ({"kind": "lose_answer"}, {"kind": "spoil_answer", "status": 500}):
        await courier_emulator.post("faults", **fault, path="/void$", match=order_id, times=1)
    with unknown_outcome("private_delivery_no_answer"):
        await courier.void(bought.reference)
    assert await courier.void(bought.reference) is CancelDecision.CANCELED
    (shipment,) = await shipments(courier_emulator, order_id)
    assert (shipment["status"], shipment["last_event"]["sequence"]) == ("voided", 2)


async def test_a_parcel_turned_around_comes_back(courier: PrivateDelivery, courier_emulator: EmulatorProcess) -> None:
    """Taken once, however often asked; it is on its way back, then back; too late for one delivered."""
    bought, late = await courier.book(label(order_id := new_order())), await courier.book(label(other := new_order()))
    await courier_emulator.post("advance", match=order_id, to="out_for_delivery")
    await courier_emulator.post("advance", match=other, to="delivered")
    assert await courier.intercept(bought.reference) is InterceptDecision.ACCEPTED
    assert await courier.intercept(late.reference) is InterceptDecision.REFUSED
    told = []
    for status in ("returning", "returned"):
        await courier_emulator.post("advance", match=order_id, to=status)
        event = await courier.look(bought.reference)
        assert event is not None
        told.append((event.status, event.detail))
    assert told == [
        (ParcelStatus.IN_TRANSIT, "on its way back to its sender: as requested"),
        (ParcelStatus.RETURNED_TO_SENDER, None),
    ]


async def test_turning_around_without_an_answer(courier: PrivateDelivery, courier_emulator: EmulatorProcess) -> None:
    """Unknown; the label says that it was taken."""
    bought = await courier.book(label(order_id := new_order()))
    await courier_emulator.post("advance", match=order_id, to="picked_up")
    await courier_emulator.post("faults", kind="lose_answer", path="/return$", times=1)
    with unknown_outcome("private_delivery_no_answer"):
        await courier.intercept(bought.reference)
    found = await courier.inquire(bought.reference)
    assert found is not None
    assert found.intercepted is True


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("delivered", (ParcelStatus.DELIVERED, "handed over; the courier keeps photo and position")),
        ("lost", (ParcelStatus.LOST, "lost")),
        ("damaged", (ParcelStatus.LOST, "damaged")),
        ("refused", (ParcelStatus.IN_TRANSIT, "refused by its recipient")),
        ("attempt_failed", (ParcelStatus.IN_TRANSIT, "delivery was tried in vain: nobody home")),
        ("returned", (ParcelStatus.RETURNED_TO_SENDER, None)),
        ("in_transit", (ParcelStatus.IN_TRANSIT, None)),
    ],
)
async def test_changes_tell_where_labels_are(
    courier: PrivateDelivery, courier_emulator: EmulatorProcess, end: str, told: tuple[ParcelStatus, str | None]
) -> None:
    """The poller hears each label's last event, the same one each time, and nothing of an unknown reference."""
    bought = await courier.book(label(order_id := new_order()))
    await courier_emulator.post("advance", match=order_id, to=end)
    (event,) = await courier.changes([bought.reference, f"{new_order()}-1-1"])
    assert (event.status, event.detail) == told
    assert (event.parcel, event.generation, event.tracking_number) == (1, 1, bought.tracking_number)
    assert await courier.changes([bought.reference]) == (event,)


async def test_a_place_is_told(courier: PrivateDelivery, courier_emulator: EmulatorProcess) -> None:
    """Where a parcel was left is no secret of the shopper's."""
    await courier_emulator.post("scripts", match=(order_id := new_order()), left_at="porch")
    bought = await courier.book(label(order_id))
    await courier_emulator.post("advance", match=order_id, to="delivered")
    told = await courier.look(bought.reference)
    assert told is not None
    assert told.detail == "left at: porch; the courier keeps photo and position"


async def test_a_message_says_all_there_is(courier: PrivateDelivery) -> None:
    """Nothing is to be looked up."""
    incoming = Incoming(source="private_delivery", source_id="pde_1", order_id="o1")
    assert await courier.resolve(incoming) is incoming
