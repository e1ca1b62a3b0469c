"""The shopper's next step to pay: shown as it is now, kept nowhere."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from ordersaga.bootstrap import Services
from ordersaga.domain.errors import RetryError
from ordersaga.domain.journal import JournalUpdate
from ordersaga.domain.orders import Order
from ordersaga.domain.payments import NextAction, PaymentRequest, PaymentState
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus
from tests.fakes.memory import Memory
from tests.fakes.payments import FakePayments
from tests.support.api import Api, StubOrders, answered, order_body, serving
from tests.support.starting import unstarted
from workflows.messages import ConfirmAnswer

HEADERS = {"Idempotency-Key": "cart-1", "Prefer": "wait=5"}
URL = "https://pay.example/challenge"


@pytest.fixture
def payments() -> FakePayments:
    """The payment company."""
    return FakePayments(Memory())


@pytest_asyncio.fixture
async def api(services: Services, payments: FakePayments) -> AsyncIterator[Api]:
    """The served API before the stub and the fake payment company."""
    async with serving(replace(services, payments=payments)) as served:
        yield served


@pytest_asyncio.fixture
async def waiting(payments: FakePayments, orders: StubOrders) -> PaymentState:
    """A payment that waits for its shopper, and a saga that says so."""
    payments.require_action_next()
    wanted = PaymentRequest(
        order_id="web_1", parcel=1, reference="k", amount=1590, currency="USD", payment_method="pm_card_visa"
    )
    state = await payments.authorize(wanted, key="k")
    orders.answer = lambda order: asking(order, NextAction(kind="redirect", payment_id=state.payment_id))
    return state


def asking(order: Order, action: NextAction) -> ConfirmAnswer:
    """The saga's answer: one more step."""
    answer = answered(order, ConfirmOutcome.ACTION_REQUIRED, OrderStatus.ACTION_REQUIRED)
    return answer.model_copy(update={"next_action": action})


async def place(api: Api) -> Any:
    """Place the order, again or for the first time; the answer's body."""
    answer = await api.post("/v1/orders", order_body(order_id="web_1"), role="checkout", headers=HEADERS)
    assert answer.status_code == 201
    assert answer.headers["location"] == "/v1/orders/web_1"
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()


async def kept(api: Api) -> str:
    """Everything kept under idempotency keys."""
    return str(await api.services.pool.fetch("SELECT body FROM idempotency_keys"))


async def test_the_step_is_fetched_for_every_answer_and_not_kept(api: Api, waiting: PaymentState) -> None:
    """The saga names the payment, the company is asked, the key keeps only the payment's id."""
    first = await place(api)
    assert (first["next_action"]["url"], first["next_action_missing"]) == (URL, None)
    assert await place(api) == first
    assert waiting.payment_id in await kept(api)
    assert "pay.example" not in await kept(api)


async def test_a_step_the_saga_tells_itself_is_shown_and_not_kept(
    api: Api, orders: StubOrders, payments: FakePayments, waiting: PaymentState
) -> None:
    """Sagas started by an earlier version carry it in their answer; the company need not be asked."""
    told = NextAction(kind="use_sdk", payment_id=waiting.payment_id, client_secret="pi_1_secret_told")
    orders.answer = lambda order: asking(order, told)
    assert (await place(api))["next_action"]["client_secret"] == "pi_1_secret_told"
    assert payments.called("inquire") == []
    assert "secret_told" not in await kept(api)
    assert (await place(api))["next_action"]["url"] == URL


async def test_a_company_that_cannot_be_asked_is_said(api: Api, payments: FakePayments, waiting: PaymentState) -> None:
    """The order is answered all the same: which payment, and what to do; the repeat has the step."""
    payments.fail_next("inquire", RetryError("stripe_unreachable", "no connection"))
    first = await place(api)
    assert first["next_action"] == {
        "kind": "redirect",
        "payment_id": waiting.payment_id,
        "url": None,
        "client_secret": None,
    }
    assert "cannot be asked right now" in first["next_action_missing"]
    assert (await place(api))["next_action"]["url"] == URL


async def test_a_step_taken_meanwhile_is_not_offered_again(
    api: Api, payments: FakePayments, waiting: PaymentState
) -> None:
    """The shopper has paid and the saga has not heard yet."""
    await place(api)
    payments.complete_action(waiting.payment_id)
    again = await place(api)
    assert (again["outcome"], again["next_action"]["url"]) == ("action_required", None)
    assert again["next_action_missing"] == "the payment is authorized by now: nothing is left for the shopper to do"


async def test_who_heard_accepted_first_gets_the_step_later(
    api: Api, orders: StubOrders, waiting: PaymentState
) -> None:
    """Without waiting: the journal knows that a step is wanted, the saga is asked which."""
    body, headers = order_body(order_id="web_1"), {"Idempotency-Key": "cart-1"}
    assert (await api.post("/v1/orders", body, headers=headers)).status_code == 202
    update = JournalUpdate(order_id="web_1", status=OrderStatus.ACTION_REQUIRED, outcome=ConfirmOutcome.ACTION_REQUIRED)
    await api.services.journal.record(update)
    answer = await api.post("/v1/orders", body, headers=headers)
    assert (answer.status_code, answer.json()["next_action"]["url"]) == (201, URL)
    assert "preference-applied" not in answer.headers
    assert await unstarted(api.services.pool) == []
