"""EasyPost against the emulated EasyPost."""

import traceback
from datetime import timedelta
from typing import Any

import pytest

from ordersaga.domain.errors import CustomerError, OperatorError, RetryError
from ordersaga.domain.shipping import CancelDecision, LabelState
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.easypost.carrier import EasyPost
from tests.gateways.support import TIMEOUT, address, label, new_order, nobody, unknown_outcome
from tests.support.emulators import EmulatorProcess, eventually


async def shipments(emulator: EmulatorProcess, order_id: str) -> list[dict[str, Any]]:
    """What EasyPost itself holds under an order's reference."""
    answer = await emulator.request(
        "GET",
        "/v2/shipments",
        params={"page_size": 100, "purchased": "false"},
        headers={"authorization": "Bearer audit"},
    )
    return [each for each in answer.json()["shipments"] if each["reference"] == f"{order_id}-1-1"]


async def calls(emulator: EmulatorProcess, path: str) -> int:
    """How often EasyPost was asked something."""
    return len(await emulator.get("requests", path=path))


async def test_book_buys_the_cheapest_label(easypost: EasyPost, easypost_emulator: EmulatorProcess) -> None:
    """One label is bought, at the lowest rate of any carrier, under our reference."""
    bought = await easypost.book(label(order_id := new_order()))
    (shipment,) = await shipments(easypost_emulator, order_id)
    cheapest = min(shipment["rates"], key=lambda rate: float(rate["rate"]))
    assert shipment["selected_rate"]["id"] == cheapest["id"]
    assert shipment["parcel"]["weight"] == 17.6
    assert bought == LabelState(
        label_id=shipment["id"],
        reference=f"{order_id}-1-1",
        carrier="USPS",
        tracking_number=shipment["tracking_code"],
        cost=round(float(cheapest["rate"]) * 100),
        url=shipment["postage_label"]["label_url"],
    )
    assert await easypost.inquire(f"{order_id}-1-1") == bought


async def test_book_keeps_to_the_permitted_carriers(easypost_emulator: EmulatorProcess) -> None:
    """A cheaper carrier that is not permitted is not used; with none permitted, nothing is bought."""
    order_id = new_order()
    fedex = EasyPost("EZTK", base_url=easypost_emulator.url, timeout=TIMEOUT, carriers=["fedex"])
    assert (await fedex.book(label(order_id))).carrier == "FedEx"
    nobody_permitted = EasyPost("EZTK", base_url=easypost_emulator.url, timeout=TIMEOUT, carriers=["dhl"])
    with pytest.raises(OperatorError) as caught:
        await nobody_permitted.book(label(other := new_order()))
    assert caught.value.code == "no_rates"
    assert await nobody_permitted.inquire(f"{other}-1-1") is None
    await fedex.aclose()
    await nobody_permitted.aclose()


async def test_a_repeat_gives_the_same_label(easypost: EasyPost, easypost_emulator: EmulatorProcess) -> None:
    """A label bought under the reference is the answer: no second purchase, not even a second shipment."""
    bought = await easypost.book(label(order_id := new_order()))
    assert await easypost.book(label(order_id)) == bought
    assert len(await shipments(easypost_emulator, order_id)) == 1
    assert await calls(easypost_emulator, f"{bought.label_id}/buy") == 1


async def test_inquire_before_a_purchase(easypost: EasyPost) -> None:
    """No label was bought under a reference nobody used."""
    assert await easypost.inquire(f"{new_order()}-1-1") is None


async def test_an_address_no_carrier_knows(easypost: EasyPost, easypost_emulator: EmulatorProcess) -> None:
    """The shopper must mend the address; nothing was bought."""
    with pytest.raises(CustomerError) as caught:
        await easypost.book(label(order_id := new_order(), ship_to=address(postal_code="00000")))
    assert caught.value.code == "label_refused"
    assert caught.value.message == ("ADDRESS.VERIFY.FAILURE: the address is refused (address, E.ADDRESS.NOT_FOUND)")
    assert await shipments(easypost_emulator, order_id) == []


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("Address 1 MAIN STREET, Chicago is unknown to Ada Lovelace", "the address is refused"),
        ("Carrier: recipient LOVELACE, 1 MAIN STREET, 60601-1234 Chicago, tel. 3125550100: no service", "no service"),
    ],
)
async def test_a_refusal_does_not_repeat_the_shoppers_address(
    easypost: EasyPost, easypost_emulator: EmulatorProcess, message: str, kept: str
) -> None:
    """Fields are named, values are not: neither in the error nor in the traceback that is logged."""
    body = {"error": {"code": "SHIPMENT.POSTAGE.FAILURE", "message": message, "errors": [{"message": message}]}}
    await easypost_emulator.post("faults", kind="status", status=422, path="/buy$", body=body, times=1)
    with pytest.raises((CustomerError, OperatorError)) as caught:
        await easypost.book(label(new_order()))
    assert kept in caught.value.message
    logged = "".join(traceback.format_exception(caught.value)).lower()
    assert not [value for value in ("main st", "lovelace", "60601", "chicago", "3125550100") if value in logged]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("Address 1 Main St not serviceable", "label_refused: the address is refused by FedEx"),
        ("No service for Ada Lovelace", "no_rates: No service for [name]"),
    ],
)
async def test_carriers_without_a_rate_do_not_repeat_the_address(
    easypost: EasyPost, easypost_emulator: EmulatorProcess, told: str, expected: str
) -> None:
    """Their messages stand in the shipment."""
    body = {"id": "shp_1", "rates": [], "messages": [{"carrier": "FedEx", "message": told}]}
    fault = {"kind": "status", "status": 201, "method": "POST", "path": "/shipments$", "times": 1}
    await easypost_emulator.post("faults", **fault, body=body)
    with pytest.raises((CustomerError, OperatorError)) as caught:
        await easypost.book(label(new_order()))
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, None, "easypost_credentials"),
        (403, None, "easypost_credentials"),
        (402, None, "easypost_funds"),
        (422, {"error": {"code": "SHIPMENT.POSTAGE.FAILURE", "message": "no", "errors": []}}, "label_refused"),
    ],
)
async def test_refusals_for_an_operator(
    easypost: EasyPost, easypost_emulator: EmulatorProcess, status: int, body: dict[str, Any] | None, code: str
) -> None:
    """An account problem is an operator's; nothing was bought."""
    order_id, fault = new_order(), {"kind": "status", "status": status, "path": "/buy$", "times": 1}
    await easypost_emulator.post("faults", **fault, **({"body": body} if body else {}))
    with pytest.raises(OperatorError) as caught:
        await easypost.book(label(order_id))
    assert caught.value.code == code
    assert "EZTK" not in str(caught.value)
    assert await easypost.inquire(f"{order_id}-1-1") is None


@pytest.mark.parametrize("code", ["SHIPMENT.POSTAGE.TIMED_OUT", "SHIPMENT.POSTAGE.NO_RESPONSE"])
async def test_a_carrier_that_did_not_answer_easypost(
    easypost: EasyPost, easypost_emulator: EmulatorProcess, code: str
) -> None:
    """A 422 that says EasyPost waited in vain is no refusal: unknown."""
    body = {"error": {"code": code, "message": "no answer", "errors": []}}
    await easypost_emulator.post("faults", kind="status", status=422, path="/buy$", body=body, times=1)
    with unknown_outcome("easypost_no_answer"):
        await easypost.book(label(new_order()))


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_server_error_is_unknown(easypost: EasyPost, easypost_emulator: EmulatorProcess, status: int) -> None:
    """A 5xx may hide a purchase."""
    await easypost_emulator.post("faults", kind="status", status=status, path="/buy$", times=1)
    with unknown_outcome("easypost_unavailable"):
        await easypost.book(label(new_order()))


async def test_a_rate_limit_was_not_carried_out(easypost: EasyPost, easypost_emulator: EmulatorProcess) -> None:
    """429 is a plain retry, and nothing was bought."""
    await easypost_emulator.post("faults", kind="status", status=429, path="/buy$", times=1)
    with pytest.raises(RetryError) as caught:
        await easypost.book(label(order_id := new_order()))
    assert (caught.value.code, caught.value.unknown) == ("easypost_rate_limited", False)
    assert await easypost.inquire(f"{order_id}-1-1") is None


async def test_a_lost_answer_to_buy(easypost: EasyPost, easypost_emulator: EmulatorProcess) -> None:
    """A lost answer is unknown; inquire finds the label, and a repeat buys no second one."""
    order_id = new_order()
    await easypost_emulator.post("faults", kind="lose_answer", path="/buy$", times=1)
    with unknown_outcome("easypost_no_answer"):
        await easypost.book(label(order_id))
    found = await easypost.inquire(f"{order_id}-1-1")
    assert found is not None
    assert await easypost.book(label(order_id)) == found
    assert await calls(easypost_emulator, f"{found.label_id}/buy") == 1


async def test_a_lost_answer_to_create(easypost: EasyPost, easypost_emulator: EmulatorProcess) -> None:
    """A shipment created with a lost answer is found by its reference and bought: one shipment, one label."""
    order_id = new_order()
    await easypost_emulator.post("faults", kind="lose_answer", method="POST", path="/shipments$", times=1)
    with unknown_outcome("easypost_no_answer"):
        await easypost.book(label(order_id))
    assert await easypost.inquire(f"{order_id}-1-1") is None
    bought = await easypost.book(label(order_id))
    (shipment,) = await shipments(easypost_emulator, order_id)
    assert shipment["id"] == bought.label_id


async def test_a_silent_company_is_unknown_and_asked_once(easypost_emulator: EmulatorProcess) -> None:
    """A time-out is unknown, and the SDK repeats nothing by itself, not even a read."""
    gateway = EasyPost("EZTK", base_url=easypost_emulator.url, timeout=timedelta(seconds=0.4))
    order_id = new_order()
    await easypost_emulator.post("faults", kind="hang", method="GET", path=order_id, times=1)
    with unknown_outcome("easypost_no_answer"):
        await gateway.inquire(f"{order_id}-1-1")
    await gateway.aclose()
    assert await calls(easypost_emulator, f"{order_id}-1-1") == 1


async def test_an_unreachable_company_was_never_asked() -> None:
    """No connection: it cannot have happened."""
    gateway = EasyPost("EZTK", base_url=nobody(), timeout=TIMEOUT)
    with pytest.raises(RetryError) as caught:
        await gateway.book(label(new_order()))
    await gateway.aclose()
    assert (caught.value.code, caught.value.unknown) == ("easypost_unreachable", False)


async def test_bought_meanwhile_is_the_answer(easypost: EasyPost, easypost_emulator: EmulatorProcess) -> None:
    """Refused because postage exists: the label another attempt bought is answered."""
    order_id = new_order()
    await easypost_emulator.post("faults", kind="lose_answer", path="/buy$", times=1)
    with unknown_outcome("easypost_no_answer"):
        await easypost.book(label(order_id))
    hidden = {"error": {"code": "NOT_FOUND", "message": "not yet visible", "errors": []}}
    await easypost_emulator.post("faults", kind="status", status=404, method="GET", path=order_id, body=hidden, times=1)
    (shipment,) = await shipments(easypost_emulator, order_id)
    unbought = {**shipment, "postage_label": None}
    await easypost_emulator.post(
        "faults", kind="status", status=201, method="POST", path="/shipments$", body=unbought, times=1
    )
    assert (await easypost.book(label(order_id))).label_id == shipment["id"]
    assert len(await shipments(easypost_emulator, order_id)) == 1


async def test_void_is_a_slow_refund(easypost: EasyPost, easypost_emulator: EmulatorProcess) -> None:
    """Asked once, pending until the carrier decides, then canceled; the label reads as voided throughout."""
    bought = await easypost.book(label(order_id := new_order()))
    assert await easypost.void(bought.reference) is CancelDecision.PENDING
    assert await easypost.void(bought.reference) is CancelDecision.PENDING
    voided = await easypost.inquire(bought.reference)
    assert voided is not None
    assert voided.voided is True
    assert await calls(easypost_emulator, f"{bought.label_id}/refund") == 1
    await easypost_emulator.post("time-scale", scale=100_000)

    async def settled() -> bool:
        return await easypost.void(bought.reference) is CancelDecision.CANCELED

    await eventually(settled)
    await easypost_emulator.post("time-scale", scale=1)
    assert await calls(easypost_emulator, f"{bought.label_id}/refund") == 1
    assert await easypost.changes([f"{order_id}-1-1"])


async def test_void_after_the_first_scan_is_refused(easypost: EasyPost, easypost_emulator: EmulatorProcess) -> None:
    """A used label is not refunded, and EasyPost is not even asked."""
    bought = await easypost.book(label(order_id := new_order()))
    await easypost_emulator.post("advance", match=order_id, to="in_transit")
    assert await easypost.void(bought.reference) is CancelDecision.REFUSED
    assert await calls(easypost_emulator, f"{bought.label_id}/refund") == 0


async def test_void_refused_by_easypost(easypost: EasyPost, easypost_emulator: EmulatorProcess) -> None:
    """Scanned between our look and our request: refused, and the label still stands."""
    bought = await easypost.book(label(new_order()))
    body = {"error": {"code": "SHIPMENT.REFUND.UNAVAILABLE", "message": "has been shipped", "errors": []}}
    await easypost_emulator.post("faults", kind="status", status=422, path="/refund$", body=body, times=1)
    assert await easypost.void(bought.reference) is CancelDecision.REFUSED
    assert await easypost.inquire(bought.reference) == bought


async def test_void_of_nothing(easypost: EasyPost, easypost_emulator: EmulatorProcess) -> None:
    """Nothing created, or created and never bought: nothing to undo."""
    assert await easypost.void(f"{new_order()}-1-1") is CancelDecision.NOTHING_TO_UNDO
    await easypost_emulator.post("faults", kind="reset_before", path="/buy$", times=1)
    with unknown_outcome("easypost_no_answer"):
        await easypost.book(label(order_id := new_order()))
    assert await easypost.void(f"{order_id}-1-1") is CancelDecision.NOTHING_TO_UNDO


async def test_a_lost_answer_to_void(easypost: EasyPost, easypost_emulator: EmulatorProcess) -> None:
    """A lost answer is unknown; inquire tells, and a repeat does not ask again."""
    bought = await easypost.book(label(new_order()))
    await easypost_emulator.post("faults", kind="lose_answer", path="/refund$", times=1)
    with unknown_outcome("easypost_no_answer"):
        await easypost.void(bought.reference)
    found = await easypost.inquire(bought.reference)
    assert found is not None
    assert found.voided is True
    assert await easypost.void(bought.reference) is CancelDecision.PENDING
    assert await calls(easypost_emulator, f"{bought.label_id}/refund") == 1


@pytest.mark.parametrize(
    ("to", "status"),
    [
        ("in_transit", ParcelStatus.IN_TRANSIT),
        ("out_for_delivery", ParcelStatus.IN_TRANSIT),
        ("delivered", ParcelStatus.DELIVERED),
        ("return_to_sender", ParcelStatus.RETURNED_TO_SENDER),
        ("failure", ParcelStatus.EXCEPTION),
    ],
)
async def test_changes_tells_where_labels_are(
    easypost: EasyPost, easypost_emulator: EmulatorProcess, to: str, status: ParcelStatus
) -> None:
    """The poller sees each label's latest scan, the same event each time, and nothing for an unknown reference."""
    bought = await easypost.book(label(order_id := new_order()))
    await easypost_emulator.post("advance", match=order_id, to=to)
    (event,) = await easypost.changes([bought.reference, f"{new_order()}-1-1"])
    assert (event.parcel, event.generation, event.status) == (1, 1, status)
    assert (event.carrier, event.tracking_number) == ("USPS", bought.tracking_number)
    assert await easypost.changes([bought.reference]) == (event,)
