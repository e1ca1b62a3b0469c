"""TikTok Shop's webhooks, signed by the emulated company itself; hostile and unknown ones too."""

import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from ordersaga.domain.channels import ChannelNews, ChannelTopic
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.messages_in import Incoming
from ordersaga.gateways.tiktok_shop.webhooks import verify_and_read
from tests.gateways.support import company
from tests.gateways.tiktok_shop_support import APP_KEY, SECRET, SHOP, place, released, shipment, tiktok_shop
from tests.support.emulators import Delivery, EmulatorProcess, WebhookReceiver, eventually

Company = tuple[EmulatorProcess, WebhookReceiver]


@pytest.fixture(scope="module")
async def tiktok(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Company]:
    """The emulated TikTok Shop and what it sends."""
    async with company("tiktok_shop", tmp_path_factory.mktemp("tiktok"), SECRET) as started:
        yield started


async def heard(tiktok: Company, order_id: str, kind: int, matching: Callable[[Any], bool] = bool) -> Delivery:
    """The first webhook of a kind about an order."""

    def found() -> list[Delivery]:
        about = [each for each in tiktok[1].deliveries if f'"{order_id}"' in each.body]
        told = [(each, json.loads(each.body)) for each in about]
        return [each for each, body in told if body["type"] == kind and matching(body["data"])]

    await eventually(found)
    return found()[0]


def read(delivery: Delivery) -> Incoming:
    """As the inbox reads it."""
    return verify_and_read(delivery.headers, delivery.body.encode(), SECRET, app_key=APP_KEY, shop=SHOP)


def signed(body: bytes, shop: str = SHOP) -> Incoming:
    """Signed as TikTok Shop signs."""
    digest = hmac.new(SECRET.encode(), APP_KEY.encode() + body, hashlib.sha256).hexdigest()
    return verify_and_read({"Authorization": digest}, body, SECRET, app_key=APP_KEY, shop=shop)


async def test_it_says_which_order_changed(tiktok: Company) -> None:
    """Known by its notification id and under our order id; the order is to be fetched, its status is only hearsay."""
    order = await place(tiktok[0])
    delivery = await heard(tiktok, order["id"], 1)
    news = ChannelNews(shop=SHOP, topic=ChannelTopic.ORDER, channel_order_ids=(order["id"],), said="ON_HOLD")
    incoming = read(delivery)
    assert incoming == Incoming(
        source="tiktok_shop",
        source_id=json.loads(delivery.body)["tts_notification_id"],
        order_id=f"tiktok_shop_{SHOP}_{order['id']}",
        news=news,
    )
    assert incoming.ignored is False
    assert Incoming.model_validate_json(incoming.model_dump_json()) == incoming


async def test_every_topic_names_its_order(tiktok: Company) -> None:
    """Address, package, cancellation, return and refund, each with the id of what it is about."""
    emulator, gateway = tiktok[0], tiktok_shop(tiktok[0])
    order = await released(emulator)
    await emulator.post("address", match=order["id"], recipient={"postal_code": "10012"})
    await emulator.post("split", match=order["id"])
    await emulator.post("buyer-cancel", match=order["id"])
    for number, line in enumerate(order["line_items"]):
        await gateway.ship(shipment(order, line_ids=(line["id"],), tracking_number=f"1Z00000{number}"))
    await emulator.post("advance", match=order["id"], to="DELIVERED")
    await emulator.post("return", match=order["id"])
    kinds = {3: "address", 4: "package", 11: "cancellation", 12: "return", 67: "refund"}
    for kind, topic in kinds.items():
        incoming = read(await heard(tiktok, order["id"], kind))
        assert incoming.news is not None
        assert (incoming.news.topic, incoming.news.channel_order_ids) == (topic, (order["id"],))
        assert bool(incoming.news.about) is (topic in ("cancellation", "return", "refund"))
    (request,) = await gateway.cancellations(order["id"])
    news = read(await heard(tiktok, order["id"], 11)).news
    assert news is not None
    assert (news.about, news.said) == (request.cancellation_id, "CANCELLATION_REQUEST_PENDING")
    await gateway.aclose()


async def test_what_is_not_signed_with_our_secret_is_refused(tiktok: Company, caplog: pytest.LogCaptureFixture) -> None:
    """Another body, secret, app key or signature, or none: bad_signature, and nothing of it is quoted or logged."""
    order = await place(tiktok[0], recipient={"name": "Rosalind Franklin"})
    delivery = await heard(tiktok, order["id"], 1)
    body, signature = delivery.body.encode(), delivery.headers["authorization"]
    wrong: list[tuple[dict[str, str], bytes, str, str]] = [
        ({"authorization": signature}, body + b" ", SECRET, APP_KEY),
        ({"authorization": signature}, b"\xff" + body, SECRET, APP_KEY),
        ({"authorization": signature}, body, "other", APP_KEY),
        ({"authorization": signature}, body, "", APP_KEY),
        ({"authorization": signature}, body, SECRET, "other"),
        ({"authorization": hmac.new(b"", body, hashlib.sha256).hexdigest()}, body, "", ""),
        ({"authorization": signature.upper()}, body, SECRET, APP_KEY),
        ({"authorization": "é,ü"}, body, SECRET, APP_KEY),
        ({"authorization": ""}, body, SECRET, APP_KEY),
        ({}, body, SECRET, APP_KEY),
    ]
    with caplog.at_level(logging.DEBUG):
        for headers, sent, secret, app_key in wrong:
            with pytest.raises(OperatorError) as caught:
                verify_and_read(headers, sent, secret, app_key=app_key, shop=SHOP)
            assert caught.value.code == "bad_signature"
            assert not any(quoted in str(caught.value) for quoted in (order["id"], SECRET, signature))
    assert not any(order["id"] in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b'{"type": "1", "shop_id": "7", "data": {"order_id": "5"}}',
        b'{"type": true, "shop_id": "7", "data": {"order_id": "5"}}',
        b'{"type": 1, "data": {"order_id": "5"}}',
        b'{"type": 1, "shop_id": "7", "data": []}',
        b'{"type": 1, "shop_id": "7", "data": {"order_id": 5}}',
        b'{"type": 4, "shop_id": "7", "data": {"package_list": [null, {"order_id_list": "5"}]}}',
    ],
)
def test_signed_nonsense_is_ignored(body: bytes) -> None:
    """It is stored under an id of its own and never kills the inbox."""
    incoming = signed(body, shop="7")
    assert incoming.ignored
    assert incoming.source_id.startswith("sha256-")


@pytest.mark.parametrize("kind", [2, 5, 6, 13, 99])
def test_an_unknown_kind_is_kept_as_unknown(kind: int) -> None:
    """With its number and its id, to be read later; it is no error."""
    body = {"type": kind, "tts_notification_id": "n1", "shop_id": "7", "timestamp": 1, "data": {"order_id": "5"}}
    incoming = signed(json.dumps(body).encode(), shop="7")
    assert (incoming.source_id, incoming.order_id, incoming.ignored) == ("n1", None, True)
    assert incoming.news == ChannelNews(shop="7", topic=ChannelTopic.UNKNOWN, said=f"type {kind}")


def test_news_of_several_orders() -> None:
    """All of them are named, each once; our id is told only where there is one."""
    packages = [{"package_id": "p", "order_id_list": ["5", "6"]}, {"package_id": "q", "order_id_list": ["6"]}]
    data = {"sc_type": "COMBINE", "package_list": packages}
    body = {"type": 4, "tts_notification_id": "n1", "shop_id": "7", "data": data}
    incoming = signed(json.dumps(body).encode(), shop="7")
    assert incoming.news is not None
    assert (incoming.order_id, incoming.news.channel_order_ids) == (None, ("5", "6"))


async def test_a_duplicate_has_the_same_id(tiktok: Company) -> None:
    """So that the inbox stores it once."""
    order = await place(tiktok[0])
    await tiktok[0].post("webhooks", duplicate=1, match=order["id"], times=1)
    await tiktok[0].post("advance", match=order["id"], to="AWAITING_SHIPMENT")

    def copies() -> list[Delivery]:
        return [each for each in tiktok[1].deliveries if order["id"] in each.body and "AWAITING_SHIPMENT" in each.body]

    await eventually(lambda: len(copies()) == 2)
    assert len({read(each).source_id for each in copies()}) == 1
    await tiktok[0].delete("webhooks")
