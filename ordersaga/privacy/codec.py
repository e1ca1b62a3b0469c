"""Temporal stores what this codec makes of a payload: ciphertext, with the subject and the id of its key beside it."""

import dataclasses
from collections.abc import Sequence
from typing import Final, Self

from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import (
    ActivitySerializationContext,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.identifiers import owner_of_workflow
from ordersaga.privacy.ciphers import AlteredError, decrypt, encrypt
from ordersaga.privacy.key_ring import EVERYBODY, DataKey, KeyRing

ENCODING: Final = b"binary/ordersaga-aes256gcm"


def data_converter(ring: KeyRing | None) -> DataConverter:
    """How all our processes write to Temporal and read from it; without a ring in the clear.

    What was written in the clear is read all the same, so that a deployment may begin to encrypt while orders run.
    """
    if ring is None:
        return pydantic_data_converter
    return dataclasses.replace(
        pydantic_data_converter,
        payload_codec=EncryptingCodec(ring),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


def subject_of(workflow_id: str | None) -> str:
    """Whose key a workflow's payloads are encrypted with: its order's; a workflow of no order has the deployment's."""
    return owner_of_workflow(workflow_id or "") or EVERYBODY


def subject_named(payload: Payload) -> str | None:
    """Whose key a payload is encrypted with, as it says itself; None for one in the clear."""
    if payload.metadata.get("encoding") != ENCODING:
        return None
    return payload.metadata.get("key-subject", b"").decode(errors="replace")


def is_subject(name: str) -> bool:
    """Whether keys are kept under such a name: an order's id, or the deployment's own."""
    return name == EVERYBODY or owner_of_workflow(f"order-{name}") == name


class EncryptingCodec(PayloadCodec, WithSerializationContext):
    """Encrypts for the subject of the workflow at hand; reads what was written for that one, or for the deployment.

    `subject` None: nobody says which workflow it is (a codec server); then the payload is believed.
    """

    def __init__(self, ring: KeyRing, subject: str | None = None) -> None:
        self._ring, self._subject = ring, subject

    def with_context(self, context: SerializationContext) -> Self:
        """The codec of one workflow's payloads, its activities' included."""
        if isinstance(context, WorkflowSerializationContext | ActivitySerializationContext):
            return type(self)(self._ring, subject_of(context.workflow_id))
        return self

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt each. Raises KeyErasedError; RetryError while the keys cannot be read."""
        key = await self._ring.of(self._subject or EVERYBODY)
        return [_sealed(payload, key) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt each. Raises KeyErasedError, KeyLostError; OperatorError `payload_misplaced`, `payload_altered`."""
        return [await self._opened(payload) for payload in payloads]

    async def _opened(self, payload: Payload) -> Payload:
        subject = subject_named(payload)
        if subject is None:
            return payload
        if self._subject is not None and subject not in (self._subject, EVERYBODY):
            raise OperatorError("payload_misplaced", f"a payload of {subject} stands in a history of {self._subject}")
        return _plain(payload, await self._ring.existing(subject))


def _sealed(payload: Payload, key: DataKey) -> Payload:
    return Payload(
        metadata={"encoding": ENCODING, "key-id": key.key_id.encode(), "key-subject": key.subject.encode()},
        data=encrypt(key.key, payload.SerializeToString(), key.key_id, key.subject),
    )


def _plain(payload: Payload, key: DataKey) -> Payload:
    key_id = payload.metadata["key-id"].decode(errors="replace")
    try:
        return Payload.FromString(decrypt(key.key, payload.data, key_id, key.subject))
    except AlteredError:
        raise OperatorError("payload_altered", f"a payload of {key.subject} is not what was written") from None
