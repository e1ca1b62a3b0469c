"""Stops: what is stopped, a dry run with what would become of the orders, then the stop itself as it goes.

A dry run is a stop of its own at the API; to apply it is to ask for the same without `dry_run`.
"""

from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

from pydantic import TypeAdapter
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ordersaga.console.client import console_api
from ordersaga.console.forms import form_of, given, moment, onward, queried, text
from ordersaga.console.rendering import is_partial, render
from ordersaga.domain.stops import Stage, StopMatch, StopPolicy, Treatment

STOPS: Final = "/v1/stops"
_MATCH: Final = tuple(StopMatch.model_fields)
_KEPT: Final = ("match", "policy", "effective_at", "until", "legal_reference", "reason")
_LENGTH: Final = TypeAdapter(timedelta)


async def page(request: Request) -> Response:
    """The latest stops, newest first; asked for by htmx, only the table that keeps itself live."""
    wanted = queried(request, "standing")
    stops = (await console_api(request).get(STOPS, params=wanted)).json()["stops"]
    template = "stops/_list.html" if is_partial(request) else "stops/page.html"
    return render(request, template, stops=stops, standing="standing" in wanted)


async def new(request: Request) -> Response:
    """The form for a stop; with `like` filled in as an earlier one was."""
    like = request.query_params.get("like", "")
    known = await _stop(request, like) if like else None
    policy = known["policy"] if known else StopPolicy().model_dump(mode="json")
    return render(
        request,
        "stops/new.html",
        known=known,
        policy=policy,
        match=_MATCH,
        stages=list(Stage),
        treatments=list(Treatment),
    )


async def plan(request: Request) -> Response:
    """A dry run of what the form says; its page tells what would become of the orders."""
    form = await form_of(request)
    told = (await console_api(request).post(STOPS, json=_asked(form))).json()
    return onward(request, _path(told["stop_id"]))


async def show(request: Request) -> Response:
    """One stop with its counts and how far it is; asked for by htmx, only what changes."""
    stop = await _stop(request, request.path_params["stop_id"])
    if not is_partial(request):
        return render(request, "stops/stop.html", **_shown(stop))
    answer = render(request, "stops/_stop.html", **_shown(stop))
    if request.query_params.get("seen") != stop["state"]:
        answer.headers["HX-Refresh"] = "true"  # what may be done with it is another thing now
    return answer


async def orders(request: Request) -> Response:
    """What became of each order."""
    stop_id, wanted = request.path_params["stop_id"], queried(request, "answer", "after")
    stop = await _stop(request, stop_id)
    found = (await console_api(request).get(f"{STOPS}/{quote(stop_id, safe='')}/orders", params=wanted)).json()
    return render(request, "stops/orders.html", stop=stop, found=found, wanted=wanted)


async def apply(request: Request) -> Response:
    """Do what the dry run said: close the door, and treat the orders."""
    seen = await _stop(request, request.path_params["stop_id"])
    more = {"look_every_minutes": _minutes(seen["look_every"]), "unlisted": bool(seen["unlisted"])}
    body = {**{name: seen[name] for name in _KEPT}, **more, "dry_run": False}
    told = (await console_api(request).post(STOPS, json=body)).json()
    return onward(request, _path(told["stop_id"]))


async def steer(request: Request) -> Response:
    """Show what pausing it, going on, or undoing it would do; once that was seen and said again, do it."""
    stop_id, how = request.path_params["stop_id"], request.path_params["how"]
    form = await form_of(request)
    said, confirmed = given(form, "reason"), text(form, "confirmed") == "yes"
    path, name = f"{STOPS}/{quote(stop_id, safe='')}/{how}", {"dry_run": str(not confirmed).lower()}
    told = (await console_api(request).post(path, json=said, params=name)).json()
    if confirmed:
        return onward(request, _path(stop_id))
    preview = {"how": how, "said": said, "effect": told["effect"]}
    return render(request, "stops/stop.html", **_shown(told, preview))


def _shown(stop: dict[str, Any], preview: dict[str, Any] | None = None) -> dict[str, Any]:
    """What its page shows of a stop."""
    return {"stop": stop, "live": stop["state"] != "ended", "left": _left(stop), "preview": preview}


async def _stop(request: Request, stop_id: str) -> dict[str, Any]:
    stop: dict[str, Any] = (await console_api(request).get(f"{STOPS}/{quote(stop_id, safe='')}")).json()
    return stop


def _path(stop_id: str) -> str:
    return f"/console/stops/{quote(stop_id, safe='')}"


def _asked(form: FormData) -> dict[str, Any]:
    """What the form says, as the API takes it."""
    return {
        "match": given(form, *_MATCH),
        "policy": given(form, *(stage.value for stage in Stage)),
        **moment(form, "effective_at"),
        **moment(form, "until"),
        "legal_reference": text(form, "legal_reference"),
        "reason": text(form, "reason"),
        "unlisted": bool(text(form, "unlisted")),
        "dry_run": True,
    }


def _minutes(length: str) -> float:
    """Minutes of a length of time as the API writes it: `PT5M`."""
    return _LENGTH.validate_python(length).total_seconds() / 60


def _left(stop: dict[str, Any]) -> dict[str, int]:
    """What an undo would release, and what it could not bring back: orders."""
    answers = {each["answer"]: each["orders"] for each in stop["counts"]["by_answer"]}
    held = answers.get("held", 0) + answers.get("in_line", 0)
    stays = sum(answers.get(name, 0) for name in ("canceled", "partly_canceled", "pending", "intercepting"))
    return {"held": held, "stays": stays}


routes: Final = [
    Route("/stops", page, methods=["GET"]),
    Route("/stops/new", new, methods=["GET"]),
    Route("/stops/plan", plan, methods=["POST"]),
    Route("/stops/{stop_id}", show, methods=["GET"]),
    Route("/stops/{stop_id}/orders", orders, methods=["GET"]),
    Route("/stops/{stop_id}/apply", apply, methods=["POST"]),
    Route("/stops/{stop_id}/{how}", steer, methods=["POST"]),
]
