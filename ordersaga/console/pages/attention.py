"""Attention: questions that wait for a person, by cause; one or many answered, what each answer does shown first."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ordersaga.console.batches import MOST, batch_of
from ordersaga.console.choice_words import choice_words
from ordersaga.console.client import ApiProblemError, all_of, console_api
from ordersaga.console.forms import form_of, missing, queried, text
from ordersaga.console.rendering import is_partial, render

SHOWN: Final = 200
"""Questions of a group that one page lists; all of them can be chosen."""
AT_ONCE: Final = 20
"""Questions answered between two looks at the progress."""
_NONE: Final = "Go back and tick at least one question, or answer all of them. Others may have answered some meanwhile."
_FILTERS: Final = ("seller", "provider", "older_than_hours")


async def page(request: Request) -> Response:
    """Open questions by kind; asked for by htmx, only the table that keeps itself live."""
    wanted = queried(request, *_FILTERS)
    groups = (await console_api(request).get("/v1/attention/groups", params=wanted)).json()["groups"]
    template = "attention/_groups.html" if is_partial(request) else "attention/page.html"
    return render(request, template, groups=groups, wanted=wanted)


async def group(request: Request) -> Response:
    """The questions of one kind, oldest first, each in words."""
    kind, wanted = request.path_params["kind"], queried(request, *_FILTERS)
    items = await _questions(request, kind, wanted)
    return render(
        request,
        "attention/group.html",
        kind=kind,
        wanted=wanted,
        items=items[:SHOWN],
        count=len(items),
        most=MOST,
        choices=_choices(items),
        meaning=choice_words,
    )


async def plan(request: Request) -> Response:
    """What each answer would do to the questions chosen: to how many orders, with how much money."""
    form = await form_of(request)
    kind = text(form, "kind")
    chosen = await _chosen(request, form, kind)
    ids = [item["item_id"] for item in chosen]
    effects = await all_of(_foretold(request, ids, choice) for choice in _choices(chosen))
    return render(
        request, "attention/plan.html", kind=kind, items=chosen, ids=ids, effects=effects, meaning=choice_words
    )


async def answer(request: Request) -> Response:
    """Give the answer to the next few questions; the page asks for the rest."""
    form = await form_of(request)
    kind, choice, reason = text(form, "kind"), text(form, "choice"), text(form, "reason")
    if not choice:
        raise missing("choice", "no answer is chosen", "choose one of those offered")
    batch = batch_of(form, AT_ONCE)
    body = {"filter": {"item_ids": batch.now}, "choice": choice, "reason": reason, "dry_run": False}
    told = (await console_api(request).post("/v1/attention/resolve-many", json=body)).json()
    template = "bulk/_progress.html" if is_partial(request) else "bulk/page.html"
    return render(
        request,
        template,
        done=batch.done([_row(item) for item in told["items"]], "answered_before"),
        action="/console/attention/answer",
        carried={"kind": kind, "choice": choice, "reason": reason},
        title=f"{choice.replace('_', ' ')}: {kind.replace('_', ' ')}",
        back=f"/console/attention/{quote(kind, safe='')}",
    )


async def _questions(request: Request, kind: str, wanted: dict[str, str]) -> list[dict[str, Any]]:
    answer = await console_api(request).get("/v1/attention", params={"kind": kind, **wanted})
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def _chosen(request: Request, form: FormData, kind: str) -> Sequence[dict[str, Any]]:
    """One alone, all of the group as it was filtered, or those that were ticked; as they stand now."""
    only, everything = text(form, "only"), bool(text(form, "all"))
    wanted = {name: value for name in _FILTERS if (value := text(form, name))}
    items = await _questions(request, kind, wanted if everything and not only else {})
    ids = {only} if only else {str(each) for each in form.getlist("id")}
    chosen = items if everything and not only else [item for item in items if item["item_id"] in ids]
    if not chosen:
        raise ApiProblemError(422, {"title": "No question is ticked", "detail": _NONE})
    return chosen[:MOST]


def _choices(items: Sequence[dict[str, Any]]) -> list[str]:
    """All that is offered for any of them."""
    return list(dict.fromkeys(choice for item in items for choice in item["choices"]))


async def _foretold(request: Request, ids: list[str], choice: str) -> dict[str, Any]:
    body = {"filter": {"item_ids": ids}, "choice": choice, "reason": "a dry run", "dry_run": True}
    told: dict[str, Any] = (await console_api(request).post("/v1/attention/resolve-many", json=body)).json()
    return told


def _row(item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "name": item["item_id"]}


routes: Final = [
    Route("/attention", page, methods=["GET"]),
    Route("/attention/plan", plan, methods=["POST"]),
    Route("/attention/answer", answer, methods=["POST"]),
    Route("/attention/{kind}", group, methods=["GET"]),
]
