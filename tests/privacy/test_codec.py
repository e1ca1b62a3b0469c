"""What Temporal stores of a payload."""

from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import ActivitySerializationContext, DataConverter, WorkflowSerializationContext
from temporalio.exceptions import ApplicationError

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.orders import Order
from ordersaga.privacy.codec import ENCODING, data_converter, subject_named
from ordersaga.privacy.key_ring import EVERYBODY, KeyErasedError, KeyRing
from ordersaga.privacy.master_keys import read_master_keys
from tests.fakes.samples import order
from tests.privacy.keys import ONE, MemoryKeys

PLACED = order("o1")


@pytest.fixture
def store() -> MemoryKeys:
    """Nobody has a key yet."""
    return MemoryKeys()


@pytest.fixture
def converter(store: MemoryKeys) -> DataConverter:
    """A process that encrypts."""
    return data_converter(KeyRing(store, read_master_keys(ONE)))


def of(converter: DataConverter, workflow_id: str) -> DataConverter:
    """The converter as it is used for one workflow."""
    return converter.with_context(WorkflowSerializationContext(namespace="default", workflow_id=workflow_id))


async def test_an_order_is_read_by_its_own_workflow_only(converter: DataConverter, store: MemoryKeys) -> None:
    """Its saga and its returns read it; a history of another order is refused it."""
    (payload,) = await of(converter, "order-o1").encode([PLACED])
    assert b"Ada" not in payload.SerializeToString()
    assert (payload.metadata["encoding"], payload.metadata["key-subject"]) == (ENCODING, b"o1")
    assert payload.metadata["key-id"].decode() == store.rows["o1"].key_id
    assert await of(converter, "order-o1").decode([payload], [Order]) == [PLACED]
    assert await of(converter, "return-o1-1").decode([payload], [Order]) == [PLACED]
    assert await converter.decode([payload], [Order]) == [PLACED]
    with pytest.raises(OperatorError, match="payload_misplaced"):
        await of(converter, "order-o2").decode([payload], [Order])


async def test_an_activity_shares_its_workflows_key(converter: DataConverter) -> None:
    """What it is given and what it answers are read by the workflow, and the other way round."""
    context = ActivitySerializationContext(
        namespace="default",
        activity_id="1",
        activity_type="authorize",
        activity_task_queue="payments",
        workflow_id="order-o1",
        workflow_type="OrderFulfillment",
        is_local=False,
    )
    (payload,) = await converter.with_context(context).encode([PLACED])
    assert await of(converter, "order-o1").decode([payload], [Order]) == [PLACED]


async def test_what_belongs_to_no_order_has_the_deployments_key(converter: DataConverter) -> None:
    """A stop, and what is written without saying for whom."""
    for writer in (of(converter, "stop-20260301abc"), converter):
        (payload,) = await writer.encode(["held"])
        assert subject_named(payload) == EVERYBODY
        assert await of(converter, "stop-20260301abc").decode([payload]) == ["held"]


async def test_an_altered_payload_is_refused(converter: DataConverter) -> None:
    """One bit, or another key's name."""
    (payload,) = await of(converter, "order-o1").encode([PLACED])
    changed = Payload(metadata=payload.metadata, data=payload.data[:-1] + bytes([payload.data[-1] ^ 1]))
    renamed = Payload(metadata={**payload.metadata, "key-id": b"kother"}, data=payload.data)
    for wrong in (changed, renamed):
        with pytest.raises(OperatorError, match="payload_altered"):
            await converter.decode([wrong])


async def test_a_history_written_in_the_clear_stays_readable(converter: DataConverter) -> None:
    """Orders that run when a deployment begins to encrypt go on."""
    (payload,) = await pydantic_data_converter.encode([PLACED])
    assert await of(converter, "order-o1").decode([payload], [Order]) == [PLACED]
    assert data_converter(None) is pydantic_data_converter


async def test_errors_are_encrypted_with_message_and_trace(converter: DataConverter) -> None:
    """What a company quotes, and what a traceback shows, is not in the history; the reader has all of it."""
    writer = of(converter, "order-o1")
    failure = Failure()
    cause = ApplicationError("Ada Byron, 1 Main St: undeliverable", {"name": "Ada"}, type="refused")
    await writer.encode_failure(cause, failure)
    assert b"Ada" not in failure.SerializeToString()
    assert failure.message == "Encoded failure"
    read: Any = await of(converter, "order-o1").decode_failure(failure)
    assert (read.message, read.type, read.details) == (cause.message, "refused", cause.details)


async def test_a_history_is_unreadable_once_its_key_is_destroyed(store: MemoryKeys) -> None:
    """By nobody, in no process; other orders are read as before."""
    ring = KeyRing(store, read_master_keys(ONE))
    (gone,) = await of(data_converter(ring), "order-o1").encode([PLACED])
    (stays,) = await of(data_converter(ring), "order-o2").encode([PLACED])
    store.destroy("o1")
    fresh = data_converter(KeyRing(store, read_master_keys(ONE)))
    with pytest.raises(KeyErasedError):
        await fresh.decode([gone])
    assert await fresh.decode([stays], [Order]) == [PLACED]
