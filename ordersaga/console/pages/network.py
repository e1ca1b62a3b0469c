"""Network: health of providers, carriers, payments and shops; their lanes, pauses and breakers."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ordersaga.console.client import console_api
from ordersaga.console.person import person_of
from ordersaga.console.rendering import is_partial, render

_MAY: Final = frozenset({"operator", "admin"})
DEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "breaker": ("state", "reason", "minutes"),
    "pause": ("reason", "minutes"),
    "resume": ("reason",),
}
"""What may be done with a lane, and what is said with it."""


async def page(request: Request) -> Response:
    """Every lane, by what it is for."""
    lanes = (await console_api(request).get("/v1/lanes")).json()["lanes"]
    groups: dict[str, list[Any]] = {}
    for lane in sorted(lanes, key=lambda each: str(each["lane"])):
        groups.setdefault(_group(lane["lane"]), []).append(lane)
    return render(request, "network/_lanes.html" if is_partial(request) else "network/page.html", groups=groups)


async def lane_page(request: Request) -> Response:
    """One lane with its history, and what may be done with it."""
    return await _show(request, done=request.query_params.get("done"))


async def act(request: Request) -> Response:
    """Show what a person's word about the lane would do; once that was seen and said again, do it."""
    deed = request.path_params["deed"]
    form = await request.form()
    said = {name: str(form.get(name, "")).strip() for name in DEEDS.get(deed, ())}
    asked = {name: value for name, value in said.items() if value or name == "reason"}
    confirmed = form.get("confirmed") == "yes"
    path, name = f"/v1/lanes/{_quoted(request)}/{deed}", {"dry_run": str(not confirmed).lower()}
    answer = await console_api(request).post(path, json=asked, params=name)
    if not confirmed:
        return await _show(request, preview={"deed": deed, "said": asked, "effect": answer.json()["effect"]})
    return RedirectResponse(f"/console/network/{_quoted(request)}?done={deed}", 303)


async def _show(request: Request, *, preview: Any = None, done: str | None = None) -> Response:
    api = console_api(request)
    history = (await api.get(f"/v1/lanes/{_quoted(request)}/history")).json()
    lanes = (await api.get("/v1/lanes")).json()["lanes"]
    lane = next(each for each in lanes if each["lane"] == history["lane"])
    return render(
        request,
        "network/lane.html",
        lane=lane,
        deeds=list(reversed(history["deeds"])),
        preview=preview,
        done=done if done in DEEDS else None,
        may=person_of(request).role in _MAY,
    )


def _group(lane: str) -> str:
    for kind, title in (("provider-", "Providers"), ("carrier", "Carriers"), ("channel-", "Shops")):
        if lane.startswith(kind):
            return title
    return "Payments"


def _quoted(request: Request) -> str:
    return quote(request.path_params["lane"], safe="")


routes: Final = [
    Route("/network", page, methods=["GET"]),
    Route("/network/{lane}", lane_page, methods=["GET"]),
    Route("/network/{lane}/{deed:str}", act, methods=["POST"]),
]
