"""Many things done a few at a time by one command."""

from collections.abc import Sequence

import pytest

from ordersaga.api.attention_shapes import ResolvedItem, ResolvedMany, ResolvedTotals
from ordersaga.commands.batches import a_few_at_a_time, summed
from ordersaga.http_client import ApiUnreachableError
from tests.support.api import attention

SEVEN = [f"web_{number}" for number in range(7)]


def answered(orders: Sequence[str]) -> ResolvedMany:
    """Each of these was answered, with USD 1.00 at stake."""
    questions = [attention(order_id, f"{order_id}-a1") for order_id in orders]
    known = [question.model_dump(include=set(ResolvedItem.model_fields)) for question in questions]
    items = tuple(ResolvedItem(**{**each, "result": "resolved", "money": 100, "currency": "USD"}) for each in known)
    none = {"waiting_for_second_person": 0, "not_offered": 0, "failed": 0, "left": 0}
    totals = ResolvedTotals(count=len(items), resolved=len(items), money={"USD": 100 * len(items)}, **none)
    return ResolvedMany(dry_run=False, choice="adopt", items=items, totals=totals)


async def test_all_of_them_are_done_once_in_their_order() -> None:
    """The last few are fewer; together they are what one answer would have said."""
    asked: list[Sequence[str]] = []

    async def do(part: Sequence[str]) -> ResolvedMany:
        asked.append(part)
        return answered(part)

    parts = await a_few_at_a_time("answering", SEVEN, 3, do)
    assert asked == [SEVEN[:3], SEVEN[3:6], SEVEN[6:]]
    assert summed([part.totals for part in parts], left=4) == answered(SEVEN).totals.model_copy(update={"left": 4})
    assert await a_few_at_a_time("answering", [], 3, do) == []


async def test_whoever_is_interrupted_is_told_how_far_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    """What was done stays done, and the failure is still a failure."""

    async def do(part: Sequence[str]) -> ResolvedMany:
        if part[0] == SEVEN[3]:
            raise ApiUnreachableError("gone")
        return answered(part)

    with pytest.raises(ApiUnreachableError, match="gone"):
        await a_few_at_a_time("answering", SEVEN, 3, do)
    assert capsys.readouterr().err == "3 of 7 were gone through; some of the next 3 may be: look again\n"
