"""Questions that wait for a person: found by what they are about, answered one by one or many at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ordersaga.client_errors import OrderClosedError, SagaUnreachableError
from ordersaga.domain.journal import AttentionItem, JournalUpdate
from ordersaga.domain.statuses import OrderStatus
from tests.support.api import Api, StubOrders, attention, order_body
from workflows.messages import Resolution

MANY = "/v1/attention/resolve-many"


async def ask(api: Api, order_id: str, *, hours: int = 1, **changes: Any) -> AttentionItem:
    """Place an order about which there is a question, that many hours old."""
    assert (await api.post("/v1/orders", order_body(order_id=order_id))).status_code == 202
    opened = datetime.now(UTC) - timedelta(hours=hours)
    item = attention(order_id, f"{order_id}-a1").model_copy(update={"opened_at": opened, **changes})
    update = JournalUpdate(order_id=order_id, status=OrderStatus.NEEDS_ATTENTION, attention=(item,))
    await api.services.journal.record(update)
    return item


async def listed(api: Api, query: str, role: str = "operator") -> list[str]:
    """Ids of the orders with a question that the query finds."""
    answer = await api.get(f"/v1/attention?{query}", role=role)
    assert answer.status_code == 200, answer.text
    return [item["order_id"] for item in answer.json()["items"]]


def resolved(orders: StubOrders) -> list[tuple[str, str, str]]:
    """What the sagas were told: item, choice, by whom."""
    return [(said.item_id, said.choice, said.by) for said in orders.requests if isinstance(said, Resolution)]


async def test_questions_are_found_by_what_they_are_about(api: Api) -> None:
    """Kind, seller, provider of the parcel, and age; oldest first; each says how old it is."""
    await ask(api, "a1", hours=50)
    await ask(api, "a2", hours=3, kind="lost_parcel")
    assert await listed(api, "") == ["a1", "a2"]
    assert await listed(api, "kind=lost_parcel") == ["a2"]
    assert await listed(api, "older_than_hours=48") == ["a1"]
    assert await listed(api, "order_id=a2") == ["a2"]
    assert await listed(api, "order_id=a2&kind=capture_refused") == []
    assert await listed(api, "provider=shipbob") == ["a1", "a2"]
    assert await listed(api, "provider=seller_warehouse") == []
    assert await listed(api, "seller=acme&older_than_hours=1000") == []
    items = (await api.get("/v1/attention")).json()["items"]
    assert [item["age_seconds"] // 3600 for item in items] == [50, 3]
    api.keys["bolt"] = await api.services.api_keys.issue("support", "bolt", "bolt")
    assert await listed(api, "", role="bolt") == []
    assert (await api.get("/v1/attention?seller=acme", role="bolt")).status_code == 403


@pytest.mark.parametrize(
    "query", ["kind=Lost!", "older_than_hours=0", "older_than_hours=x", "seller=A%01", "provider="]
)
async def test_a_wrong_filter_is_named(api: Api, query: str) -> None:
    """422, never 500."""
    answer = await api.get(f"/v1/attention?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, query.partition("=")[0])


async def test_much_money_waits_for_a_second_person(api: Api, orders: StubOrders) -> None:
    """202 with the proposal, still open; the saga is told the key, whomever it acts for."""
    await ask(api, "a1")
    orders.resolved = {"resolved": None, "proposed": "adopt", "proposed_by": "test operator:ann"}
    answer = await api.post("/v1/attention/a1-a1/resolve", {"choice": "adopt", "reason": "seen", "by": "ann"})
    assert (answer.status_code, answer.json()["resolved"]) == (202, None)
    assert answer.json()["proposed_by"] == "test operator:ann"
    assert resolved(orders) == [("a1-a1", "adopt", "test operator:ann")]
    assert await listed(api, "") == ["a1"]


async def test_a_dry_run_says_what_would_be_and_does_nothing(api: Api, orders: StubOrders) -> None:
    """Without `dry_run: false`: per question, and in total; no saga hears of it."""
    guarded = {"guarded": ("adopt",), "currency": "USD"}
    await ask(api, "a1", hours=9, money=50_001, **guarded)
    await ask(api, "a2", hours=8, money=50_000, **guarded)
    await ask(api, "a3", hours=7, money=70_000, **guarded, proposed="adopt", proposed_by="office")
    await ask(api, "a4", hours=6, money=80_000, **guarded, proposed="adopt", proposed_by="test operator:bob")
    await ask(api, "a5", hours=5, choices=("refund",), money=90_000, currency="USD")
    body = {"filter": {"kind": "unknown_capture"}, "choice": "adopt", "reason": "seen", "by": "ann"}
    answer = await api.post(MANY, body)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["dry_run"] is True
    assert [(item["order_id"], item["result"]) for item in told["items"]] == [
        ("a1", "proposed"),
        ("a2", "resolved"),
        ("a3", "resolved"),
        ("a4", "proposed"),
        ("a5", "not_offered"),
    ]
    assert told["totals"] == {
        "count": 5,
        "resolved": 2,
        "waiting_for_second_person": 2,
        "not_offered": 1,
        "failed": 0,
        "left": 0,
        "money": {"USD": 250_001},
    }
    assert told["items"][4]["detail"] == "its choices are refund"
    assert resolved(orders) == []
    assert await listed(api, "") == ["a1", "a2", "a3", "a4", "a5"]


async def test_many_are_resolved_and_each_failure_is_named(api: Api, orders: StubOrders) -> None:
    """One that fails keeps no other from being answered; what is not offered is not tried."""
    for order_id in ("a1", "a2", "a3"):
        await ask(api, order_id)
    await ask(api, "a4", choices=("refund",))
    await ask(api, "b1", kind="lost_parcel")
    orders.refuse = {"a1": SagaUnreachableError("no answer in time")}
    body = {"filter": {"kind": "unknown_capture"}, "choice": "adopt", "reason": "seen", "dry_run": False}
    told = (await api.post(MANY, body)).json()
    results = {item["order_id"]: (item["result"], item["code"]) for item in told["items"]}
    assert results == {
        "a1": ("failed", "saga_unreachable"),
        "a2": ("resolved", None),
        "a3": ("resolved", None),
        "a4": ("not_offered", None),
    }
    assert (told["totals"]["count"], told["totals"]["resolved"], told["totals"]["failed"]) == (4, 2, 1)
    assert sorted(resolved(orders)) == [(f"a{n}-a1", "adopt", "test operator") for n in (1, 2, 3)]


async def test_who_proposed_it_is_not_asked_again(api: Api, orders: StubOrders) -> None:
    """The same key, for whomever: it stays proposed, and its saga is not bothered; another key's word counts."""
    guarded: dict[str, Any] = {"guarded": ("adopt",), "money": 70_000, "currency": "USD", "proposed": "adopt"}
    await ask(api, "a1", **guarded, proposed_by="test operator:bob")
    await ask(api, "a2", **guarded, proposed_by="office")
    body = {"filter": {"kind": "unknown_capture"}, "choice": "adopt", "reason": "seen", "dry_run": False, "by": "ann"}
    told = (await api.post(MANY, body)).json()["items"]
    assert [(item["result"], item["proposed_by"]) for item in told] == [
        ("proposed", "test operator:bob"),
        ("resolved", None),
    ]
    assert resolved(orders) == [("a2-a1", "adopt", "test operator:ann")]


async def test_the_filter_names_orders_and_items_and_ended_orders_are_answered_in_the_journal(
    api: Api, orders: StubOrders
) -> None:
    """Both lists must hold; a question that outlived its saga is answered too, once."""
    for order_id in ("a1", "a2", "a3"):
        await ask(api, order_id)
    orders.fail = {"resolve_attention": OrderClosedError("a2")}
    wanted = {"order_ids": ["a1", "a2"], "item_ids": ["a2-a1", "a3-a1"]}
    body = {"filter": wanted, "choice": "adopt", "reason": "seen", "dry_run": False}
    told = (await api.post(MANY, body)).json()
    assert [(item["item_id"], item["result"]) for item in told["items"]] == [("a2-a1", "resolved")]
    assert await listed(api, "") == ["a1", "a3"]
    assert (await api.post(MANY, body)).json()["totals"]["count"] == 0


async def test_a_sellers_key_answers_its_own_questions_only(api: Api, orders: StubOrders) -> None:
    """Others' questions are not found, and not counted."""
    await ask(api, "a1")
    api.keys["bolt"] = await api.services.api_keys.issue("operator", "bolt", "bolt")
    body = {"filter": {"order_ids": ["a1"]}, "choice": "adopt", "reason": "x", "dry_run": False}
    assert (await api.post(MANY, body, role="bolt")).json()["totals"]["count"] == 0
    assert resolved(orders) == []


async def test_a_question_about_a_start_is_answered_while_nothing_can_be_started(api: Api, orders: StubOrders) -> None:
    """No saga asked it: the journal takes the answer, Temporal is not asked."""
    assert (await api.post("/v1/orders", order_body(order_id="a1"))).status_code == 202
    for _ in range(200):  # it is started after the answer
        if await api.services.pool.fetchval("SELECT started_at IS NOT NULL FROM orders"):
            break
        await asyncio.sleep(0.05)
    await api.services.pool.execute("UPDATE orders SET started_at = NULL, start_after = now()")
    await api.services.starting.refuse("a1", "invalid_message: too large")
    orders.error = SagaUnreachableError("away")
    said = {"choice": "acknowledge", "reason": "repaired"}
    assert (await api.post("/v1/attention/a1-start_refused/resolve", said)).status_code == 200
    assert await listed(api, "") == []
    story = [entry.kind for entry in await api.services.journal.timeline("a1")]
    assert story[-2:] == ["attention", "decision"]


async def test_a_thousand_at_once_and_the_rest_is_counted(api: Api, orders: StubOrders) -> None:
    """The oldest first."""
    first = await ask(api, "a1", hours=2000)
    items = tuple(
        first.model_copy(update={"item_id": f"a1-a{n}", "opened_at": first.opened_at + timedelta(minutes=n)})
        for n in range(2, 1003)
    )
    await api.services.journal.record(JournalUpdate(order_id="a1", status=OrderStatus.NEEDS_ATTENTION, attention=items))
    body = {"filter": {"order_ids": ["a1"]}, "choice": "adopt", "reason": "seen", "dry_run": False}
    totals = (await api.post(MANY, body)).json()["totals"]
    assert (totals["count"], totals["resolved"], totals["left"]) == (1000, 1000, 2)
    assert {item for item, _, _ in resolved(orders)}.isdisjoint({"a1-a1001", "a1-a1002"})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"filter": {}}, "filter"),
        ({"filter": {"kind": None}}, "filter"),
        ({"filter": {"order_ids": []}}, "filter.order_ids"),
        ({"filter": {"order_ids": ["../x"]}}, "filter.order_ids[0]"),
        ({"filter": {"item_ids": ["a\0"]}}, "filter"),
        ({"filter": {"older_than_hours": 0}}, "filter.older_than_hours"),
        ({"filter": {"older_than_hours": "5"}}, "filter.older_than_hours"),
        ({"filter": {"status": "x"}}, "filter.status"),
        ({"filter": {"item_ids": ["x"] * 1001}}, "filter.item_ids"),
        ({"filter": None}, "filter"),
        ({"dry_run": "no"}, "dry_run"),
        ({"choice": ""}, "choice"),
        ({"reason": " "}, "reason"),
        ({"all": True}, "all"),
    ],
)
async def test_a_wrong_answer_to_many_is_refused_whole(
    api: Api, orders: StubOrders, changes: dict[str, Any], field: str
) -> None:
    """422 naming the field; no question is touched."""
    await ask(api, "a1")
    body = {"filter": {"order_ids": ["a1"]}, "choice": "adopt", "reason": "x", "dry_run": False, **changes}
    answer = await api.post(MANY, body)
    assert answer.status_code == 422, answer.text
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert resolved(orders) == []
