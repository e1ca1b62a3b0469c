"""What companies list: what counts as ours, what a listing asks for, and what its errors do not tell."""

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from ordersaga.domain.errors import OperatorError, OrdersagaError, RateLimitedError, RetryError
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.reconciliation import StockLevel
from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.easypost.carrier import EasyPost
from ordersaga.gateways.easypost.history import label_record
from ordersaga.gateways.shipbob.provider import ShipBob
from ordersaga.gateways.shipbob.stock import next_query, stock_levels
from ordersaga.gateways.stripe.history import payment_record, refund_record
from ordersaga.gateways.stripe.payments import StripePayments
from tests.gateways.support import TIMEOUT, hand_off, label, new_order, nobody, payment
from tests.support.by_hand import StripeByHand
from tests.support.emulators import EmulatorProcess

HOUR = timedelta(hours=1)


def an_hour_ago() -> datetime:
    """Before everything these tests do."""
    return datetime.now(UTC) - HOUR


@contextlib.asynccontextmanager
async def answering(body: bytes) -> AsyncIterator[str]:
    """The URL of a server that answers everything with 200 and this body."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def list_payments(url: str) -> int:
    """How many, with the gateway's own key."""
    gateway = StripePayments("sk_test_secret", base_url=url, timeout=TIMEOUT)
    try:
        return len([each async for each in gateway.payments_since(an_hour_ago())])
    finally:
        await gateway.aclose()


async def list_labels(url: str) -> int:
    """How many, with the gateway's own key."""
    gateway = EasyPost("EZTK-secret", base_url=url, timeout=TIMEOUT)
    try:
        return len([each async for each in gateway.labels_since(an_hour_ago())])
    finally:
        await gateway.aclose()


async def list_stock(url: str) -> int:
    """How many, with the gateway's own token."""
    gateway = ShipBob("pat_secret", base_url=url, channel_id=7, timeout=TIMEOUT)
    try:
        return len(await gateway.stock())
    finally:
        await gateway.aclose()


@dataclass(frozen=True)
class Listing:
    """What is asked of which company, and the path of the request."""

    name: str
    ask: Callable[[str], Awaitable[int]]
    path: str
    emulator: EmulatorProcess

    async def fail(self, status: int, **answer: Any) -> OrdersagaError:
        """What is raised when the company answers so."""
        fault = {"kind": "status", "status": status, "path": self.path, "method": "GET", "times": 1, **answer}
        await self.emulator.post("faults", **fault)
        with pytest.raises(OrdersagaError) as caught:
            await self.ask(self.emulator.url)
        return caught.value


LISTINGS = {
    "stripe": (list_payments, "^/v1/payment_intents$"),
    "easypost": (list_labels, "^/v2/shipments$"),
    "shipbob": (list_stock, "/inventory-level$"),
}


@pytest.fixture(params=LISTINGS)
def listing(request: pytest.FixtureRequest) -> Listing:
    """Of each company."""
    name: str = request.param
    return Listing(name, *LISTINGS[name], request.getfixturevalue(f"{name}_emulator"))


async def test_what_a_listing_that_fails_says(listing: Listing) -> None:
    """A wrong key is an operator's matter; the rest is tried again; no key and no person is ever quoted."""
    body = {"person": "Ada Lovelace", "street": "1 Main St"}
    for status, kind in ((401, OperatorError), (429, RateLimitedError), (503, RetryError)):
        error = await listing.fail(status, body=body)
        assert type(error) is kind
        told = "".join(traceback.format_exception(error))
        assert not [secret for secret in ("_secret", "-secret", "Lovelace", "1 Main St") if secret in told]
    assert await listing.ask(listing.emulator.url) >= 0


async def test_nobody_to_ask(listing: Listing) -> None:
    """Without a connection nothing was asked."""
    with pytest.raises(RetryError) as caught:
        await listing.ask(nobody())
    assert (caught.value.code, caught.value.unknown) == (f"{listing.name}_unreachable", False)


async def test_an_answer_that_is_no_list(listing: Listing) -> None:
    """It is not taken for an empty one."""
    error = await listing.fail(200, body={"hello": "world"})
    assert isinstance(error, RetryError)
    assert error.unknown is True


async def test_an_answer_cut_off(listing: Listing) -> None:
    """What is left of it names people, and is not quoted; it is asked for again."""
    async with answering(b'{"data": [{"name": "Ada Lovelace", "items": [{"street": "1 Main St"') as url:
        with pytest.raises(RetryError) as caught:
            await listing.ask(url)
    assert "Lovelace" not in "".join(traceback.format_exception(caught.value))


async def test_when_to_come_back(listing: Listing) -> None:
    """A company that limits requests says when, EasyPost apart; a listing passes it on."""
    error = await listing.fail(429, headers={"retry-after": "7", "x-retry-after": "7"})
    assert isinstance(error, RetryError)
    assert error.code == f"{listing.name}_rate_limited"
    assert error.retry_after == (None if listing.name == "easypost" else timedelta(seconds=7))


INTENT = {"id": "pi_1", "status": "succeeded", "amount": 5, "amount_received": 5, "currency": "jpy", "created": 1}
OURS = {"order_id": "o1", "parcel": "2", "effect_key": "o1/authorize/2/1"}


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        (OURS, ("o1", 2, "o1/authorize/2/1")),
        ({**OURS, "parcel": "two"}, ("o1", 0, "o1/authorize/2/1")),
        ({"order_id": "o1", "parcel": "2"}, ("", 0, "")),
        ({**OURS, "effect_key": "o2/authorize/2/1"}, ("", 0, "")),
        ({**OURS, "order_id": ""}, ("", 0, "")),
        ({}, ("", 0, "")),
        (None, ("", 0, "")),
    ],
)
def test_whose_payment_it_is(metadata: dict[str, str] | None, told: tuple[str, int, str]) -> None:
    """Ours has an order and a key of that order; half of it is somebody else's."""
    found = payment_record({**INTENT, "metadata": metadata}, ())
    assert (found.order_id, found.parcel, found.key) == told
    assert (found.currency, found.captured, found.created_at) == ("JPY", 5, datetime.fromtimestamp(1, UTC))


def test_a_status_stripe_has_added_since() -> None:
    """It counts as undecided, for a payment and for a refund."""
    assert payment_record({**INTENT, "status": "requires_luck"}, ()).status is PaymentStatus.PROCESSING
    refund = {"id": "re_1", "amount": 5, "status": "requires_luck", "metadata": None, "payment_intent": "pi_1"}
    assert (refund_record(refund).status, refund_record(refund).key) == ("pending", "")


async def test_a_refund_the_bank_could_not_make(
    stripe_payments: StripePayments, stripe_emulator: EmulatorProcess
) -> None:
    """It stays listed, as failed."""
    made = await StripeByHand(stripe_emulator.url).pay(900)
    refund = await stripe_payments.refund(made, 900, key=f"{made}/refund")
    await stripe_emulator.post(f"refunds/{refund.refund_id}/settle", result="fail")
    (found,) = [each async for each in stripe_payments.payments_since(an_hour_ago()) if each.payment_id == made]
    assert [(each.key, each.amount, each.status) for each in found.refunds] == [(f"{made}/refund", 900, "failed")]


async def test_payments_are_not_asked_for_one_by_one(
    stripe_payments: StripePayments, stripe_emulator: EmulatorProcess
) -> None:
    """A refund in the window costs no call of its own; only one of an older payment does."""
    order = new_order()
    made = await stripe_payments.authorize(payment(order), key=f"{order}/authorize/1/1")
    await stripe_payments.capture(made.payment_id, 1234, key=f"{order}/capture/1/1")
    await stripe_payments.refund(made.payment_id, 10, key=f"{order}/refund/1/1")
    before = len(await stripe_emulator.get("requests"))
    assert [each async for each in stripe_payments.payments_since(an_hour_ago()) if each.order_id == order]
    asked = (await stripe_emulator.get("requests"))[before:]
    assert {each["path"] for each in asked} == {"/v1/refunds", "/v1/payment_intents", "/v1/events"}
    assert not [each for each in asked if "payment_intent=" in each["query"]]


SHIPMENT = {
    "id": "shp_1",
    "reference": "o1-1-1",
    "created_at": "2026-03-01T12:00:00Z",
    "postage_label": {"created_at": "2026-03-01T15:00:00Z"},
    "selected_rate": {"carrier": "UPS"},
    "tracking_code": "1Z1",
    "tracker": {"status": "pre_transit"},
}


@pytest.mark.parametrize(
    ("refund", "voided"),
    [(None, False), ("submitted", True), ("refunded", True), ("rejected", False), ("not_applicable", True)],
)
def test_when_a_label_is_given_back(refund: str | None, voided: bool) -> None:
    """Once the carrier took the request, or has nothing to give back; a rejected one is paid for and in force."""
    assert label_record({**SHIPMENT, "refund_status": refund}).voided is voided


@pytest.mark.parametrize(("reference", "told"), [("o1-r2-1", "o1-r2-1"), ("rma 7", ""), (None, "")])
def test_whose_label_it_is(reference: str | None, told: str) -> None:
    """Also that of a way back is ours; any other reference is not told."""
    assert label_record({**SHIPMENT, "reference": reference}).reference == told


def test_when_and_where_a_label_is() -> None:
    """Its moment is that of the purchase; a tracker that says nothing says nothing."""
    found = label_record(SHIPMENT)
    assert (found.created_at, found.tracking) == (datetime(2026, 3, 1, 15, tzinfo=UTC), ParcelStatus.LABELED)
    silent = label_record({**SHIPMENT, "tracker": None, "postage_label": {}})
    assert (silent.created_at, silent.tracking) == (datetime(2026, 3, 1, 12, tzinfo=UTC), None)
    assert silent.scanned is False


async def test_every_page_of_labels_is_of_the_same_window(easypost_emulator: EmulatorProcess) -> None:
    """Each names both ends, for what is left out EasyPost fills in by itself; each asks for bought ones only."""
    gateway = EasyPost("EZTK", base_url=easypost_emulator.url, timeout=TIMEOUT, page_size=1)
    for _ in range(3):
        await gateway.book(label(new_order()))
    before = len(await easypost_emulator.get("requests"))
    since = datetime.now(UTC) - timedelta(days=40)
    assert [each async for each in gateway.labels_since(since)]
    await gateway.aclose()
    asked = [parse_qs(each["query"]) for each in (await easypost_emulator.get("requests"))[before:]]
    assert len(asked) >= 3
    assert len({(*each["start_datetime"], *each["end_datetime"], *each["purchased"]) for each in asked}) == 1
    assert datetime.fromisoformat(asked[0]["start_datetime"][0].replace("Z", "+00:00")) < since
    assert datetime.fromisoformat(asked[0]["end_datetime"][0].replace("Z", "+00:00")) > datetime.now(UTC)


async def test_the_same_reference_is_no_obstacle(easypost: EasyPost) -> None:
    """A label is named by EasyPost's id; an id of nothing has nothing to give back."""
    bought = await easypost.book(label(new_order()))
    assert await easypost.void_label(bought.label_id) is CancelDecision.PENDING
    assert await easypost.void_label("shp_nothing") is CancelDecision.NOTHING_TO_UNDO


def test_items_of_one_sku_are_on_one_shelf() -> None:
    """They are added up; an item without a SKU is left out, a number that is missing is zero."""
    items: list[dict[str, Any]] = [
        {"sku": "B", "total_on_hand_quantity": 3, "total_committed_quantity": 1},
        {"sku": "A", "total_on_hand_quantity": 5},
        {"sku": None, "total_on_hand_quantity": 7},
        {"sku": "B", "total_on_hand_quantity": 4, "total_committed_quantity": 2},
    ]
    assert stock_levels(items) == (StockLevel(sku="A", on_hand=5), StockLevel(sku="B", on_hand=7, committed=3))


@pytest.mark.parametrize(
    ("link", "asked"),
    [
        (None, None),
        ("", None),
        ("/2026-01/inventory-level?PageSize=2&Cursor=ab%3D", {"PageSize": "2", "Cursor": "ab="}),
        ("https://elsewhere.example/inventory-level?Cursor=7", {"Cursor": "7"}),
    ],
)
def test_the_way_to_the_next_page(link: str | None, asked: dict[str, str] | None) -> None:
    """Only what the link asks for is taken over, wherever it leads."""
    assert next_query({"next": link}) == asked


async def test_changes_tell_of_every_order(shipbob_emulator: EmulatorProcess) -> None:
    """Canceled ones as well, each once, on as many pages as it takes; those of other systems are left out."""
    gateway = ShipBob("pat_pages", base_url=shipbob_emulator.url, channel_id=7, timeout=TIMEOUT, page_size=2)
    since, placed = datetime.now(UTC), [new_order() for _ in range(5)]
    for order in placed:
        await gateway.submit(hand_off(order))
    await gateway.submit(hand_off(placed[0], reference="PO 4711"))
    await gateway.cancel(f"{placed[1]}-1-1")
    found = {each.reference: each.status for each in await gateway.changes_since(since)}
    expected = {f"{order}-1-1": ParcelStatus.ACCEPTED for order in placed}
    assert found == {**expected, f"{placed[1]}-1-1": ParcelStatus.CANCELED}
    await gateway.aclose()


async def test_changes_stop_at_the_limit(shipbob_emulator: EmulatorProcess) -> None:
    """A limit reached between two pages ends the listing with when to come back, not with half of it."""
    gateway = ShipBob("pat_limited", base_url=shipbob_emulator.url, channel_id=7, timeout=TIMEOUT, page_size=1)
    since = datetime.now(UTC)
    for _ in range(3):
        await gateway.submit(hand_off(new_order()))
    await shipbob_emulator.post("rate-limit", per_minute=2)
    try:
        with pytest.raises(RetryError) as caught:
            await gateway.changes_since(since)
    finally:
        await shipbob_emulator.post("rate-limit", per_minute=100_000)
    assert caught.value.code == "shipbob_rate_limited"
    assert caught.value.retry_after is not None
    assert timedelta(0) < caught.value.retry_after <= timedelta(minutes=1)
    assert len(await gateway.changes_since(since)) == 3
    await gateway.aclose()
