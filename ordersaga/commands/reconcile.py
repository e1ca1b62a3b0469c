"""`ordersaga reconcile`: the companies' records beside our ledgers, and repairing what disagrees, through the HTTP API.

Exit codes: 0 nothing disagrees, or every repair is done or under way; 1 findings are open, a source could not be
asked, or a repair was refused or failed; 2 wrong usage; 3 no API.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer
from rich.console import Console

from ordersaga.api.finding_shapes import FURTHEST, RepairedItem, RepairedMany, RepairList, RepairOutcome
from ordersaga.commands.batches import a_few_at_a_time, summed
from ordersaga.commands.errors import FAILED, USAGE, CommandError
from ordersaga.commands.remote import ApiKey, ApiUrl, AsJson, By, call, given, show, show_json, show_pairs, show_table
from ordersaga.commands.times import moment
from ordersaga.domain.amounts import format_amount
from ordersaga.domain.finding_words import remedy
from ordersaga.domain.reconciliation import FindingKind, FindingStatus, RepairRecord, RunRecord, StoredFinding
from ordersaga.domain.values import Message
from ordersaga.http_client import ApiClient

LOOK_EVERY: Final = 0.5
PATIENCE: Final = timedelta(minutes=35)
"""A run gives each source half an hour."""
AT_ONCE: Final = 8
"""Findings repaired by one request, each of which asks a company: so often a bar moves."""
_FORETOLD: Final[Mapping[RepairOutcome, str]] = {
    "repaired": "would be repaired",
    "proposed": "would be proposed",
    "asked": "a person would be asked",
}

Order = Annotated[str | None, typer.Option(metavar="ORDER_ID", help="This order only.")]
Kind = Annotated[FindingKind | None, typer.Option(help="Such as orphan_authorization.")]
Seller = Annotated[str | None, typer.Option()]
Since = Annotated[
    str | None,
    typer.Option(metavar="AGE|TIME", help="How far back: 90m, 24h, 7d, or a time; as the schedule if left out."),
]

app = typer.Typer(help="Reconciliation: the companies' records beside our ledgers.")


class Reconciled(Message):
    """A run that ended, and the findings open after it."""

    run: RunRecord
    findings: tuple[StoredFinding, ...]


def register(root: typer.Typer) -> None:
    """Add the command group."""
    root.add_typer(app, name="reconcile")


@app.callback(invoke_without_command=True)
def reconcile(
    context: typer.Context,
    since: Since = None,
    order: Order = None,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Run it now, wait, and list what disagrees with what would repair it. Nothing is repaired."""
    if context.invoked_subcommand is not None:
        return
    start = _since(since)
    told = call(api_url, api_key, lambda api: _run(api, start, order, quiet=as_json))
    if as_json:
        show_json(told)
    else:
        _show_run(told)
    if why := _not_clean(told):
        raise CommandError(why, FAILED)


@app.command("findings")
def list_findings(
    kind: Kind = None,
    seller: Seller = None,
    order: Order = None,
    status: Annotated[FindingStatus | None, typer.Option(help="Without: all that are not settled.")] = None,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """List findings, oldest first."""
    answer = call(api_url, api_key, lambda api: api.findings(kind=kind, seller=seller, order_id=order, status=status))
    if as_json:
        show_json(answer)
    else:
        _show_findings("Findings", answer.findings)


@app.command("runs")
def list_runs(
    limit: Annotated[int, typer.Option(min=1, max=500)] = 20,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """List the latest runs, newest first."""
    answer = call(api_url, api_key, lambda api: api.reconciliations(limit=limit))
    if as_json:
        show_json(answer)
    else:
        show_table("Runs", ("id", "since", "took", "asked by", "found", "failed"), map(_run_row, answer.runs))


@app.command("show")
def show_one(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID")],
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Show one run: what was looked at, and what was found."""
    show(call(api_url, api_key, lambda api: api.reconciliation(run_id)), _show_one_run, as_json=as_json)


@app.command()
def repairs(
    finding_id: Annotated[str, typer.Argument(metavar="FINDING_ID")],
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """List who asked for a finding's repair and what became of it, each time it came about."""
    path = f"/v1/findings/{quote(finding_id, safe='')}/repairs"
    found = call(api_url, api_key, lambda api: api.call("GET", path, RepairList))
    show(found, _show_repairs, as_json=as_json)


@app.command()
def repair(
    reason: Annotated[str, typer.Option(help="Why; it is kept in the order's story.")],
    finding: Annotated[list[str] | None, typer.Argument(metavar="[FINDING]...")] = None,
    all_of_them: Annotated[bool, typer.Option("--all", help="Every open finding.")] = False,
    kind: Kind = None,
    seller: Seller = None,
    order: Annotated[list[str] | None, typer.Option(metavar="ORDER_ID", help="Repeatable.")] = None,
    by: By = None,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; without, only say what would be done.")] = False,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Repair findings, a thousand at most; only a dry run unless --apply is given."""
    named = {"kind": kind, "seller": seller, "order_ids": order or None, "finding_ids": finding or None}
    wanted = _wanted({**named, "all": all_of_them or None})
    if not reason.strip():
        raise CommandError("--reason says nothing; say why: it is kept", USAGE)

    async def work(api: ApiClient) -> RepairedMany:
        foretold = await api.repair_many(wanted, reason=reason, by=by)
        return await _repaired(api, foretold, reason, by) if apply else foretold

    answer = call(api_url, api_key, work)
    if as_json:
        show_json(answer)
    else:
        _show_many(answer)
    if why := _shortfall(answer, named=bool(finding or order)):
        raise CommandError(why, FAILED)


async def _repaired(api: ApiClient, foretold: RepairedMany, reason: str, by: str | None) -> RepairedMany:
    """Repair what the dry run found, a few at a time, in its order: of orders whose saga is gone, last."""

    async def do(part: Sequence[RepairedItem]) -> RepairedMany:
        these = {"finding_ids": [each.finding_id for each in part]}
        return await api.repair_many(these, reason=reason, by=by, dry_run=False)

    parts = await a_few_at_a_time("repairing", foretold.items, AT_ONCE, do)
    if not parts:
        return foretold.model_copy(update={"dry_run": False})
    items = tuple(item for part in parts for item in part.items)
    totals = summed([part.totals for part in parts], left=foretold.totals.left)
    return RepairedMany(dry_run=False, items=items, totals=totals)


def _since(text: str | None) -> datetime | None:
    """When `24h` ago was, or the time that is given. Raises CommandError for what no run looks back to."""
    if text is None:
        return None
    start = moment(text, f"--since {text!r} is no age or time; write 90m, 24h, 7d, or 2026-03-01T08:00Z", ago=True)
    if not timedelta(0) <= datetime.now(UTC) - start <= FURTHEST:
        raise CommandError(f"--since {text!r} must lie in the past, at most {FURTHEST.days} days back", USAGE)
    return start


async def _run(api: ApiClient, since: datetime | None, order_id: str | None, *, quiet: bool) -> Reconciled:
    run = await api.reconcile(since=since, order_id=order_id)
    console, began = Console(stderr=True, quiet=quiet), time.monotonic()
    with console.status(_progress(run, began)) as status:
        while run.ended_at is None:
            if time.monotonic() - began > PATIENCE.total_seconds():
                raise CommandError(f"run {run.run_id} goes on; look again: ordersaga reconcile runs")
            await asyncio.sleep(LOOK_EVERY)
            run = await api.reconciliation(run.run_id)
            status.update(_progress(run, began))
    return Reconciled(run=run, findings=(await api.findings(order_id=order_id)).findings)


def _progress(run: RunRecord, began: float) -> str:
    done = ", ".join(f"{source} {count}" for source, count in sorted(run.looked_at.items())) or "nothing yet"
    return f"{time.monotonic() - began:.0f} s, looked at: {done}; found so far: {sum(run.found.values())}"


def _show_run(told: Reconciled) -> None:
    run = told.run
    looked = ", ".join(f"{source} {count}" for source, count in sorted(run.looked_at.items()))
    show_pairs([("run", run.run_id), ("since", f"{run.since:%Y-%m-%d %H:%M} UTC"), ("looked at", looked or None)])
    for source, why in sorted(run.failed.items()):
        typer.echo(f"not asked: {source}: {why}")
    if told.findings:
        _show_findings("Findings", told.findings)
        by_kind = Counter(each.finding.kind.value for each in told.findings)
        typer.echo(", ".join(f"{count} {kind}" for kind, count in sorted(by_kind.items())))
    elif not run.failed:
        typer.echo("nothing disagrees")


def _show_one_run(run: RunRecord) -> None:
    show_table("Run", ("id", "since", "took", "asked by", "found", "failed"), [_run_row(run)])
    show_table("Looked at", ("source", "records"), sorted(run.looked_at.items()))


def _show_repairs(found: RepairList) -> None:
    columns = ("at", "asked by", "agreed", "why", "status", "outcome", "money")
    show_table("Repairs", columns, map(_repair_row, found.repairs))


def _repair_row(each: RepairRecord) -> tuple[object, ...]:
    money = format_amount(each.money, each.currency) if each.money and each.currency else ""
    return f"{each.at:%Y-%m-%d %H:%M:%S}", each.by, each.second, each.reason, each.status, each.outcome, money


def _show_findings(title: str, findings: tuple[StoredFinding, ...]) -> None:
    by_kind = sorted(findings, key=lambda each: (each.finding.kind, each.first_seen))
    show_table(title, ("id", "order", "what", "ours", "theirs", "repair", "status"), map(_row, by_kind))


def _row(found: StoredFinding) -> tuple[object, ...]:
    finding = found.finding
    status = f"{found.status} by {found.by}" if found.status == "proposed" else found.status
    detail = f"{status}: {found.outcome}" if found.outcome else status
    said = (finding.what, finding.ours, finding.theirs)
    return finding.finding_id, finding.order_id, *said, remedy(finding), detail


def _run_row(run: RunRecord) -> tuple[object, ...]:
    took = f"{(run.ended_at - run.started_at).total_seconds():.1f} s" if run.ended_at else "running"
    found = ", ".join(f"{count} {kind}" for kind, count in sorted(run.found.items()))
    failed = "; ".join(f"{source}: {why}" for source, why in sorted(run.failed.items()))
    return run.run_id, f"{run.since:%Y-%m-%d %H:%M}", took, run.requested_by, found, failed


def _not_clean(told: Reconciled) -> str | None:
    """Why it is not clean."""
    if told.findings:
        advice = "preview their repair: ordersaga reconcile repair --all --reason WHY"
        noun = "finding is" if len(told.findings) == 1 else "findings are"
        return f"{len(told.findings)} {noun} open; {advice}"
    if told.run.failed:
        return f"nothing was found, but not everything was looked at: {', '.join(sorted(told.run.failed))}"
    return None


def _wanted(named: dict[str, Any]) -> dict[str, Any]:
    wanted = given(**named)
    if not wanted:
        raise CommandError("no finding is named; name some, or give --kind, --seller, --order or --all", USAGE)
    return wanted


def _show_many(answer: RepairedMany) -> None:
    rows = (_many_row(item, answer.dry_run) for item in answer.items)
    title = "Dry run: repair" if answer.dry_run else "Repair"
    show_table(title, ("id", "order", "what", "at stake", "result", "detail"), rows)
    totals, maybe = answer.totals, "would be " if answer.dry_run else ""
    money = ", ".join(format_amount(amount, currency) for currency, amount in sorted(totals.money.items()))
    show_pairs(
        [
            (f"{maybe}repaired", totals.repaired),
            ("under way", totals.started or None),
            (f"{maybe}proposed", f"{totals.waiting_for_second_person} (a second person must ask for the same)"),
            ("a person would be asked" if answer.dry_run else "asked a person", totals.asked or None),
            ("refused", totals.refused or None),
            ("gone", totals.gone or None),
            ("failed", totals.failed or None),
            ("at stake", money or None),
            ("left over", totals.left or None),
        ]
    )
    if answer.dry_run:
        typer.echo("nothing was done: add --apply to do it")


def _many_row(item: RepairedItem, dry_run: bool) -> tuple[object, ...]:
    stake = format_amount(item.money, item.currency) if item.money and item.currency else ""
    result = _FORETOLD.get(item.result, item.result) if dry_run else item.result
    detail = f"{item.code}: {item.detail}" if item.code else item.detail
    return item.finding_id, item.order_id, item.what, stake, result, detail


def _shortfall(answer: RepairedMany, *, named: bool) -> str | None:
    """Why it is not done: a finding is unknown, refused, left to a person or failed."""
    totals = answer.totals
    if not totals.count and named:
        return "no such finding is open; list them: ordersaga reconcile findings"
    asked = 0 if answer.dry_run else totals.asked
    if bad := totals.refused + totals.failed + asked:
        return f"{bad} of {totals.count} could not be repaired and are still open"
    return None
