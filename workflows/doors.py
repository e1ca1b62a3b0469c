"""What every door of a workflow keeps to: a message that makes no sense is refused or noted, and never fails it."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Protocol

from temporalio.exceptions import ApplicationError

from ordersaga.domain.approvals import same_person
from ordersaga.domain.journal import AttentionItem
from workflows.messages import Resolution


class Noting(Protocol):
    """Whoever takes messages can note one that changes nothing."""

    def ignore(self, what: str) -> None:
        """Note it."""
        ...


def never_fails(handler: Callable[..., None]) -> Callable[..., None]:
    """A signal with too few, too many or empty inputs is noted and dropped: nobody may wedge a workflow with one."""
    bare_works = handler.__defaults__ is not None

    @wraps(handler)
    def take(self: Noting, *inputs: Any) -> None:
        given = [one for one in inputs if one is not None]
        if len(inputs) <= 1 and (bare_works or given):
            handler(self, *given)
        else:
            self.ignore(f"a signal for {handler.__name__} with {len(given)} usable inputs of {len(inputs)}")

    return take


def not_empty(asked: object) -> None:
    """JSON's null passes every type hint; behind the validator it would fail the workflow task."""
    if asked is None:
        raise ApplicationError("the input is empty; send an object", type="customer")


def check_answer(asked: Mapping[str, AttentionItem], answer: Resolution | None) -> None:
    """Refuse an answer to a question that is not open, with a choice it has not, or by one who proposed it before."""
    not_empty(answer)
    assert answer is not None, "refused above"
    item = asked.get(answer.item_id)
    if item is None or item.resolved is not None:
        raise ApplicationError(f"no open question is named {answer.item_id!r}", type="operator")
    if answer.choice not in item.choices:
        choices = ", ".join(item.choices)
        raise ApplicationError(f"choice {answer.choice!r} is not one of: {choices}", type="operator")
    if item.proposed == answer.choice and same_person(item.proposed_by or "", answer.by):
        told = f"{item.proposed_by} proposed it already; it moves much money, so a second person must choose it too"
        raise ApplicationError(told, type="operator")
