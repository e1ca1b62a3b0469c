"""The bodies of the routes of stops. Amounts are integer minor units."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Self

from pydantic import AwareDatetime, ConfigDict, Field, model_validator

from ordersaga.api.shapes import Request
from ordersaga.domain.stops import (
    LOOK_EVERY,
    Answer,
    Stage,
    StopCount,
    StopMatch,
    StopPolicy,
    StopRecord,
    StopResult,
    StopState,
    Treatment,
)
from ordersaga.domain.values import Message
from workflows.messages import Word
from workflows.stop_orders import StopProgress

FURTHEST: Final = timedelta(days=366)

_EXAMPLE: Final[dict[str, Any]] = {
    "match": {"region": "US-CA"},
    "policy": {"accepted": "cancel", "confirmed": "cancel", "at_provider": "cancel", "picked": "drain"},
    "reason": "the region is closed",
    "legal_reference": "Order 12/2026",
}


class StopBody(Request):
    """What to stop. Without `dry_run: false` only what would become of the orders is said.

    `match`: all that is given must match. `policy`: what is done at each stage. `effective_at`: at once if left out.
    `until`: it ends by itself then. `look_every_minutes`: how often it looks for orders that have come to match.
    `by`: the person an operator's key acts for. `unlisted`: also what nobody here knows, as a SKU of no catalog.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE, {**_EXAMPLE, "dry_run": False}]})

    match: StopMatch
    policy: StopPolicy = StopPolicy()
    effective_at: AwareDatetime | None = None
    until: AwareDatetime | None = None
    look_every_minutes: Annotated[float, Field(ge=1 / 60, le=24 * 60)] = LOOK_EVERY.total_seconds() / 60
    legal_reference: Annotated[str, Field(max_length=300)] = ""
    reason: Word
    by: Word | None = None
    unlisted: bool = False
    dry_run: bool = True

    @model_validator(mode="after")
    def _in_reach(self) -> Self:
        now = datetime.now(UTC)
        if self.until is not None and self.until <= max(self.effective_at or now, now):
            raise ValueError("until: must lie in the future, and after effective_at; send a later time, or none")
        if self.effective_at is not None and self.effective_at - now > FURTHEST:
            raise ValueError(f"effective_at: must lie at most {FURTHEST.days} days ahead; send an earlier time")
        return self


class StopSaid(Request):
    """Why a stop is paused, resumed or undone."""

    reason: Word = "not given"
    by: Word | None = None


class StopSum(Message):
    """Orders treated alike, added up; `money` in minor units by currency."""

    orders: int
    money: dict[str, int]


class StageSum(StopSum):
    """The same of one stage, with what is done there."""

    stage: Stage
    treatment: Treatment


class SellerSum(StopSum):
    """The same of one seller."""

    seller: str


class AnswerSum(StopSum):
    """The same of one answer."""

    answer: Answer


class StopCounts(Message):
    """What became of the orders, or would: together, by stage, by seller and by answer."""

    total: StopSum
    by_stage: tuple[StageSum, ...]
    by_seller: tuple[SellerSum, ...]
    by_answer: tuple[AnswerSum, ...]


class StopDocument(Message):
    """A stop, what became of the orders so far, and where its workflow is (`progress`, None while nobody can say).

    `dry_run`: nothing is done, and it ends by itself. `unlisted`: what it names and nobody here knows, which lists do
    not tell. `effect`: what was just done means, or with `dry_run` would mean, in words.
    """

    stop_id: str
    dry_run: bool
    state: StopState
    match: StopMatch
    policy: StopPolicy
    effective_at: AwareDatetime
    until: AwareDatetime | None
    look_every: timedelta
    legal_reference: str
    reason: str
    asked_by: str
    asked_at: AwareDatetime
    looks: int
    looked_at: AwareDatetime | None
    lifted_at: AwareDatetime | None
    lifted_by: str | None
    ended_at: AwareDatetime | None
    counts: StopCounts
    progress: StopProgress | None = None
    unlisted: tuple[str, ...] = ()
    effect: tuple[str, ...] = ()
    message: str = ""


class StopList(Message):
    """Stops, newest first."""

    stops: tuple[StopDocument, ...]


class StopOrderList(Message):
    """What became of a stop's orders, by order id; `next_after` is None on the last page."""

    orders: tuple[StopResult, ...]
    next_after: str | None


def document(
    stop: StopRecord,
    progress: StopProgress | None = None,
    *,
    unlisted: Sequence[str] = (),
    effect: Sequence[str] = (),
    message: str = "",
) -> StopDocument:
    """A stop as it is told."""
    named = stop.model_dump(include=set(StopDocument.model_fields) - {"match", "policy", "counts"})
    return StopDocument(
        **named,
        state=stop.state(datetime.now(UTC)),
        match=stop.match,
        policy=stop.policy,
        counts=counted(stop.counts),
        progress=progress,
        unlisted=tuple(unlisted),
        effect=tuple(effect),
        message=message,
    )


def counted(counts: Iterable[StopCount]) -> StopCounts:
    """Counts added up, each way."""
    rows = list(counts)
    stages = _grouped(rows, "stage", "treatment")
    order = list(Stage)
    return StopCounts(
        total=StopSum(**_sum(rows)),
        by_stage=tuple(
            StageSum(stage=stage, treatment=treatment, **_sum(found))
            for (stage, treatment), found in sorted(stages.items(), key=lambda each: (order.index(each[0][0]), each[0]))
        ),
        by_seller=tuple(
            SellerSum(seller=seller, **_sum(found)) for (seller,), found in sorted(_grouped(rows, "seller").items())
        ),
        by_answer=tuple(
            AnswerSum(answer=answer, **_sum(found)) for (answer,), found in sorted(_grouped(rows, "answer").items())
        ),
    )


def _grouped(rows: Iterable[StopCount], *names: str) -> dict[tuple[Any, ...], list[StopCount]]:
    found: defaultdict[tuple[Any, ...], list[StopCount]] = defaultdict(list)
    for row in rows:
        found[tuple(getattr(row, name) for name in names)].append(row)
    return dict(found)


def _sum(rows: Iterable[StopCount]) -> dict[str, Any]:
    money: defaultdict[str, int] = defaultdict(int)
    orders = 0
    for row in rows:
        orders += row.orders
        money[row.currency] += row.money
    return {"orders": orders, "money": dict(sorted(money.items()))}
