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


class ReturnReference(NamedTuple):
    """What the carrier knows the way back by; never readable as a parcel's reference, whose second part is a number."""

    order_id: str
    number: int
    parcel: int

    def __str__(self) -> str:
        return f"{self.order_id}-r{self.number}-{self.parcel}"


def parse_return_reference(text: str) -> ReturnReference | None:
    """Read a reference of a way back; None for any other."""
    name, _, parcel = text.rpartition("-")
    owner = parse_return_id(name)
    return ReturnReference(*owner, int(parcel)) if owner and parcel.isdecimal() else None


class LabelReference(NamedTuple):
    """Whose label it is: a parcel's on its way out, or, with `returning`, the number of the return it brings back."""

    order_id: str
    parcel: int
    generation: int
    returning: int = 0


def parse_label_reference(text: str) -> LabelReference | None:
    """Read what a carrier knows a label by, whichever way it goes; None for one that is not ours."""
    out, back = parse_parcel_reference(text), parse_return_reference(text)
    if out is not None:
        return LabelReference(*out)
    return LabelReference(back.order_id, back.parcel, 1, back.number) if back is not None else None


def return_id(order_id: str, number: int) -> str:
    """What people know an order's return by: `{order}-r{number}`."""
    return f"{order_id}-r{number}"


def parse_return_id(text: str) -> tuple[str, int] | None:
    """Order and number of a return; None for a text that names none."""
    order_id, _, number = text.partition("-r")
    known = order_id and "-" not in order_id and number.isdecimal()
    return (order_id, int(number)) if known else None


def return_workflow_id(order_id: str, number: int) -> str:
    """Workflow id of a return."""
    return f"return-{order_id}-{number}"


def workflow_of(item_id: str, order_id: str) -> str:
    """Workflow id of who asked a question: a return (`{order}-r{n}-a{k}`), or the order itself."""
    owner = parse_return_id(item_id.rpartition("-a")[0])
    return return_workflow_id(*owner) if owner and owner[0] == order_id else workflow_id(order_id)
