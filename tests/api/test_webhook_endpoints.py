"""Endpoints over HTTP: whose they are, what they may be, what is shown of them, and replay."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest_asyncio

from ordersaga.bootstrap import Services
from ordersaga.domain.journal import JournalEntry, JournalUpdate
from ordersaga.domain.notifications import EMAIL_TYPES
from ordersaga.domain.statuses import OrderStatus
from ordersaga.gateways.webhooks_out import WebhookSender
from tests.api.conftest import Shop
from tests.fakes.notifier import FakeNotifier
from tests.fakes.samples import PLACED_AT, order
from tests.support.api import Api, order_body, serving
from tests.support.receiver import receiving
from workers.relay import notify

PATH = "/v1/webhook-endpoints"
URL = "https://hooks.acme.example/orders"


@pytest_asyncio.fixture
async def mailing(services: Services) -> AsyncIterator[Api]:
    """The API where e-mail can be sent and loopback is allowed."""
    settings = services.settings.model_copy(update={"notify_loopback": True})
    async with serving(replace(services, settings=settings, notifier=FakeNotifier())) as served:
        yield served


async def added(api: Api, **body: Any) -> dict[str, Any]:
    """An endpoint."""
    answer = await api.post(PATH, {"url": URL, **body})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def problem(answer: httpx.Response) -> tuple[int, str, list[str]]:
    """Status, code, and the fields that were refused."""
    body = answer.json()
    return answer.status_code, body["code"], [error["field"] for error in body.get("errors", [])]


async def test_the_secret_is_shown_once(api: Api) -> None:
    """In the answer that made it, and in no list."""
    made = await added(api, types=["order.confirmed", "order.confirmed"])
    listed = await api.get(PATH)

    assert made["secret"].startswith("whsec_")
    assert made["secret"] not in listed.text
    (row,) = listed.json()["endpoints"]
    assert row == {name: value for name, value in made.items() if name != "secret"}
    assert (row["seller"], row["kind"], row["url"], row["types"]) == (None, "http", URL, ["order.confirmed"])
    assert (row["disabled_at"], row["disabled_reason"]) == (None, None)


async def test_what_cannot_be_an_endpoint(api: Api) -> None:
    """Each refusal names the field and the remedy; nothing is added."""
    for body, field, remedy in (
        ({"url": "http://hooks.acme.example/"}, "url", "use https"),
        ({"url": "https://169.254.169.254/"}, "url", "private and local"),
        ({"url": "http://127.0.0.1:9/"}, "url", "this machine's own"),
        ({"url": "mailto:ops@acme.example"}, "url", "ORDERSAGA_SMTP_HOST"),
        ({"url": URL, "seller": "nobody"}, "seller", "load it first"),
        ({"url": URL, "types": ["order.sent"]}, "types", "order.confirmed"),
        ({"url": URL, "secret": "mine"}, "secret", "remove it"),
        ({}, "url", "add it"),
    ):
        answer = await api.post(PATH, body)
        assert problem(answer) == (422, "invalid_request", [field]), answer.text
        assert remedy in answer.json()["errors"][0]["remedy"]
    assert (await api.get(PATH)).json() == {"endpoints": []}


async def test_an_endpoint_is_added_once(api: Api) -> None:
    """A repeat would notify twice; after its removal it may come back."""
    made = await added(api)
    assert problem(await api.post(PATH, {"url": URL}))[:2] == (409, "endpoint_exists")

    assert (await api.send("DELETE", f"{PATH}/{made['id']}")).status_code == 204
    assert problem(await api.send("DELETE", f"{PATH}/{made['id']}"))[:2] == (404, "endpoint_not_found")
    assert (await added(api))["id"] != made["id"]


async def test_email_endpoints(mailing: Api) -> None:
    """They hear what somebody has to act on unless they choose; they have no secret."""
    made = await added(mailing, url="mailto:ops@acme.example", seller="acme")
    assert (made["kind"], made["types"], made["secret"]) == ("email", list(EMAIL_TYPES), None)
    chosen = await added(mailing, url="mailto:all@acme.example", types=["order.closed"])
    assert chosen["types"] == ["order.closed"]
    assert problem(await mailing.post(f"{PATH}/{made['id']}/rotate-secret"))[:2] == (409, "no_secret")
    assert (await added(mailing, url="http://127.0.0.1:9/hooks"))["kind"] == "http"


async def test_a_rotated_secret_is_shown_once(api: Api) -> None:
    """Another one, with the time until which both sign."""
    made = await added(api)
    answer = (await api.post(f"{PATH}/{made['id']}/rotate-secret")).json()
    assert answer["id"] == made["id"]
    assert answer["secret"].startswith("whsec_")
    assert answer["secret"] != made["secret"]
    assert set(answer) == {"id", "secret", "previous_until"}
    assert answer["secret"] not in (await api.get(PATH)).text


async def test_a_sellers_key_sees_its_own_endpoints_only(api: Api) -> None:
    """It adds for its seller, whether it says so or not; those of the shop and of others are not there for it."""
    api.keys["acme"] = await api.services.api_keys.issue("operator", "acme's", "acme")
    shop = await added(api)
    bolt = await added(api, seller="bolt")
    mine = await api.post(PATH, {"url": URL}, role="acme")
    assert (mine.status_code, mine.json()["seller"]) == (201, "acme")

    assert problem(await api.post(PATH, {"url": URL, "seller": "bolt"}, role="acme"))[:2] == (403, "seller_forbidden")
    assert problem(await api.get(f"{PATH}?seller=bolt", role="acme"))[:2] == (403, "seller_forbidden")
    assert [row["id"] for row in (await api.get(PATH, role="acme")).json()["endpoints"]] == [mine.json()["id"]]
    for other in (shop["id"], bolt["id"]):
        for method, path, body in (
            ("DELETE", "", None),
            ("POST", "/rotate-secret", None),
            ("POST", "/replay", {"since": "2026-01-01T00:00:00Z"}),
            ("GET", "/deliveries", None),
        ):
            answer = await api.send(method, f"{PATH}/{other}{path}", role="acme", json=body)
            assert problem(answer)[:2] == (404, "endpoint_not_found")
    assert len((await api.get(PATH)).json()["endpoints"]) == 3


async def happened(services: Services, *kinds: str) -> None:
    """Order o1 is accepted, and its saga records entries, a minute apart."""
    assert await services.stock.confirm_hold(order("o1"))
    entries = tuple(
        JournalEntry(entry_id=f"e{place}", at=PLACED_AT + place * timedelta(minutes=1), kind=kind, text="", parcel=1)
        for place, kind in enumerate(kinds)
    )
    await services.journal.record(JournalUpdate(order_id="o1", status=OrderStatus.COMPLETED, entries=entries))


async def test_replay_keeps_the_ids(api: Api, services: Services) -> None:
    """What was delivered waits again under its id; deliveries tell how they stand."""
    made = await added(api, seller="acme")
    await happened(services, "confirmed", "captured", "closed")
    path = f"{PATH}/{made['id']}"
    waiting = {row["type"]: row["id"] for row in (await api.get(f"{path}/deliveries")).json()["deliveries"]}
    await services.outbox.mark_delivered(waiting["order.confirmed"])
    await services.outbox.mark_failed(waiting["order.closed"], "HTTP 500: no", None)

    async def standing(query: str = "") -> dict[str, tuple[str, str, str | None]]:
        rows = (await api.get(f"{path}/deliveries{query}")).json()["deliveries"]
        return {row["type"]: (row["id"], row["status"], row["last_error"]) for row in rows}

    assert await standing("?status=failed") == {"order.closed": (waiting["order.closed"], "failed", "HTTP 500: no")}
    body = {"since": "2026-03-01T12:00:00Z", "until": "2026-03-01T12:02:00Z", "types": ["order.confirmed"]}
    answer = await api.post(f"{path}/replay", body)
    assert (answer.status_code, answer.json()) == (202, {"queued": 1, "next_since": None})
    assert (await standing())["order.confirmed"] == (waiting["order.confirmed"], "pending", None)
    assert (await standing())["order.closed"][1] == "failed"

    answer = await api.post(f"{path}/replay", {"since": "2026-03-01T14:00:00+02:00"})
    assert answer.json() == {"queued": 3, "next_since": None}
    assert await standing() == {name: (known, "pending", None) for name, known in waiting.items()}


async def test_what_cannot_be_replayed(api: Api, services: Services) -> None:
    """A time without its offset, a type that is none, an endpoint that is disabled or not there."""
    made = await added(api)
    path = f"{PATH}/{made['id']}/replay"
    assert problem(await api.post(path, {"since": "2026-03-01T12:00:00"})) == (422, "invalid_request", ["since"])
    assert problem(await api.post(path, {"since": "0001-01-01T00:00:00+14:00"})) == (422, "invalid_request", ["since"])
    assert problem(await api.post(path, {})) == (422, "invalid_request", ["since"])
    body = {"since": "2026-03-01T12:00:00Z"}
    assert problem(await api.post(path, {**body, "types": ["x"]})) == (422, "invalid_request", ["types"])
    future = {"since": "2400-01-01T00:00:00Z"}
    assert problem(await api.post(path, future)) == (422, "invalid_request", ["since"])
    for until in ("2026-03-01T12:00:00Z", "2026-02-01T12:00:00Z"):
        assert problem(await api.post(path, {**body, "until": until})) == (422, "invalid_request", ["until"])
    assert problem(await api.post(f"{PATH}/whe_none/replay", body))[:2] == (404, "endpoint_not_found")

    await services.endpoints.disable(made["id"], "answered 410")
    answer = await api.post(path, body)
    assert problem(answer)[:2] == (409, "endpoint_disabled")
    assert "answered 410; remove it and add it anew" in answer.json()["detail"]


async def test_a_real_order_tells_its_seller(shop: Shop) -> None:
    """From checkout to the cancellation, through the real saga: signed, and without a word about the shopper."""
    services, stop = shop.api.services, asyncio.Event()
    sender = WebhookSender(allow_loopback=True)
    async with receiving() as receiver:
        _, secret = await services.endpoints.add("http", receiver.url, seller="acme")
        relay = asyncio.create_task(notify(replace(services, webhook_sender=sender), stop))
        body, wait = order_body(order_id="told"), {"Prefer": "wait=20"}
        assert (await shop.api.post("/v1/orders", body, headers=wait)).status_code == 201
        answer = await shop.api.post("/v1/orders/told/cancel", {"reason": "Ada Byron"}, headers=wait)
        assert answer.json()["outcome"] == "canceled"
        await receiver.until_true(lambda: any('"order.closed"' in got.body for got in receiver.received))
        stop.set()
        await relay

    told = {got.verified(secret)["type"] for got in receiver.received}
    assert {"order.confirmed", "order.cancel_requested", "payment.voided", "order.closed"} <= told
    assert not {"payment.captured", "parcel.shipped", "payment.refunded"} & told
    assert len(set(receiver.ids)) == len(receiver.ids)
    assert "Ada" not in "".join(got.body for got in receiver.received)
    await sender.aclose()
