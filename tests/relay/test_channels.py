"""Orders that an emulated TikTok Shop sells come to be ours: told by webhooks, or found when those are lost."""

import hashlib
import hmac
import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from ordersaga.bootstrap import Services, open_services
from ordersaga.client_errors import OrderRefusedError
from ordersaga.domain.channels import ChannelNews, ChannelTopic, our_order_id
from ordersaga.domain.journal import JournalUpdate
from ordersaga.domain.orders import AWAITED
from ordersaga.domain.statuses import OrderStatus
from tests.fakes.samples import catalog
from tests.gateways.support import company
from tests.gateways.tiktok_shop_support import APP_KEY, SECRET, Json, ledger, place, records
from tests.support.api import StubOrders, serving, settings_for
from tests.support.emulators import EmulatorProcess, WebhookReceiver, eventually
from workers.channel_news import ChannelDesk
from workers.relay_channels import ChannelPoller
from workers.relay_deliverer import Deliverer
from workflows.messages import AddressChange, CancelRequest

ACCOUNT = "tiktok_acme"
_shops = itertools.count(1)
NETWORK = """
[accounts.tiktok_acme]
kind = "tiktok_shop"
url = "{url}"
auth_url = "{url}"
seller = "acme"
shop_id = "{shop}"
app_key = "{key}"
app_secret = "file:{folder}/secret"
shop_cipher = "file:{folder}/cipher"
access_token = "file:{folder}/token"
calls_per_minute = 100000
[accounts.tiktok_acme.skus]
THEIR-MUG = "MUG"
"""


@dataclass(frozen=True)
class Shop:
    """The shop there, its orders here, and the running orders' stand-in."""

    services: Services
    orders: StubOrders
    emulator: EmulatorProcess
    webhooks: WebhookReceiver
    name: str

    async def sells(self, *lines: tuple[str, int, int], to: str = "ON_HOLD") -> Json:
        """A shopper pays there."""
        return await place(self.emulator, *lines, to=to, shop=self.name)

    async def polled(self) -> None:
        """The relay asks what changed, and looks at everything it has heard."""
        await ChannelPoller(self.services, ACCOUNT).step()
        await self.delivered()

    async def delivered(self) -> None:
        """What waits in the inbox is due now, and looked at."""
        await self.services.pool.execute("UPDATE webhook_inbox SET next_attempt_at = now() WHERE status = 'pending'")
        await Deliverer(self.services).step()

    async def record(self, order: Json) -> Any:
        """Ours, if it is."""
        return await self.services.journal.get(self.ours(order))

    async def began(self, order: Json) -> None:
        """Its saga runs, and has told so."""
        await self.services.starting.mark_started(self.ours(order))
        update = JournalUpdate(order_id=self.ours(order), status=OrderStatus.CONFIRMED, outcome="confirmed")
        await self.services.journal.record(update)

    async def questions(self, order: Json) -> list[str]:
        """What people are asked about it."""
        return [item.kind for item in await self.services.journal.open_attention(order_id=self.ours(order))]

    async def inbox(self) -> dict[str, int]:
        """How its messages stand."""
        return await self.services.inbox.count_by_status()

    def ours(self, order: Json) -> str:
        """What it is called with us."""
        return our_order_id("tiktok_shop", self.name, order["id"])

    def asked(self, kind: type) -> list[Any]:
        """Requests that running orders got."""
        return [request for request in self.orders.requests if isinstance(request, kind)]


@pytest.fixture(scope="module")
async def market(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[EmulatorProcess, WebhookReceiver]]:
    """The emulated TikTok Shop, and what it sends."""
    async with company("tiktok_shop", tmp_path_factory.mktemp("tiktok"), SECRET) as started:
        await started[0].post("rate-limit", per_second=100_000)
        yield started


@pytest.fixture
async def shop(
    market: tuple[EmulatorProcess, WebhookReceiver], database_url: str, orders: StubOrders, tmp_path: Path
) -> AsyncIterator[Shop]:
    """A fresh database with ten mugs, and our account there."""
    emulator, webhooks = market
    name = f"74940496426424{next(_shops):05d}"
    await emulator.delete("faults")
    for file, text in (("secret", SECRET), ("cipher", f"GCP_{name}"), ("token", f"TTP_{tmp_path.name}")):
        (tmp_path / file).write_text(text)
    network = tmp_path / "network.toml"
    network.write_text(NETWORK.format(url=emulator.url, shop=name, key=APP_KEY, folder=tmp_path))
    settings = settings_for(database_url, network=network, gateway_timeout=timedelta(seconds=5))
    async with open_services(settings, orders=orders) as services:
        await services.catalog.load(catalog(("nj-1", "MUG", 10)))
        await services.poll_cursors.move(f"channel:{ACCOUNT}", datetime.now(UTC) - timedelta(seconds=2))
        yield Shop(services, orders, emulator, webhooks, name)


async def test_an_order_there_is_held_and_accepted_here_once(shop: Shop) -> None:
    """However often it is heard of: its units are held at once, where it goes is not known."""
    order = await shop.sells(("THEIR-MUG", 2, 500))
    for _ in range(3):
        await shop.polled()
    record = await shop.record(order)
    assert (record.order.payment.collected_by, record.order.sold_at.order) == (ACCOUNT, order["id"])
    assert (record.order.ship_to, record.order.total) == (AWAITED, 1000 + 499 + 123)
    assert record.order.terms.hand_off_delay > timedelta(minutes=59)
    (level,) = await shop.services.catalog.stock_levels(sku="MUG")
    assert level.held == 2


async def test_webhooks_are_stored_once_and_look_at_the_order(shop: Shop) -> None:
    """Signed with our app's secret, through the door; a wrong signature is refused and its body logged nowhere."""
    order = await shop.sells(("MUG", 1, 500))
    await eventually(lambda: any(order["id"] in str(each.body) for each in shop.webhooks.deliveries))
    told = next(each for each in shop.webhooks.deliveries if order["id"] in str(each.body))
    door = f"/v1/webhooks/{ACCOUNT}"
    headers = {"Authorization": told.headers["authorization"], "Content-Type": "application/json"}
    async with serving(shop.services) as api:
        with structlog.testing.capture_logs() as logs:
            bad = await api.send("POST", door, role=None, content=told.body, headers={**headers, "Authorization": "00"})
        good = [await api.send("POST", door, role=None, content=told.body, headers=headers) for _ in range(2)]
    assert (bad.status_code, [each.status_code for each in good]) == (400, [204, 204])
    assert any(line["event"] == "bad_signature" for line in logs)
    assert order["id"] not in json.dumps(logs, default=str)
    assert await shop.inbox() == {"pending": 1}
    await shop.delivered()
    assert await shop.record(order) is not None


async def test_a_message_of_another_shop_is_refused(shop: Shop) -> None:
    """One app may serve several shops: what its secret signs at one account's address says nothing of another's orders.

    Neither the door takes it, nor the desk, should it stand in the inbox already.
    """
    body = json.dumps({"type": 1, "tts_notification_id": "n1", "shop_id": "7", "data": {"order_id": "5"}})
    digest = hmac.new(SECRET.encode(), (APP_KEY + body).encode(), hashlib.sha256).hexdigest()
    headers = {"Authorization": digest, "Content-Type": "application/json"}
    async with serving(shop.services) as api:
        answer = await api.send("POST", f"/v1/webhooks/{ACCOUNT}", role=None, content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "another_shop")
    assert await shop.inbox() == {}
    theirs = shop.services.channel_accounts[ACCOUNT].model_copy(update={"account": "tiktok_bolt", "shop": "7"})
    both = replace(shop.services, channel_accounts={**shop.services.channel_accounts, "tiktok_bolt": theirs})
    news = ChannelNews(shop="7", topic=ChannelTopic.ORDER, channel_order_ids=("5",))
    assert await ChannelDesk(both).hear(news, ACCOUNT, datetime.now(UTC)) == "told to another account than its shop's"


async def test_lost_webhooks_are_made_up_for(shop: Shop) -> None:
    """The poller finds the order; so does the sweep, when even the poller's cursor had passed it."""
    first = await shop.sells(("MUG", 1, 500), to="AWAITING_SHIPMENT")
    await shop.polled()
    assert (await shop.record(first)).order.ship_to.line1 == "75 Ninth Avenue"
    second = await shop.sells(("MUG", 1, 500))
    await shop.services.poll_cursors.move(f"channel:{ACCOUNT}", datetime.now(UTC) + timedelta(hours=1))
    await shop.polled()
    assert await shop.record(second) is None
    await ChannelPoller(shop.services, ACCOUNT).sweep()
    await shop.delivered()
    assert await shop.record(second) is not None


async def test_sold_out_it_is_canceled_there_as_out_of_stock(shop: Shop) -> None:
    """Once, also when the answer is lost; nothing is held."""
    order = await shop.sells(("MUG", 11, 500))
    await shop.emulator.post("faults", path="/cancellations$", kind="lose_answer", times=1)
    for _ in range(3):
        await shop.polled()
    assert (await shop.record(order)).status is OrderStatus.REJECTED
    (made,) = await records(shop.emulator, order["id"], "cancellations")
    assert (made["role"], made["reason"]) == ("SELLER", "seller_cancel_reason_out_of_stock")
    (level,) = await shop.services.catalog.stock_levels(sku="MUG")
    assert level.held == 0


async def test_a_sku_nobody_knows_is_asked_about_and_the_order_not_lost(shop: Shop) -> None:
    """Once it can be taken in, it is, and the question is settled."""
    order = await shop.sells(("TEE-XL", 1, 500))
    for _ in range(2):
        await shop.polled()
    assert (await shop.record(order), await shop.questions(order)) == (None, ["channel_order_not_taken"])
    more = catalog(("nj-1", "MUG", 10))
    tee = more.products[1].model_copy(update={"sku": "TEE-XL"})
    receipt = more.receipts[0].model_copy(update={"receipt_id": "r9", "sku": "TEE-XL"})
    await shop.services.catalog.load(more.model_copy(update={"products": (tee,), "receipts": (receipt,)}))
    await shop.delivered()
    assert await shop.record(order) is not None
    assert await shop.questions(order) == []


async def test_the_address_is_passed_on_when_it_is_released(shop: Shop) -> None:
    """Under one name, however often it is told."""
    order = await shop.sells(("MUG", 1, 500))
    await shop.polled()
    await shop.began(order)
    await shop.emulator.post("advance", match=order["id"], to="AWAITING_SHIPMENT")
    for _ in range(2):
        await shop.polled()
    (change,) = {request.request_id: request for request in shop.asked(AddressChange)}.values()
    assert (change.ship_to.line1, change.ship_to.region) == ("75 Ninth Avenue", "NY")


async def test_canceled_there_it_is_canceled_here(shop: Shop) -> None:
    """In its hour a shopper cancels without asking; goods that cannot be stopped any more are a person's question."""
    order = await shop.sells(("MUG", 1, 500))
    await shop.polled()
    await shop.began(order)
    await shop.emulator.post("buyer-cancel", match=order["id"])
    shop.orders.canceled = {"outcome": "pending"}
    await shop.polled()
    assert await shop.inbox() == {"delivered": 1, "pending": 1}
    shop.orders.canceled = {"outcome": "too_late"}
    await shop.delivered()
    assert {request.request_id for request in shop.asked(CancelRequest)} == {f"{ACCOUNT}-canceled"}
    assert await shop.questions(order) == ["channel_canceled_but_ships"]


async def test_a_request_is_turned_down_when_it_is_too_late(shop: Shop) -> None:
    """Only then: while the saga has not decided, nothing is answered."""
    order = await shop.sells(("MUG", 1, 500), to="AWAITING_SHIPMENT")
    await shop.polled()
    await shop.began(order)
    await shop.emulator.post("buyer-cancel", match=order["id"])
    shop.orders.canceled = {"outcome": "pending"}
    await shop.polled()
    (waiting,) = await records(shop.emulator, order["id"], "cancellations")
    assert (waiting["status"], await shop.questions(order)) == ("PENDING", [])
    shop.orders.canceled = {"outcome": "too_late"}
    await shop.delivered()
    (answered,) = await records(shop.emulator, order["id"], "cancellations")
    assert answered["status"] == "CANCEL"
    assert [kind for kind, _ in await ledger(shop.emulator, order["id"])] == ["collected"]


async def test_another_address_that_comes_too_late_is_asked_about(shop: Shop) -> None:
    """The parcel is on its way to the first one."""
    order = await shop.sells(("MUG", 1, 500), to="AWAITING_SHIPMENT")
    await shop.polled()
    await shop.began(order)
    await shop.emulator.post("address", match=order["id"], recipient={"address_line1": "1 Main St"})
    shop.orders.fail["change"] = OrderRefusedError("refused", "too late: the parcel has left")
    await shop.polled()
    assert await shop.questions(order) == ["channel_address"]
