"""A checkout's question while Temporal has the saga repeat the step it was about to end with."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from ordersaga.client import OrderClient
from ordersaga.client_errors import SagaUnreachableError
from ordersaga.domain.orders import Order
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus
from tests.fakes.samples import order
from workflows.messages import CancelAnswer, CancelRequest, ConfirmAnswer

REPEATED = "Unable to perform workflow execution update due to unexpected workflow task failure."


class Interrupted(OrderClient):
    """Temporal says so many times that the step is being repeated; then it answers."""

    def __init__(self, failures: int, message: str = REPEATED) -> None:
        super().__init__(cast("Client", None))
        self.asked = 0
        self._failures = failures
        self._message = message

    async def _place(self, order: Order, wait: timedelta, providers: Iterable[str]) -> ConfirmAnswer | None:
        self.asked += 1
        if self.asked <= self._failures:
            raise SagaUnreachableError(self._message)
        return ConfirmAnswer(
            order_id=order.order_id,
            outcome=ConfirmOutcome.DECLINED,
            status=OrderStatus.REJECTED,
            reason="card_declined",
        )


def placed() -> Order:
    """An order."""
    return order("r1", ("MUG", 1), placed_at=datetime.now(UTC))


async def test_a_repeated_step_is_asked_again_and_answers() -> None:
    """A refusal in the instant of a webhook is still a refusal: the checkout hears it, not `pending`."""
    client = Interrupted(failures=2)
    answer = await client.place(placed(), timedelta(seconds=5))
    assert answer
    assert answer.outcome is ConfirmOutcome.DECLINED
    assert client.asked == 3


async def test_asking_again_ends_with_the_time_to_wait() -> None:
    """It is not asked for ever."""
    client = Interrupted(failures=1000)
    with pytest.raises(SagaUnreachableError):
        await client.place(placed(), timedelta(seconds=0.3))
    assert client.asked < 20


async def test_any_other_failure_is_told_at_once() -> None:
    """Temporal that is away is not hammered."""
    client = Interrupted(failures=1000, message="connection refused")
    with pytest.raises(SagaUnreachableError):
        await client.place(placed(), timedelta(seconds=5))
    assert client.asked == 1


class InterruptedSaga:
    """A saga about to end, before Temporal as the client sees it: so many updates fail, the next one is answered."""

    def __init__(self, failures: int) -> None:
        self.ids: list[str | None] = []
        self._failures = failures

    def get_workflow_handle_for(self, *_: object) -> "InterruptedSaga":
        """Itself."""
        return self

    async def execute_update(self, *_: object, id: str | None, **__: Any) -> CancelAnswer:  # noqa: A002 - the SDK's
        """The answer, sooner or later."""
        self.ids.append(id)
        if len(self.ids) <= self._failures:
            raise RPCError(REPEATED, RPCStatusCode.FAILED_PRECONDITION, b"")
        return CancelAnswer(
            order_id="r1", outcome="canceled", status=OrderStatus.CANCELED, currency="USD", voided=1590, message="done"
        )


async def test_a_cancellation_whose_step_is_repeated_is_asked_again() -> None:
    """Its own void makes the payment company speak just as the order ends: support still hears the amounts, once."""
    saga = InterruptedSaga(failures=2)
    answer = await OrderClient(cast("Client", saga)).cancel("r1", CancelRequest(request_id="k"), timedelta(seconds=5))
    assert (answer.outcome, answer.voided) == ("canceled", 1590)
    assert saga.ids == ["cancel-k"] * 3


async def test_what_has_no_id_gets_one_for_all_its_repeats() -> None:
    """Sent again by the client itself, it is one update; the caller's next request is another."""
    ids = []
    for _ in range(2):
        saga = InterruptedSaga(failures=2)
        client = OrderClient(cast("Client", saga))
        await client.cancel("r1", CancelRequest(), timedelta(seconds=5))
        assert len(saga.ids) == 3
        ids.append(saga.ids)
    assert [len(set(each)) for each in ids] == [1, 1]
    assert ids[0][0] != ids[1][0]
    assert None not in ids[0]


async def test_a_cancellation_is_not_asked_for_ever() -> None:
    """The time to wait ends it."""
    saga = InterruptedSaga(failures=1000)
    with pytest.raises(SagaUnreachableError):
        await OrderClient(cast("Client", saga)).cancel("r1", CancelRequest(), timedelta(seconds=0.3))
    assert len(saga.ids) < 20
