"""The emulator judged by somebody else: models made of TikTok's own documentation read everything it says.

Loading them takes seconds, so these tests are slow ones.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import attrs
import pytest
from tiktok_shop_api import AsyncTikTokShop, UnknownWebhookEvent, Webhooks

from tests.emulators.tiktok_shop.support import APP_KEY, SECRET, SHOP, UPS, Json, TikTokClient
from tests.support.emulators import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
TOPICS = {1, 3, 4, 11, 12, 67}
NOT_IN_THE_MODEL = {".tts_notification_id"}
"""Left out where an address changes; the documentation has it in every message."""


@pytest.fixture
async def client(tiktok: TikTokClient) -> AsyncIterator[AsyncTikTokShop]:
    """The library's whole client: it signs, asks, and reads by its models."""
    made = AsyncTikTokShop(APP_KEY, SECRET, "TTP_models", f"GCP_{SHOP}", base_url=tiktok.process.url)
    yield made
    await made.aclose()


def undocumented(read: Any, path: str = "") -> Iterator[str]:
    """Every member that the models have no name for."""
    if isinstance(read, list):
        for each in read:
            yield from undocumented(each, path)
    elif attrs.has(type(read)):
        yield from (f"{path}.{name}" for name in read.additional_properties)
        for each in attrs.fields(type(read)):
            if each.name != "additional_properties":
                yield from undocumented(getattr(read, each.name), f"{path}.{each.name}")


async def lived(tiktok: TikTokClient, client: AsyncTikTokShop) -> Json:
    """An order that met everything: asked to be canceled, split, readdressed, shipped, delivered, returned."""
    from tiktok_shop_api.generated.models import SelfShipment, ShipPackageRequest

    order = await tiktok.place("AWAITING_SHIPMENT")
    await tiktok.process.post("buyer-cancel", match=order["id"])
    await tiktok.process.post("split", match=order["id"])
    await tiktok.process.post("address", match=order["id"], recipient={"postal_code": "10012"})
    for number, package in enumerate((await tiktok.order(order["id"]))["packages"]):
        told = SelfShipment(tracking_number=f"1Z99900{number}", shipping_provider_id=UPS)
        await client.fulfillment.ship_package(package["id"], body=ShipPackageRequest(self_shipment=told))
    await tiktok.process.post("advance", match=order["id"], to="DELIVERED")
    await tiktok.process.post("return", match=order["id"])
    return await tiktok.order(order["id"])


async def test_answers_are_as_documented(tiktok: TikTokClient, client: AsyncTikTokShop) -> None:
    """Everything is read, and nothing is said that the documentation does not know."""
    from tiktok_shop_api.generated.models import CancelOrderRequest

    order, other = await lived(tiktok, client), await tiktok.place("AWAITING_SHIPMENT")
    wanted = CancelOrderRequest(order_id=other["id"], cancel_reason="seller_cancel_reason_out_of_stock")
    answers = {
        "detail": await client.orders.get_order_detail(ids=[order["id"]]),
        "list": await client.orders.get_order_list(page_size=20),
        "package": await client.fulfillment.get_package_detail(order["packages"][0]["id"]),
        "carriers": await client.logistics.get_shipping_providers(order["delivery_option_id"]),
        "cancel": await client.return_and_refund.cancel_order(body=wanted),
        "cancellations": await client.return_and_refund.search_cancellations(page_size="20"),
        "returns": await client.return_and_refund.search_returns(page_size="20"),
        "shops": await client.authorization.get_authorized_shops(),
    }
    assert {name: list(undocumented(answer)) for name, answer in answers.items()} == {name: [] for name in answers}
    assert all(answer is not None and answer.to_dict()["data"] for answer in answers.values())


async def test_webhooks_are_as_documented(tiktok: TikTokClient, client: AsyncTikTokShop) -> None:
    """Each is verified, known, and says nothing that the documentation does not know."""
    order = await lived(tiktok, client)

    def read() -> list[Any]:
        return [
            Webhooks.verify_and_parse(
                app_key=APP_KEY, app_secret=SECRET, raw_body=each.body, signature=each.headers["authorization"]
            )
            for each in tiktok.heard(order)
        ]

    await eventually(lambda: {event.type_ for event in read()} == TOPICS)
    events = read()
    assert not any(isinstance(event, UnknownWebhookEvent) for event in events)
    assert {name for event in events for name in undocumented(event)} <= NOT_IN_THE_MODEL
