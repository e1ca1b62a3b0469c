"""Newegg's words, translated."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from ordersaga.domain.errors import CustomerError, OperatorError, OrdersagaError, RefusedError, RetryError
from ordersaga.domain.lattices import LATTICES
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.newegg.errors import not_created, problems
from ordersaga.gateways.newegg.shapes import count, several, unwrapped
from ordersaga.gateways.newegg.states import (
    CANCELLATION_ANSWERS,
    CANCELLATION_RESULTS,
    FEED_STATES,
    FeedState,
    has_left,
    provider_order,
    status_of,
    units_waiting,
)
from ordersaga.gateways.newegg.times import as_date, as_moment, read


def line(sku: str, ordered: object, shipped: object = 0, status: object = 1) -> dict[str, Any]:
    """A line of an order."""
    return {"SellerPartNumber": sku, "OrderedQty": ordered, "ShippedQty": shipped, "Status": status}


def order(status: object, *lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """An order as "Get Order Information" answers it."""
    told = {"OrderNumber": 411, "SellerOrderNumber": "o-1-1", "OrderStatus": status, "ItemInfoList": list(lines)}
    return {**told, **fields}


PACKAGE = {"ShipCarrier": "UPS", "TrackingNumber": "1Z9", "ShipDate": "1/18/2012 16:59:15"}


@pytest.mark.parametrize(
    ("status", "expected", "left"),
    [
        (0, ParcelStatus.ACCEPTED, False),
        (1, ParcelStatus.ACCEPTED, True),
        (2, ParcelStatus.LEFT_WAREHOUSE, True),
        (3, ParcelStatus.IN_TRANSIT, True),
        (4, ParcelStatus.CANCELED, False),
        (5, ParcelStatus.ACCEPTED, False),
    ],
)
def test_every_documented_status_has_one_meaning(status: int, expected: ParcelStatus, left: bool) -> None:
    """As a number or as text; all of them are words of Newegg's lattice."""
    for word in (status, str(status)):
        assert (status_of(order(word)), has_left(order(word))) == (expected, left)
    assert expected in LATTICES["newegg"].says


@pytest.mark.parametrize("status", [6, "", None, "Shipped"])
def test_an_undocumented_status_is_an_error_that_says_so(status: object) -> None:
    """Never taken for another one; the order is named, the shopper is not."""
    odd = order(status, OrderStatusDescription="Backordered", CustomerName="Ada Lovelace")
    with pytest.raises(OperatorError, match=r"order 411 .* \(Backordered\), which is not documented") as caught:
        provider_order(odd)
    assert caught.value.code == "newegg_unknown_status"
    assert "Ada" not in str(caught.value)


def test_feeds_and_cancellations() -> None:
    """Exactly the documented words."""
    assert FEED_STATES == {
        "SUBMITTED": FeedState.UNDER_WAY,
        "IN_PROGRESS": FeedState.UNDER_WAY,
        "FINISHED": FeedState.FINISHED,
        "CANCELLED": FeedState.CANCELED,
    }
    assert CANCELLATION_ANSWERS == {"Void": CancelDecision.CANCELED, "Processing": CancelDecision.PENDING}
    assert CANCELLATION_RESULTS == {
        "Success": CancelDecision.CANCELED,
        "Failed": CancelDecision.REFUSED,
        "Processing": CancelDecision.PENDING,
    }


@pytest.mark.parametrize(
    ("lines", "packages"),
    [
        ([line("SKU-A", 2)], [PACKAGE]),
        ({"ItemInfo": line("SKU-A", "2")}, {"PackageInfo": PACKAGE}),
        ({"ItemInfo": [line("SKU-A", "2")]}, {"PackageInfo": [PACKAGE]}),
    ],
)
def test_lists_of_every_shape(lines: object, packages: object) -> None:
    """Bare, inside a name, or one of them alone: as the examples and the answers differ."""
    found = provider_order(order("2", ItemInfoList=lines, PackageInfoList=packages))
    assert (found.carrier, found.tracking_number, found.provider_id) == ("UPS", "1Z9", "411")
    assert found.packages == ("1Z9",)
    assert found.changed_at == datetime(2012, 1, 19, 0, 59, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "numbers", "packages"),
    [("3", ["1Z9", "1Z8"], ("1Z9", "1Z8")), ("2", ["1Z9", ""], ()), ("1", ["1Z9"], ()), ("4", ["1Z9"], ())],
)
def test_its_packages_are_told_once_all_have_left_and_have_numbers(
    status: str, numbers: list[str], packages: tuple[str, ...]
) -> None:
    """Whoever follows fewer than all of them would take a part for the whole."""
    told = [{**PACKAGE, "TrackingNumber": number} for number in numbers]
    assert provider_order(order(status, PackageInfoList=told)).packages == packages


def test_an_order_without_lists() -> None:
    """Nothing shipped: neither a carrier nor a time."""
    found = provider_order(order(0, ItemInfoList=None, PackageInfoList=None))
    assert (found.carrier, found.tracking_number, found.changed_at, found.detail) == (None, None, None, None)


@pytest.mark.parametrize(
    ("status", "lines", "canceled", "detail"),
    [
        (0, [line("B", 1), line("A", 2, status=3)], [("A", 2)], "1 of 2 lines canceled by Newegg"),
        (2, [line("B", 1, 1, 2), line("A", 2, 0, "3")], [("A", 2)], "1 of 2 lines canceled by Newegg"),
        (1, [line("B", 1, 1, 2), line("A", 2)], [], "shipped in part"),
        (4, [line("B", 1, status=3), line("A", 2, status=3)], [], None),
        (0, [line("not a sku", 1, status=3)], [], None),
    ],
)
def test_lines_that_newegg_canceled(
    status: int, lines: list[dict[str, Any]], canceled: list[tuple[str, int]], detail: str | None
) -> None:
    """Named while the rest goes on; of an order that is voided all are meant; what cannot be read tells nothing."""
    found = provider_order(order(status, *lines))
    assert found.canceled_lines == tuple(LineQuantity(sku=sku, quantity=units) for sku, units in canceled)
    assert (found.partially_canceled, found.detail) == (bool(canceled), detail)


def test_what_is_still_to_be_shipped() -> None:
    """Ordered, less what left; a canceled line waits for nothing."""
    lines = [line("A", "5", "2"), line("B", 1), line("C", 3, status=3)]
    assert units_waiting(order(1, *lines)) == [("A", 3), ("B", 1)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2/22/2012 17:24:35", datetime(2012, 2, 23, 1, 24, 35, tzinfo=UTC)),
        ("07/01/2026 09:00:00", datetime(2026, 7, 1, 16, tzinfo=UTC)),
        ("2016-12-16 11:05:00", datetime(2016, 12, 16, 19, 5, tzinfo=UTC)),
        ("8/12/2010 9:32:33 PM", datetime(2010, 8, 13, 4, 32, 33, tzinfo=UTC)),
        ("11/14/2021", datetime(2021, 11, 14, 8, tzinfo=UTC)),
        ("soon", None),
        (None, None),
    ],
)
def test_times_are_pacific(text: str | None, expected: datetime | None) -> None:
    """Summer and winter, in every form that the documentation prints."""
    assert read(text) == expected


def test_times_are_written_pacific() -> None:
    """Also where the day is another one."""
    at = datetime(2026, 1, 1, 3, 4, 5, tzinfo=UTC)
    assert (as_moment(at), as_date(at)) == ("2025-12-31 19:04:05", "12/31/2025")


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        (
            ["Error(s). Order not created.", "ShipToState - Invalid: XX"],
            CustomerError("address_refused", "Newegg refuses ShipToState"),
        ),
        (["We do not deliver to P.O. Box 7"], CustomerError("address_refused", "Newegg refuses the address")),
        (
            ["Quantity - must be positive", "Ada is unknown"],
            RefusedError(
                "newegg_refused", "Newegg made no order: Quantity - must be positive; a reason not quoted here"
            ),
        ),
        (
            ["SellerPartNumber - no such item in this city"],
            RefusedError("newegg_refused", "Newegg made no order: SellerPartNumber - no such item in this city"),
        ),
        (
            ["Error(s). Order not created.", "SellerOrderID - The order already exists in this sales channel."],
            RetryError("newegg_not_visible", "Newegg does not show the order o-1-1"),
        ),
        (["Error(s). Order not created."], RefusedError("newegg_refused", "Newegg made no order: no reason given")),
    ],
)
def test_what_a_report_says_is_somebodys(reasons: list[str], expected: OrdersagaError) -> None:
    """About the address: the shopper's, naming the field. Anything else: an operator's; nothing personal is quoted."""
    found = not_created("o-1-1", reasons, quoting=False)
    assert (type(found), str(found)) == (type(expected), str(expected))


@pytest.mark.parametrize(
    "body",
    [
        [{"Code": "SO003", "Message": "No data found."}],
        {"Code": "SO003", "Message": "No data found."},
        {"Errors": [{"Code": "SO003", "Message": "No data found."}]},
    ],
)
def test_errors_of_every_shape(body: object) -> None:
    """A list, one alone, or inside a name."""
    assert problems(httpx.Response(400, json=body)) == [("SO003", "No data found.")]


@pytest.mark.parametrize("text", ["Gateway: Seller Auth failed.", "[1, 2]", "{}"])
def test_errors_without_a_code(text: str) -> None:
    """No reason is better than a guess."""
    assert problems(httpx.Response(401, text=text)) == []


def test_json_made_of_xml() -> None:
    """The wrapper goes; one is as good as several; a number may be text."""
    assert unwrapped({"NeweggAPIResponse": {"a": 1}}) == {"a": 1}
    assert (unwrapped({"a": 1}), unwrapped([1]), unwrapped(None)) == ({"a": 1}, None, None)
    assert several({"L": {"I": {"a": 1}}}, "L", "I") == several({"L": [{"a": 1}]}, "L", "I") == [{"a": 1}]
    assert several({"L": None}, "L", "I") == several({}, "L", "I") == []
    assert [count(value) for value in (3, "4", " 5 ", None, "", "x", -1)] == [3, 4, 5, 0, 0, 0, 0]
