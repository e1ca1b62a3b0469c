"""Reconciliation: what the companies say against our ledgers, by kind; its repair with a dry run first; the runs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ordersaga.console.batches import MOST, batch_of
from ordersaga.console.client import console_api
from ordersaga.console.forms import form_of, given, missing, moment, onward, queried, text
from ordersaga.console.person import person_of
from ordersaga.console.rendering import is_partial, render

FINDINGS: Final = "/v1/findings"
RUNS: Final = "/v1/reconciliations"
SHOWN: Final = 200
"""Findings of a kind that one page lists; all of them can be chosen."""
AT_ONCE: Final = 8
"""Findings repaired between two looks at the progress: each asks a company."""
_REPAIRABLE: Final = frozenset({"open", "proposed", "refused"})


async def page(request: Request) -> Response:
    """Findings that are not settled by kind, and the latest runs; by htmx only what keeps itself live."""
    found = await _findings(request, {})
    runs = [] if person_of(request).seller else (await _get(request, RUNS, {"limit": "10"}))["runs"]
    template = "reconciliation/_overview.html" if is_partial(request) else "reconciliation/page.html"
    return render(request, template, groups=_grouped(found), full=len(found) >= MOST, most=MOST, runs=runs)


async def kind(request: Request) -> Response:
    """The findings of one kind, oldest first: ours, theirs, and the repair."""
    name, wanted = request.path_params["kind"], queried(request, "status", "seller")
    found = await _findings(request, {"kind": name, **wanted})
    repairable = sum(each["status"] in _REPAIRABLE for each in found)
    known = {"kind": name, "wanted": wanted, "repairable": repairable, "most": MOST}
    return render(request, "reconciliation/kind.html", findings=found[:SHOWN], count=len(found), **known)


async def repairs(request: Request) -> Response:
    """Who asked for a finding's repair, and what became of it, each time it came about."""
    finding_id = request.query_params.get("id", "")
    told = await _get(request, f"{FINDINGS}/{quote(finding_id, safe=':')}/repairs")
    return render(request, "reconciliation/repairs.html", finding_id=finding_id, repairs=told["repairs"])


async def plan(request: Request) -> Response:
    """What the repair of the findings chosen would come to, each and together."""
    form = await form_of(request)
    name = text(form, "kind")
    told = await _repair(request, {**_chosen(form, name), "reason": "a dry run", "dry_run": True})
    if not told["items"]:
        raise missing("id", "no finding is chosen that can be repaired", "go back and tick some")
    return render(request, "reconciliation/plan.html", kind=name, told=told)


async def repair(request: Request) -> Response:
    """Repair the next few; the page asks for the rest."""
    form = await form_of(request)
    name, reason = text(form, "kind"), text(form, "reason")
    batch = batch_of(form, AT_ONCE)
    told = await _repair(request, {"filter": {"finding_ids": batch.now}, "reason": reason, "dry_run": False})
    template = "bulk/_progress.html" if is_partial(request) else "bulk/page.html"
    return render(
        request,
        template,
        done=batch.done([{**item, "name": item["finding_id"]} for item in told["items"]], "settled_before"),
        action="/console/reconciliation/repair",
        carried={"kind": name, "reason": reason},
        title=f"Repair: {name.replace('_', ' ')}",
        back=f"/console/reconciliation/findings/{quote(name, safe='')}",
    )


async def start_run(request: Request) -> Response:
    """Show whom a run would ask and for what; once that was seen and said again, ask them."""
    form = await form_of(request)
    confirmed = text(form, "confirmed") == "yes"
    body, name = {**given(form, "order_id"), **moment(form, "since")}, {"dry_run": str(not confirmed).lower()}
    told = (await console_api(request).post(RUNS, json=body, params=name)).json()
    if confirmed:
        return onward(request, f"/console/reconciliation/runs/{quote(told['run_id'], safe='')}")
    template = "reconciliation/_foreseen.html" if is_partial(request) else "reconciliation/foreseen.html"
    return render(request, template, plan=told, said=given(form, "order_id", "since"))


async def show_run(request: Request) -> Response:
    """One run, and how far it is; by htmx only what changes."""
    run = await _get(request, f"{RUNS}/{quote(request.path_params['run_id'], safe='')}")
    template = "reconciliation/_run.html" if is_partial(request) else "reconciliation/run.html"
    return render(request, template, run=run)


async def _get(request: Request, path: str, wanted: Mapping[str, str] | None = None) -> dict[str, Any]:
    told: dict[str, Any] = (await console_api(request).get(path, params=wanted)).json()
    return told


async def _findings(request: Request, wanted: Mapping[str, str]) -> Sequence[dict[str, Any]]:
    """Findings as one row each."""
    found = (await _get(request, FINDINGS, wanted))["findings"]
    return [{**each, **each["finding"]} for each in found]


async def _repair(request: Request, body: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = (await console_api(request).post(f"{FINDINGS}/repair-many", json=body)).json()
    return told


def _chosen(form: FormData, kind: str) -> dict[str, Any]:
    """One alone, all of the kind, or those that were ticked."""
    only = text(form, "only")
    if text(form, "all") and not only:
        return {"filter": {"kind": kind, **given(form, "seller")}}
    ids = [only] if only else [str(each) for each in form.getlist("id")]
    if not ids:
        raise missing("id", "no finding is chosen", "go back and tick some")
    return {"filter": {"finding_ids": ids[:MOST]}}


def _grouped(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """By kind: how many, of these proposed, since when, the repair, and the money it would move."""
    kinds: dict[str, dict[str, Any]] = {}
    for each in found:
        first = {"kind": each["kind"], "repair": each["repair"], "first_seen": each["first_seen"], "money": Counter()}
        group = kinds.setdefault(each["kind"], {**first, "statuses": Counter()})
        group["statuses"][each["status"]] += 1
        if each["money"]:
            group["money"][each["currency"]] += each["money"]
    return list(kinds.values())


routes: Final = [
    Route("/reconciliation", page, methods=["GET"]),
    Route("/reconciliation/findings/{kind}", kind, methods=["GET"]),
    Route("/reconciliation/repairs", repairs, methods=["GET"]),
    Route("/reconciliation/plan", plan, methods=["POST"]),
    Route("/reconciliation/repair", repair, methods=["POST"]),
    Route("/reconciliation/runs", start_run, methods=["POST"]),
    Route("/reconciliation/runs/{run_id}", show_run, methods=["GET"]),
]
