"""Every page of the console by the route that answers it, so that a new page cannot be forgotten.

An address is written with what it needs of the shop in braces, as in `/console/orders/{completed}`.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from starlette.routing import BaseRoute, Route

from ordersaga.console import signing_in
from ordersaga.console.app import PAGES

PARTS: Final = frozenset(
    {"/orders/{order_id}/now", "/orders/{order_id}/story", "/orders/{order_id}/actions", "/find/rows", "/surge/events"}
)
"""What pages ask for by themselves: no pages of their own."""
LEADING_ELSEWHERE: Final = frozenset({"/sign-in", "/sign-in/start", "/sign-in/back"})
"""What answers nobody who is signed in with a page."""

ADDRESSES: Final[dict[str, dict[str, str]]] = {
    "/": {
        "find": "/console/",
        "find-by-sku": "/console/?q=SOCK-RED-M",
        "find-nothing": "/console/?q=nobody-bought-this",
    },
    "/orders/{order_id}": {
        "order-completed": "/console/orders/{completed}",
        "order-canceled": "/console/orders/{canceled}",
        "order-attention": "/console/orders/{asked}",
        "order-on-hold": "/console/orders/{held}",
        "order-at-provider": "/console/orders/{at_provider}",
        "order-split": "/console/orders/{split}",
        "order-refunded": "/console/orders/{refunded}",
        "order-returned": "/console/orders/{returned}",
        "order-waitlisted": "/console/orders/{waitlisted}",
        "order-rejected": "/console/orders/{rejected}",
        "order-long": "/console/orders/{long}",
    },
    "/attention": {
        "attention": "/console/attention",
        "attention-nothing": "/console/attention?older_than_hours=9999",
    },
    "/attention/{kind}": {
        "attention-kind": "/console/attention/capture_refused",
        "attention-kind-nothing": "/console/attention/lost_parcel",
    },
    "/surge": {"surge": "/console/surge"},
    "/network": {"network": "/console/network"},
    "/network/{lane}": {
        "lane": "/console/network/payments",
        "lane-paused": "/console/network/{paused_lane}",
        "lane-open": "/console/network/{open_lane}",
    },
    "/stops": {"stops": "/console/stops", "stops-standing": "/console/stops?standing=true"},
    "/stops/new": {"stop-new": "/console/stops/new", "stop-like": "/console/stops/new?like={stop}"},
    "/stops/{stop_id}": {
        "stop": "/console/stops/{stop}",
        "stop-dry-run": "/console/stops/{dry_run}",
        "stop-undone": "/console/stops/{undone}",
    },
    "/stops/{stop_id}/orders": {
        "stop-orders": "/console/stops/{undone}/orders",
        "stop-orders-nothing": "/console/stops/{stop}/orders",
    },
    "/reconciliation": {"reconciliation": "/console/reconciliation"},
    "/reconciliation/findings/{kind}": {
        "findings": "/console/reconciliation/findings/cash_differs",
        "findings-nothing": "/console/reconciliation/findings/never_started",
    },
    "/reconciliation/repairs": {"repairs": "/console/reconciliation/repairs?id={finding}"},
    "/reconciliation/runs/{run_id}": {"run": "/console/reconciliation/runs/{run}"},
    "/audit": {"audit": "/console/audit", "audit-nothing": "/console/audit?by=nobody"},
    "/audit/sign-ins": {"sign-ins": "/console/audit/sign-ins"},
    "/audit/verify": {
        "verify": "/console/audit/verify",
        "verify-order": "/console/audit/verify?order_id={completed}",
    },
    "/sellers": {"sellers": "/console/sellers"},
    "/sellers/{seller}": {"seller": "/console/sellers/{seller}"},
    "/sessions": {"sessions": "/console/sessions"},
}
"""By route: pages under the names of their screenshots."""
EMPTY: Final = {name: path for page in ADDRESSES.values() for name, path in page.items() if "{" not in path}
"""Those that a shop has in which nothing ever happened."""


def pages() -> dict[str, str]:
    """All of them: address by name."""
    return {name: path for page in ADDRESSES.values() for name, path in page.items()}


def routes_of_pages() -> set[str]:
    """The paths of all routes that answer a person who is signed in with a page."""
    routes: list[BaseRoute] = [*signing_in.routes, *(route for page in PAGES for route in page.routes)]
    return {route.path for route in _reading(routes)} - PARTS - LEADING_ELSEWHERE


def _reading(routes: Iterable[BaseRoute]) -> Iterator[Route]:
    return (route for route in routes if isinstance(route, Route) and "GET" in (route.methods or ()))
