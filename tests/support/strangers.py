"""Two sellers: acme, who has one of everything, and bolt, a stranger to it. What tests of every door share.

ids = await things_of_acme(shop, IDS)
before = await standing(shop, ids)
...                                    # bolt asks for what is acme's, and for what never was
assert plain(theirs, ids) == plain(nothing, ids)
assert await standing(shop, ids) == before
"""

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from ordersaga.domain.catalog import Catalog, Receipt
from ordersaga.domain.journal import JournalUpdate
from ordersaga.domain.people import Identity, PersonRole
from ordersaga.domain.reconciliation import Finding, FindingKind, Repair, RunRecord
from ordersaga.domain.shipping import HandOff
from ordersaga.domain.statuses import OrderStatus
from ordersaga.domain.stops import NewStop, StopMatch, StopRule
from ordersaga.stores.pools import connection
from tests.api.conftest import Shop
from tests.api.test_returns import MUG, WAIT, delivered, until
from tests.fakes.samples import PLACED_AT, address, order
from tests.support.api import ROLES, Api, attention, order_body

OF_ACME: Final = re.compile(r"acme|Ada Byron|Main St|MUG")
"""What stands in acme's records and nowhere else."""
BUYER: Final = "acmes-buyer"
NAMESAKE: Final = "Ann"
"""Works for acme; all keys of bolt are called so too, for the name of a key is no proof of anything."""
NEVER: Final = {"session_id": "ses_0000000000000000", "endpoint_id": "whe_gone"}
"""Ids of nothing, for things whose ids are made up."""
MOVING: Final = {"people_sessions"}
"""Tables that move because somebody looks."""
_VOLATILE: Final = (
    re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[0-9.]*(Z|[+]00:00| UTC)?"),
    re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
)
_SAID: Final = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED,
}


def gone(text: str, ids: Mapping[str, str]) -> str:
    """The same words about things that never were."""
    for name, never in NEVER.items():
        text = text.replace(ids[name], never)
    return text.replace("acme", "gone").replace("MUG", "GUM")


def never(ids: Mapping[str, str]) -> dict[str, str]:
    """Ids of things that never were."""
    return {name: gone(value, ids) for name, value in ids.items()}


def instead(body: Any, ids: Mapping[str, str]) -> Any:
    """A body about things that never were."""
    if isinstance(body, bytes):
        return gone(body.decode(), ids).encode()
    return json.loads(gone(json.dumps(body), ids))


def plain(text: str, ids: Mapping[str, str]) -> str:
    """An answer without the names that were asked for, and without what differs each time."""
    text = gone(text, ids)
    for volatile in _VOLATILE:
        text = volatile.sub("~", text)
    return text


async def strangers(api: Api) -> None:
    """A key of bolt for each role: `bolt viewer`."""
    for role in ROLES:
        api.keys[f"bolt {role}"] = await api.services.api_keys.issue(role, NAMESAKE, "bolt")


async def signed_in(api: Api, name: str, role: PersonRole, seller: str) -> str:
    """A person's session: its token."""
    identity = Identity(issuer="tests", subject=name, name=name, role=role, seller=seller)
    return await api.services.people.sign_in(identity)


async def things_of_acme(shop: Shop, known: Mapping[str, str]) -> dict[str, str]:
    """One of everything a seller may have; their ids by the name of the path's part. Bolt has an order of its own."""
    services = shop.api.services
    await services.catalog.load(
        Catalog(receipts=(Receipt(receipt_id="lamps", location="nj-1", sku="LAMP", quantity=5),))
    )
    lamp = {"seller": "bolt", "lines": [{"sku": "LAMP", "quantity": 1, "unit_price": 100}]}
    bob = {**order_body()["ship_to"], "name": "Bob", "line1": "2 Side Rd"}
    own = order_body(order_id="bolts_1", ship_to=bob, **lamp)
    assert (await shop.api.post("/v1/orders", own, headers=WAIT)).status_code == 201
    await delivered(shop, "acmes_1")
    assert (await shop.api.post("/v1/orders/acmes_1/returns", MUG)).status_code == 201
    await until(shop, "/v1/returns/acmes_1-r1", status="awaiting_goods")
    open_one = order_body(order_id="acmes_2", buyer=BUYER)
    assert (await shop.api.post("/v1/orders", open_one, headers=WAIT)).status_code == 201
    await until(shop, "/v1/orders/acmes_2", status="fulfilling")
    await until(shop, "/v1/orders/bolts_1", status="fulfilling")
    await _questions(shop, known)
    await _stopped(shop, known)
    await _packed_at_home(shop, known)
    endpoint = await shop.api.post("/v1/webhook-endpoints", {"url": "https://hooks.acme.example/", "seller": "acme"})
    assert (await shop.api.send("PUT", "/v1/sellers/acme", json={"name": "Acme"})).status_code == 200
    await signed_in(shop.api, NAMESAKE, "operator", "acme")
    [session] = await services.people.sessions("acme")
    return {**known, "endpoint_id": endpoint.json()["id"], "session_id": session.id}


async def _questions(shop: Shop, known: Mapping[str, str]) -> None:
    services, now = shop.api.services, datetime.now(UTC)
    asked = attention("acmes_2", known["item_id"])
    await services.journal.record(
        JournalUpdate(order_id="acmes_2", status=OrderStatus.NEEDS_ATTENTION, attention=(asked,))
    )
    found = Finding(
        finding_id=known["finding_id"],
        kind=FindingKind.STOCK_DRIFT,
        subject="acmes_2",
        repair=Repair.ASK,
        what="of acme",
        ours="1",
        theirs="2",
        source="shipbob",
        order_id="acmes_2",
        seller="acme",
        facts={"provider": "shipbob", "sku": "MUG", "units": "1"},
    )
    await services.findings.save("r0", [found], now)
    run = RunRecord(run_id=known["run_id"], since=now - timedelta(days=1), started_at=now, requested_by=NAMESAKE)
    await services.findings.begin_run(run, "acme")


async def _stopped(shop: Shop, known: Mapping[str, str]) -> None:
    rule = StopRule(stop_id=known["stop_id"], match=StopMatch(seller="acme"), effective_at=datetime.now(UTC))
    look = timedelta(minutes=5)
    stop = NewStop(rule=rule, look_every=look, reason="acme's", asked_by="acme", dry_run=True)
    await shop.api.services.stops.create(stop)


async def _packed_at_home(shop: Shop, known: Mapping[str, str]) -> None:
    parcel = HandOff(
        reference=known["reference"],
        order_id="acmes_2",
        seller="acme",
        location="nj-1",
        lines=order("acmes_2").lines,
        ship_to=address(),
        ship_by=PLACED_AT,
    )
    await shop.api.services.seller_warehouse.submit(parcel)


async def standing(shop: Shop, client: Client) -> dict[str, Any]:
    """A fingerprint of every table but those that move by looking, and how much acme's sagas were told.

    Taken when two looks in a row agree: what the sagas were doing by themselves is done.
    """
    async with asyncio.timeout(60):
        now = await _look(shop.api, client)
        while True:
            await asyncio.sleep(0.3)
            before, now = now, await _look(shop.api, client)
            if before == now:
                return now


async def _look(api: Api, client: Client) -> dict[str, Any]:
    found: dict[str, Any] = {}
    async with connection(api.services.pool) as reader:
        names = await reader.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = {row["tablename"] for row in names} - MOVING
        assert len(tables) > 30
        for table in sorted(tables):
            rows = await reader.fetch(f"SELECT to_jsonb(t)::text AS row FROM {table} t ORDER BY 1")
            found[table] = hashlib.sha256("".join(row["row"] for row in rows).encode()).hexdigest()
    for workflow in ("order-acmes_1", "order-acmes_2"):
        history = await client.get_workflow_handle(workflow).fetch_history()
        found[workflow] = sum(event.event_type in _SAID for event in history.events)
    return found
