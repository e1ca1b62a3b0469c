"""Findings in words for people: what their repair does, or would do."""

from collections.abc import Mapping
from typing import Final

from ordersaga.domain.amounts import format_amount
from ordersaga.domain.identifiers import workflow_id
from ordersaga.domain.reconciliation import Finding, FindingKind, Repair

_DONE_BY: Final = {
    Repair.VOID: "release the reserved funds",
    Repair.CAPTURE: "charge for the goods that left",
    Repair.REFUND: "give the money back",
    Repair.ENTER: "enter it in our books",
    Repair.VOID_LABEL: "give the label back",
    Repair.WITHDRAW: "withdraw it from the provider",
    Repair.ADJUST: "set our count to the provider's",
    Repair.START: "start its saga",
    Repair.DELIVER: "deliver what was missed",
    Repair.INQUIRE: "ask the company what became of it",
    Repair.ASK: "ask a person",
}
_ASKED_BY: Final = {
    FindingKind.PROVIDER_ORDER_MISSING: "tell the order, which takes the parcel back",
    FindingKind.SAGA_GONE: "close the order if its books balance by then, else ask a person",
}


def remedy(finding: Finding) -> str:
    """What its repair does, with the money it moves: `charge for the goods that left (14.00 USD)`."""
    money = f" ({format_amount(finding.money, finding.currency)})" if finding.money and finding.currency else ""
    return f"{_ASKED_BY.get(finding.kind) or _DONE_BY[finding.repair]}{money}"


def repair_in_words(repair: str) -> str:
    """What a repair of this name does, whatever it is about."""
    return _DONE_BY[Repair(repair)]


def split(changes: Mapping[tuple[str, str], int]) -> str:
    """Units by which each shelf changes: `ca-1/MUG -2, nj-1/MUG -1`."""
    return ", ".join(f"{'/'.join(place)} {change:+d}" for place, change in sorted(changes.items()))


def set_going(order_id: str) -> str:
    """What a person can do about an order whose saga is gone."""
    reset = f'temporal workflow reset --workflow-id {workflow_id(order_id)} --type LastWorkflowTask --reason "..."'
    return (
        f"let a terminated saga go on where it was: {reset}; past Temporal's retention mend the books by hand, "
        "then repair this finding again, which closes the order"
    )
