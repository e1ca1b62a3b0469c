"""Reading orders, cancel and holds, attention, stock, pick tickets, health."""

from datetime import UTC, datetime, timedelta

import pytest

from ordersaga.client_errors import OrderClosedError, OrderNotFoundError, SagaUnreachableError
from ordersaga.domain.journal import JournalEntry, JournalUpdate
from ordersaga.domain.shipping import HandOff
from ordersaga.domain.statuses import OrderStatus
from tests.fakes.samples import order as sample_order
from tests.support.api import Api, StubOrders, attention, order_body
from workflows.messages import CancelRequest


async def place(api: Api, *order_ids: str, **changes: object) -> None:
    """Place orders."""
    for order_id in order_ids:
        assert (await api.post("/v1/orders", order_body(order_id=order_id, **changes))).status_code == 202


async def test_lists_are_paged_newest_first_and_filtered(api: Api) -> None:
    """Cursors visit every order once; filters leave out what does not match."""
    await place(api, "a1", "a2", "a3")
    await place(api, "t1", channel="tiktok-shop")
    seen, cursor = [], ""
    while True:
        page = (await api.get(f"/v1/orders?limit=3{cursor}")).json()
        seen.append([order["order_id"] for order in page["orders"]])
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [["t1", "a3", "a2"], ["a1"]]
    assert [o["order_id"] for o in (await api.get("/v1/orders?channel=tiktok-shop")).json()["orders"]] == ["t1"]
    assert (await api.get("/v1/orders?status=delivered")).json()["orders"] == []
    assert (await api.get("/v1/orders?seller=bolt")).json()["orders"] == []


@pytest.mark.parametrize("query", ["cursor=nonsense", "limit=0", "limit=201", "status=lost", "seller=A%00B"])
async def test_a_wrong_query_is_a_problem(api: Api, query: str) -> None:
    """422, never 500."""
    answer = await api.get(f"/v1/orders?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "named"), [("/v1/orders?sttus=canceled", "status"), ("/v1/attention?order=a1", "order_id")]
)
async def test_a_query_parameter_nobody_declared_is_refused(api: Api, path: str, named: str) -> None:
    """By its name, with those there are: a misspelled filter would find everything."""
    answer = await api.get(path)
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert path.partition("?")[2].startswith(f"{error['field']}=")
    assert named in error["remedy"]
    assert (await api.post("/v1/orders?wait=1", order_body())).status_code == 422


@pytest.mark.parametrize("path", ["", "/timeline", "/explain"])
async def test_an_unknown_order_is_404(api: Api, path: str) -> None:
    """Each way of reading says so."""
    answer = await api.get(f"/v1/orders/ghost{path}")
    assert (answer.status_code, answer.json()["code"], answer.json()["order_id"]) == (404, "order_not_found", "ghost")


async def test_an_unknown_path_is_a_problem_too(api: Api) -> None:
    """404 and 405 have the same shape as everything else: what was asked for, what there is, and where that is told."""
    unknown = (await api.get("/v2/orders")).json()
    assert (unknown["code"], unknown["detail"]) == (
        "no_such_path",
        "there is no /v2/orders; all paths are in /openapi.json",
    )
    answer = await api.send("PATCH", "/v1/orders")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    detail = "/v1/orders takes no PATCH; use GET, POST; all paths are in /openapi.json"
    assert (answer.json()["detail"], answer.headers["allow"]) == (detail, "GET, POST")
    assert (await api.get("/openapi.json")).status_code == 200


async def test_the_timeline_tells_the_journal(api: Api) -> None:
    """Entries come in order."""
    await place(api, "a1")
    at = datetime(2026, 3, 1, tzinfo=UTC)
    entry = JournalEntry(entry_id="1", at=at, kind="confirmed", text="Confirmed.")
    await api.services.journal.record(JournalUpdate(order_id="a1", status=OrderStatus.CONFIRMED, entries=(entry,)))
    story = (await api.get("/v1/orders/a1/timeline")).json()
    assert [(e["source"], e["kind"], e["text"]) for e in story["entries"]] == [("journal", "confirmed", "Confirmed.")]


async def test_explain_falls_back_to_the_journal(api: Api, orders: StubOrders) -> None:
    """With the saga away the journal answers, and says that it does."""
    await place(api, "a1")
    live = (await api.get("/v1/orders/a1/explain")).json()
    assert live["text"].startswith("It waits for the carrier. Parcel 1 ships from ")
    assert live["live"] is True
    orders.error = SagaUnreachableError("away")
    fallen = (await api.get("/v1/orders/a1/explain")).json()
    assert fallen["live"] is False
    assert fallen["text"].startswith("The order is pending since ")
    document = (await api.get("/v1/orders/a1?live=true")).json()
    assert (document["order_id"], document["live"]) == ("a1", None)


async def test_who_canceled_an_order_is_told_without_its_saga(api: Api, orders: StubOrders) -> None:
    """From the journal, once nobody can be asked any more."""
    await place(api, "a1")
    at = datetime(2026, 3, 1, tzinfo=UTC)
    entry = JournalEntry(entry_id="1", at=at, kind="cancel_requested", text="ada asks to cancel: too big")
    await api.services.journal.record(JournalUpdate(order_id="a1", status=OrderStatus.CANCELED, entries=(entry,)))
    orders.error = SagaUnreachableError("away")
    told = (await api.get("/v1/orders/a1/explain")).json()["text"]
    assert told.endswith("In its story: ada asks to cancel: too big.")


async def test_cancel_reaches_the_saga_once(api: Api, orders: StubOrders) -> None:
    """The answer is the saga's; the body may be left out."""
    await place(api, "a1")
    answer = await api.post("/v1/orders/a1/cancel", {"reason": "changed my mind"}, headers={"Prefer": "wait=3"})
    assert answer.status_code == 200
    assert (answer.json()["outcome"], answer.json()["message"]) == ("canceled", "changed my mind")
    assert answer.headers["preference-applied"] == "wait=3"
    assert (await api.send("POST", "/v1/orders/a1/cancel")).json()["message"] == "not given"
    assert [what for what, _ in orders.asked].count("cancel") == 2


async def test_cancel_of_an_ended_order_asks_nobody(api: Api, orders: StubOrders) -> None:
    """An order that is undone is canceled already; one that completed is too late."""
    await place(api, "a1", "a2")
    await api.services.journal.record(JournalUpdate(order_id="a1", status=OrderStatus.CANCELED))
    await api.services.journal.record(JournalUpdate(order_id="a2", status=OrderStatus.COMPLETED))
    assert (await api.post("/v1/orders/a1/cancel")).json()["outcome"] == "canceled"
    await api.services.journal.record(JournalUpdate(order_id="a1", status=OrderStatus.REJECTED))
    for path in ("cancel", "cancel-preview"):
        rejected = (await api.post(f"/v1/orders/a1/{path}")).json()
        assert (rejected["outcome"], rejected["message"]) == ("canceled", "it was rejected: nothing to cancel")
    assert (await api.post("/v1/orders/a2/cancel")).json()["outcome"] == "too_late"
    assert "cancel" not in [what for what, _ in orders.asked]


async def test_cancel_without_an_answer_in_time_is_202_and_kept(api: Api, orders: StubOrders) -> None:
    """No worker answers: the request is left as a signal, and the caller is told when to look again."""
    await place(api, "a1")
    orders.fail = {"cancel": SagaUnreachableError("no answer in time")}
    answer = await api.post("/v1/orders/a1/cancel", headers={"Prefer": "wait=1"})
    assert (answer.status_code, answer.json()["outcome"]) == (202, "pending")
    assert answer.json()["next_step"] == "ask again by the time named"
    assert answer.json()["answer_by"] > datetime.now(UTC).isoformat()
    assert [what for what, _ in orders.asked][-2:] == ["cancel", "request_cancel"]
    updated, signaled = orders.requests
    assert updated == signaled


@pytest.mark.parametrize("key", [None, "k-1"])
async def test_units_not_canceled_in_time_are_asked_for_once(api: Api, orders: StubOrders, key: str | None) -> None:
    """The update and the signal after it have one id, another request has another; only a key lets it be repeated."""
    await place(api, "a1")
    orders.fail = {"cancel": SagaUnreachableError("no answer in time")}
    headers = {"Idempotency-Key": key} if key else {}
    lines = {"lines": [{"sku": "MUG", "quantity": 1}]}
    for _ in range(2):
        answer = (await api.post("/v1/orders/a1/cancel", lines, headers=headers)).json()
    ids = [request.request_id for request in orders.requests if isinstance(request, CancelRequest)]
    assert ids[0] == ids[1] is not None
    assert ids[2] == ids[3] is not None
    assert (ids[0] == ids[2]) is (key is not None)
    assert answer["next_step"].startswith("ask again by the time named" if key else "look at the order")


async def test_cancel_of_an_order_that_ends_while_it_is_asked_says_how_it_ended(api: Api, orders: StubOrders) -> None:
    """The answer did not come in time because the order was closing: nobody is told that messages are refused."""
    await place(api, "a1")
    orders.fail = {"cancel": SagaUnreachableError("no answer in time"), "request_cancel": OrderClosedError("a1")}
    answer = await api.post("/v1/orders/a1/cancel", headers={"Prefer": "wait=1"})
    assert (answer.status_code, answer.json()["outcome"]) == (200, "too_late")


async def test_cancel_of_an_order_nobody_started_starts_it_first(api: Api, orders: StubOrders) -> None:
    """One path undoes everything, so the saga is started to do it; a saga that cannot be found then is 404."""
    await place(api, "a1")
    orders.fail = {"cancel": OrderNotFoundError("a1")}
    answer = await api.post("/v1/orders/a1/cancel")
    assert answer.status_code == 404
    assert [what for what, _ in orders.asked] == ["place", "cancel", "start", "cancel"]


async def test_cancel_with_temporal_away_is_503_and_not_a_promise(api: Api, orders: StubOrders) -> None:
    """Nobody took the request, so the caller must repeat it, and is told when."""
    await place(api, "a1")
    orders.error = SagaUnreachableError("away")
    answer = await api.post("/v1/orders/a1/cancel")
    assert (answer.status_code, answer.json()["code"]) == (503, "saga_unreachable")
    assert answer.headers["retry-after"] == "1"
    assert [what for what, _ in orders.asked][-2:] == ["cancel", "request_cancel"]
    updated, signaled = orders.requests
    assert updated == signaled


async def test_holds_are_placed_and_released(api: Api, orders: StubOrders) -> None:
    """The answer is the order as its saga sees it."""
    await place(api, "a1")
    placed = await api.post("/v1/orders/a1/holds", {"kind": "fraud_review", "reason": "odd"}, role="support")
    assert (placed.status_code, placed.json()["holds"]) == (200, {"fraud_review": "odd"})
    released = await api.send("DELETE", "/v1/orders/a1/holds?kind=fraud_review", role="support")
    assert (released.status_code, released.json()["holds"]) == (200, {})
    wrong = await api.post("/v1/orders/a1/holds", {"kind": "Fraud!"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "kind")


@pytest.mark.parametrize(
    ("error", "status"),
    [(OrderClosedError("a1"), 409), (OrderNotFoundError("a1"), 404), (SagaUnreachableError("x"), 503)],
)
async def test_a_hold_that_cannot_be_placed_says_why(
    api: Api, orders: StubOrders, error: Exception, status: int
) -> None:
    """Ended, unknown and unreachable are told apart."""
    await place(api, "a1")
    orders.error = error
    assert (await api.post("/v1/orders/a1/holds", {"kind": "fraud_review"})).status_code == status


async def test_attention_is_listed_and_resolved_with_one_of_its_choices(api: Api, orders: StubOrders) -> None:
    """A choice that is not offered is refused before the saga hears of it."""
    await place(api, "a1")
    item = attention("a1", "capture/1")
    update = JournalUpdate(order_id="a1", status=OrderStatus.NEEDS_ATTENTION, attention=(item,))
    await api.services.journal.record(update)
    items = (await api.get("/v1/attention", role="support")).json()["items"]
    assert [(i["order_id"], i["item_id"], i["choices"]) for i in items] == [("a1", "capture/1", ["retry", "adopt"])]
    wrong = await api.post("/v1/attention/capture/1/resolve", {"choice": "burn", "reason": "x"})
    assert (wrong.status_code, wrong.json()["errors"][0]["remedy"]) == (422, "use one of retry, adopt")
    assert "resolve_attention" not in [what for what, _ in orders.asked]
    right = await api.post("/v1/attention/capture/1/resolve", {"choice": "adopt", "reason": "seen at Stripe"})
    assert (right.status_code, right.json()["resolved"]) == (200, "adopt")
    missing = await api.post("/v1/attention/ghost/resolve", {"choice": "adopt", "reason": "x"})
    assert (missing.status_code, missing.json()["code"]) == (404, "attention_not_found")


@pytest.mark.parametrize("gone", [OrderClosedError("a1"), OrderNotFoundError("a1")])
async def test_a_question_outlives_its_saga(api: Api, orders: StubOrders, gone: Exception) -> None:
    """Asked after the order had ended, it is answered in the journal: who, when and why; once."""
    await place(api, "a1")
    await api.services.journal.record(JournalUpdate(order_id="a1", status=OrderStatus.CANCELED))
    asked = attention("a1", "a1-late-refund_failed-1").model_copy(update={"choices": ("acknowledge",)})
    assert await api.services.journal.open_question(asked) is True
    orders.fail = {"resolve_attention": gone}
    answer = {"choice": "acknowledge", "by": "kim", "reason": "paid by check 17"}
    path = "/v1/attention/a1-late-refund_failed-1/resolve"
    right = await api.post(path, answer)
    assert (right.status_code, right.json()["resolved"], right.json()["resolved_by"]) == (
        200,
        "acknowledge",
        "test operator:kim",
    )
    assert (await api.get("/v1/attention")).json()["items"] == []
    assert (await api.post(path, answer)).status_code == 404
    (line,) = [line for line in await api.services.journal.timeline("a1") if line.kind == "decision"]
    assert line.text == "test operator:kim chose acknowledge for unknown_capture: paid by check 17"
    assert abs(line.at - datetime.now(UTC)) < timedelta(minutes=1)


async def test_stock_is_paged_and_filtered(api: Api) -> None:
    """Levels come by SKU, with what can still be promised and what holds for the SKU."""
    await place(api, "a1")
    rules = {"max_per_buyer": None, "daily_units": None, "waitlist": False, "waiting": 0}
    first = (await api.get("/v1/stock?limit=1")).json()
    mug = {"location": "nj-1", "sku": "MUG", "on_hand": 10, "held": 1, "available": 9, **rules}
    assert first["levels"] == [mug]
    second = (await api.get(f"/v1/stock?limit=1&cursor={first['next_cursor']}")).json()
    assert ([level["sku"] for level in second["levels"]], second["next_cursor"]) == (["TEE"], None)
    assert (await api.get("/v1/stock?seller=bolt")).json()["levels"] == []
    assert (await api.get("/v1/stock?cursor=nonsense")).status_code == 422


async def test_pick_tickets_are_worked_off_and_reported(api: Api) -> None:
    """Packed, then collected: each is told to the order's saga through the inbox, once; a canceled one is refused."""
    sample = sample_order("a1")
    parcel = {"order_id": "a1", "seller": "acme", "location": "nj-1", "lines": sample.lines, "service": "expedited"}
    hand_off = HandOff(reference="a1-1-1", ship_to=sample.ship_to, ship_by=sample.ship_by, **parcel)
    await api.services.seller_warehouse.submit(hand_off)
    (ticket,) = (await api.get("/v1/pick-tickets", role="support")).json()["tickets"]
    assert (ticket["reference"], ticket["status"], ticket["lines"][0]["sku"]) == ("a1-1-1", "accepted", "MUG")
    assert (ticket["service"], ticket["ship_to"]["line1"]) == ("expedited", sample.ship_to.line1)
    for _ in range(2):
        assert (await api.post("/v1/pick-tickets/a1-1-1/packed")).json()["status"] == "packed"
    assert (await api.post("/v1/pick-tickets/a1-1-1/collected")).json()["status"] == "left_warehouse"
    assert (await api.get("/v1/pick-tickets")).json()["tickets"] == []
    late = await api.post("/v1/pick-tickets/a1-1-1/packed")
    assert (late.status_code, late.json()["code"]) == (409, "pick_ticket_refused")
    assert (await api.post("/v1/pick-tickets/ghost/packed")).status_code == 404
    messages = await api.services.inbox.claim(10)
    assert [message.body["events"][0]["status"] for message in messages] == ["packed", "left_warehouse"]


async def test_readiness_says_which_part_is_away(api: Api, orders: StubOrders) -> None:
    """Ready with both; 503 naming Temporal without it; alive all the while."""
    assert (await api.get("/readyz")).json() == {"status": "ready", "checks": {"postgresql": "ok", "temporal": "ok"}}
    orders.error = SagaUnreachableError("away")
    away = await api.get("/readyz")
    assert away.status_code == 503
    assert away.json()["checks"] == {"postgresql": "ok", "temporal": "unavailable"}
    assert (await api.get("/healthz")).json() == {"status": "ok"}


async def test_readiness_reads_no_table(api: Api) -> None:
    """Probes ask every few seconds, whatever somebody locks and however much has come together."""
    async with api.services.pool.acquire() as work, work.transaction():
        for table in ("webhook_inbox", "orders", "journal"):
            await work.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        assert (await api.get("/readyz")).status_code == 200
