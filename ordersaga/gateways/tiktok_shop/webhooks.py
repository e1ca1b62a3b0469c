"""TikTok Shop's webhooks (https://partner.tiktokshop.com/docv2/page/tts-webhooks-overview).

The signature covers app key and body and no time: a message may be played again, and is known by its
`tts_notification_id`. They come twice and out of order, and say little: what an order is now is fetched.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tiktok_shop_api import Webhooks

from ordersaga.domain.channels import ChannelNews, ChannelTopic, our_order_id
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.messages_in import Incoming
from ordersaga.gateways.tiktok_shop.orders import CHANNEL
from ordersaga.gateways.tiktok_shop.reading import objects, texts
from ordersaga.gateways.webhook_parts import child, header, ignored, parse_object, text, verifying

SOURCE: Final = CHANNEL
TOPICS: Final[Mapping[int, ChannelTopic]] = {
    1: ChannelTopic.ORDER,
    3: ChannelTopic.ADDRESS,
    4: ChannelTopic.PACKAGE,
    11: ChannelTopic.CANCELLATION,
    12: ChannelTopic.RETURN,
    67: ChannelTopic.REFUND,
}
_ABOUT: Final = ("cancel_id", "return_id", "aftersales_request_id")
_SAID: Final = ("order_status", "cancel_status", "return_status", "refund_status", "sc_type")


def verify_and_read(
    headers: Mapping[str, str], body: bytes, secret: str, *, app_key: str, shop: str, name: str = SOURCE
) -> Incoming:
    """Verify `Authorization` and translate. News of one order name it by our id, of several by none.

    Args:
        secret: the app's secret. Several shops may share an app, so it does not say whose shop is meant.
        shop: TikTok's id of the account's shop; a message may name no other.
        name: what the account is called.

    Raises:
        OperatorError: `bad_signature`, or `another_shop` for a message of a shop that is not this account's.
    """
    with verifying(SOURCE):
        _verify(header(headers, "authorization"), body, secret, app_key)
    message = parse_object(body)
    source_id, news = text(message.get("tts_notification_id")), _news(message)
    if news is None:
        return ignored(name, source_id, body)
    if news.shop != shop:
        raise OperatorError("another_shop", "the message is of another shop than this account's")
    orders = news.channel_order_ids
    return Incoming(
        source=name,
        source_id=source_id or f"sha256-{hashlib.sha256(body).hexdigest()}",
        order_id=our_order_id(CHANNEL, news.shop, orders[0]) if len(orders) == 1 else None,
        news=news,
    )


def _verify(signature: str, body: bytes, secret: str, app_key: str) -> None:
    signed = Webhooks.verify(app_key=app_key, app_secret=secret, raw_body=body, signature=signature)
    if not secret or not app_key or not signed:
        raise OperatorError("bad_signature", "not signed with the secret of our app")


def _news(message: Mapping[str, Any]) -> ChannelNews | None:
    """What changed; of a kind we do not know, its number. None for what is no message of a shop."""
    shop, kind, data = text(message.get("shop_id")), message.get("type"), child(message, "data")
    if shop is None or not isinstance(kind, int) or isinstance(kind, bool):
        return None
    topic, orders = TOPICS.get(kind, ChannelTopic.UNKNOWN), tuple(dict.fromkeys(_orders(data)))
    if topic is ChannelTopic.UNKNOWN or not orders:
        return ChannelNews(shop=shop, topic=ChannelTopic.UNKNOWN, said=f"type {kind}")
    return ChannelNews(
        shop=shop, topic=topic, channel_order_ids=orders, about=_first(data, _ABOUT), said=_first(data, _SAID) or ""
    )


def _orders(data: Mapping[str, Any]) -> Iterator[str]:
    """Every order that is named, wherever this kind of message names it."""
    named = text(data.get("order_id"))
    if named:
        yield named
    for package in objects(data, "package_list"):
        yield from texts(package, "order_id_list")
    for line in objects(data, "line_items"):
        owner = text(line.get("main_order_id"))
        if owner:
            yield owner


def _first(data: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((found for name in names if (found := text(data.get(name)))), None)
