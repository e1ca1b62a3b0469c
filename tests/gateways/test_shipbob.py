"""ShipBob against the emulated ShipBob."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ordersaga.accounts import open_accounts
from ordersaga.domain.errors import CustomerError, OperatorError, RetryError
from ordersaga.domain.shipping import CancelDecision, ProviderOrder
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.lane_gate import LaneGates
from ordersaga.gateways.shipbob.provider import ShipBob
from ordersaga.network import Network
from ordersaga.settings import Settings
from tests.gateways.support import TIMEOUT, address, hand_off, new_order, nobody, unknown_outcome
from tests.gateways.test_lane_gate import Board
from tests.support.emulators import EmulatorProcess


async def orders(emulator: EmulatorProcess, order_id: str) -> list[dict[str, Any]]:
    """What ShipBob itself holds about an order of ours."""
    answer = await emulator.request(
        "GET", f"/2026-01/order?ReferenceIds={order_id}-1-1", headers={"authorization": "Bearer pat_audit"}
    )
    found: list[dict[str, Any]] = answer.json()
    return found


async def cancel_calls(emulator: EmulatorProcess, provider_id: str) -> int:
    """How often ShipBob was asked to cancel."""
    return len(await emulator.get("requests", path=f"/order/{provider_id}:cancel"))


async def submitted(gateway: ShipBob, order_id: str) -> ProviderOrder:
    """A parcel handed over."""
    return await gateway.submit(hand_off(order_id))


def test_capabilities_are_data(shipbob: ShipBob) -> None:
    """ShipBob buys the label itself and cancels nothing once picked."""
    assert shipbob.capabilities.books_carrier is True
    assert shipbob.capabilities.point_of_no_return is ParcelStatus.PICKED


async def test_submit_hands_the_parcel_over(shipbob: ShipBob, shipbob_emulator: EmulatorProcess) -> None:
    """The order stands under our reference with its lines and recipient, accepted and without a label."""
    found = await submitted(shipbob, order_id := new_order())
    assert (found.reference, found.status) == (f"{order_id}-1-1", ParcelStatus.ACCEPTED)
    assert (found.carrier, found.tracking_number) == (None, None)
    (order,) = await orders(shipbob_emulator, order_id)
    assert (str(order["id"]), order["order_number"], order["type"]) == (found.provider_id, order_id, "DTC")
    assert [(line["reference_id"], line["quantity"]) for line in order["products"]] == [("SKU-A", 2), ("SKU-B", 1)]
    assert order["recipient"]["address"]["zip_code"] == "60601"
    assert order["recipient"]["phone_number"] == "3125550100"


async def test_the_center_that_was_chosen_is_asked_for(shipbob_emulator: EmulatorProcess) -> None:
    """As the settings name it; ShipBob chooses for a location that they do not name."""
    named = {"chicago": 17, "reno-1": 3}
    settings = Settings(
        _env_file=None,
        stripe_api_key="sk_test",
        shipbob_token="pat_audit",
        shipbob_channel_id=1,
        shipbob_base_url=shipbob_emulator.url,
        gateway_timeout=TIMEOUT,
        shipbob_locations=named,
    )
    board, asked = Board(), [new_order(), new_order()]
    async with open_accounts(settings, Network(), LaneGates(board, board.clock), nothing) as accounts:
        for order_id, location in zip(asked, ("chicago", "dallas"), strict=True):
            await accounts.providers["shipbob"].submit(hand_off(order_id, location=location))
    found = [await shipbob_emulator.get("records", match=f"{order_id}-1-1") for order_id in asked]
    sent = [record["body"] for records in found for kind in records.values() for record in kind if "body" in record]
    assert [each.get("location_id") for each in sent] == [17, None]


async def nothing(_: str) -> tuple[str, ...]:
    """No shelf is asked about."""
    return ()


async def test_a_repeat_gives_the_same_order(shipbob: ShipBob, shipbob_emulator: EmulatorProcess) -> None:
    """A duplicate reference is refused by ShipBob; the order that stands is the answer, and there is one."""
    first = await submitted(shipbob, order_id := new_order())
    assert await submitted(shipbob, order_id) == first
    assert len(await orders(shipbob_emulator, order_id)) == 1


async def test_an_address_it_cannot_ship_to(shipbob: ShipBob, shipbob_emulator: EmulatorProcess) -> None:
    """The shopper is told which field; no order stands."""
    order_id = new_order()
    with pytest.raises(CustomerError) as caught:
        await shipbob.submit(hand_off(order_id, ship_to=address(postal_code="00000")))
    assert caught.value.code == "address_refused"
    assert caught.value.message == "ShipBob refuses recipient.address"
    assert await orders(shipbob_emulator, order_id) == []
    assert await shipbob.inquire(f"{order_id}-1-1") is None


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "shipbob_refused"), (401, "shipbob_credentials"), (403, "shipbob_credentials"), (404, "shipbob_refused")],
)
async def test_refusals_for_an_operator(
    shipbob: ShipBob, shipbob_emulator: EmulatorProcess, status: int, code: str
) -> None:
    """Any other refusal is final and an operator's; no order stands."""
    order_id = new_order()
    await shipbob_emulator.post("faults", kind="status", status=status, match=order_id, times=1)
    with pytest.raises(OperatorError) as caught:
        await submitted(shipbob, order_id)
    assert caught.value.code == code
    assert "pat_gateways" not in str(caught.value)
    assert await orders(shipbob_emulator, order_id) == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"recipient.address.zip_code": ["60601 is not in Chicago"], "recipient.name": ["Ada Lovelace?"]},
            "address_refused: ShipBob refuses recipient.address.zip_code, recipient.name",
        ),
        (
            {"detail": "cannot ship to ADA LOVELACE, 1 Main St"},
            "shipbob_refused: ShipBob answered 422: detail: cannot ship to [name], [line1]",
        ),
    ],
)
async def test_a_refusal_does_not_repeat_the_shoppers_address(
    shipbob: ShipBob, shipbob_emulator: EmulatorProcess, body: dict[str, Any], expected: str
) -> None:
    """Fields are named, values are not."""
    order_id = new_order()
    await shipbob_emulator.post("faults", kind="status", status=422, body=body, match=order_id, times=1)
    with pytest.raises((CustomerError, OperatorError)) as caught:
        await submitted(shipbob, order_id)
    assert str(caught.value) == expected


async def test_any_other_422_is_for_an_operator(shipbob: ShipBob, shipbob_emulator: EmulatorProcess) -> None:
    """A refusal about our data, not the recipient's, is not the shopper's."""
    body = {"products[0].reference_id": ["Unknown product"]}
    await shipbob_emulator.post(
        "faults", kind="status", status=422, body=body, match=(order_id := new_order()), times=1
    )
    with pytest.raises(OperatorError) as caught:
        await submitted(shipbob, order_id)
    assert caught.value.code == "shipbob_refused"
    assert "products[0].reference_id: Unknown product" in caught.value.message


async def test_a_duplicate_that_does_not_show_is_unknown(shipbob: ShipBob, shipbob_emulator: EmulatorProcess) -> None:
    """Refused as a duplicate while nothing is found: an order may stand, so nobody may conclude that none does."""
    order_id = new_order()
    await shipbob_emulator.post("faults", kind="refuse", code="duplicate_reference", match=order_id, times=1)
    with unknown_outcome("shipbob_not_visible"):
        await submitted(shipbob, order_id)


@pytest.mark.parametrize(
    ("status", "code"), [(429, "shipbob_rate_limited"), (401, "shipbob_credentials"), (400, "shipbob_refused")]
)
async def test_a_failing_look_after_a_duplicate_is_unknown(
    shipbob: ShipBob, shipbob_emulator: EmulatorProcess, status: int, code: str
) -> None:
    """The order stands already; a failing look at it must not read as "nothing happened"."""
    await submitted(shipbob, order_id := new_order())
    await shipbob_emulator.post("faults", kind="status", status=status, method="GET", match=order_id, times=1)
    with unknown_outcome(code):
        await submitted(shipbob, order_id)


async def test_a_failing_look_after_a_refused_cancellation_is_unknown(
    shipbob: ShipBob, shipbob_emulator: EmulatorProcess
) -> None:
    """A cancellation that was sent may have had its effect, whoever refuses the look at it."""
    found = await submitted(shipbob, order_id := new_order())
    await shipbob_emulator.post("advance", match=order_id, to="Picked")
    await shipbob_emulator.post("faults", kind="status", status=401, method="GET", match=order_id, times=1, skip=1)
    with unknown_outcome("shipbob_credentials"):
        await shipbob.cancel(found.reference)


async def test_a_rate_limit_says_when(shipbob: ShipBob, shipbob_emulator: EmulatorProcess) -> None:
    """429 was not carried out, and `x-retry-after` is passed on."""
    order_id, headers = new_order(), {"x-retry-after": "7"}
    await shipbob_emulator.post("faults", kind="status", status=429, headers=headers, match=order_id, times=1)
    with pytest.raises(RetryError) as caught:
        await submitted(shipbob, order_id)
    assert (caught.value.code, caught.value.unknown) == ("shipbob_rate_limited", False)
    assert caught.value.retry_after == timedelta(seconds=7)
    assert await orders(shipbob_emulator, order_id) == []


async def test_a_server_error_is_unknown(shipbob: ShipBob, shipbob_emulator: EmulatorProcess) -> None:
    """A 503 may hide a success."""
    order_id = new_order()
    await shipbob_emulator.post("faults", kind="status", status=503, match=order_id, times=1)
    with unknown_outcome("shipbob_unavailable"):
        await submitted(shipbob, order_id)


async def test_a_lost_answer_to_submit(shipbob: ShipBob, shipbob_emulator: EmulatorProcess) -> None:
    """A lost answer is unknown; inquire finds the order, and a repeat makes no second one."""
    order_id = new_order()
    await shipbob_emulator.post("faults", kind="lose_answer", method="POST", match=order_id, times=1)
    with unknown_outcome("shipbob_no_answer"):
        await submitted(shipbob, order_id)
    found = await shipbob.inquire(f"{order_id}-1-1")
    assert found is not None
    assert await submitted(shipbob, order_id) == found
    assert len(await orders(shipbob_emulator, order_id)) == 1


async def test_a_silent_company_is_unknown(shipbob_emulator: EmulatorProcess) -> None:
    """A time-out after sending is unknown, and the order stands."""
    gateway = ShipBob("pat", base_url=shipbob_emulator.url, channel_id=7, timeout=timedelta(seconds=0.5))
    await shipbob_emulator.post("faults", kind="hang", method="POST", match=(order_id := new_order()), times=1)
    with unknown_outcome("shipbob_no_answer"):
        await submitted(gateway, order_id)
    await gateway.aclose()
    assert len(await orders(shipbob_emulator, order_id)) == 1


async def test_an_unreachable_company_was_never_asked() -> None:
    """No connection: it cannot have happened."""
    gateway = ShipBob("pat", base_url=nobody(), channel_id=7, timeout=TIMEOUT)
    with pytest.raises(RetryError) as caught:
        await submitted(gateway, new_order())
    await gateway.aclose()
    assert (caught.value.code, caught.value.unknown) == ("shipbob_unreachable", False)


@pytest.mark.parametrize(
    ("stage", "status", "tracked"),
    [
        ("Picked", ParcelStatus.PICKED, False),
        ("Packed", ParcelStatus.PACKED, False),
        ("LabeledCreated", ParcelStatus.LABELED, True),
        ("Completed", ParcelStatus.LEFT_WAREHOUSE, True),
        ("InTransit", ParcelStatus.IN_TRANSIT, True),
        ("Delivered", ParcelStatus.DELIVERED, True),
    ],
)
async def test_every_stage_is_translated(
    shipbob: ShipBob, shipbob_emulator: EmulatorProcess, stage: str, status: ParcelStatus, tracked: bool
) -> None:
    """Each stage of a parcel's life reads as our status; leaving the warehouse is not the first scan."""
    await submitted(shipbob, order_id := new_order())
    await shipbob_emulator.post("advance", match=order_id, to=stage)
    found = await shipbob.inquire(f"{order_id}-1-1")
    assert found is not None
    assert (found.status, found.tracking_number is not None, found.carrier is not None) == (status, tracked, tracked)


@pytest.mark.parametrize(
    ("trouble", "status"), [("OutOfStock", ParcelStatus.EXCEPTION), ("InvalidAddress", ParcelStatus.ACCEPTED)]
)
async def test_troubles_say_why(
    shipbob: ShipBob, shipbob_emulator: EmulatorProcess, trouble: str, status: ParcelStatus
) -> None:
    """A shipment in Exception is one; a shipment on hold resumes, so its parcel stays accepted."""
    order_id = new_order()
    await shipbob_emulator.post("scripts", match=order_id, exception={"at": "Processing", "name": trouble})
    found = await submitted(shipbob, order_id)
    assert found.status is status
    assert (found.detail or "").startswith("on hold at ShipBob: ") is (status is ParcelStatus.ACCEPTED)
    assert found.detail


async def test_cancel_before_picking(shipbob: ShipBob, shipbob_emulator: EmulatorProcess) -> None:
    """A parcel not yet picked is canceled; a repeat says so without asking again."""
    found = await submitted(shipbob, order_id := new_order())
    assert await shipbob.cancel(found.reference) is CancelDecision.CANCELED
    assert await shipbob.cancel(found.reference) is CancelDecision.CANCELED
    assert await cancel_calls(shipbob_emulator, found.provider_id) == 1
    standing = await shipbob.inquire(f"{order_id}-1-1")
    assert standing is not None
    assert standing.status is ParcelStatus.CANCELED


@pytest.mark.parametrize("stage", ["Picked", "Completed", "Delivered"])
async def test_cancel_past_the_point_of_no_return(
    shipbob: ShipBob, shipbob_emulator: EmulatorProcess, stage: str
) -> None:
    """Picked or gone: refused, whether ShipBob says so with a 200 or a 422, and the parcel lives on."""
    found = await submitted(shipbob, order_id := new_order())
    await shipbob_emulator.post("advance", match=order_id, to=stage)
    assert await shipbob.cancel(found.reference) is CancelDecision.REFUSED
    standing = await shipbob.inquire(found.reference)
    assert standing is not None
    assert standing.status is not ParcelStatus.CANCELED


async def test_cancel_in_part_is_refused_and_told(shipbob: ShipBob, shipbob_emulator: EmulatorProcess) -> None:
    """One shipment canceled, one not: goods still leave, so REFUSED, and the order says what is missing."""
    order_id = new_order()
    await shipbob_emulator.post("scripts", match=order_id, cancel="partial")
    found = await submitted(shipbob, order_id)
    assert await shipbob.cancel(found.reference) is CancelDecision.REFUSED
    standing = await shipbob.inquire(found.reference)
    assert standing is not None
    assert (standing.status, standing.detail) == (ParcelStatus.ACCEPTED, "1 of 2 shipments canceled")
    assert standing.partially_canceled is True


async def test_cancel_of_what_is_not_shown_is_unknown(shipbob: ShipBob, shipbob_emulator: EmulatorProcess) -> None:
    """Only what was handed over is canceled: not shown, before or after the attempt, is no proof of absence."""
    with unknown_outcome("shipbob_not_visible"):
        await shipbob.cancel(f"{new_order()}-1-1")
    found = await submitted(shipbob, new_order())
    await shipbob_emulator.post("faults", kind="status", status=404, path=f"/order/{found.provider_id}:cancel", times=1)
    with unknown_outcome("shipbob_not_visible"):
        await shipbob.cancel(found.reference)


async def test_a_lost_answer_to_cancel(shipbob: ShipBob, shipbob_emulator: EmulatorProcess) -> None:
    """A lost answer is unknown; inquire tells, and a repeat does not ask again."""
    found = await submitted(shipbob, new_order())
    await shipbob_emulator.post("faults", kind="lose_answer", path=f"/order/{found.provider_id}:cancel", times=1)
    with unknown_outcome("shipbob_no_answer"):
        await shipbob.cancel(found.reference)
    standing = await shipbob.inquire(found.reference)
    assert standing is not None
    assert standing.status is ParcelStatus.CANCELED
    assert await shipbob.cancel(found.reference) is CancelDecision.CANCELED
    assert await cancel_calls(shipbob_emulator, found.provider_id) == 1


async def test_changes_since_reads_every_page_and_only_ours(shipbob_emulator: EmulatorProcess) -> None:
    """The poller sees each of our changed orders once, over pages, and nobody else's."""
    gateway = ShipBob("pat", base_url=shipbob_emulator.url, channel_id=7, timeout=TIMEOUT, page_size=2)
    before, since = await submitted(gateway, new_order()), datetime.now(UTC)
    ours = [await submitted(gateway, new_order()) for _ in range(5)]
    await gateway.submit(hand_off("foreign", reference="someone-elses"))
    changed = await gateway.changes_since(since)
    await gateway.aclose()
    assert [order.reference for order in changed] == [order.reference for order in ours]
    assert before.reference not in {order.reference for order in changed}
