"""The bodies of reconciliation's routes. Amounts are integer minor units."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, ConfigDict, Field, field_validator

from ordersaga.api.shapes import Filter, Request
from ordersaga.domain.identifiers import Code, OrderId
from ordersaga.domain.reconciliation import FindingKind, Repair, RepairRecord, RunRecord, StoredFinding
from ordersaga.domain.values import Message
from workflows.messages import Word

MOST: Final = 1000
"""Findings that one call may list or repair."""
FURTHEST: Final = timedelta(days=366)

FindingId = Annotated[str, Field(min_length=1, max_length=300)]


def _examples(*bodies: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": list(bodies)})


class RunBody(Request):
    """What a run looks at: from `since` on (by default as the schedule does), or one order only.

    `by`: the person an operator's key acts for.
    """

    model_config = _examples({"since": "2026-03-01T00:00:00Z"}, {"order_id": "web_1001"})

    since: AwareDatetime | None = None
    order_id: OrderId | None = None
    by: Word | None = None

    @field_validator("since")
    @classmethod
    def _in_reach(cls, since: datetime | None) -> datetime | None:
        if since is not None and not timedelta(0) <= datetime.now(UTC) - since <= FURTHEST:
            raise ValueError(f"must lie in the past, at most {FURTHEST.days} days back")
        return since


class RunPlan(Message):
    """What a run would look at; nobody was asked. `asked`: whose records; `effect`: what it means, in words."""

    since: AwareDatetime
    order_id: OrderId | None = None
    asked: tuple[str, ...]
    effect: tuple[str, ...]


class RunList(Message):
    """Runs, newest first."""

    runs: tuple[RunRecord, ...]


class FindingList(Message):
    """Findings, oldest first; a thousand at most."""

    findings: tuple[StoredFinding, ...]


class RepairList(Message):
    """What became of a finding's repairs, oldest first; of every time it came about."""

    repairs: tuple[RepairRecord, ...]


class RepairBody(Request):
    """Why a finding is repaired. With `dry_run` only say what would become of it."""

    model_config = _examples({"reason": "seen at Stripe: nobody will ship it", "dry_run": True})

    reason: Word
    by: Word | None = None
    dry_run: Annotated[bool, Field(strict=True)] = False


class FindingsWanted(Filter):
    """Which open findings; every member that is given must hold. `all` instead of any other means all of them."""

    all: Literal[True] | None = None
    kind: FindingKind | None = None
    seller: Code | None = None
    order_ids: Annotated[tuple[OrderId, ...], Field(min_length=1, max_length=MOST)] | None = None
    finding_ids: Annotated[tuple[FindingId, ...], Field(min_length=1, max_length=MOST)] | None = None


class RepairManyBody(Request):
    """Repair many findings for one reason. Nothing is done unless `dry_run` is false."""

    model_config = _examples(
        {"filter": {"kind": "orphan_authorization"}, "reason": "left by the outage", "dry_run": True}
    )

    filter: FindingsWanted
    reason: Word
    by: Word | None = None
    dry_run: Annotated[bool, Field(strict=True)] = True


RepairOutcome = Literal["repaired", "started", "proposed", "asked", "refused", "gone", "not_open", "failed"]


class RepairedItem(Message):
    """What was done about one finding, or in a dry run would be.

    | result | meaning |
    |---|---|
    | `repaired` | it is mended; `detail` says how |
    | `started` | it is under way: look at the finding again |
    | `proposed` | it moves much money: it waits for a second person, see `proposed_by` |
    | `asked` | nothing is mended: a person is asked, `detail` says what to do; it stays on the list |
    | `refused` | as things stand it cannot be done, `detail` says why; it stays on the list |
    | `gone` | looked at again, the disagreement no longer exists |
    | `not_open` | it was settled before |
    | `failed` | `code` and `detail` say why; the finding is still open |
    """

    finding_id: str
    kind: FindingKind
    repair: Repair
    what: str
    order_id: str = ""
    seller: str = ""
    money: int = 0
    currency: str = ""
    result: RepairOutcome
    proposed_by: str | None = None
    code: str | None = None
    detail: str | None = None


class RepairTotals(Message):
    """Counts of the items by result. `money`: by currency, of those repaired, started or proposed.

    `left`: findings that match as well and were left alone, because one call repairs a thousand at most.
    """

    count: int
    repaired: int
    started: int
    waiting_for_second_person: int
    asked: int
    refused: int
    gone: int
    not_open: int
    failed: int
    left: int
    money: dict[str, int]


class RepairedMany(Message):
    """The repair of many findings, oldest first; of orders whose saga is gone, last."""

    dry_run: bool
    items: tuple[RepairedItem, ...]
    totals: RepairTotals
