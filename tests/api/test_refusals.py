"""Refusals of an order that name what to send instead."""

from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus
from tests.support.api import Api, StubOrders, answered, order_body

WAIT = {"Prefer": "wait=5"}
REJECTED = (ConfirmOutcome.REJECTED, OrderStatus.REJECTED)


async def test_a_payment_method_nobody_knows_is_named(api: Api, orders: StubOrders) -> None:
    """The field and what to do; another reason names no field."""
    orders.answer = lambda order: answered(order, *REJECTED, reason="stripe_refused")
    problem = (await api.post("/v1/orders", order_body(order_id="web_1"), headers=WAIT)).json()
    (error,) = problem["errors"]
    assert (problem["code"], problem["reason"]) == ("order_rejected", "stripe_refused")
    assert error["field"] == "payment.payment_method"
    assert error["remedy"].startswith("send a payment method that exists in this account")
    orders.answer = lambda order: answered(order, *REJECTED, reason="no_parcel")
    assert "errors" not in (await api.post("/v1/orders", order_body(order_id="web_2"), headers=WAIT)).json()
