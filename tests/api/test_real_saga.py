"""The API before real sagas on a real Temporal server and a real database; only the outside companies are fakes."""

import asyncio
from datetime import UTC, datetime, timedelta

from ordersaga.domain.shipping import PaymentEvent
from ordersaga.domain.statuses import ConfirmOutcome
from tests.api.conftest import Shop
from tests.support.api import order_body

WAIT = {"Prefer": "wait=20"}


async def test_an_order_is_confirmed_held_explained_and_canceled(shop: Shop) -> None:
    """The whole way through HTTP; after it no unit is held and no money is reserved."""
    body = order_body(order_id="apilife", ship_to={**order_body()["ship_to"], "name": "Ada"})
    placed = await shop.api.post("/v1/orders", body, role="checkout", headers=WAIT)
    assert (placed.status_code, placed.json()["outcome"]) == (201, "confirmed")
    document = (await shop.api.get("/v1/orders/apilife?live=true")).json()
    assert document["live"]["order_id"] == "apilife"
    explained = (await shop.api.get("/v1/orders/apilife/explain", role="support")).json()
    assert explained["live"] is True
    assert "Parcel 1 ships from " in explained["text"]
    canceled = await shop.api.post("/v1/orders/apilife/cancel", {"reason": "test"}, role="support", headers=WAIT)
    assert (canceled.status_code, canceled.json()["outcome"]) == (200, "canceled")
    assert canceled.json()["voided"] == 1590
    story = (await shop.api.get("/v1/orders/apilife/timeline")).json()["entries"]
    assert {"journal", "effect"} <= {entry["source"] for entry in story}
    (level,) = (await shop.api.get("/v1/stock?sku=MUG")).json()["levels"]
    assert (level["on_hand"], level["held"]) == (10, 0)
    assert shop.payments.called("capture") == []


async def test_duplicates_at_once_are_one_order_one_authorization(shop: Shop) -> None:
    """Five concurrent requests with one key: one order, one hold, one authorization, equal answers."""
    headers = {"Idempotency-Key": "once", **WAIT}
    answers = await asyncio.gather(*(shop.api.post("/v1/orders", order_body(), headers=headers) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["order_id"] for answer in answers}) == 1
    assert len(shop.payments.called("authorize")) == 1
    (level,) = (await shop.api.get("/v1/stock?sku=MUG")).json()["levels"]
    assert level["held"] == 1


async def test_a_declined_card_is_402_and_holds_nothing(shop: Shop) -> None:
    """The decline code reaches the checkout; the units are free again."""
    shop.payments.decline_next("insufficient_funds")
    answer = await shop.api.post("/v1/orders", order_body(order_id="apidecline"), headers=WAIT)
    assert answer.status_code == 402
    problem = answer.json()
    assert (problem["code"], problem["decline_code"], problem["order_id"]) == (
        "declined",
        "insufficient_funds",
        "apidecline",
    )
    (level,) = (await shop.api.get("/v1/stock?sku=MUG")).json()["levels"]
    assert level["held"] == 0
    again = await shop.api.post("/v1/orders", order_body(order_id="apidecline"), headers=WAIT)
    assert (again.status_code, again.json()["decline_code"]) == (402, "insufficient_funds")
    assert len(shop.payments.called("authorize")) == 1


async def test_one_more_step_to_pay_is_201_with_the_step(shop: Shop) -> None:
    """`next_action` says what the shopper must do, also to a repeat; no history, ledger or key holds its URL."""
    shop.payments.require_action_next()
    headers = {"Idempotency-Key": "step", **WAIT}
    for _ in range(2):
        answer = await shop.api.post("/v1/orders", order_body(order_id="apistep"), headers=headers)
        assert (answer.status_code, answer.json()["outcome"]) == (201, "action_required")
        assert answer.json()["next_action"]["kind"] == "redirect"
        assert answer.json()["next_action"]["url"] == "https://pay.example/challenge"
    pool = shop.api.services.pool
    stored = await pool.fetch("SELECT e::text FROM effects e UNION ALL SELECT k::text FROM idempotency_keys k")
    history = await shop.orders.temporal.get_workflow_handle("order-apistep").fetch_history()
    assert "pay.example" not in f"{stored}{history.to_json()}"
    assert "pi_" in str(stored)


async def test_a_challenge_passed_is_answered_with_the_outcome(shop: Shop) -> None:
    """The key's first answer was `action_required`; once the shopper has paid, the same key says confirmed."""
    shop.payments.require_action_next()
    headers = {"Idempotency-Key": "passed", **WAIT}
    first = await shop.api.post("/v1/orders", order_body(order_id="apipassed"), headers=headers)
    assert first.json()["outcome"] == "action_required"
    payment_id = first.json()["next_action"]["payment_id"]
    shop.payments.complete_action(payment_id)
    event = PaymentEvent(source="stripe", source_id="evt_1", parcel=1, payment_id=payment_id, kind="authorized")
    await shop.orders.payment_event("apipassed", event)
    async with asyncio.timeout(20):
        while True:
            if (await shop.api.get("/v1/orders/apipassed")).json()["outcome"] == "confirmed":
                break
            await asyncio.sleep(0.1)
    second = await shop.api.post("/v1/orders", order_body(order_id="apipassed"), headers=headers)
    assert (second.status_code, second.json()["outcome"], second.json()["next_action"]) == (201, "confirmed", None)


async def test_placing_again_with_the_same_client_gives_the_recorded_answer(shop: Shop) -> None:
    """The client's own idempotency: the saga is started once, also by a later plain start."""
    await shop.api.post("/v1/orders", order_body(order_id="apiclient"))
    record = await shop.api.services.journal.get("apiclient")
    assert record is not None
    answer = await shop.orders.place(record.order, timedelta(seconds=20))
    assert answer is not None
    assert answer.outcome is ConfirmOutcome.CONFIRMED
    assert await shop.orders.place(record.order, timedelta(seconds=20)) == answer
    assert await shop.orders.start(record.order) is False
    assert len(shop.payments.called("authorize")) == 1


async def test_a_pay_link_is_answered_with_its_page_and_paid_there(shop: Shop) -> None:
    """The page is fetched for each answer and kept nowhere; paid there, the same request hears `confirmed`."""
    paid_there = {"pay_link": True, "return_url": "https://shop.example/thanks"}
    body, headers = order_body(order_id="apilink", payment=paid_there), {"Idempotency-Key": "link", **WAIT}
    first = await shop.api.post("/v1/orders", body, role="checkout", headers=headers)
    assert (first.status_code, first.json()["outcome"]) == (201, "action_required")
    action = first.json()["next_action"]
    assert (action["kind"], action["url"]) == ("redirect", "https://pay.example/challenge")
    assert "pay.example" not in (await shop.api.get("/v1/orders/apilink/timeline")).text
    assert shop.payments.pay_on_page(action["payment_id"])
    told = PaymentEvent(source="stripe", source_id="evt_link", parcel=1, payment_id="pi", kind="link_used")
    await shop.orders.payment_event("apilink", told)
    again = await shop.api.post("/v1/orders", body, role="checkout", headers=headers)
    while again.json()["outcome"] == "action_required":
        again = await shop.api.post("/v1/orders", body, role="checkout", headers=headers)
    assert (again.status_code, again.json()["outcome"], again.json()["next_action"]) == (201, "confirmed", None)
    assert len(shop.payments.called("authorize")) == 1


async def test_a_bank_debit_is_202_until_its_bank_has_decided(shop: Shop) -> None:
    """Accepted and unpaid: `payment_pending`, a promise that includes the bank's time; later the outcome."""
    shop.payments.process_next()
    debit = {"payment_method": "pm_usBankAccount_success", "type": "us_bank_account"}
    body, headers = order_body(order_id="apidebit", payment=debit), {"Idempotency-Key": "debit", **WAIT}
    first = await shop.api.post("/v1/orders", body, role="checkout", headers=headers)
    assert (first.status_code, first.json()["outcome"], first.json()["status"]) == (202, "payment_pending", "pending")
    promised = datetime.fromisoformat(first.json()["ship_by"])
    assert timedelta(days=6) < promised - datetime.now(UTC) < timedelta(days=8)
    (payment,) = shop.payments.payments
    shop.payments.take_at_once(payment)
    told = PaymentEvent(source="stripe", source_id="evt_debit", parcel=1, payment_id=payment, kind="captured")
    await shop.orders.payment_event("apidebit", told)
    again = await shop.api.post("/v1/orders", body, role="checkout", headers=headers)
    while again.json()["outcome"] == "payment_pending":
        await asyncio.sleep(0.05)
        again = await shop.api.post("/v1/orders", body, role="checkout", headers=headers)
    assert (again.status_code, again.json()["outcome"]) == (201, "confirmed")
