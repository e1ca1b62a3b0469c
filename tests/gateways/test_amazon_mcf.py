"""Amazon MCF against the emulated Amazon, in both versions of its API."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ordersaga.domain.errors import CustomerError, OperatorError, RateLimitedError, RetryError
from ordersaga.domain.orders import LineQuantity, OrderLine
from ordersaga.domain.shipping import CancelDecision, ProviderOrder, ShippingService
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.amazon_mcf.provider import AmazonMcf, ApiVersion
from tests.contracts.house_amazon import PATHS, amazon, amazon_company, amazon_emulator, record
from tests.gateways.support import address, hand_off, new_order, nobody, unknown_outcome
from tests.support.emulators import EmulatorProcess

__all__ = ["amazon_company", "amazon_emulator"]

POST, CREATE = PATHS["submit"]


@pytest.fixture(params=list(ApiVersion))
def version(request: pytest.FixtureRequest) -> ApiVersion:
    """Each version; in the newer one Amazon may take a request and decide later."""
    found: ApiVersion = request.param
    return found


@pytest.fixture
async def mcf(version: ApiVersion, amazon_emulator: EmulatorProcess) -> AsyncIterator[AmazonMcf]:
    """The gateway in each version."""
    gateway = amazon(amazon_emulator, version)
    yield gateway
    await gateway.aclose()


async def look(gateway: AmazonMcf, reference: str) -> ProviderOrder:
    """A parcel that must be there."""
    found = await gateway.inquire(reference)
    assert found is not None
    return found


async def asked(emulator: EmulatorProcess, reference: str, method: str, path: str = "") -> int:
    """How often a call about an order was made."""
    calls = await emulator.get("requests", match=reference, path=path)
    return sum(call["method"] == method for call in calls)


async def test_submit_hands_the_parcel_over(mcf: AmazonMcf, amazon_emulator: EmulatorProcess) -> None:
    """The order stands under our reference with its lines, address and service, all or nothing, to be shipped."""
    found = await mcf.submit(hand_off(order_id := new_order(), service=ShippingService.EXPEDITED))
    assert (found.reference, found.provider_id, found.status) == (*[f"{order_id}-1-1"] * 2, ParcelStatus.ACCEPTED)
    assert (found.carrier, found.tracking_number) == (None, None)
    order = await record(amazon_emulator, found.reference)
    assert (order["action"], order["policy"], order["speed"]) == ("Ship", "FillOrKill", "Expedited")
    assert [(line["sku"], line["quantity"]) for line in order["lines"]] == [("SKU-A", 2), ("SKU-B", 1)]
    sent = {name: order["address"][name] for name in ("name", "postalCode", "stateOrRegion", "countryCode", "phone")}
    assert list(sent.values()) == ["Ada Lovelace", "60601", "IL", "US", "3125550100"]


async def test_a_lost_answer_to_submit(mcf: AmazonMcf, amazon_emulator: EmulatorProcess) -> None:
    """Unknown; inquire finds the order, and a repeat makes no second one."""
    parcel = hand_off(order_id := new_order())
    await amazon_emulator.post("faults", kind="lose_answer", method=POST, match=order_id, times=1)
    with unknown_outcome("amazon_mcf_no_answer"):
        await mcf.submit(parcel)
    found = await look(mcf, parcel.reference)
    assert await mcf.submit(parcel) == found
    assert (await record(amazon_emulator, parcel.reference))["stage_times"].keys() <= {"New", "Received"}


async def test_a_failing_look_after_an_accepted_order_is_unknown(
    mcf: AmazonMcf, amazon_emulator: EmulatorProcess
) -> None:
    """The order stands; that it could not be looked at must not read as "nothing happened"."""
    parcel = hand_off(new_order())
    await amazon_emulator.post("faults", kind="status", status=429, method="GET", match=parcel.reference, times=1)
    with unknown_outcome("amazon_mcf_rate_limited"):
        await mcf.submit(parcel)
    assert (await look(mcf, parcel.reference)).status is ParcelStatus.ACCEPTED


async def test_an_order_that_is_taken_and_not_shown_yet(mcf: AmazonMcf, amazon_emulator: EmulatorProcess) -> None:
    """Taken is accepted; a repeat is refused as a duplicate and stays unknown until the order shows."""
    parcel = hand_off(order_id := new_order())
    await amazon_emulator.post("scripts", match=order_id, unseen=True)
    assert (await mcf.submit(parcel)).status is ParcelStatus.ACCEPTED
    assert await mcf.inquire(parcel.reference) is None
    with unknown_outcome("amazon_mcf_not_visible"):
        await mcf.submit(parcel)
    with unknown_outcome("amazon_mcf_not_visible"):
        await mcf.cancel(parcel.reference)
    await amazon_emulator.post("release", match=order_id)
    assert (await mcf.submit(parcel)).status is ParcelStatus.ACCEPTED


async def test_an_address_it_cannot_ship_to(mcf: AmazonMcf, amazon_emulator: EmulatorProcess) -> None:
    """The shopper's to mend, without a word of the address; no order stands."""
    parcel = hand_off(new_order(), ship_to=address(postal_code="00000"))
    with pytest.raises(CustomerError) as caught:
        await mcf.submit(parcel)
    assert str(caught.value) == "address_refused: Amazon refuses the address (InvalidInput)"
    assert await mcf.inquire(parcel.reference) is None


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "status", "status": 401}, "amazon_mcf_credentials"),
        ({"kind": "status", "status": 403}, "amazon_mcf_credentials"),
        ({"kind": "status", "status": 413}, "amazon_mcf_refused"),
        ({"kind": "refuse", "code": "InvalidInput: the SellerSKU for Item Id: 1 is invalid."}, "amazon_mcf_refused"),
        ({"kind": "refuse", "code": "InvalidInput: Not enough inventory for SKU-A"}, "out_of_stock"),
    ],
)
async def test_refusals_for_an_operator(
    mcf: AmazonMcf, amazon_emulator: EmulatorProcess, fault: dict[str, Any], expected: str
) -> None:
    """Final, and an operator's; no order stands."""
    parcel = hand_off(order_id := new_order())
    await amazon_emulator.post("faults", match=order_id, method=POST, times=1, **fault)
    with pytest.raises(OperatorError) as caught:
        await mcf.submit(parcel)
    assert caught.value.code == expected
    assert await mcf.inquire(parcel.reference) is None


async def test_a_refusal_does_not_repeat_the_shoppers_address(mcf: AmazonMcf, amazon_emulator: EmulatorProcess) -> None:
    """Fields are named, values are not."""
    refused = "Unknown: cannot ship to ADA LOVELACE, 1 Main St"
    parcel = hand_off(order_id := new_order())
    await amazon_emulator.post("faults", kind="refuse", code=refused, method=POST, match=order_id, times=1)
    with pytest.raises(OperatorError) as caught:
        await mcf.submit(parcel)
    assert caught.value.message == "Amazon answered 400: Unknown: cannot ship to [name], [line1]"


@pytest.mark.parametrize(
    ("headers", "wait"), [({"retry-after": "7"}, 7.0), ({"x-amzn-ratelimit-limit": "4"}, 0.25), ({}, 1.0)]
)
async def test_a_rate_limit_says_when(
    mcf: AmazonMcf, amazon_emulator: EmulatorProcess, headers: dict[str, str], wait: float
) -> None:
    """429 was not carried out; how long to wait is what it says, or what its rate comes to."""
    parcel = hand_off(order_id := new_order())
    await amazon_emulator.post("faults", kind="status", status=429, headers=headers, match=order_id, times=1)
    with pytest.raises(RateLimitedError) as caught:
        await mcf.submit(parcel)
    assert (caught.value.code, caught.value.unknown) == ("amazon_mcf_rate_limited", False)
    assert caught.value.retry_after == timedelta(seconds=wait)
    assert await mcf.inquire(parcel.reference) is None


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"kind": "status", "status": 500}, "amazon_mcf_unavailable"),
        ({"kind": "spoil_answer", "status": 503}, "amazon_mcf_unavailable"),
        ({"kind": "spoil_answer", "status": 200, "body": {"errors": [{"code": "X", "message": "?"}]}},
         "amazon_mcf_unreadable"),
        ({"kind": "spoil_answer", "status": 200, "body": {"headers": "?"}}, "amazon_mcf_unreadable"),
    ],
)  # fmt: skip
async def test_no_answer_that_can_be_trusted_is_unknown(
    mcf: AmazonMcf, amazon_emulator: EmulatorProcess, fault: dict[str, Any], code: str
) -> None:
    """A failure may hide a success, and a success that cannot be read is one."""
    parcel = hand_off(order_id := new_order())
    await amazon_emulator.post("faults", match=order_id, method=POST, times=1, **fault)
    with unknown_outcome(code):
        await mcf.submit(parcel)
    assert (await mcf.submit(parcel)).status is ParcelStatus.ACCEPTED


@pytest.mark.parametrize(
    "body", [{}, {"payload": 5}, {"order": {"orderId": "x"}}, {"payload": {"fulfillmentOrder": 1}}]
)
async def test_an_order_that_cannot_be_read(
    mcf: AmazonMcf, amazon_emulator: EmulatorProcess, body: dict[str, Any]
) -> None:
    """Neither found nor absent: to be asked again."""
    parcel = hand_off(new_order())
    await mcf.submit(parcel)
    await amazon_emulator.post(
        "faults", kind="status", status=200, body=body, method="GET", match=parcel.reference, times=1
    )
    with unknown_outcome("amazon_mcf_unreadable"):
        await mcf.inquire(parcel.reference)


async def test_an_undocumented_status_says_so_and_hides_no_other_order(
    mcf: AmazonMcf, version: ApiVersion, amazon_emulator: EmulatorProcess
) -> None:
    """Asked for alone it is an error that names the word; a list goes on without it."""
    odd, even = hand_off(new_order()), hand_off(new_order())
    await mcf.submit(odd)
    before = {each.reference for each in await mcf.changes_since(datetime.now(UTC) - timedelta(minutes=5))}
    await mcf.submit(even)
    answer = {
        "payload": {"fulfillmentOrder": {"sellerFulfillmentOrderId": odd.reference, "fulfillmentOrderStatus": "Lost"}},
        "order": {"orderId": odd.reference, "status": "Lost"},
    }
    body = {"order": answer["order"]} if version is ApiVersion.V2026 else {"payload": answer["payload"]}
    await amazon_emulator.post("faults", kind="status", status=200, body=body, match=odd.reference, method="GET")
    with pytest.raises(RetryError, match="'Lost' is none that its documentation has"):
        await mcf.inquire(odd.reference)
    now = {each.reference for each in await mcf.changes_since(datetime.now(UTC) - timedelta(minutes=5))}
    assert odd.reference in before
    assert even.reference in now


async def test_a_silent_company_is_unknown(amazon_emulator: EmulatorProcess) -> None:
    """A time-out after sending is unknown, and the order stands."""
    gateway = amazon(amazon_emulator, ApiVersion.V2020, timeout=timedelta(seconds=1))
    parcel = hand_off(order_id := new_order())
    await amazon_emulator.post("faults", kind="hang", method=POST, match=order_id, times=1)
    with unknown_outcome("amazon_mcf_no_answer"):
        await gateway.submit(parcel)
    assert (await look(gateway, parcel.reference)).status is ParcelStatus.ACCEPTED
    await gateway.aclose()


async def test_nobody_there_is_not_unknown(amazon_emulator: EmulatorProcess) -> None:
    """What never left cannot have happened."""
    gateway = amazon(amazon_emulator, ApiVersion.V2020, base_url=nobody())
    with pytest.raises(RetryError) as caught:
        await gateway.submit(hand_off(new_order()))
    assert (caught.value.code, caught.value.unknown) == ("amazon_mcf_unreachable", False)
    await gateway.aclose()


async def test_what_amazon_finds_invalid(mcf: AmazonMcf, version: ApiVersion, amazon_emulator: EmulatorProcess) -> None:
    """A refusal for an operator, however often it is asked; what stands there ships nothing."""
    parcel = hand_off(order_id := new_order())
    await amazon_emulator.post("scripts", match=order_id, invalid=True)
    if version is ApiVersion.V2026:
        assert (await mcf.submit(parcel)).status is ParcelStatus.ACCEPTED
        await amazon_emulator.post("decide", match=order_id)
    with pytest.raises(OperatorError) as caught:
        await mcf.submit(parcel)
    assert caught.value.code == "amazon_mcf_invalid"
    standing = await look(mcf, parcel.reference)
    assert standing.status is ParcelStatus.CANCELED
    assert standing.detail == "Amazon could not validate it: its address, or too little stock"
    assert await mcf.cancel(parcel.reference) is CancelDecision.CANCELED


async def test_too_few_units_are_named(mcf: AmazonMcf, version: ApiVersion, amazon_emulator: EmulatorProcess) -> None:
    """Amazon says only that it is invalid; its count says why."""
    sku = f"few-{new_order()}"
    await amazon_emulator.post("inventory", sku=sku, on_hand=1)
    parcel = hand_off(new_order(), lines=(OrderLine(sku=sku, quantity=2, unit_price=1),))
    if version is ApiVersion.V2026:
        assert (await mcf.submit(parcel)).status is ParcelStatus.ACCEPTED
        await amazon_emulator.post("decide", match=parcel.reference)
    with pytest.raises(OperatorError) as caught:
        await mcf.submit(parcel)
    assert str(caught.value) == f"out_of_stock: Amazon has too few sellable units of {sku}"


async def test_what_amazon_finds_unfulfillable_is_canceled(mcf: AmazonMcf, amazon_emulator: EmulatorProcess) -> None:
    """Nothing of it ships, and canceling it is no question any more."""
    parcel = hand_off(order_id := new_order())
    await amazon_emulator.post("scripts", match=order_id, unfulfillable="Planning")
    await mcf.submit(parcel)
    await amazon_emulator.post("advance", match=order_id, to="Delivered")
    standing = await look(mcf, parcel.reference)
    assert (standing.status, standing.detail) == (ParcelStatus.CANCELED, "Amazon found no sellable unit of it")
    assert (standing.partially_canceled, standing.canceled_lines) == (False, ())
    assert await mcf.cancel(parcel.reference) is CancelDecision.CANCELED


async def test_units_not_fulfilled_are_told(mcf: AmazonMcf, amazon_emulator: EmulatorProcess) -> None:
    """Some leave, some do not: the parcel goes on, and which units are missing is data."""
    parcel = hand_off(order_id := new_order())
    await amazon_emulator.post("scripts", match=order_id, unfulfillable="Processing")
    await mcf.submit(parcel)
    await amazon_emulator.post("advance", match=order_id, to="Shipped")
    standing = await look(mcf, parcel.reference)
    assert (standing.status, standing.partially_canceled) == (ParcelStatus.LEFT_WAREHOUSE, True)
    assert standing.canceled_lines == (LineQuantity(sku="SKU-A", quantity=2),)


@pytest.mark.parametrize(
    ("stage", "status", "tracked"),
    [
        ("Planning", ParcelStatus.ACCEPTED, False),
        ("Processing", ParcelStatus.PICKED, False),
        ("Shipped", ParcelStatus.LEFT_WAREHOUSE, True),
        ("InTransit", ParcelStatus.IN_TRANSIT, True),
        ("Delivered", ParcelStatus.DELIVERED, True),
    ],
)
async def test_every_stage_is_translated(
    mcf: AmazonMcf, amazon_emulator: EmulatorProcess, stage: str, status: ParcelStatus, tracked: bool
) -> None:
    """Leaving the center is not the first scan: that is what tracking says."""
    parcel = hand_off(order_id := new_order())
    await mcf.submit(parcel)
    await amazon_emulator.post("advance", match=order_id, to=stage)
    found = await look(mcf, parcel.reference)
    assert (found.status, found.tracking_number is not None, found.carrier is not None) == (status, tracked, tracked)


@pytest.mark.parametrize(
    ("word", "status"), [("UNDELIVERABLE", ParcelStatus.LOST), ("DELAYED", ParcelStatus.IN_TRANSIT)]
)
async def test_what_tracking_says_at_last(
    mcf: AmazonMcf, amazon_emulator: EmulatorProcess, word: str, status: ParcelStatus
) -> None:
    """Lost is lost; late is on its way, and people read why."""
    parcel = hand_off(order_id := new_order())
    await amazon_emulator.post("scripts", match=order_id, tracking=word)
    await mcf.submit(parcel)
    await amazon_emulator.post("advance", match=order_id, to="Delivered")
    found = await look(mcf, parcel.reference)
    assert (found.status, found.detail) == (status, f"Amazon says {word}")


@pytest.mark.parametrize("stage", ["Processing", "Shipped", "Delivered"])
async def test_cancel_past_the_point_of_no_return(mcf: AmazonMcf, amazon_emulator: EmulatorProcess, stage: str) -> None:
    """Refused, and the parcel goes on."""
    parcel = hand_off(order_id := new_order())
    await mcf.submit(parcel)
    await amazon_emulator.post("advance", match=order_id, to=stage)
    assert await mcf.cancel(parcel.reference) is CancelDecision.REFUSED
    assert (await look(mcf, parcel.reference)).status is not ParcelStatus.CANCELED


async def test_a_cancellation_that_is_overtaken(amazon_emulator: EmulatorProcess) -> None:
    """Pending until Amazon decides; picked meanwhile, it is refused."""
    mcf = amazon(amazon_emulator, ApiVersion.V2026)
    parcel = hand_off(order_id := new_order())
    await mcf.submit(parcel)
    assert await mcf.cancel(parcel.reference) is CancelDecision.PENDING
    assert await mcf.cancel(parcel.reference) is CancelDecision.PENDING
    await amazon_emulator.post("advance", match=order_id, to="Processing")
    await amazon_emulator.post("decide", match=order_id)
    assert await mcf.cancel(parcel.reference) is CancelDecision.REFUSED
    assert (await look(mcf, parcel.reference)).status is ParcelStatus.PICKED
    await mcf.aclose()


async def test_a_lost_answer_to_cancel(mcf: AmazonMcf, amazon_emulator: EmulatorProcess) -> None:
    """Unknown; the repeat finds it canceled."""
    parcel = hand_off(new_order())
    await mcf.submit(parcel)
    await amazon_emulator.post("faults", kind="lose_answer", path=f"{parcel.reference}/cancel$", times=1)
    with unknown_outcome("amazon_mcf_no_answer"):
        await mcf.cancel(parcel.reference)
    await amazon_emulator.post("decide", match=parcel.reference)
    assert await mcf.cancel(parcel.reference) is CancelDecision.CANCELED
    assert (await look(mcf, parcel.reference)).status is ParcelStatus.CANCELED


async def test_a_lost_answer_to_the_end_of_a_hold(mcf: AmazonMcf, amazon_emulator: EmulatorProcess) -> None:
    """Unknown; the repeat finds it shipping and ends nothing twice."""
    parcel = hand_off(new_order())
    await mcf.reserve(parcel)
    await amazon_emulator.post("faults", kind="lose_answer", method="PUT", path=f"/{parcel.reference}$", times=1)
    with unknown_outcome("amazon_mcf_no_answer"):
        await mcf.submit(parcel)
    assert (await mcf.submit(parcel)).status is ParcelStatus.ACCEPTED
    assert await asked(amazon_emulator, parcel.reference, "PUT") == 1


async def test_what_is_held_with_other_units_does_not_ship(mcf: AmazonMcf, amazon_emulator: EmulatorProcess) -> None:
    """For an operator: what was reserved is not what was sold."""
    parcel = hand_off(new_order())
    await mcf.reserve(parcel)
    other = parcel.model_copy(update={"lines": parcel.lines[:1]})
    with pytest.raises(OperatorError) as caught:
        await mcf.submit(other)
    assert caught.value.code == "reserved_otherwise"
    assert (await look(mcf, parcel.reference)).status is ParcelStatus.PLANNED


async def test_an_address_given_after_the_reservation(
    mcf: AmazonMcf, version: ApiVersion, amazon_emulator: EmulatorProcess
) -> None:
    """It ships there where the end of a hold takes an address, and not at all where it does not."""
    parcel = hand_off(new_order())
    await mcf.reserve(parcel)
    moved = parcel.model_copy(update={"ship_to": address(line1="2 Side St")})
    if version is ApiVersion.V2026:
        with pytest.raises(OperatorError, match="another address"):
            await mcf.submit(moved)
        return
    assert (await mcf.submit(moved)).status is ParcelStatus.ACCEPTED
    assert (await record(amazon_emulator, parcel.reference))["address"]["addressLine1"] == "2 Side St"


async def test_changes_since_reads_every_page_and_only_ours(mcf: AmazonMcf, amazon_emulator: EmulatorProcess) -> None:
    """Each of our changed orders once, over pages, as it stands now; nobody else's, and none from before."""
    await amazon_emulator.post("page-size", size=2)
    before = hand_off(new_order())
    await mcf.submit(before)
    since = datetime.now(UTC)
    ours = [hand_off(new_order()) for _ in range(3)]
    for parcel in ours:
        await mcf.submit(parcel)
    await mcf.submit(hand_off("foreign", reference=f"someone-elses-{new_order()}"))
    await amazon_emulator.post("advance", match=ours[1].reference, to="InTransit")
    changed = {order.reference: order.status for order in await mcf.changes_since(since)}
    wanted = dict.fromkeys((parcel.reference for parcel in ours), ParcelStatus.ACCEPTED)
    assert {name: changed.get(name) for name in wanted} == {**wanted, ours[1].reference: ParcelStatus.IN_TRANSIT}
    assert before.reference not in changed


async def news(gateway: AmazonMcf, reference: str, since: datetime, rounds: int = 12) -> ParcelStatus | None:
    """What is told of a parcel within some rounds: others have their turns too."""
    for _ in range(rounds):
        for order in await gateway.changes_since(since):
            if order.reference == reference:
                return order.status
    return None


async def test_a_scan_is_seen_though_it_changes_no_order(mcf: AmazonMcf, amazon_emulator: EmulatorProcess) -> None:
    """Who departed is looked at again until the end of the way, also by a process that has just begun."""
    parcel = hand_off(order_id := new_order())
    await mcf.submit(parcel)
    await amazon_emulator.post("advance", match=order_id, to="Shipped")
    soon = datetime.now(UTC) + timedelta(minutes=5)
    assert await news(mcf, parcel.reference, soon) is ParcelStatus.LEFT_WAREHOUSE
    for stage, status in [("InTransit", ParcelStatus.IN_TRANSIT), ("Delivered", ParcelStatus.DELIVERED)]:
        await amazon_emulator.post("advance", match=order_id, to=stage)
        assert await news(mcf, parcel.reference, soon) is status
    looked_at = await asked(amazon_emulator, parcel.reference, "GET", parcel.reference)
    assert await news(mcf, parcel.reference, soon, rounds=3) is None
    assert await asked(amazon_emulator, parcel.reference, "GET", parcel.reference) == looked_at
