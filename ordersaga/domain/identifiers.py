"""Identifiers, all derived from business ids, so that a retry anywhere produces the same ones."""

from typing import Annotated, NamedTuple

from pydantic import StringConstraints

OrderId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,64}$")]
Sku = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,64}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_\-]{0,63}$")]


def workflow_id(order_id: str) -> str:
    """Workflow id of an order's saga."""
    return f"order-{order_id}"


def effect_key(order_id: str, step: str, parcel: int, generation: int) -> str:
    """Idempotency key of one effect: `{order}/{step}/{parcel}/{generation}`; parcel 0 means the whole order."""
    return f"{order_id}/{step}/{parcel}/{generation}"


class ParcelReference(NamedTuple):
    """What providers and carriers know a parcel by; unique at each of them, and readable by people."""

    order_id: str
    parcel: int
    generation: int

    def __str__(self) -> str:
        return f"{self.order_id}-{self.parcel}-{self.generation}"


def parse_parcel_reference(text: str) -> ParcelReference | None:
    """Read a reference back; None for a reference that is not ours (other systems share the same accounts)."""
    order_id, _, rest = text.partition("-")
    parcel, _, generation = rest.partition("-")
    if not order_id or not parcel.isdecimal() or not generation.isdecimal():
        return None
    return ParcelReference(order_id, int(parcel), int(generation))
