"""Audit: who did what, who signed in, and whether the record of an order is as it was written."""

from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ordersaga.console.client import console_api
from ordersaga.console.rendering import render

_FILTERS: Final = ("order_id", "by", "kind", "seller", "since", "until")
_TIMES: Final = ("since", "until")
_PAGE: Final = 50


async def page(request: Request) -> Response:
    """What people did, newest first; only what the filter asks for."""
    wanted = _wanted(request)
    asked = {name: _in_utc(value) if name in _TIMES else value for name, value in wanted.items()}
    cursor = request.query_params.get("cursor")
    params: dict[str, Any] = {**asked, "limit": _PAGE, **({"cursor": cursor} if cursor else {})}
    found = (await console_api(request).get("/v1/audit/deeds", params=params)).json()
    more = urlencode({**wanted, "cursor": found["next_cursor"]}) if found["next_cursor"] else None
    return render(
        request,
        "audit/page.html",
        deeds=found["deeds"],
        kinds=found["kinds"],
        wanted={name: wanted.get(name, "") for name in _FILTERS},
        more=more,
    )


async def sign_ins(request: Request) -> Response:
    """Who signed in and out, newest first."""
    before = request.query_params.get("before")
    params = {"limit": str(_PAGE), **({"before": before} if before else {})}
    found = (await console_api(request).get("/v1/sign-ins", params=params)).json()
    return render(request, "audit/sign_ins.html", sign_ins=found["sign_ins"], before=found["next_before"])


async def verify(request: Request) -> Response:
    """Whether one order's record is as it was written."""
    order_id = request.query_params.get("order_id", "").strip()
    if not order_id:
        return render(request, "audit/verify.html", order_id="", found=None)
    path = f"/v1/audit/orders/{quote(order_id, safe='')}/verification"
    found = (await console_api(request).get(path)).json()
    return render(request, "audit/verify.html", order_id=order_id, found=found)


def _wanted(request: Request) -> dict[str, str]:
    """The filter as it was asked for, without what was left empty."""
    told = {name: request.query_params.get(name, "").strip() for name in _FILTERS}
    return {name: value for name, value in told.items() if value}


def _in_utc(moment: str) -> str:
    """A moment as a browser's field tells it, without a zone: it is meant in UTC."""
    return f"{moment}Z" if "T" in moment and not moment.endswith("Z") and "+" not in moment else moment


routes: Final = [
    Route("/audit", page, methods=["GET"]),
    Route("/audit/sign-ins", sign_ins, methods=["GET"]),
    Route("/audit/verify", verify, methods=["GET"]),
]
