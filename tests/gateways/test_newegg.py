"""Newegg against the emulated Newegg: hand-offs in feeds, and what is found of them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ordersaga.domain.errors import CustomerError, OperatorError, RateLimitedError, RefusedError, RetryError
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.shipping import AddressDecision, ShippingService
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.newegg.provider import Newegg
from tests.contracts.house_newegg import (
    CHANNEL,
    KEYS,
    PHONE,
    newegg,
    newegg_company,
    newegg_emulator,
    newegg_gateway,
    order_by_hand,
    orders,
)
from tests.gateways.support import address, hand_off, new_order, nobody, unknown_outcome
from tests.support.emulators import EmulatorProcess, eventually

__all__ = ["newegg", "newegg_company", "newegg_emulator"]

FEED, FEED_STATUS, REPORT = "/submitfeed$", "/feeds/status$", "/feeds/result/"
ORDER_INFO = "/orderinfo$"


async def feeds_about(emulator: EmulatorProcess, order_id: str) -> list[dict[str, Any]]:
    """The feeds Newegg has that name an order of ours."""
    found: list[dict[str, Any]] = (await emulator.get("records", match=order_id, kind="feeds")).get("feeds", [])
    return found


async def stuck(emulator: EmulatorProcess, order_id: str, **script: Any) -> None:
    """The feed of an order is taken and not worked through."""
    await emulator.post("scripts", match=order_id, feed="stuck", **script)


async def test_submit_hands_the_parcel_over(newegg: Newegg, newegg_emulator: EmulatorProcess) -> None:
    """The order stands under our reference with its lines and recipient, accepted and without a label."""
    found = await newegg.submit(hand_off(order_id := new_order(), service=ShippingService.EXPEDITED))
    assert (found.reference, found.status) == (f"{order_id}-1-1", ParcelStatus.ACCEPTED)
    assert (found.carrier, found.tracking_number, found.changed_at) == (None, None, None)
    (order,) = await orders(newegg_emulator, found.reference)
    assert (str(order["OrderNumber"]), order["SalesChannel"]) == (found.provider_id, 1)
    lines = [(line["SellerPartNumber"], line["OrderedQty"]) for line in order["ItemInfoList"]]
    assert lines == [("SKU-A", 2), ("SKU-B", 1)]
    assert (order["ShipToFirstName"], order["ShipToLastName"]) == ("Ada", "Lovelace")
    assert (order["ShipToZipCode"], order["ShipToStateCode"]) == ("60601", "IL")
    assert (order["CustomerPhoneNumber"], order["ShipService"]) == (
        "3125550100",
        "Expedited Shipping (3-5 business days)",
    )
    (feed,) = await feeds_about(newegg_emulator, order_id)
    (sent,) = feed["envelope"]["NeweggEnvelope"]["Message"]["MultiChannelOrder"]["Order"]
    assert (sent["SalesChannel"], sent["ShipToCountry"]) == (CHANNEL, "USA")


async def test_what_newegg_requires_and_a_shopper_need_not_give(
    newegg: Newegg, newegg_emulator: EmulatorProcess
) -> None:
    """A phone, which is the seller's then, and a last name."""
    found = await newegg.submit(hand_off(new_order(), ship_to=address(name="Plato", phone=None)))
    (order,) = await orders(newegg_emulator, found.reference)
    assert (order["ShipToFirstName"], order["ShipToLastName"]) == ("Plato", "-")
    assert order["CustomerPhoneNumber"] == PHONE


async def test_a_second_feed_makes_no_second_order(newegg: Newegg, newegg_emulator: EmulatorProcess) -> None:
    """Its report refuses the duplicate; the order that stands is the answer, and there is one."""
    first = await newegg.submit(hand_off(order_id := new_order()))
    assert await newegg.submit(hand_off(order_id)) == first
    assert len(await orders(newegg_emulator, first.reference)) == 1
    reports = [
        feed["report"]["ProcessingSummary"]["WithErrorCount"] for feed in await feeds_about(newegg_emulator, order_id)
    ]
    assert reports == ["0", "1"]


async def test_a_duplicate_that_does_not_show_is_unknown(newegg: Newegg, newegg_emulator: EmulatorProcess) -> None:
    """Refused as a duplicate while nothing is found: an order was made, so nobody may conclude that none was."""
    order_id = new_order()
    await newegg_emulator.post("scripts", match=order_id, refuse=["SellerOrderID - Duplicate order."])
    for asking in (newegg.submit(hand_off(order_id)), newegg.inquire(f"{order_id}-1-1")):
        with unknown_outcome("newegg_not_visible"):
            await asking


@pytest.mark.parametrize("line1", ["1 Main St", "P.O. Box 7"])
async def test_an_address_it_cannot_ship_to(newegg: Newegg, newegg_emulator: EmulatorProcess, line1: str) -> None:
    """The shopper is told which field, and nothing is quoted; no order stands, and the inquiry says why."""
    reference = f"{(order_id := new_order())}-1-1"
    field = "ShipToPostalCode" if line1 == "1 Main St" else "ShipToAddressLine1"
    code = "00000" if line1 == "1 Main St" else "60601"
    with pytest.raises(CustomerError) as caught:
        await newegg.submit(hand_off(order_id, ship_to=address(line1=line1, postal_code=code)))
    assert str(caught.value) == f"address_refused: Newegg refuses {field}"
    with pytest.raises(CustomerError) as again:
        await newegg.inquire(reference)
    assert str(again.value) == str(caught.value)
    assert await orders(newegg_emulator, reference) == []


async def test_a_country_it_does_not_ship_to(newegg: Newegg, newegg_emulator: EmulatorProcess) -> None:
    """Refused without asking."""
    order_id = new_order()
    with pytest.raises(CustomerError, match="does not ship to DE"):
        await newegg.submit(hand_off(order_id, ship_to=address(country="DE")))
    assert await newegg_emulator.get("requests", match=order_id) == []


async def test_too_few_units_is_for_an_operator(newegg: Newegg, newegg_emulator: EmulatorProcess) -> None:
    """A report that is not about the address is quoted; nothing was made, so another generation may be tried."""
    sku = f"SKU-{(order_id := new_order())}"
    await newegg_emulator.post("inventory", sku=sku, on_hand=1)
    lines = (hand_off(order_id).lines[0].model_copy(update={"sku": sku}),)
    with pytest.raises(RefusedError) as caught:
        await newegg.submit(hand_off(order_id, lines=lines))
    assert caught.value.code == "newegg_refused"
    assert f"Insufficient inventory in Newegg warehouses: {sku}" in caught.value.message


async def test_a_report_does_not_repeat_the_shoppers_address(newegg: Newegg, newegg_emulator: EmulatorProcess) -> None:
    """What names no field of ours is hidden in a hand-off, and not quoted where the address is not known."""
    order_id = new_order()
    await newegg_emulator.post("scripts", match=order_id, refuse=["Fraud check failed for ADA LOVELACE, 1 Main St"])
    with pytest.raises(RefusedError) as caught:
        await newegg.submit(hand_off(order_id))
    assert caught.value.message == "Newegg made no order: Fraud check failed for [name], [line1]"
    with pytest.raises(RefusedError) as again:
        await newegg.inquire(f"{order_id}-1-1")
    assert again.value.message == "Newegg made no order: a reason not quoted here"


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "newegg_refused"), (401, "newegg_credentials"), (403, "newegg_credentials"), (404, "newegg_refused")],
)
async def test_refusals_for_an_operator(
    newegg: Newegg, newegg_emulator: EmulatorProcess, status: int, code: str
) -> None:
    """Any refusal of the feed itself is final and an operator's; no order stands."""
    order_id = new_order()
    await newegg_emulator.post("faults", kind="status", status=status, match=order_id, times=1)
    with pytest.raises(OperatorError) as caught:
        await newegg.submit(hand_off(order_id))
    assert caught.value.code == code
    assert not any(secret in str(caught.value) for secret in KEYS.values())
    assert await orders(newegg_emulator, f"{order_id}-1-1") == []


async def test_what_newegg_says_it_did_not_do(newegg: Newegg, newegg_emulator: EmulatorProcess) -> None:
    """A success that says otherwise inside is a refusal."""
    body = {"NeweggAPIResponse": {"IsSuccess": "false", "Memo": "Seller is on vacation"}}
    order_id = new_order()
    await newegg_emulator.post("faults", kind="status", status=200, body=body, match=order_id, times=1)
    with pytest.raises(OperatorError, match="Seller is on vacation"):
        await newegg.submit(hand_off(order_id))


async def test_a_rate_limit_says_when(newegg: Newegg, newegg_emulator: EmulatorProcess) -> None:
    """429 was not carried out, and the moment it names is passed on."""
    order_id = new_order()
    await newegg_emulator.post("faults", kind="status", status=429, match=order_id, times=1)
    with pytest.raises(RateLimitedError) as caught:
        await newegg.submit(hand_off(order_id))
    assert (caught.value.code, caught.value.unknown) == ("newegg_rate_limited", False)
    assert caught.value.retry_after is not None
    assert timedelta(0) < caught.value.retry_after <= timedelta(seconds=3)
    assert await feeds_about(newegg_emulator, order_id) == []


async def test_a_retry_after_in_seconds_is_taken_as_it_is(newegg: Newegg, newegg_emulator: EmulatorProcess) -> None:
    """As a proxy before Newegg would say it."""
    order_id, headers = new_order(), {"retry-after": "7"}
    await newegg_emulator.post("faults", kind="status", status=429, headers=headers, match=order_id, times=1)
    with pytest.raises(RateLimitedError) as caught:
        await newegg.submit(hand_off(order_id))
    assert caught.value.retry_after == timedelta(seconds=7)


async def test_the_hourly_allowance_of_feeds_is_a_limit(newegg: Newegg, newegg_emulator: EmulatorProcess) -> None:
    """DF012 is no 429, and means the same; its message names the moment."""
    order_id = new_order()
    await newegg_emulator.post("faults", kind="refuse", code="hourly_allowance", match=order_id, times=1)
    with pytest.raises(RateLimitedError) as caught:
        await newegg.submit(hand_off(order_id))
    assert caught.value.retry_after is not None
    assert timedelta(seconds=90) < caught.value.retry_after <= timedelta(seconds=121)


async def test_a_server_error_is_unknown(newegg: Newegg, newegg_emulator: EmulatorProcess) -> None:
    """A 503 may hide a success."""
    order_id = new_order()
    await newegg_emulator.post("faults", kind="spoil_answer", status=503, match=order_id, times=1)
    with unknown_outcome("newegg_unavailable"):
        await newegg.submit(hand_off(order_id))
    assert await newegg.inquire(f"{order_id}-1-1") is not None


async def test_a_lost_answer_to_submit(newegg: Newegg, newegg_emulator: EmulatorProcess) -> None:
    """A lost answer is unknown; inquire finds the order, and a repeat makes no second one."""
    order_id = new_order()
    await newegg_emulator.post("faults", kind="lose_answer", path=FEED, match=order_id, times=1)
    with unknown_outcome("newegg_no_answer"):
        await newegg.submit(hand_off(order_id))
    found = await newegg.inquire(f"{order_id}-1-1")
    assert found is not None
    assert await newegg.submit(hand_off(order_id)) == found
    assert len(await orders(newegg_emulator, found.reference)) == 1


async def test_a_silent_company_is_unknown(newegg_emulator: EmulatorProcess) -> None:
    """A time-out after sending is unknown, and the order stands."""
    gateway = newegg_gateway(newegg_emulator.url, timeout=timedelta(seconds=0.5))
    await newegg_emulator.post("faults", kind="hang", path=FEED, match=(order_id := new_order()), times=1)
    with unknown_outcome("newegg_no_answer"):
        await gateway.submit(hand_off(order_id))
    await gateway.aclose()
    assert len(await orders(newegg_emulator, f"{order_id}-1-1")) == 1


async def test_an_unreachable_company_was_never_asked() -> None:
    """No connection: it cannot have happened."""
    gateway = newegg_gateway(nobody())
    with pytest.raises(RetryError) as caught:
        await gateway.submit(hand_off(new_order()))
    await gateway.aclose()
    assert (caught.value.code, caught.value.unknown) == ("newegg_unreachable", False)


@pytest.mark.parametrize("path", [FEED, FEED_STATUS, ORDER_INFO])
async def test_an_answer_of_another_shape_is_unknown(
    newegg: Newegg, newegg_emulator: EmulatorProcess, path: str
) -> None:
    """Whatever was asked, the feed may have been taken."""
    await newegg_emulator.post("faults", kind="status", status=200, body={"hello": "world"}, path=path, times=1)
    with pytest.raises(RetryError) as caught:
        await newegg.submit(hand_off(new_order()))
    assert (caught.value.code in ("newegg_unavailable", "newegg_unknown_status"), caught.value.unknown) == (True, True)


@pytest.mark.parametrize("path", [FEED_STATUS, REPORT, ORDER_INFO])
async def test_a_failing_look_after_the_feed_is_unknown(
    newegg: Newegg, newegg_emulator: EmulatorProcess, path: str
) -> None:
    """The order stands already; a failing look at it must not read as "nothing happened"."""
    await newegg_emulator.post("faults", kind="status", status=401, path=path, match=(order_id := new_order()), times=1)
    with unknown_outcome("newegg_credentials"):
        await newegg.submit(hand_off(order_id))
    assert len(await orders(newegg_emulator, f"{order_id}-1-1")) == 1


async def test_a_feed_that_takes_long_is_undecided_until_it_is_not(newegg_emulator: EmulatorProcess) -> None:
    """The hand-off waits no longer than a call; the inquiry says that it is under way, and then finds the order."""
    gateway = newegg_gateway(newegg_emulator.url, timeout=timedelta(seconds=2), feed_wait=timedelta(seconds=9))
    await stuck(newegg_emulator, order_id := new_order())
    began = asyncio.get_running_loop().time()
    for asking in (gateway.submit(hand_off(order_id)), gateway.inquire(f"{order_id}-1-1")):
        with pytest.raises(RetryError) as caught:
            await asking
        assert (caught.value.code, caught.value.unknown) == ("newegg_undecided", True)
        assert caught.value.retry_after == timedelta(seconds=9)
    assert 2 <= asyncio.get_running_loop().time() - began < 20
    await newegg_emulator.post("release", match=order_id)
    found = await gateway.inquire(f"{order_id}-1-1")
    await gateway.aclose()
    assert found is not None
    assert (found.status, len(await feeds_about(newegg_emulator, order_id))) == (ParcelStatus.ACCEPTED, 1)


@pytest.mark.parametrize(
    ("reason", "error", "told"),
    [
        ("ShipToCity - Unknown city: Chicago", CustomerError, "address_refused: Newegg refuses ShipToCity"),
        (
            "SellerPartNumber - The item is not shipped by Newegg: SKU-A",
            RefusedError,
            "newegg_refused: Newegg made no order: SellerPartNumber - The item is not shipped by Newegg: SKU-A",
        ),
    ],
)
async def test_a_feed_that_fails_later_is_the_same_refusal(
    newegg_emulator: EmulatorProcess, reason: str, error: type[Exception], told: str
) -> None:
    """Undecided at first, refused since: the inquiry answers as the hand-off would have."""
    gateway = newegg_gateway(newegg_emulator.url, timeout=timedelta(seconds=2))
    await stuck(newegg_emulator, order_id := new_order(), refuse=[reason])
    with unknown_outcome("newegg_undecided"):
        await gateway.submit(hand_off(order_id))
    await newegg_emulator.post("release", match=order_id)
    with pytest.raises(error) as caught:
        await gateway.inquire(f"{order_id}-1-1")
    await gateway.aclose()
    assert str(caught.value) == told


async def test_a_feed_that_is_canceled_made_nothing(newegg: Newegg, newegg_emulator: EmulatorProcess) -> None:
    """Newegg ended it: refused, and nothing is known of the order."""
    order_id = new_order()
    await newegg_emulator.post("scripts", match=order_id, feed="cancel")
    with pytest.raises(RefusedError) as caught:
        await newegg.submit(hand_off(order_id))
    assert caught.value.code == "newegg_feed_canceled"
    assert await newegg.inquire(f"{order_id}-1-1") is None


async def test_while_any_feed_is_under_way_nothing_is_proved_absent(
    newegg: Newegg, newegg_emulator: EmulatorProcess
) -> None:
    """A feed does not say what is in it; another's may be ours."""
    await stuck(newegg_emulator, other := new_order())
    await order_by_hand(newegg_emulator, "SKU-A", reference=f"{other}-1-1")
    with unknown_outcome("newegg_undecided"):
        await newegg.inquire(f"{new_order()}-1-1")
    await newegg_emulator.post("release", match=other)
    assert await newegg.inquire(f"{new_order()}-1-1") is None


async def test_a_feed_that_ends_during_the_inquiry_is_not_missed(
    newegg: Newegg, newegg_emulator: EmulatorProcess
) -> None:
    """Not there at the first look, and no feed under way at the second: the order is looked for once more."""
    reference = f"{(order_id := new_order())}-1-1"
    await stuck(newegg_emulator, order_id)
    await order_by_hand(newegg_emulator, "SKU-A", reference=reference)
    await newegg_emulator.post("faults", kind="latency", latency_ms=1500, path=FEED_STATUS, times=1)
    inquiry = asyncio.create_task(newegg.inquire(reference))
    await eventually(lambda: newegg_emulator.get("requests", path="/orderinfo", match=reference))
    await newegg_emulator.post("release", match=order_id)
    found = await inquiry
    assert found is not None
    assert found.reference == reference


@pytest.mark.parametrize(
    ("stage", "status", "tracked"),
    [
        ("Processing", ParcelStatus.ACCEPTED, False),
        ("Shipped", ParcelStatus.LEFT_WAREHOUSE, True),
        ("Invoiced", ParcelStatus.IN_TRANSIT, True),
    ],
)
async def test_every_stage_is_translated(
    newegg: Newegg, newegg_emulator: EmulatorProcess, stage: str, status: ParcelStatus, tracked: bool
) -> None:
    """Each stage of an order's life reads as our status; a parcel that left has a tracking number and a time."""
    submitted = await newegg.submit(hand_off(order_id := new_order()))
    await newegg_emulator.post("advance", match=order_id, to=stage)
    found = await newegg.inquire(submitted.reference)
    assert found is not None
    assert (found.status, found.carrier, found.tracking_number is not None) == (
        status,
        "UPS" if tracked else None,
        tracked,
    )
    assert (found.changed_at is not None) is tracked
    if found.changed_at:
        assert abs(datetime.now(UTC) - found.changed_at) < timedelta(minutes=2)


async def test_a_line_that_newegg_cancels_is_told(newegg: Newegg, newegg_emulator: EmulatorProcess) -> None:
    """Less leaves than was sold: which units is said; the rest goes its way."""
    order_id = new_order()
    await newegg_emulator.post("scripts", match=order_id, short="SKU-A")
    submitted = await newegg.submit(hand_off(order_id))
    for stage, status in (("Processing", ParcelStatus.ACCEPTED), ("Shipped", ParcelStatus.LEFT_WAREHOUSE)):
        await newegg_emulator.post("advance", match=order_id, to=stage)
        found = await newegg.inquire(submitted.reference)
        assert found is not None
        assert (found.status, found.partially_canceled) == (status, True)
        assert found.canceled_lines == (LineQuantity(sku="SKU-A", quantity=2),)
        assert found.detail == "1 of 2 lines canceled by Newegg"


async def test_a_parcel_in_two_packages_is_as_far_as_the_later(
    newegg: Newegg, newegg_emulator: EmulatorProcess
) -> None:
    """Shipped in part: still with Newegg, as far as the saga must care."""
    order_id = new_order()
    await newegg_emulator.post("scripts", match=order_id, split=2)
    submitted = await newegg.submit(hand_off(order_id))
    await newegg_emulator.post("advance", match=order_id, to="PartiallyShipped")
    found = await newegg.inquire(submitted.reference)
    assert found is not None
    assert (found.status, found.detail, found.partially_canceled) == (ParcelStatus.ACCEPTED, "shipped in part", False)


@pytest.mark.parametrize("number", [None, "", " "])
async def test_an_order_without_a_number_keeps_no_other_back(
    newegg: Newegg, newegg_emulator: EmulatorProcess, number: str | None
) -> None:
    """Looked at, it is an answer that proves nothing; in a list it is left out."""
    odd, fine = [await newegg.submit(hand_off(new_order())) for _ in range(2)]
    listed = await orders(newegg_emulator, odd.reference, fine.reference)
    for order in listed:
        if order["SellerOrderNumber"] == odd.reference:
            order["OrderNumber"] = number
    body = {"IsSuccess": True, "ResponseBody": {"PageInfo": {}, "OrderInfoList": listed}}
    await newegg_emulator.post("faults", kind="status", status=200, body=body, path=ORDER_INFO)
    with unknown_outcome("newegg_unavailable"):
        await newegg.inquire(odd.reference)
    assert [order.reference for order in await newegg.changes_since(datetime.now(UTC))] == [fine.reference]


async def test_a_status_nobody_documented_says_so(newegg: Newegg, newegg_emulator: EmulatorProcess) -> None:
    """Looked at, the order is an error for an operator; in a list it keeps nobody else back."""
    odd, fine = [await newegg.submit(hand_off(new_order())) for _ in range(2)]
    listed = await orders(newegg_emulator, odd.reference, fine.reference)
    for order in listed:
        if order["SellerOrderNumber"] == odd.reference:
            order |= {"OrderStatus": 9, "OrderStatusDescription": "Backordered"}
    body = {"IsSuccess": True, "ResponseBody": {"PageInfo": {}, "OrderInfoList": listed}}
    await newegg_emulator.post("faults", kind="status", status=200, body=body, path=ORDER_INFO)
    with pytest.raises(OperatorError, match="status '9' \\(Backordered\\), which is not documented"):
        await newegg.inquire(odd.reference)
    assert [order.reference for order in await newegg.changes_since(datetime.now(UTC))] == [fine.reference]


async def test_no_other_address_is_offered(newegg: Newegg, newegg_emulator: EmulatorProcess) -> None:
    """Nobody is asked."""
    reference = f"{new_order()}-1-1"
    assert await newegg.update_address(reference, address(line1="2 Side St")) is AddressDecision.NOT_OFFERED
    assert await newegg_emulator.get("requests", match=reference) == []


async def test_changes_since_reads_every_page_and_only_ours(newegg_emulator: EmulatorProcess) -> None:
    """The poller sees each of our orders once, over pages; nobody else's, and none too old to change."""
    gateway = newegg_gateway(newegg_emulator.url, page_size=2)
    ours = [await gateway.submit(hand_off(new_order())) for _ in range(5)]
    await gateway.submit(hand_off("foreign", reference="someone-elses"))
    old = await order_by_hand(newegg_emulator, "SKU-A")
    changed = [order.reference for order in await gateway.changes_since(datetime.now(UTC))]
    await gateway.aclose()
    assert [reference for reference in changed if reference in {order.reference for order in ours}] == [
        order.reference for order in ours
    ]
    assert {"someone-elses", old}.isdisjoint(changed)
    assert len(set(changed)) == len(changed)


async def test_an_older_order_is_told_when_it_moves(newegg: Newegg, newegg_emulator: EmulatorProcess) -> None:
    """Placed before, and not moved since: left out. Shipped or voided: told."""
    since = datetime(2026, 11, 8, tzinfo=UTC)
    waits, ships, voided = [await order_by_hand(newegg_emulator, "SKU-A") for _ in range(3)]
    await newegg_emulator.post("advance", match=ships, to="Shipped")
    await newegg_emulator.post("provider-cancel", match=voided)
    changed = {order.reference: order.status for order in await newegg.changes_since(since)}
    assert (changed.get(ships), changed.get(voided)) == (ParcelStatus.LEFT_WAREHOUSE, ParcelStatus.CANCELED)
    assert waits not in changed


async def test_only_shelves_that_are_asked_for_are_counted(newegg_emulator: EmulatorProcess) -> None:
    """A SKU that Newegg does not know is not listed; with nothing to ask for, nobody is asked."""
    sku = f"SKU-{new_order()}"
    await newegg_emulator.post("inventory", sku=sku, on_hand=5)

    async def wanted() -> list[str]:
        return [sku, f"{sku}-unknown"]

    asking, silent = newegg_gateway(newegg_emulator.url, skus=wanted), newegg_gateway(newegg_emulator.url)
    before = len(await newegg_emulator.get("requests"))
    assert await silent.stock() == ()
    assert len(await newegg_emulator.get("requests")) == before
    assert [(level.sku, level.on_hand, level.committed) for level in await asking.stock()] == [(sku, 5, 0)]
    await asking.aclose()
    await silent.aclose()
