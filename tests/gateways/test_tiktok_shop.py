"""The TikTok Shop gateway over HTTP against its emulator: signatures, tokens, packages, faults, errors."""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from tiktok_shop_api import Signer, requires_shop_cipher

from ordersaga.domain.channel_orders import to_order
from ordersaga.domain.channels import CancellationStatus, CancelReason, ChannelOrder, ChannelStatus
from ordersaga.domain.errors import OperatorError, RateLimitedError, RetryError
from ordersaga.domain.orders import SellerTerms
from ordersaga.domain.shipping import CancelDecision
from ordersaga.gateways.tiktok_shop.channel import TikTokShop
from tests.gateways.support import company, nobody
from tests.gateways.tiktok_shop_support import (
    NUMBER,
    SECRET,
    SHOP,
    keys,
    ledger,
    place,
    records,
    released,
    shipment,
    tiktok_shop,
)
from tests.support.emulators import EmulatorProcess


@pytest.fixture(scope="module")
async def process(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmulatorProcess]:
    """The emulated TikTok Shop."""
    async with company("tiktok_shop", tmp_path_factory.mktemp("tiktok"), SECRET) as (started, _):
        yield started


@pytest.fixture
async def emulator(process: EmulatorProcess) -> EmulatorProcess:
    """The same, without the faults and the limit of the test before."""
    await process.delete("faults")
    await process.post("rate-limit", per_second=100_000)
    return process


@pytest.fixture
async def gateway(emulator: EmulatorProcess) -> AsyncIterator[TikTokShop]:
    """The gateway talking to it."""
    made = tiktok_shop(emulator)
    yield made
    await made.aclose()


async def refused(made: TikTokShop) -> OperatorError:
    """The refusal of a call, with whatever a log would print of it kept free of secrets."""
    with pytest.raises(OperatorError) as caught:
        await made.changed_since(datetime.now(UTC))
    await made.aclose()
    printed = "".join(traceback.format_exception(caught.value))
    assert not any(secret in printed for secret in (SECRET, "TTP_", "TTR_", "GCP_"))
    return caught.value


def test_the_documented_signature() -> None:
    """TikTok's own example: "Sign your API request", Get Authorized Shops."""
    query = [("app_key", "29a39d"), ("timestamp", "1623812664"), ("sign", "x"), ("access_token", "y")]
    sign = Signer.sign(
        path="/authorization/202309/shops", query=query, content_type=None, body=None, app_secret="e59af819cc"
    )
    assert sign == "b596b73e0cc6de07ac26f036364178ab16b0a907af13d43f0a0cd2345f582dc8"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/order/202507/orders"),
        ("POST", "/order/202309/orders/search"),
        ("POST", "/fulfillment/202309/packages/1/ship"),
        ("POST", "/fulfillment/202610/orders/1/packages"),
        ("GET", "/logistics/202309/delivery_options/1/shipping_providers"),
        ("POST", "/return_refund/202602/cancellations"),
        ("POST", "/return_refund/202602/cancellations/search"),
        ("POST", "/return_refund/202309/cancellations/1/approve"),
        ("POST", "/return_refund/202309/cancellations/1/reject"),
        ("POST", "/return_refund/202602/returns/search"),
    ],
)
def test_every_path_we_call_is_documented_and_of_one_shop(method: str, path: str) -> None:
    """The library's table of TikTok's operations has it, with a shop cipher."""
    assert requires_shop_cipher(method, path)


async def test_wrong_credentials_are_an_operators_matter(emulator: EmulatorProcess) -> None:
    """Another secret, app key or token: nothing is repeated, and the error says what to check."""
    wrong = ({"app_secret": "other"}, {"app_key": "other"}, {"access_token": "none"}, {"shop_cipher": "none"})
    for change in wrong:
        error = await refused(tiktok_shop(emulator, keys=keys(**change)))
        assert error.code == "tiktok_shop_credentials"
        assert "check" in error.message


async def test_an_expired_token_is_renewed(emulator: EmulatorProcess) -> None:
    """What was refused for it is done once with the new token, also when several meet it at once."""
    made, order = tiktok_shop(emulator), await released(emulator)
    await made.fetch(order["id"])
    await emulator.post("expire-tokens")
    assert await made.cancel(order["id"], CancelReason.OUT_OF_STOCK, key="k") is CancelDecision.CANCELED
    assert await ledger(emulator, order["id"]) == [("collected", 1856), ("canceled", 1856)]
    assert (await made.fetch(order["id"])).status is ChannelStatus.CANCELED
    await made.aclose()


async def test_an_expired_token_that_cannot_be_renewed(emulator: EmulatorProcess) -> None:
    """Without a refresh token, or with one that is not good, the seller must authorize anew."""
    for refresh_token in (None, "gone"):
        made = tiktok_shop(emulator, keys=keys(refresh_token=refresh_token))
        await made.changed_since(datetime.now(UTC))
        await emulator.post("expire-tokens")
        assert (await refused(made)).code == "tiktok_shop_credentials"


async def test_no_new_token_for_now(emulator: EmulatorProcess) -> None:
    """The call was refused and the renewal failed: nothing happened, and it may be tried again."""
    made, order = tiktok_shop(emulator), await released(emulator)
    await made.fetch(order["id"])
    await emulator.post("expire-tokens")
    await emulator.post("faults", kind="lose_answer", path="/token/refresh$", times=1)
    with pytest.raises(RetryError) as caught:
        await made.cancel(order["id"], CancelReason.OUT_OF_STOCK, key="k")
    assert caught.value.unknown is False
    assert await made.cancellations(order["id"]) == []
    await made.aclose()


async def test_a_package_is_told_with_its_carrier(emulator: EmulatorProcess, gateway: TikTokShop) -> None:
    """The carrier is looked up by its name among those of the delivery option, once for all orders."""
    for number, carrier in (("1Z000001", "ups"), ("9400000001", "USPS"), ("6129000001", "DHL eCommerce")):
        order = await released(emulator)
        told = await gateway.ship(shipment(order, carrier=carrier, tracking_number=number))
        assert (told.carrier or "").lower() == carrier.lower()
        assert ("shipped", 0) in await ledger(emulator, order["id"])
        (asked,) = await emulator.get("requests", path="/ship", match=number)
        assert asked["path"].endswith(f"/{told.package_ids[0]}/ship")
    assert len(await emulator.get("requests", path="/shipping_providers")) == 1


async def test_a_carrier_nobody_knows(emulator: EmulatorProcess) -> None:
    """It is an operator's matter, nothing is told; set for the account it is told under that id."""
    order = await released(emulator)
    for carriers in ({}, {"Pony Express": "7117858858072016686"}):
        made = tiktok_shop(emulator, carriers=carriers)
        if carriers:
            assert (await made.ship(shipment(order, carrier="pony express"))).carrier == "UPS"
        else:
            with pytest.raises(OperatorError) as caught:
                await made.ship(shipment(order, carrier="pony express"))
            assert caught.value.code == "carrier_unknown"
        await made.aclose()


async def test_lines_without_a_package_become_one_for_each_parcel(
    emulator: EmulatorProcess, gateway: TikTokShop
) -> None:
    """Where packages have no id before they are shipped (US, UK), two parcels are told one after the other."""
    order = await released(emulator, shows_packages=False)
    lines = [line["id"] for line in order["line_items"]]
    first = await gateway.ship(shipment(order, line_ids=tuple(lines[:1])))
    assert (await gateway.fetch(order["id"])).status is ChannelStatus.PARTIALLY_SHIPPED
    rest = shipment(order, line_ids=tuple(lines[1:]), tracking_number="1Z0000002", reference="o1-2-1")
    second = await gateway.ship(rest)
    assert (first.line_ids, second.line_ids) == (tuple(lines[:1]), tuple(lines[1:]))
    assert set(first.package_ids).isdisjoint(second.package_ids)
    assert (await gateway.fetch(order["id"])).status is ChannelStatus.AWAITING_COLLECTION
    assert await gateway.ship(rest) == second


async def test_a_package_that_leaves_in_two_parcels_must_be_split(
    emulator: EmulatorProcess, gateway: TikTokShop
) -> None:
    """Telling one number for the whole package would be untrue; split, each is told."""
    order = await released(emulator)
    lines = [line["id"] for line in order["line_items"]]
    part = shipment(order, line_ids=(lines[0],))
    with pytest.raises(OperatorError) as caught:
        await gateway.ship(part)
    assert caught.value.code == "package_must_be_split"
    await emulator.post("split", match=order["id"])
    assert (await gateway.ship(part)).line_ids == (lines[0],)
    with pytest.raises(OperatorError) as unknown:
        await gateway.ship(shipment(order, line_ids=("nobody",)))
    assert unknown.value.code == "unknown_lines"


async def test_an_answer_lost_after_the_telling(emulator: EmulatorProcess, gateway: TikTokShop) -> None:
    """The number was told and the look afterwards failed: that is unknown, and one parcel."""
    order = await released(emulator)
    await emulator.post("faults", kind="lose_answer", path="/orders$", match=order["id"], skip=1, times=1)
    with pytest.raises(RetryError) as caught:
        await gateway.ship(shipment(order))
    assert caught.value.unknown is True
    assert (await gateway.ship(shipment(order))).tracking_number == NUMBER
    assert (await ledger(emulator, order["id"])).count(("shipped", 0)) == 1


async def test_nobody_listens() -> None:
    """A request that never left cannot have happened."""
    made = TikTokShop(keys(), shop=SHOP, base_url=nobody(), timeout=timedelta(seconds=2))
    with pytest.raises(RetryError) as caught:
        await made.changed_since(datetime.now(UTC))
    assert (caught.value.code, caught.value.unknown) == ("tiktok_shop_unreachable", False)
    await made.aclose()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"code": 36009003, "message": "internal"}, "tiktok_shop_unavailable"),
        ({"code": "0", "message": "Success"}, "tiktok_shop_unreadable"),
        ({"message": "Success"}, "tiktok_shop_unreadable"),
        ({"code": 0, "data": {"cancel_status": "CANCELLATION_REQUEST_SUCCESS"}}, "tiktok_shop_unreadable"),
    ],
)
async def test_an_answer_that_says_nothing_final(
    emulator: EmulatorProcess, gateway: TikTokShop, body: dict[str, object], code: str
) -> None:
    """The cancellation may have been made: unknown, and found."""
    order = await released(emulator)
    await emulator.post("faults", kind="spoil_answer", status=200, path="/cancellations$", body=body, times=1)
    with pytest.raises(RetryError) as caught:
        await gateway.cancel(order["id"], CancelReason.OUT_OF_STOCK, key="k")
    assert (caught.value.code, caught.value.unknown) == (code, True)
    (made,) = await gateway.cancellations(order["id"])
    assert made.stands


async def test_a_limit_says_how_long(emulator: EmulatorProcess) -> None:
    """The gate hears of it; as HTTP 429 and as a code in a 200 alike."""
    heard: list[RateLimitedError] = []

    class Gate:
        """Remembers what passes it."""

        @asynccontextmanager
        async def passing(self) -> AsyncIterator[None]:
            """Around one call."""
            try:
                yield
            except RateLimitedError as error:
                heard.append(error)
                raise

    made = tiktok_shop(emulator, gate=Gate())
    await emulator.post("rate-limit", per_second=1)
    with pytest.raises(RateLimitedError):
        await asyncio.gather(*(made.changed_since(datetime.now(UTC)) for _ in range(5)))
    await emulator.post("rate-limit", per_second=100_000)
    await emulator.post("faults", kind="refuse", code="36009002", times=1)
    with pytest.raises(RateLimitedError):
        await made.changed_since(datetime.now(UTC))
    assert {error.retry_after for error in heard[:-1]} == {timedelta(seconds=1)}
    assert heard[-1].retry_after is None
    await made.aclose()


async def test_a_reason_that_is_not_allowed(emulator: EmulatorProcess) -> None:
    """It is an operator's matter, with TikTok's code and words, and nothing was canceled."""
    order = await released(emulator)
    made = tiktok_shop(emulator, cancel_reasons={CancelReason.OUT_OF_STOCK: "because"})
    with pytest.raises(OperatorError) as caught:
        await made.cancel(order["id"], CancelReason.OUT_OF_STOCK, key="k")
    assert caught.value.code == "tiktok_shop_refused"
    assert "25001014" in caught.value.message
    assert await made.cancellations(order["id"]) == []
    await made.aclose()


async def test_a_cancellation_that_the_platform_has_yet_to_decide(
    emulator: EmulatorProcess, gateway: TikTokShop
) -> None:
    """Pending is an answer; asked again it is pending still, and settled it is canceled."""
    order = await released(emulator)
    await emulator.post("scripts", match=order["id"], cancel="pending")
    assert await gateway.cancel(order["id"], CancelReason.OUT_OF_STOCK, key="k") is CancelDecision.PENDING
    (waiting,) = await gateway.cancellations(order["id"])
    assert (waiting.status, waiting.answer_by) == (CancellationStatus.PENDING, None)
    assert await gateway.cancel(order["id"], CancelReason.OUT_OF_STOCK, key="k") is CancelDecision.PENDING
    await emulator.post("settle", match=order["id"])
    assert await gateway.cancel(order["id"], CancelReason.OUT_OF_STOCK, key="k") is CancelDecision.CANCELED
    assert len(await records(emulator, order["id"], "cancellations")) == 1


async def test_a_message_that_quotes_a_secret(
    emulator: EmulatorProcess, gateway: TikTokShop, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not passed on, and nothing of a refusal is logged here."""
    body = {"code": 25001046, "message": f"blocked for {SECRET} of GCP_{SHOP}"}
    await emulator.post("faults", kind="status", status=200, body=body, times=1)
    with caplog.at_level(logging.WARNING):
        error = await refused(gateway)
    assert error.message == "TikTok Shop refuses (25001046): blocked for [secret] of [secret]"
    assert caplog.records == []


async def test_an_order_of_theirs_is_mapped_to_one_of_ours(emulator: EmulatorProcess, gateway: TikTokShop) -> None:
    """From the buyer's payment to our fields, with the clocks as the order carries them."""
    order = await place(emulator, extra={"campaign": "live-77"})
    held = await gateway.fetch(order["id"])
    assert to_order(held, "acme", SellerTerms()).terms.hand_off_delay == timedelta(hours=1)
    assert held.unknown_fields == {"campaign": "live-77"}
    await emulator.post("advance", match=order["id"], to="AWAITING_SHIPMENT")
    found: ChannelOrder = await gateway.fetch(order["id"])
    parts = to_order(found, "acme", SellerTerms())
    assert parts.ship_to is not None
    assert (parts.ship_to.region, parts.ship_to.city, parts.tax) == ("NY", "New York City", 123)
    assert found.clocks.rts_sla_time == datetime.fromtimestamp(order["rts_sla_time"], UTC)
    assert parts.placed_at + parts.terms.ship_within == found.clocks.rts_sla_time


async def test_a_parcel_told_in_part_is_told_to_the_end(emulator: EmulatorProcess, gateway: TikTokShop) -> None:
    """Lines that are known under its number are not told again; the others are."""
    order = await released(emulator, shows_packages=False)
    lines = tuple(line["id"] for line in order["line_items"])
    await gateway.ship(shipment(order, line_ids=lines[:1]))
    assert set((await gateway.ship(shipment(order))).line_ids) == set(lines)


async def test_an_answer_to_a_request_that_is_none(emulator: EmulatorProcess, gateway: TikTokShop) -> None:
    """Whatever it is called, no other call comes of it."""
    for request_id in ("4035633447999999", "../../orders/1"):
        with pytest.raises(OperatorError):
            await gateway.answer_cancel_request(request_id, approve=True)


async def test_a_seller_who_cancels_has_answered(emulator: EmulatorProcess, gateway: TikTokShop) -> None:
    """The shopper's own request waits for nobody then, and one refund is made."""
    order = await released(emulator)
    await emulator.post("buyer-cancel", match=order["id"])
    assert await gateway.cancel(order["id"], CancelReason.SHOPPER_ASKED, key="k") is CancelDecision.CANCELED
    assert [each.stands for each in await gateway.cancellations(order["id"])] == [False, True]
    await emulator.post("settle", match=order["id"])
    assert [refund.amount for refund in await gateway.refunds(order["id"])] == [1856]


async def test_a_return_is_refunded(emulator: EmulatorProcess, gateway: TikTokShop) -> None:
    """What came back is told beside what was canceled."""
    order = await released(emulator)
    line = order["line_items"][0]["id"]
    await gateway.cancel(order["id"], CancelReason.OUT_OF_STOCK, key="k", line_ids=[line])
    await gateway.ship(shipment(order))
    await emulator.post("advance", match=order["id"], to="DELIVERED")
    await emulator.post("return", match=order["id"])
    await emulator.post("settle", match=order["id"])
    found = [(refund.because, refund.amount) for refund in await gateway.refunds(order["id"])]
    assert found == [("cancellation", 500), ("return", 734)]
