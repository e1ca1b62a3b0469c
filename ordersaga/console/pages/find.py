"""Find: one search box, filters, and the list, which stays live."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ordersaga.console.client import console_api
from ordersaga.console.rendering import render

FILTERS: Final = ("status", "seller", "channel")
STATUSES: Final = (
    *("waitlisted", "pending", "action_required", "confirmed", "on_hold", "fulfilling", "partially_shipped", "shipped"),
    *("delivered", "completed", "canceling", "canceled", "rejected", "needs_attention", "returning", "returned"),
)
_PAGE: Final = 50


async def page(request: Request) -> Response:
    """The orders that are asked for, newest first; to the order itself, when its whole id is."""
    found = await _found(request)
    if _one(found["orders"], found["asked"]["q"]):
        return RedirectResponse(f"/console/orders/{quote(found['orders'][0]['order_id'], safe='')}", 303)
    return render(request, "find/page.html", statuses=STATUSES, **found)


async def rows(request: Request) -> Response:
    """The list alone, as it is by now."""
    return render(request, "find/_rows.html", **await _found(request))


async def _found(request: Request) -> dict[str, Any]:
    """What the API finds: by `q`, else by the filters. `query`: what leads to this list again."""
    asked = {name: request.query_params.get(name, "").strip() for name in ("q", *FILTERS, "cursor")}
    path, names = ("/v1/search", ("q", "cursor")) if asked["q"] else ("/v1/orders", (*FILTERS, "cursor"))
    params: dict[str, str | int] = {"limit": _PAGE, **{name: asked[name] for name in names if asked[name]}}
    answer = (await console_api(request).get(path, params=params)).json()
    query = {name: asked[name] for name in names if asked[name] and name != "cursor"}
    older = urlencode({**query, "cursor": answer["next_cursor"]}) if answer["next_cursor"] else ""
    return {"orders": answer["orders"], "asked": asked, "query": urlencode(query), "older": older}


def _one(orders: Sequence[Mapping[str, Any]], text: str) -> bool:
    return len(orders) == 1 and bool(orders[0]["order_id"] == text)


routes: Final = [Route("/", page, methods=["GET"]), Route("/find/rows", rows, methods=["GET"])]
