"""The bodies of the attention routes. Amounts are integer minor units, ages whole seconds."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import AwareDatetime, Field

from ordersaga.api.shapes import Filter, Request
from ordersaga.domain.identifiers import Code, OrderId
from ordersaga.domain.journal import AttentionItem
from ordersaga.domain.values import Message
from workflows.messages import Word

MOST: Final = 1000
"""Questions that one call may answer."""
_DAY: Final = timedelta(days=1)

Kind = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Hours = Annotated[int, Field(ge=1, le=100_000)]


class ResolveBody(Request):
    """The answer to an attention item: one of its choices, and why. `order_id` when item ids repeat.

    `by`: the person an operator's key acts for.
    """

    choice: Word
    reason: Word
    by: Word | None = None
    order_id: OrderId | None = None


class OpenItem(AttentionItem):
    """An open question, and how long nobody answered it."""

    age_seconds: int

    @classmethod
    def of(cls, item: AttentionItem) -> Self:
        """The item as of now."""
        return cls(**item.model_dump(), age_seconds=int(age(item).total_seconds()))


def age(item: AttentionItem) -> timedelta:
    """Since when it is open."""
    return max(datetime.now(UTC) - item.opened_at, timedelta(0))


class AttentionList(Message):
    """Open questions, oldest first."""

    items: tuple[OpenItem, ...]


class AttentionGroup(Message):
    """Open questions of one kind: how many, how many of them older than a day, since when, the money at stake.

    `money`: minor units by currency. `proposed`: how many wait for a second person.
    """

    kind: str
    open: int
    older_than_a_day: int
    oldest_opened_at: AwareDatetime
    oldest_age_seconds: int
    proposed: int
    money: dict[str, int]


class AttentionGroups(Message):
    """Open questions by kind; the kind whose oldest question waits longest comes first."""

    groups: tuple[AttentionGroup, ...]


def grouped(items: Iterable[AttentionItem]) -> AttentionGroups:
    """Questions, counted by kind."""
    kinds: defaultdict[str, list[AttentionItem]] = defaultdict(list)
    for item in items:
        kinds[item.kind].append(item)
    groups = (_group(kind, found) for kind, found in kinds.items())
    return AttentionGroups(groups=tuple(sorted(groups, key=lambda group: (group.oldest_opened_at, group.kind))))


def _group(kind: str, items: Sequence[AttentionItem]) -> AttentionGroup:
    oldest, money = min(items, key=lambda item: item.opened_at), Counter[str]()
    for item in items:
        if item.money:
            money[item.currency] += item.money
    return AttentionGroup(
        kind=kind,
        open=len(items),
        older_than_a_day=sum(age(item) > _DAY for item in items),
        oldest_opened_at=oldest.opened_at,
        oldest_age_seconds=int(age(oldest).total_seconds()),
        proposed=sum(item.proposed is not None for item in items),
        money=dict(sorted(money.items())),
    )


class ItemFilter(Filter):
    """Which open questions; every member that is given must hold. At least one must be given."""

    kind: Kind | None = None
    seller: Code | None = None
    provider: Code | None = None
    older_than_hours: Annotated[Hours, Field(strict=True)] | None = None
    order_ids: Annotated[tuple[OrderId, ...], Field(min_length=1, max_length=MOST)] | None = None
    item_ids: Annotated[tuple[Word, ...], Field(min_length=1, max_length=MOST)] | None = None


class ResolveManyBody(Request):
    """One answer to many questions. Nothing is done unless `dry_run` is false."""

    filter: ItemFilter
    choice: Word
    reason: Word
    by: Word | None = None
    dry_run: Annotated[bool, Field(strict=True)] = True


Result = Literal["resolved", "proposed", "not_offered", "failed"]


class ResolvedItem(Message):
    """What was done about one question, or in a dry run would be.

    | result | meaning |
    |---|---|
    | `resolved` | the choice is made |
    | `proposed` | it moves much money: it waits for a second person, see `proposed_by` |
    | `not_offered` | it is none of the question's choices; nothing was done |
    | `failed` | `code` and `detail` say why; the question is still open |
    """

    item_id: str
    order_id: str
    kind: str
    opened_at: AwareDatetime
    money: int
    currency: str
    result: Result
    proposed_by: str | None = None
    code: str | None = None
    detail: str | None = None


class ResolvedTotals(Message):
    """Counts of the items by result. `money`: by currency, at stake in those that are resolved or proposed.

    `left`: questions that match as well and were left alone, because one call answers a thousand at most.
    """

    count: int
    resolved: int
    waiting_for_second_person: int
    not_offered: int
    failed: int
    left: int
    money: dict[str, int]


class ResolvedMany(Message):
    """The answer to many questions, oldest first."""

    dry_run: bool
    choice: str
    items: tuple[ResolvedItem, ...]
    totals: ResolvedTotals
