"""An operator who answers questions with choices that are safe: what the choice says is true, or is made true first."""

import contextlib

from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError

from ordersaga.domain.journal import AttentionItem
from ordersaga.domain.statuses import ParcelStatus as P
from tests.properties.companies import IN_THE_HOUSE
from tests.properties.life import Life
from workflows.messages import Resolution

_NEEDS_TRUTH = frozenset(
    {"it_is_stopped", "it_ships", "it_has_not", "settled_by_hand", "treat_as_lost", "refund_as_lost", "reship"}
)
"""Choices that claim something about the world outside."""
_PEOPLE = ("ann", "ben")


class Operator:
    """Answers the open questions of one order."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._answered = 0

    async def answers(self, pick: int) -> None:
        """Every open question is answered, with one of its choices that are safe."""
        for item in (await self._life.view()).attention:
            choices = [
                choice for choice in item.choices if choice not in _NEEDS_TRUTH or self._makes_true(item, choice)
            ]
            await self._choose(item, choices[pick % len(choices)])

    async def _choose(self, item: AttentionItem, choice: str) -> None:
        self._answered += 1
        by = _PEOPLE[self._answered % 2] if item.proposed_by != "ann" else "ben"
        answer = Resolution(item_id=item.item_id, choice=choice, by=by, reason="seen")
        with contextlib.suppress(RPCError, WorkflowUpdateFailedError):  # it was settled, or the order has ended
            await self._life.handle.execute_update("resolve_attention", answer)

    def _makes_true(self, item: AttentionItem, choice: str) -> bool:
        """Whether the choice is true; the provider stops a parcel that is still in its house when it is called."""
        references = [one for one in self._life.companies.orders if _parcel_of(one) == item.parcel]
        standing = {one: self._life.companies.standing(one) for one in references}
        if choice == "it_is_stopped" and all(now in (*IN_THE_HOUSE, P.CANCELED) for now in standing.values()):
            for one in references:
                self._life.companies.provider_of(one).advance(one, P.CANCELED)
            return True
        if choice in ("refund_as_lost", "reship"):
            return P.LOST in standing.values()
        return False


def _parcel_of(reference: str) -> int:
    return int(reference.split("-")[1])
