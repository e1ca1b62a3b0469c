"""Who waits for the outcome and who is answered at once: placing orders under pressure."""

import asyncio

from ordersaga.domain.journal import JournalUpdate
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus
from tests.support.api import Api, StubOrders, order_body
from tests.support.starting import begun, unstarted
from workers.relay_starter import Starter

WAIT = {"Prefer": "wait=5"}


async def crowd(api: Api, seller: str) -> None:
    """Two orders of the seller wait for a starter, and the API has seen them."""
    for order_id in ("first", "second"):
        await api.post("/v1/orders", order_body(order_id=order_id))
        await begun(api.services.pool, order_id)
    waits = (
        "UPDATE orders SET started_at = NULL, start_after = now(), seller = $1 WHERE order_id IN ('first', 'second')"
    )
    await api.services.pool.execute(waits, seller)
    await asyncio.sleep(0.6)  # so that the next checkout has the backlog read anew
    await api.post("/v1/orders", order_body(order_id="looked"))
    await begun(api.services.pool, "looked")
    await api.services.starting.mark_started("looked")
    await asyncio.sleep(0.3)


async def test_without_room_the_answer_does_not_wait_and_says_so(api: Api, orders: StubOrders) -> None:
    """202 at once, without `Preference-Applied`; a starter starts all in their order, and the outcome can be asked."""
    await crowd(api, "acme")
    orders.asked.clear()
    answer = await api.post("/v1/orders", order_body(order_id="third"), headers=WAIT)
    assert answer.status_code == 202
    assert "preference-applied" not in answer.headers
    assert orders.asked == []
    assert await unstarted(api.services.pool) == ["first", "second", "third"]

    await Starter(api.services).step()

    assert orders.asked == [("start", "first"), ("start", "second"), ("start", "third")]
    known = JournalUpdate(order_id="third", status=OrderStatus.CONFIRMED, outcome=ConfirmOutcome.CONFIRMED)
    await api.services.journal.record(known)
    assert (await api.get("/v1/orders/third")).json()["outcome"] == "confirmed"
    again = await api.post("/v1/orders", order_body(order_id="third"), headers=WAIT)
    assert (again.status_code, again.json()["outcome"]) == (201, "confirmed")


async def test_another_sellers_shopper_hears_the_outcome_meanwhile(api: Api) -> None:
    """A surge of one seller is no reason to let others wait."""
    await crowd(api, "bolt")
    answer = await api.post("/v1/orders", order_body(order_id="quiet"), headers=WAIT)
    assert (answer.status_code, answer.headers["preference-applied"]) == (201, "wait=5")


async def test_a_repeat_of_a_started_order_hears_its_saga_whatever_the_pressure(api: Api) -> None:
    """It starts nothing, so it needs no room."""
    await crowd(api, "acme")
    answer = await api.post("/v1/orders", order_body(order_id="looked"), headers=WAIT)
    assert (answer.status_code, answer.json()["outcome"]) == (201, "confirmed")
