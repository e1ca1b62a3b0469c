"""Changes and questions through the client: what is asked, of whom, and what is known when nobody answers."""

from datetime import timedelta
from typing import get_args

import pytest
from temporalio.testing import WorkflowEnvironment

from ordersaga.client import OrderClient
from ordersaga.client_changes import UPDATES, update_id
from ordersaga.client_errors import OrderNotFoundError, SagaUnreachableError, UndecidedError
from ordersaga.http_client import ChangeName
from tests.fakes.samples import order
from workflows.messages import Asked, Expedite, Resolution

BRIEFLY = timedelta(milliseconds=300)


def test_every_change_has_an_update_and_a_route() -> None:
    """One for each message that asks for a change."""
    assert set(UPDATES) == set(Asked.__subclasses__())
    assert len(set(UPDATES.values())) == len(UPDATES) == len(get_args(ChangeName))


def test_the_same_request_has_the_same_id_and_no_request_has_none() -> None:
    """Two kinds of change never share an id."""
    assert update_id("expedite", "k") == update_id("expedite", "k") == "expedite-k"
    assert update_id("refund", "k") != update_id("expedite", "k")
    assert update_id("refund", None) is None


async def test_a_change_that_nobody_took_is_not_said_to_go_on(environment: WorkflowEnvironment) -> None:
    """Without a worker the saga has not even heard of it."""
    client = OrderClient(environment.client)
    await client.start(order("chg1"))
    with pytest.raises(SagaUnreachableError) as unheard:
        await client.change("chg1", Expedite(by="test"), BRIEFLY)
    assert not isinstance(unheard.value, UndecidedError)
    with pytest.raises(OrderNotFoundError):
        await client.change("ghost", Expedite(by="test"), BRIEFLY)


async def test_the_question_of_a_return_is_not_put_to_its_order(environment: WorkflowEnvironment) -> None:
    """The order runs, its return does not: who asked is gone. The order's own question finds the order."""
    client = OrderClient(environment.client, call_timeout=BRIEFLY)
    await client.start(order("chg2"))
    answer = Resolution(item_id="chg2-r1-a1", choice="retry", by="test", reason="test")
    with pytest.raises(OrderNotFoundError):
        await client.resolve_attention("chg2", answer)
    with pytest.raises(SagaUnreachableError):
        await client.resolve_attention("chg2", answer.model_copy(update={"item_id": "chg2-a1"}))
