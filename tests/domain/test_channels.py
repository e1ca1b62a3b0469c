"""A marketplace's order as ours: the money to the cent, its own clocks, and every field named that does not fit."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersaga.domain.channel_orders import UnmappableOrderError, lines_of, to_order
from ordersaga.domain.channels import (
    ChannelClocks,
    ChannelLine,
    ChannelMoney,
    ChannelNews,
    ChannelOrder,
    ChannelStatus,
    ChannelTopic,
    Recipient,
    our_order_id,
)
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.orders import LineQuantity, Order, Payment, SellerTerms

PLACED = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TERMS = SellerTerms(ship_within=9 * DAY, deliver_within=9 * DAY)
RECIPIENT = Recipient(
    name="Grace Hopper",
    phone="2125550142",
    lines=("75 Ninth Avenue", "Suite 4", "Rear"),
    city="New York City",
    region="NY",
    postal_code="10011",
    country="US",
)


def line(number: int, sku: str | None = "MUG", price: int | None = 500, **changes: Any) -> ChannelLine:
    """One unit."""
    return ChannelLine(line_id=f"l{number}", sku_id=f"s{number}", seller_sku=sku, price=price, **changes)


def told(**changes: Any) -> ChannelOrder:
    """Two mugs and a shirt, released, to be shipped within two days and delivered within six."""
    known: dict[str, Any] = {
        "channel": "tiktok_shop",
        "shop": "7494",
        "channel_order_id": "5764",
        "status": ChannelStatus.AWAITING_SHIPMENT,
        "buyer": "7021",
        "money": ChannelMoney(currency="USD", total=1856, goods=1234, shipping=499, tax=123),
        "lines": (line(1), line(2), line(3, "TEE", 234)),
        "recipient": RECIPIENT,
        "clocks": ChannelClocks(
            rts_sla_time=PLACED + 2 * DAY,
            collection_due_time=PLACED + 7 * DAY,
            delivery_sla_time=PLACED + 6 * DAY,
        ),
        "placed_at": PLACED,
        "fulfillment_type": "FULFILLMENT_BY_SELLER",
        "shipping_type": "SELLER",
    }
    return ChannelOrder(**{**known, **changes})


def problems(order: ChannelOrder, **arguments: Any) -> list[str]:
    """The fields that are named, in order."""
    with pytest.raises(UnmappableOrderError) as caught:
        to_order(order, "acme", TERMS, **arguments)
    assert caught.value.code == "channel_order_unmappable"
    return [problem.field for problem in caught.value.problems]


def test_an_order_of_a_marketplace_becomes_one_of_ours() -> None:
    """With a payment it is an order whose total is what the shopper paid; its clocks are the marketplace's."""
    parts = to_order(told(), "acme", TERMS)
    order = Order(**dict(parts), payment=Payment(payment_method="pm_card_visa"))
    assert order.order_id == our_order_id("tiktok_shop", "7494", "5764") == "tiktok_shop_7494_5764"
    assert (order.channel, order.buyer, order.seller) == ("tiktok_shop", "7021", "acme")
    assert [(each.sku, each.quantity, each.unit_price) for each in order.lines] == [("MUG", 2, 500), ("TEE", 1, 234)]
    assert (order.total, order.shipping, order.tax) == (1856, 499, 123)
    assert order.ship_by == PLACED + 2 * DAY
    assert (order.terms.deliver_within, order.terms.hand_off_delay) == (4 * DAY, timedelta(0))
    assert (order.ship_to.line1, order.ship_to.line2) == ("75 Ninth Avenue", "Suite 4, Rear")


def test_on_hold_there_is_no_address_and_the_grace_hour_delays_the_hand_off() -> None:
    """Stock can be held at once; the hand-off waits for the end of the hour."""
    held = told(status=ChannelStatus.ON_HOLD, recipient=None, grace_until=PLACED + HOUR)
    parts = to_order(held, "acme", TERMS)
    assert (parts.ship_to, parts.terms.hand_off_delay) == (None, HOUR)


@pytest.mark.parametrize(
    ("clocks", "ship_within", "deliver_within"),
    [
        ({"rts_sla_time": 3 * DAY, "collection_due_time": 2 * DAY}, 2 * DAY, 9 * DAY),
        ({"tts_sla_time": DAY, "rts_sla_time": 3 * DAY}, DAY, 9 * DAY),
        ({"collection_due_time": 5 * DAY, "delivery_sla_time": 6 * DAY}, 5 * DAY, DAY),
        ({"rts_sla_time": 5 * DAY, "delivery_sla_time": 4 * DAY}, 5 * DAY, 9 * DAY),
        ({"delivery_sla_time": 10 * DAY}, 9 * DAY, DAY),
        ({}, 9 * DAY, 9 * DAY),
    ],
)
def test_the_first_clock_counts_and_the_sellers_terms_where_there_is_none(
    clocks: dict[str, timedelta], ship_within: timedelta, deliver_within: timedelta
) -> None:
    """Ship by the earliest of its deadlines before the first scan; deliver by its own, counted from there."""
    order = told(clocks=ChannelClocks(**{name: PLACED + after for name, after in clocks.items()}))
    terms = to_order(order, "acme", TERMS).terms
    assert (terms.ship_within, terms.deliver_within) == (ship_within, deliver_within)


def test_a_line_is_known_by_the_sellers_mapping_first() -> None:
    """Two SKUs of theirs may be one of ours; the mapping wins over the seller SKU they show."""
    parts = to_order(told(), "acme", TERMS, {"s1": "CUP", "s3": "CUP"})
    assert [(each.sku, each.quantity, each.unit_price) for each in parts.lines] == [("CUP", 2, 367), ("MUG", 1, 500)]
    assert parts.tax == 123


def test_a_canceled_line_is_neither_shipped_nor_paid() -> None:
    """What the shopper paid for it is not the order's."""
    parts = to_order(told(lines=(line(1), line(2, canceled=True), line(3, "TEE", 234))), "acme", TERMS)
    assert [(each.sku, each.quantity) for each in parts.lines] == [("MUG", 1), ("TEE", 1)]
    assert sum(each.value for each in parts.lines) + parts.shipping + parts.tax == 1856 - 500


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=30), st.integers(0, 5000), st.integers(1, 5000))
def test_the_total_is_what_was_paid_to_the_cent(prices: list[int], shipping: int, tax: int) -> None:
    """Whatever single units cost, lines, shipping and tax come to the platform's total, and nothing is negative."""
    total = sum(prices) + shipping + tax
    lines = tuple(line(number, "MUG" if number % 3 else "TEE", price) for number, price in enumerate(prices))
    money = ChannelMoney(currency="USD", total=total, shipping=shipping)
    parts = to_order(told(lines=lines, money=money), "acme", TERMS)
    assert sum(each.value for each in parts.lines) + parts.shipping + parts.tax == total
    assert sum(each.quantity for each in parts.lines) == len(prices)
    assert parts.tax >= tax


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"status": ChannelStatus.UNPAID}, ["status"]),
        ({"status": ChannelStatus.CANCELED}, ["status"]),
        ({"status": ChannelStatus.UNKNOWN}, ["status"]),
        ({"status": ChannelStatus.IN_TRANSIT}, ["status"]),
        ({"fulfillment_type": "FULFILLMENT_BY_TIKTOK"}, ["fulfillment_type"]),
        ({"shipping_type": "TIKTOK"}, ["shipping_type"]),
        ({"placed_at": None}, ["create_time"]),
        ({"clocks": ChannelClocks(rts_sla_time=PLACED)}, ["rts_sla_time"]),
        ({"lines": ()}, ["line_items"]),
        ({"lines": (line(1, canceled=True),)}, ["line_items"]),
        ({"lines": (line(1), line(2, None), line(3, "", 0))}, ["line_items[1].seller_sku", "line_items[2].seller_sku"]),
        ({"lines": (line(1, price=None),)}, ["line_items[0].sale_price"]),
        ({"lines": (line(1, "no spaces here"),)}, ["line_items[0].seller_sku"]),
        ({"money": None}, ["payment"]),
        ({"money": ChannelMoney(currency="USD", shipping=1)}, ["payment.total_amount"]),
        ({"money": ChannelMoney(currency="USD", total=9999)}, ["payment.shipping_fee"]),
        ({"money": ChannelMoney(currency="USD", total=1700, shipping=499)}, ["payment.total_amount"]),
        ({"money": ChannelMoney(currency="usd", total=9999, shipping=0)}, ["currency"]),
        ({"buyer": "two words"}, ["buyer"]),
        ({"recipient": RECIPIENT.model_copy(update={"region": "New York State"})}, ["ship_to.region"]),
        (
            {"recipient": Recipient(lines=("x",), country="US")},
            ["ship_to.name", "ship_to.city", "ship_to.region", "ship_to.postal_code"],
        ),
    ],
)
def test_what_does_not_fit_is_named(changes: dict[str, Any], fields: list[str]) -> None:
    """Every field at once, by the name under which it can be looked up."""
    assert problems(told(**changes)) == fields


def test_a_sample_is_no_order() -> None:
    """Nothing was paid: the books could not balance on it."""
    money = ChannelMoney(currency="USD", total=0, shipping=0)
    assert problems(told(lines=(line(1, price=0),), money=money)) == ["payment.total_amount"]


def test_an_error_does_not_quote_the_shopper() -> None:
    """Fields are named, the address is not told."""
    with pytest.raises(UnmappableOrderError) as caught:
        to_order(told(recipient=RECIPIENT.model_copy(update={"postal_code": "1"})), "acme", TERMS)
    assert "ship_to.postal_code" in str(caught.value)
    assert not any(word in str(caught.value) for word in ("Grace", "Ninth", "2125550142"))


def test_units_of_ours_are_lines_of_theirs() -> None:
    """The same ones for the same tracking number, others for another, and never a canceled one."""
    order = told(lines=(line(1), line(2, tracking_number="T1"), line(3), line(4, canceled=True), line(5, "TEE")))
    mug = [LineQuantity(sku="MUG", quantity=1)]
    assert lines_of(order, mug, "T1") == ["l2"]
    assert lines_of(order, mug, "T2") == ["l1"]
    assert lines_of(order, [LineQuantity(sku="MUG", quantity=9), LineQuantity(sku="TEE", quantity=1)], "T2") == [
        "l1",
        "l3",
        "l5",
    ]
    assert lines_of(order, [LineQuantity(sku="CUP", quantity=1)], "T2", {"s5": "CUP"}) == ["l5"]


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 3))
def test_two_parcels_told_at_once_name_no_unit_twice(first: int, second: int, more: int) -> None:
    """Each looked at the order before the other had told anything."""
    order = told(lines=tuple(line(number) for number in range(1, first + second + more + 1)))
    parts = [
        lines_of(order, [LineQuantity(sku="MUG", quantity=units)], f"T{parcel}", parcel=parcel)
        for parcel, units in ((1, first), (2, second))
    ]
    assert [len(part) for part in parts] == [first, second]
    assert not set(parts[0]) & set(parts[1])


def test_news_of_a_marketplace_is_something_to_act_on_unless_nobody_knows_the_kind() -> None:
    """An unknown kind is kept with its message, and ignored."""
    news = ChannelNews(shop="7494", topic=ChannelTopic.ORDER, channel_order_ids=("5764",))
    assert Incoming(source="tiktok_shop", source_id="1", news=news).ignored is False
    unknown = ChannelNews(shop="7494", topic=ChannelTopic.UNKNOWN, said="type 99")
    kept = Incoming(source="tiktok_shop", source_id="1", news=unknown)
    assert kept.ignored is True
    assert Incoming.model_validate_json(kept.model_dump_json()) == kept
