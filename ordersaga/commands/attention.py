"""`ordersaga attention`: questions that wait for a person, and answering them, through the HTTP API.

Exit codes: 0 done, or proposed to a second person; 1 refused, or of many questions one could not be answered, or none
was; 2 wrong usage; 3 no API.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from ordersaga.api.attention_shapes import AttentionGroup, AttentionGroups, OpenItem, ResolvedItem, ResolvedMany, Result
from ordersaga.commands.batches import a_few_at_a_time, summed
from ordersaga.commands.errors import FAILED, USAGE, CommandError
from ordersaga.commands.remote import ApiKey, ApiUrl, AsJson, By, call, given, show, show_json, show_pairs, show_table
from ordersaga.domain.amounts import format_amount
from ordersaga.http_client import ApiClient

_LOOK: Final = "list them: ordersaga attention list"
AT_ONCE: Final = 20
"""Questions answered by one request: so often a bar moves."""

Reason = Annotated[str, typer.Option(help="Why; it is kept in the order's story.")]
Kind = Annotated[str | None, typer.Option(help="Such as refund_failed.")]
Seller = Annotated[str | None, typer.Option()]
Provider = Annotated[str | None, typer.Option(help="Of the parcel, such as shipbob.")]
OlderThan = Annotated[int | None, typer.Option("--older-than", min=1, metavar="HOURS")]

app = typer.Typer(help="Attention: what waits for a person.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the command group."""
    root.add_typer(app, name="attention")


@app.command("list")
def list_items(
    kind: Kind = None,
    seller: Seller = None,
    provider: Provider = None,
    older_than: OlderThan = None,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """List open questions, oldest first."""
    filters = {"kind": kind, "seller": seller, "provider": provider}
    answer = call(api_url, api_key, lambda api: api.attention(**filters, older_than_hours=older_than))
    if as_json:
        show_json(answer)
    else:
        columns = ("item", "order", "parcel", "age", "at stake", "question", "choices", "proposed")
        show_table("Attention", columns, map(_row, answer.items), empty=_nothing(kind, seller, provider, older_than))


@app.command()
def groups(
    seller: Seller = None,
    provider: Provider = None,
    older_than: OlderThan = None,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Count open questions by cause: how many, since when, with how much money at stake."""
    path, params = "/v1/attention/groups", given(seller=seller, provider=provider, older_than_hours=older_than)
    found = call(api_url, api_key, lambda api: api.call("GET", path, AttentionGroups, params=params))
    empty = _nothing(seller, provider, older_than)
    show(found, lambda told: _show_groups(told, empty), as_json=as_json)


def _nothing(*filters: object) -> str:
    return "nothing that matches waits for a person" if any(filters) else "nothing waits for a person"


def _show_groups(found: AttentionGroups, empty: str) -> None:
    columns = ("cause", "open", "older than a day", "oldest", "at stake", "wait for a second person")
    show_table("Attention by cause", columns, map(_group_row, found.groups), empty=empty)


def _group_row(group: AttentionGroup) -> tuple[object, ...]:
    oldest = format_age(group.oldest_age_seconds)
    return group.kind, group.open, group.older_than_a_day, oldest, _sums(group.money), group.proposed


def _sums(money: Mapping[str, int]) -> str:
    return ", ".join(format_amount(amount, currency) for currency, amount in sorted(money.items()))


def _row(item: OpenItem) -> tuple[object, ...]:
    proposed = f"{item.proposed} by {item.proposed_by}" if item.proposed else ""
    stake = format_amount(item.money, item.currency) if item.money else ""
    named = (item.item_id, item.order_id, item.parcel or "", format_age(item.age_seconds), stake)
    return (*named, item.question, ", ".join(item.choices), proposed)


def format_age(seconds: int) -> str:
    """An age as people read it: `3d 4h`, `4h 5m`, `5m`."""
    days, hours, minutes = seconds // 86_400, seconds // 3_600 % 24, seconds // 60 % 60
    if days:
        return f"{days}d {hours}h"
    return f"{hours}h {minutes}m" if hours else f"{minutes}m"


@app.command()
def resolve(
    item_id: Annotated[str, typer.Argument(metavar="ITEM_ID")],
    choice: Annotated[str, typer.Argument(help="One of the item's choices.")],
    reason: Reason,
    order_id: Annotated[str | None, typer.Option(help="If several orders have an item of this id.")] = None,
    by: By = None,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Answer a question with one of its choices; much money waits for a second person, who does the same."""
    item = call(api_url, api_key, lambda api: api.resolve(item_id, choice, reason=reason, order_id=order_id, by=by))
    if as_json:
        show_json(item)
    elif item.resolved is None and item.proposed:
        said = f"{item.proposed} is proposed by {item.proposed_by}; a second person must make the same choice"
        typer.echo(f"{item.item_id} of order {item.order_id}: {said}")
    else:
        typer.echo(f"{item.item_id} of order {item.order_id}: {item.resolved or choice}")


@app.command("resolve-many")
def resolve_many(
    choice: Annotated[str, typer.Argument(help="The answer to all of them.")],
    reason: Reason,
    kind: Kind = None,
    seller: Seller = None,
    provider: Provider = None,
    older_than: OlderThan = None,
    order: Annotated[list[str] | None, typer.Option(metavar="ORDER_ID", help="Repeatable.")] = None,
    item: Annotated[list[str] | None, typer.Option(metavar="ITEM_ID", help="Repeatable.")] = None,
    by: By = None,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; without, only say what would be done.")] = False,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Give one answer to every question that is found, a thousand at most; only a dry run unless --apply is given."""
    named = {"kind": kind, "seller": seller, "provider": provider, "older_than_hours": older_than}
    wanted = _filter({**named, "order_ids": order or None, "item_ids": item or None})

    async def work(api: ApiClient) -> ResolvedMany:
        foretold = await api.resolve_many(wanted, choice, reason=reason, by=by)
        return await _answered(api, wanted, foretold, reason, by) if apply else foretold

    answer = call(api_url, api_key, work)
    if as_json:
        show_json(answer)
    else:
        _show_many(answer)
    if why := _shortfall(answer, item or (), order or ()):
        raise CommandError(why, FAILED)


async def _answered(
    api: ApiClient, wanted: Mapping[str, Any], foretold: ResolvedMany, reason: str, by: str | None
) -> ResolvedMany:
    """Answer the questions that the dry run found, a few at a time, as far as they are still open."""

    async def do(part: Sequence[ResolvedItem]) -> ResolvedMany:
        these = {"item_ids": [each.item_id for each in part], "order_ids": [each.order_id for each in part]}
        return await api.resolve_many({**wanted, **these}, foretold.choice, reason=reason, by=by, dry_run=False)

    parts = await a_few_at_a_time("answering", foretold.items, AT_ONCE, do)
    if not parts:
        return foretold.model_copy(update={"dry_run": False})
    items = tuple(item for part in parts for item in part.items)
    totals = summed([part.totals for part in parts], left=foretold.totals.left)
    return ResolvedMany(dry_run=False, choice=foretold.choice, items=items, totals=totals)


def _shortfall(answer: ResolvedMany, items: Sequence[str], orders: Sequence[str]) -> str | None:
    """Why it is not done: some failed, one that was named is not open, or nothing was to be done."""
    totals = answer.totals
    if totals.failed:
        return f"{totals.failed} of {totals.count} failed and are still open"
    strange = [f"--item {name}" for name in items if name not in {each.item_id for each in answer.items}]
    strange += [f"--order {name}" for name in orders if name not in {each.order_id for each in answer.items}]
    if strange and not totals.left:
        return f"no open question matches {', '.join(strange)}; {_LOOK}"
    if not totals.count:
        return f"no open question matches; {_LOOK}"
    if answer.dry_run or totals.resolved or totals.waiting_for_second_person:
        return None
    choices = "; ".join(sorted({item.detail for item in answer.items if item.detail}))
    return f"nothing was resolved: none of {totals.count} offers {answer.choice}; {choices}"


def _filter(named: Mapping[str, Any]) -> dict[str, Any]:
    wanted = given(**named)
    if not wanted:
        advice = "give at least one of --kind, --seller, --provider, --older-than, --order, --item"
        raise CommandError(f"no question is named; {advice}", USAGE)
    return wanted


def _show_many(answer: ResolvedMany) -> None:
    title = f"Dry run: {answer.choice}" if answer.dry_run else answer.choice
    rows = (_many_row(item, answer.dry_run) for item in answer.items)
    show_table(title, ("item", "order", "kind", "at stake", "result", "detail"), rows)
    totals, maybe = answer.totals, "would be " if answer.dry_run else ""
    show_pairs(
        [
            (f"{maybe}resolved", totals.resolved),
            (f"{maybe}proposed", f"{totals.waiting_for_second_person} (a second person must make the same choice)"),
            ("not offered", totals.not_offered),
            ("failed", totals.failed),
            ("at stake", _sums(totals.money) or None),
            ("left over", totals.left or None),
        ]
    )
    if answer.dry_run:
        typer.echo("nothing was done: add --apply to do it")


def _many_row(item: ResolvedItem, dry_run: bool) -> tuple[object, ...]:
    stake = format_amount(item.money, item.currency) if item.money else ""
    detail = f"{item.code}: {item.detail}" if item.code else item.detail
    return item.item_id, item.order_id, item.kind, stake, _result(item.result, dry_run), detail


def _result(result: Result, dry_run: bool) -> str:
    return f"would be {result}" if dry_run and result in ("resolved", "proposed") else result
