"""Many things done a few at a time by one command: people see how far it is, and no request takes long."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import typer

from ordersaga.api.attention_shapes import ResolvedMany, ResolvedTotals
from ordersaga.api.finding_shapes import RepairedMany, RepairTotals
from ordersaga.commands.remote import steps
from ordersaga.http_client import ApiError, ApiUnreachableError

T = TypeVar("T")
M = TypeVar("M", ResolvedMany, RepairedMany)
N = TypeVar("N", ResolvedTotals, RepairTotals)


async def a_few_at_a_time(
    what: str, things: Sequence[T], size: int, do: Callable[[Sequence[T]], Awaitable[M]]
) -> list[M]:
    """What `do` answers for each `size` of the things. When it fails in between, stderr says how far it came."""
    parts = [things[at : at + size] for at in range(0, len(things), size)]
    done: list[M] = []
    try:
        with steps(what, len(parts)) as stepped:
            for part in parts:
                done.append(await do(part))
                stepped()
    except (ApiError, ApiUnreachableError):
        behind = sum(len(answer.items) for answer in done)
        typer.echo(f"{behind} of {len(things)} were gone through; some of the next {size} may be: look again", err=True)
        raise
    return done


def summed(totals: Sequence[N], left: int) -> N:
    """The totals of the parts together; `left` over of all that matched."""
    kind, money = type(totals[0]), Counter[str]()
    for each in totals:
        money.update(each.money)
    counted = kind.model_fields.keys() - {"money", "left"}
    return kind(**{name: sum(getattr(each, name) for each in totals) for name in counted}, left=left, money=dict(money))
