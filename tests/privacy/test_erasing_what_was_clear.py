"""What an erasure answers is true: of an order that was in the clear, it says what is readable, and until when."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from ordersaga.bootstrap import Services, open_services
from ordersaga.domain.erasure import ARCHIVE, HISTORIES, ROWS, ErasureFacts, Histories, ruling
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.statuses import OrderStatus
from ordersaga.privacy.master_keys import read_master_keys
from ordersaga.settings import Settings
from ordersaga.stores.order_keys import OrderKeys
from tests.api.conftest import Shop
from tests.fakes.payments import FakePayments
from tests.fakes.samples import catalog
from tests.fakes.shipping import FakeProvider
from tests.privacy.conftest import workers_of
from tests.privacy.keys import ONE, TWO
from tests.privacy.planted import Search, look_through_temporal
from tests.privacy.test_planted import support, until
from tests.support.api import order_body, serving
from tests.support.temporal import end_all
from workers.lifecycle import running

pytestmark = pytest.mark.timeout(180)


PERSON = "Ada Byron"
"""Another than the one who must be found nowhere: one Temporal serves all tests."""
WAIT = {"Prefer": "wait=20"}
Companies = tuple[FakePayments, FakeProvider]


@pytest.fixture
def companies() -> Companies:
    """The payment company and the provider, which go on while our processes are others."""
    return FakePayments(), FakeProvider(books_carrier=True)


async def placed(shop: Shop, order_id: str) -> None:
    """An order of the person's, confirmed."""
    body = order_body(order_id=order_id, buyer="buyer_ada")
    answer = await shop.api.post("/v1/orders", body, headers={"Idempotency-Key": order_id, **WAIT})
    assert (answer.status_code, answer.json()["outcome"]) == (201, "confirmed")


@asynccontextmanager
async def opened(settings: Settings, companies: Companies) -> AsyncIterator[Shop]:
    """Real database, Temporal, workers and API with these settings, until the block ends."""
    payments, provider = companies
    async with open_services(settings) as services:
        await services.catalog.load(catalog(("nj-1", "MUG", 10)))
        temporal = await Client.connect(settings.temporal_address, data_converter=services.converter)
        workers = workers_of(services, temporal, payments, provider)
        async with running(workers, settle=0), serving(replace(services, payments=payments)) as api:
            yield Shop(api, payments, provider, services.orders)


@pytest_asyncio.fixture
async def clear(settings: Settings, environment: WorkflowEnvironment) -> Settings:
    """The same deployment without keys; nobody has ordered yet."""
    await end_all(environment)
    return settings.model_copy(update={"encryption_keys": type(settings.encryption_keys)("")})


async def canceled(shop: Shop, order_id: str) -> None:
    """It ends."""
    await support(shop, f"/v1/orders/{order_id}/cancel", {"reason": "enough"})
    await until(shop, f"/v1/orders/{order_id}", status="canceled")


async def asked(shop: Shop, order_id: str, **body: Any) -> dict[str, Any]:
    """What becomes of the order when its erasure is asked for."""
    wanted = {"order_id": order_id, "reference": "gdpr-1", **body}
    answer = await shop.api.post("/v1/erasures", wanted, role="operator")
    assert answer.status_code == 200, answer.text
    (told,) = answer.json()["orders"]
    return dict(told)


async def readable(services: Services, workflow: str) -> bool:
    """Whether anybody who reaches Temporal reads the person in this history."""
    search = Search((PERSON,))
    temporal = services.orders.temporal
    await look_through_temporal(temporal, search)
    return any(workflow in place for place, _ in search.found)


async def test_an_order_accepted_in_the_clear_is_erased_in_part_and_says_so(
    clear: Settings, settings: Settings, companies: Companies
) -> None:
    """Accepted without keys, ended with them: its key goes, its rows and its first history stay, and until when.

    The same stands in the audit trail and in a second answer; an order accepted with keys beside it is erased wholly.
    """
    async with opened(clear, companies) as shop:
        await placed(shop, "clear_1")
    async with opened(settings, companies) as shop:
        await placed(shop, "hidden_1")
        for order_id in ("clear_1", "hidden_1"):
            await canceled(shop, order_id)
        assert (await asked(shop, "clear_1", dry_run=True))["verdict"] == "partly_erasable"
        told = await asked(shop, "clear_1")
        assert told["verdict"] == "partly_erased"
        left = {each["where"]: each["until"] for each in told["remains"]}
        assert left[ROWS] is None
        until_then = datetime.fromisoformat(left[HISTORIES])
        assert until_then > datetime.fromisoformat(told["erased_at"]) + timedelta(hours=1)
        assert await readable(shop.api.services, "order-clear_1"), "as it was answered"
        assert (await shop.api.get("/v1/orders/clear_1")).json()["ship_to"]["name"] == PERSON
        again = await asked(shop, "clear_1")
        assert (again["verdict"], again["remains"]) == ("erased_before", told["remains"])
        whole = await asked(shop, "hidden_1")
        assert (whole["verdict"], whole["remains"]) == ("erased", [])
        assert not await readable(shop.api.services, "order-hidden_1")
        deeds = (await shop.api.get("/v1/audit/deeds?kind=erased")).json()["deeds"]
        texts = {deed["subject"]: deed["text"] for deed in deeds}
        assert ROWS in texts["clear_1"]
        assert f"{HISTORIES} until {left[HISTORIES][:10]}" in texts["clear_1"]
        assert texts["hidden_1"] == "personal data erased: gdpr-1"


async def test_an_order_that_never_had_a_key_is_not_said_to_be_erased(clear: Settings, companies: Companies) -> None:
    """Nothing is destroyed, nothing is told as erased; what stays is named."""
    async with opened(clear, companies) as shop:
        await placed(shop, "clear_2")
        await canceled(shop, "clear_2")
        told = await asked(shop, "clear_2")
        assert (told["verdict"], told["erased_at"]) == ("not_encrypted", None)
        assert [each["where"] for each in told["remains"]] == [ROWS, HISTORIES]
        found = (await shop.api.get("/v1/search?q=buyer_ada")).json()["orders"]
        assert "clear_2" in [each["order_id"] for each in found]
        assert (await shop.api.get("/v1/audit/deeds?kind=erased")).json()["deeds"] == []


@pytest.mark.usefixtures("clear")
async def test_a_saga_that_somebody_started_in_the_clear_is_noticed(settings: Settings, companies: Companies) -> None:
    """By a client without keys, past the API: the row is encrypted, the history is not, and the answer knows it."""
    async with opened(settings, companies) as shop:
        plain = await Client.connect(settings.temporal_address)
        await placed(shop, "direct_1")
        await canceled(shop, "direct_1")
        person = {"name": PERSON}
        await plain.start_workflow("OrderReturn", person, id="return-direct_1-1", task_queue="nobody")
        await plain.get_workflow_handle("return-direct_1-1").terminate()
        told = await asked(shop, "direct_1")
        assert (told["verdict"], [each["where"] for each in told["remains"]]) == ("partly_erased", [HISTORIES])


@pytest.mark.usefixtures("clear")
async def test_what_lies_elsewhere_opens_with_the_old_master_key_only(settings: Settings, companies: Companies) -> None:
    """A backup, a dead row and the log keep the wrapped key, which nothing opens once its master key is gone."""
    async with opened(settings, companies) as shop:
        services = shop.api.services
        await placed(shop, "kept_1")
        backup = (await services.order_keys.read(["kept_1"]))["kept_1"]
        await canceled(shop, "kept_1")
        assert (await asked(shop, "kept_1"))["verdict"] == "erased"
        assert backup.wrapped is not None
        old, new = read_master_keys(ONE), read_master_keys(TWO)
        assert await old.unwrap(backup.master, backup.wrapped, backup.key_id, "kept_1"), "whoever has both reads it"
        with pytest.raises(OperatorError, match="master_key_missing"):
            await new.unwrap(backup.master, backup.wrapped, backup.key_id, "kept_1")
        assert (await OrderKeys(services.pool).read(["kept_1"]))["kept_1"].wrapped is None


@pytest.mark.parametrize(
    ("facts", "histories", "where"),
    [
        ({}, Histories(there=True), []),
        ({}, Histories(there=True, clear=True), [HISTORIES]),
        ({"clear_rows": True, "clear_histories": True}, Histories(there=False), [ROWS]),
        ({"clear_histories": True}, Histories(there=False), []),
        ({"clear_histories": True}, Histories(there=False, archived=True), [ARCHIVE]),
        ({}, Histories(there=True, archived=True), []),
        ({"clear_rows": True, "clear_histories": True}, Histories(there=True), [ROWS, HISTORIES]),
    ],
)
def test_what_remains_is_what_is_there(facts: dict[str, Any], histories: Histories, where: list[str]) -> None:
    """Histories that Temporal has thrown away remain nowhere, but in the archive where there is one."""
    found = ruling(ErasureFacts(status=OrderStatus.CANCELED, encrypted=True, **facts), histories)
    assert [each.where for each in found.remains] == where
    assert found.verdict.value == ("partly_erasable" if where else "erasable")


def test_a_temporal_that_does_not_answer_is_not_taken_for_an_empty_one() -> None:
    """It is said that nobody knows."""
    facts = ErasureFacts(status=OrderStatus.CANCELED, encrypted=True, clear_rows=True, clear_histories=True)
    unknown = f"{HISTORIES}, if it still has any: it did not answer"
    assert [each.where for each in ruling(facts).remains] == [ROWS, unknown]
