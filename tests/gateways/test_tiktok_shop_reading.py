"""What TikTok Shop tells of an order, read: amounts, times, places, and what nobody documented."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ordersaga.domain.channels import CancellationStatus, ChannelStatus
from ordersaga.domain.errors import RetryError
from ordersaga.gateways.tiktok_shop.cancellations import STATUSES as CANCELLATION_STATUSES
from ordersaga.gateways.tiktok_shop.cancellations import cancellation, request_of
from ordersaga.gateways.tiktok_shop.orders import STATUSES, channel_order
from ordersaga.gateways.tiktok_shop.places import STATES, recipient
from ordersaga.gateways.tiktok_shop.reading import minor, moment

PAID = 1772452800
ADDRESS = {
    "name": "Grace Hopper",
    "phone_number": "(+1)212-555-0142",
    "region_code": "US",
    "postal_code": "10011",
    "address_line1": "75 Ninth Avenue",
    "address_line2": "Suite 4",
    "district_info": [
        {"address_level_name": "State", "address_name": "New York", "address_level": "L1", "iso_code": "US-NY"},
        {"address_level_name": "City", "address_name": "Brooklyn", "address_level": "L3"},
    ],
}


def raw(**changes: Any) -> dict[str, Any]:
    """An order as TikTok sends it."""
    line = {"id": "l1", "sku_id": "s1", "seller_sku": "MUG", "sale_price": "5.00", "display_status": "TO_SHIP"}
    payment = {"currency": "USD", "total_amount": "11.22", "sub_total": "5", "shipping_fee": "4.99", "tax": "1.23"}
    known = {"id": "5764", "status": "AWAITING_SHIPMENT", "user_id": "7021", "create_time": PAID - 60}
    return {**known, "paid_time": PAID, "payment": payment, "line_items": [line], **changes}


@pytest.mark.parametrize(
    ("told", "currency", "amount"),
    [
        ("12.34", "USD", 1234),
        ("0", "USD", 0),
        ("5000", "JPY", 5000),
        ("21.3", "USD", 2130),
        (7, "USD", 700),
        ("0.005", "USD", None),
        ("1.5", "JPY", None),
        ("-1", "USD", None),
        ("NaN", "USD", None),
        ("1e400", "USD", None),
        ("free", "USD", None),
        (None, "USD", None),
    ],
)
def test_amounts(told: object, currency: str, amount: int | None) -> None:
    """Decimal texts, to the smallest unit; what is finer, negative or no number is unreadable."""
    assert minor(told, currency) == amount


@pytest.mark.parametrize("told", [None, 0, -5, True, "1772452800", 10**30, 1.5])
def test_no_time(told: object) -> None:
    """Only positive seconds that a calendar has."""
    assert moment(told) is None
    assert moment(PAID) == datetime.fromtimestamp(PAID, UTC)


def test_every_documented_status_has_a_word_of_ours() -> None:
    """And every word of ours one of theirs; what they invent later is UNKNOWN, and kept as they said it."""
    assert {channel_order(raw(status=told), "1").status for told in STATUSES} == set(ChannelStatus) - {
        ChannelStatus.UNKNOWN
    }
    later = channel_order(raw(status="TELEPORTED"), "1")
    assert (later.status, later.status_told) == (ChannelStatus.UNKNOWN, "TELEPORTED")
    assert set(CANCELLATION_STATUSES.values()) == set(CancellationStatus) - {CancellationStatus.UNKNOWN}


@pytest.mark.parametrize(
    "changes",
    [
        {"payment": None, "line_items": None, "recipient_address": None, "packages": None},
        {"payment": "x", "line_items": "x", "recipient_address": [], "user_id": 7, "create_time": "soon"},
        {"payment": {"currency": "USD", "total_amount": None}, "line_items": [None, {}, {"id": 3}, {"id": "l1"}]},
        {"rts_sla_time": -1, "collection_due_time": "x", "recipient_address": {"district_info": [{}, None]}},
    ],
)
def test_an_order_that_makes_no_sense_is_read_all_the_same(changes: dict[str, Any]) -> None:
    """None of it is an exception: it must not keep other orders back."""
    found = channel_order(raw(**changes), "1")
    assert (found.channel_order_id, found.recipient) == ("5764", None)


def test_an_order_without_an_id_is_none() -> None:
    """There is nothing to call it by."""
    with pytest.raises(RetryError) as caught:
        channel_order(raw(id=None), "1")
    assert (caught.value.code, caught.value.unknown) == ("tiktok_shop_unreadable", True)


def test_the_grace_hour_ends_an_hour_after_payment_or_at_the_release() -> None:
    """Only on hold is there one."""
    held = channel_order(raw(status="ON_HOLD"), "1")
    advance = channel_order(raw(status="ON_HOLD", release_date=PAID + 86400), "1")
    assert held.grace_until == datetime.fromtimestamp(PAID + 3600, UTC)
    assert advance.grace_until == datetime.fromtimestamp(PAID + 86400, UTC)
    assert channel_order(raw(), "1").grace_until is None


@pytest.mark.parametrize(
    ("state", "region"),
    [
        ({"address_name": "California", "iso_code": "VAN"}, "CA"),
        ({"address_name": "District of Columbia"}, "DC"),
        ({"address_name": "Elsewhere", "iso_code": "US-NY"}, "NY"),
        ({"address_name": "ny"}, "ny"),
        ({}, None),
    ],
)
def test_a_state_is_a_code(state: dict[str, str], region: str | None) -> None:
    """By its name, by its ISO code, or as it is told."""
    found = recipient({**ADDRESS, "district_info": [{**state, "address_level": "L1"}]})
    assert found is not None
    assert found.region == region
    assert (len(STATES), len(set(STATES.values()))) == (56, 56)


def test_where_it_goes() -> None:
    """Street lines in order, the city by its name, the smallest district where none is called so."""
    found = recipient(ADDRESS)
    assert found is not None
    assert (found.lines, found.city, found.region) == (("75 Ninth Avenue", "Suite 4"), "Brooklyn", "NY")
    town = recipient({"address_line1": "1 High St", "post_town": "Leeds", "region_code": "GB"})
    assert town is not None
    assert (town.city, town.region, town.country) == ("Leeds", None, "GB")


def test_what_nobody_documented_is_kept_without_the_shopper() -> None:
    """Undocumented fields stay; those that name a person or repeat the address are hidden, wherever it is inside."""
    extra = {
        "gift_wrap": {"paper": "blue"},
        "loyalty_level": 3,
        "alternate_phone": "555",
        "notes": [{"text": "deliver to 75 ninth avenue please"}],
        "tags": [{"buyer_nick": "gracie"}],
    }
    found = channel_order(raw(recipient_address=ADDRESS, buyer_email="a@b.c", **extra), "1")
    assert found.unknown_fields == {
        "gift_wrap": {"paper": "blue"},
        "loyalty_level": 3,
        "alternate_phone": "[personal data]",
        "notes": "[personal data]",
        "tags": "[personal data]",
    }
    assert json.loads(found.model_dump_json())["unknown_fields"] == found.unknown_fields


def test_a_request_is_to_be_answered_by_the_time_it_names() -> None:
    """Else a day after it was made; one that is settled, or of the seller's own, waits for nobody."""
    asked = {"cancel_id": "4035", "order_id": "5764", "cancel_status": "CANCELLATION_REQUEST_PENDING", "role": "BUYER"}
    action = {"action": "SELLER_RESPOND_BUYER_CANCEL", "deadline": PAID + 10}
    named = request_of(cancellation({**asked, "create_time": PAID, "seller_next_action_response": [{}, action]}))
    unnamed = request_of(cancellation({**asked, "create_time": PAID}))
    assert named is not None
    assert unnamed is not None
    assert named.answer_by == datetime.fromtimestamp(PAID + 10, UTC)
    assert unnamed.answer_by == datetime.fromtimestamp(PAID + 86400, UTC)
    settled = {"cancel_status": "CANCELLATION_REQUEST_SUCCESS"}
    for other in (settled, {"role": "SELLER"}):
        assert request_of(cancellation({**asked, "create_time": PAID, **other})) is None
