"""What people did, told from what is on record: each line names who it was, what, to what, and why."""

import re
from typing import Final, Literal

from pydantic import AwareDatetime

from ordersaga.domain.values import Value

KINDS: Final = (
    "breaker_set",
    "cancel_requested",
    "change_requested",
    "decision",
    "encryption_off",
    "encryption_on",
    "erased",
    "goodwill_requested",
    "hold",
    "proposal",
    "release",
    "repair",
    "return_cancel_requested",
    "return_inspected",
    "seller_changed",
    "stop_dry_run",
    "stop_lifted",
    "stop_pause",
    "stop_resume",
    "stop_stop",
)
"""What a deed can be; the stories of orders, lanes and stops have other lines, which nobody did by hand."""


_LIFTED: Final = re.compile(r"lifted by (.+?): ")
_GAVE: Final = re.compile(r"[^:]+: (.+?) asks for ")
_DID: Final = re.compile(
    r"(.+?) (?:placed hold|released hold|asks to cancel|asks: |asked to |chose |proposes |set the breaker |"
    r"left the breaker |found |cancels: )"
)


def who_did(kind: str, text: str) -> str | None:
    """Whom a line of this kind names; None: it names nobody, or is no deed."""
    how = {"stop_lifted": _LIFTED, "goodwill_requested": _GAVE}.get(kind, _DID)
    named = how.match(text) if kind in KINDS else None
    return named[1] if named else None


class Deed(Value):
    """One thing that a person did. `by`: as they are known here; None where the line names nobody.

    `subject`: the order, lane, stop, seller or part of the deployment that it was done to; `seller`: whose order or
    profile that is.
    """

    at: AwareDatetime
    kind: str
    by: str | None
    text: str
    about: Literal["order", "lane", "stop", "seller", "deployment"]
    subject: str
    parcel: int
    seller: str | None


class DeedFilter(Value):
    """Which deeds are asked for; None: all. `by`: a person, also one an operator's key acted for. Times in UTC."""

    seller: str | None = None
    order_id: str | None = None
    by: str | None = None
    kind: str | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
