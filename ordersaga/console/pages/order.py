"""One order: what was bought, why it is where it is, its saga as a drawing, its books, its questions, its actions.

The page itself asks only PostgreSQL. What the saga says now comes into it a moment later and every few seconds
(`now`), and what may be asked of it (`actions`), so that an order whose saga cannot be asked is shown all the same.
"""

import re
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ordersaga.console.client import all_of, console_api
from ordersaga.console.navigation import OVERSEERS
from ordersaga.console.pages import order_actions
from ordersaga.console.pages.order_forms import ACTING, ANSWERING
from ordersaga.console.pages.order_menu import ENDED, menu, places_for, returns_of
from ordersaga.console.person import person_of
from ordersaga.console.rendering import is_partial, render
from ordersaga.console.saga import draw, events, waits

_OVER: Final = frozenset({"completed", "canceled", "rejected", "returned"})
_GONE: Final = frozenset({"in_transit", "delivered", "lost", "returned_to_sender", "canceled"})
"""Of such parcels nobody asks any more where they ship from."""
_SENTENCE: Final = re.compile(r"(?<=[.?!])\s+(?=[A-Z])")


async def page(request: Request) -> Response:
    """What our own records have of an order; problem 404 of the API as it is."""
    order, questions, links, timeline = await _told(request, "", "/questions", "/links", "/timeline")
    return render(
        request,
        "order/page.html",
        order=order,
        questions=questions["items"],
        links=links["links"],
        may_answer=person_of(request).role in ANSWERING,
        ended=order["status"] in ENDED,
        **await _menu(request, order, timeline),
        **await _story(request, order, timeline),
    )


async def actions(request: Request) -> Response:
    """What can be done by now, as its saga says, and the returns."""
    order, timeline = await _told(request, "?live=true", "/timeline")
    return render(request, "order/_actions.html", order=order, **await _menu(request, order, timeline))


async def _menu(request: Request, order: dict[str, Any], timeline: dict[str, Any]) -> dict[str, Any]:
    api = console_api(request)
    returns = await returns_of(api, f"/v1/orders/{quote(order['order_id'], safe='')}", order)
    shown = menu(person_of(request).role, order, returns, timeline["entries"])
    return {"menu": shown, "returns": returns["returns"], "places": await places_for(api, order, shown)}


async def now(request: Request) -> Response:
    """What its saga says now: its words, the next deadline, its holds and its parcels; without htmx a whole page."""
    order, why = await _told(request, "?live=true", "/explain")
    live = order["live"]
    gone = live is not None and all(each["status"] in _GONE for each in live["parcels"])
    details = () if gone else why["details"]
    person = person_of(request)
    may = {
        "releasable": person.role in ACTING,
        "oversees": person.role in OVERSEERS and person.seller is None,
    }
    template = "order/_now.html" if is_partial(request) else "order/now.html"
    said: dict[str, Any] = {"why": why, "said": _sentences(why), "details": details}
    return render(request, template, order=order, left=_left(live), **said, **may)


async def story(request: Request) -> Response:
    """The drawing and the books, as they are by now."""
    order, timeline = await _told(request, "", "/timeline")
    return render(request, "order/_story.html", order=order, **await _story(request, order, timeline))


async def _story(request: Request, order: dict[str, Any], timeline: dict[str, Any]) -> dict[str, Any]:
    (books,) = await _told(request, "/books")
    until = None if order["status"] in _OVER else datetime.now(UTC)
    rows = waits(events(timeline["entries"], books["units"]), until)
    return {"rows": rows, "drawing": draw(rows), "books": books}


async def _told(request: Request, *paths: str) -> list[dict[str, Any]]:
    """What the API tells of the order, all at once."""
    api, order = console_api(request), f"/v1/orders/{quote(request.path_params['order_id'], safe='')}"
    return [answer.json() for answer in await all_of(api.get(order + path) for path in paths)]


def _sentences(why: dict[str, Any]) -> list[str]:
    """Why it is where it is, a sentence each, without where its parcels ship from."""
    text = why["text"]
    for detail in why["details"]:
        text = text.replace(detail, "")
    return _SENTENCE.split(text.strip())


def _left(live: dict[str, Any] | None) -> float | None:
    """Seconds to the next deadline; negative when it has passed."""
    if live is None or live["next_deadline"] is None:
        return None
    return (datetime.fromisoformat(live["next_deadline"]) - datetime.now(UTC)).total_seconds()


routes: Final = [
    Route("/orders/{order_id}", page, methods=["GET"]),
    Route("/orders/{order_id}/now", now, methods=["GET"]),
    Route("/orders/{order_id}/story", story, methods=["GET"]),
    Route("/orders/{order_id}/actions", actions, methods=["GET"]),
    *order_actions.routes,
]
