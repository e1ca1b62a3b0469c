"""Identifiers, all derived from business ids, so that a retry anywhere produces the same ones."""

import base64
import hashlib
import re
from typing import Annotated, Final, NamedTuple

from pydantic import StringConstraints

OrderId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,64}$")]
Sku = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,64}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_\-]{0,63}$")]

_DIGEST: Final = 16
_DIGITS: Final = 9
"""Of a number within an order; more are somebody else's, and no column of ours holds them."""


def workflow_id(order_id: str) -> str:
    """Workflow id of an order's saga."""
    return f"order-{order_id}"


def effect_key(order_id: str, step: str, parcel: int, generation: int) -> str:
    """Idempotency key of one effect: `{order}/{step}/{parcel}/{generation}`; parcel 0 means the whole order."""
    return f"{order_id}/{step}/{parcel}/{generation}"


def order_of_effect(key: str) -> str:
    """Whose effect it is."""
    return key.partition("/")[0]


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
    if not order_id or not _is_count(parcel) or not _is_count(generation):
        return None
    return ParcelReference(order_id, int(parcel), int(generation))


def _is_count(text: str) -> bool:
    """Whether it is a number that anything of ours may have: digits, and not thousands of them."""
    return text.isascii() and text.isdecimal() and len(text) <= _DIGITS


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
    return ReturnReference(*owner, int(parcel)) if owner and _is_count(parcel) else None


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


def shortened(reference: str, most: int) -> str:
    """What a company knows a reference by that takes `most` characters only, at least 24: as it is, if it fits.

    Else its beginning, and a digest of all of it. No two references give the same, and the same one gives the same:
    whoever finds one looks among our references for the one that is shortened to it.
    """
    if len(reference) <= most:
        return reference
    digest = base64.b32encode(hashlib.sha256(reference.encode()).digest()).decode()[:_DIGEST]
    return f"{reference[: most - _DIGEST - 1]}-{digest}"


def is_shortened(text: str, most: int) -> bool:
    """Whether this may be one of our references that has more than `most` characters."""
    return len(text) == most and re.fullmatch(rf"[A-Za-z0-9_]+-[A-Z2-7]{{{_DIGEST}}}", text) is not None


def return_id(order_id: str, number: int) -> str:
    """What people know an order's return by: `{order}-r{number}`."""
    return f"{order_id}-r{number}"


def parse_return_id(text: str) -> tuple[str, int] | None:
    """Order and number of a return; None for a text that names none."""
    order_id, _, number = text.partition("-r")
    known = order_id and "-" not in order_id and _is_count(number)
    return (order_id, int(number)) if known else None


def return_workflow_id(order_id: str, number: int) -> str:
    """Workflow id of a return."""
    return f"return-{order_id}-{number}"


def workflow_of(item_id: str, order_id: str) -> str:
    """Workflow id of who asked a question: a return (`{order}-r{n}-a{k}`), or the order itself."""
    owner = parse_return_id(item_id.rpartition("-a")[0])
    return return_workflow_id(*owner) if owner and owner[0] == order_id else workflow_id(order_id)


def owner_of_workflow(name: str) -> str | None:
    """The order that a workflow of this id belongs to: its saga, or one of its returns; None for any other workflow."""
    kind, _, rest = name.partition("-")
    order_id, _, number = rest.partition("-")
    if not re.fullmatch(r"[A-Za-z0-9_]{1,64}", order_id):
        return None
    if kind == "order" and not number:
        return order_id
    return order_id if kind == "return" and number.isdecimal() else None
