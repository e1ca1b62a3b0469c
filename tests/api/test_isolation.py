"""Every route of the API, as it stands in the application: no key of one seller sees or touches what is another's."""

import asyncio
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from temporalio.testing import WorkflowEnvironment

from ordersaga.api.app import create_app
from tests.api.conftest import Shop
from tests.api.test_returns import MUG
from tests.support.api import ROLES, Api, order_body
from tests.support.strangers import (
    BUYER,
    NAMESAKE,
    OF_ACME,
    gone,
    instead,
    never,
    plain,
    standing,
    strangers,
    things_of_acme,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

OPEN = {"/healthz", "/readyz", "/metrics", "/openapi.json", "/v1/webhooks/{source}"}
"""Nobody's: /metrics takes a whole operator's key where it is not on loopback, a webhook its company's signature."""
WHOLE = {"/v1/lanes", "/v1/inbox", "/v1/reconciliations", "/v1/catalog"}
"""What all sellers share takes a key of no seller."""
ADMINS = "/v1/sessions"
SHARED = {"/v1/lanes", "/v1/inbox", "/v1/attention/groups"}
"""What names no seller to anybody."""
IDS = {
    "session_id": "ses_0000000000000000",
    "order_id": "acmes_2",
    "return_id": "acmes_1-r1",
    "item_id": "acmes-question",
    "finding_id": "label_missing:acmes_2",
    "reference": "acmes_2-1-1",
    "stop_id": "acmesstop",
    "run_id": "acmes-run",
    "lane": "provider-shipbob",
    "message_id": "1",
    "seller": "acme",
}
WHY = {"reason": "somebody else's"}
ADDRESS = {"name": "X", "line1": "1 A St", "city": "Reno", "region": "NV", "postal_code": "89501", "country": "US"}
UNITS = [{"sku": "MUG", "quantity": 1}]
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/v1/orders"): order_body(order_id="new_1"),
    ("POST", "/v1/orders/{order_id}/cancel"): WHY,
    ("POST", "/v1/orders/{order_id}/cancel-preview"): {},
    ("POST", "/v1/orders/{order_id}/address"): {"ship_to": ADDRESS},
    ("POST", "/v1/orders/{order_id}/expedite"): {},
    ("POST", "/v1/orders/{order_id}/split"): {"parcel": 1, "lines": UNITS},
    ("POST", "/v1/orders/{order_id}/move"): {"parcel": 1, "location": "ca-1"},
    ("POST", "/v1/orders/{order_id}/carrier"): {"parcel": 1, "carrier": "ups"},
    ("POST", "/v1/orders/{order_id}/refunds"): {"amount": 1},
    ("POST", "/v1/orders/{order_id}/payment"): {"payment": {"payment_method": "pm_card_visa"}},
    ("POST", "/v1/orders/{order_id}/delay"): {"consent": True},
    ("POST", "/v1/orders/{order_id}/arrivals"): {"parcel": 1},
    ("POST", "/v1/orders/{order_id}/holds"): {"kind": "fraud_review"},
    ("DELETE", "/v1/orders/{order_id}/holds"): None,
    ("POST", "/v1/orders/{order_id}/returns"): MUG,
    ("POST", "/v1/returns/{return_id}/receipt"): {"lines": [{"sku": "MUG", "missing": 1}]},
    ("POST", "/v1/returns/{return_id}/cancel"): WHY,
    ("POST", "/v1/attention/resolve-many"): {"filter": {"kind": "unknown_capture"}, "choice": "retry", **WHY},
    ("POST", "/v1/attention/{item_id:path}/resolve"): {"choice": "retry", **WHY},
    ("POST", "/v1/lanes/{lane}/breaker"): {"state": "open", **WHY},
    ("POST", "/v1/lanes/{lane}/pause"): {"minutes": 1, **WHY},
    ("POST", "/v1/lanes/{lane}/resume"): WHY,
    ("POST", "/v1/erasures"): {"buyer": BUYER, "reference": "r-1"},
    ("POST", "/v1/reconciliations"): {"order_id": "acmes_2"},
    ("POST", "/v1/findings/repair-many"): {"filter": {"order_ids": ["acmes_2"]}, **WHY},
    ("POST", "/v1/findings/{finding_id:path}/repair"): {**WHY, "dry_run": True},
    ("POST", "/v1/stops"): {"match": {"seller": "acme"}, **WHY, "dry_run": False},
    ("POST", "/v1/stops/{stop_id}/pause"): WHY,
    ("POST", "/v1/stops/{stop_id}/resume"): WHY,
    ("POST", "/v1/stops/{stop_id}/undo"): WHY,
    ("POST", "/v1/inbox/{message_id}/requeue"): None,
    ("POST", "/v1/catalog"): b"kind,sku,location,quantity\nstock,MUG,nj-1,5\n",
    ("PUT", "/v1/sellers/{seller}"): {"name": "Mine now"},
    ("POST", "/v1/sellers/{seller}/catalog"): b"kind,sku,location,quantity\nstock,MUG,nj-1,5\n",
    ("POST", "/v1/pick-tickets/{reference}/packed"): None,
    ("POST", "/v1/pick-tickets/{reference}/collected"): None,
    ("POST", "/v1/webhook-endpoints"): {"url": "https://hooks.bolt.example/", "seller": "acme"},
    ("DELETE", "/v1/webhook-endpoints/{endpoint_id}"): None,
    ("POST", "/v1/webhook-endpoints/{endpoint_id}/rotate-secret"): None,
    ("POST", "/v1/webhook-endpoints/{endpoint_id}/replay"): {"since": "2026-03-01T00:00:00Z"},
}
BODIES |= {
    ("DELETE", "/v1/sessions/{session_id}"): None,
    ("POST", "/v1/orders/{order_id}/address-preview"): BODIES["POST", "/v1/orders/{order_id}/address"],
    ("POST", "/v1/orders/{order_id}/refund-preview"): BODIES["POST", "/v1/orders/{order_id}/refunds"],
    ("POST", "/v1/orders/{order_id}/hold-preview"): BODIES["POST", "/v1/orders/{order_id}/holds"],
    ("POST", "/v1/orders/{order_id}/release-preview"): {"kind": "fraud_review"},
    ("POST", "/v1/orders/{order_id}/arrival-preview"): {"parcel": 1},
    ("POST", "/v1/orders/{order_id}/return-preview"): MUG,
    ("POST", "/v1/returns/{return_id}/receipt-preview"): BODIES["POST", "/v1/returns/{return_id}/receipt"],
    ("POST", "/v1/returns/{return_id}/cancel-preview"): WHY,
    **{
        ("POST", f"/v1/orders/{{order_id}}/{name}-preview"): BODIES["POST", f"/v1/orders/{{order_id}}/{name}"]
        for name in ("expedite", "split", "move", "carrier", "payment", "delay")
    },
}
"""What is sent where; a route that takes a body and stands not here fails the test."""
STREAMS = {"/v1/live/events"}
"""What goes on as long as somebody listens."""
NAMING = {
    "seller": ["acme"],
    "order_id": ["acmes_2"],
    "q": ["acmes_2", "acmes", BUYER, "acme"],
    "by": ["acme", NAMESAKE],
    "sku": ["MUG"],
}
"""Filters that name a seller's things, and what bolt fills in."""
NARROWING = {"status", "channel", "cursor", "limit", "kind", "provider", "older_than_hours", "standing", "since"}
NARROWING |= {"until", "before", "location"}
"""Filters of what is one's own in any case."""


@cache
def application() -> FastAPI:
    """One that is never started."""
    return create_app(None)  # type: ignore[arg-type]  # never opened


def routes() -> list[tuple[str, str]]:
    """Every method and path of the application that ends; what is asked for before what takes it away."""
    table = iter_route_contexts(application().routes)
    found = {(method, route.path or "") for route in table for method in route.methods or ()}
    left_out = {("HEAD", "/openapi.json"), *(("GET", path) for path in STREAMS)}
    return sorted(found - left_out, key=lambda route: (route[0] == "DELETE", route[1], route[0]))


def documented() -> dict[str, Any]:
    """The paths of the OpenAPI document."""
    paths: dict[str, Any] = application().openapi()["paths"]
    return paths


async def ask(api: Api, method: str, path: str, ids: dict[str, str], role: str, body: Any) -> httpx.Response:
    """The request of a route, about these things."""
    url = path.replace(":path", "").format(**ids)
    if isinstance(body, bytes):
        return await api.send(method, url, role=role, content=body, headers={"Content-Type": "text/csv"})
    released = (method, path) == ("DELETE", "/v1/orders/{order_id}/holds")
    params = {"kind": "fraud_review"} if released else {"q": "MUG"} if path == "/v1/search" else {}
    return await api.send(method, url, role=role, json=body, params=params)


async def stranger(api: Api, method: str, path: str, ids: dict[str, str], role: str) -> None:
    """The answer is that of what never was, or that this key may not ask for another seller at all."""
    body = BODIES.get((method, path))
    answer = await ask(api, method, path, ids, role, body)
    if answer.status_code == 403 and answer.json()["code"] == "forbidden":
        return  # to its role
    told = f"{role} {method} {path}: {answer.status_code} {answer.text[:300]}"
    if "{" in path or path in WHOLE:
        assert answer.status_code in (403, 404), told
    else:
        assert answer.status_code in (200, 403), told
        assert answer.is_error or not OF_ACME.search(answer.text), told
    nothing = await ask(api, method, path, never(ids), role, instead(body, ids))
    assert (answer.status_code, plain(answer.text, ids)) == (nothing.status_code, plain(nothing.text, ids)), told
    assert not OF_ACME.search(nothing.text), told


def test_every_route_says_what_is_sent_to_it() -> None:
    """A new route is asked like the others, or this fails; so does one that streams, and one that goes away."""
    asked = {(method, path) for method, path in routes() if method != "GET" and path not in OPEN}
    assert asked == set(BODIES)
    parts = {part for _, path in routes() for part in _parts(path)}
    assert parts - {"source"} == {*IDS, "endpoint_id"}
    streams = {path for path, methods in documented().items() if "text/event-stream" in str(methods)}
    assert streams == STREAMS


def _parts(path: str) -> Iterator[str]:
    return (part.partition("}")[0].partition(":")[0] for part in path.split("{")[1:])


async def test_no_key_of_one_seller_reaches_what_is_anothers(shop: Shop, environment: WorkflowEnvironment) -> None:
    """By id: exactly as if it never was, or not this key's to ask. In lists: nothing of it. And nothing has changed."""
    api = shop.api
    ids = await things_of_acme(shop, IDS)
    await strangers(api)
    before = await standing(shop, environment.client)
    asked = [route for route in routes() if route[1] not in OPEN]
    assert len(asked) > 60
    for method, path in asked:
        for role in ROLES:
            await stranger(api, method, path, ids, f"bolt {role}")
    await _filtered(api, ids)
    assert await standing(shop, environment.client) == before
    for method, path in asked:  # the same requests are somebody's to send: they are refused for whose they are
        answer = await ask(api, method, path, ids, "operator", BODIES.get((method, path)))
        missing = answer.status_code == 404 and answer.json()["code"].endswith("_not_found")
        assert answer.status_code != 403 or path.startswith(ADMINS), f"{method} {path}: {answer.text[:300]}"
        assert not missing or path.startswith("/v1/inbox"), f"{method} {path}: {answer.text[:300]}"
        assert answer.status_code != 500, f"{method} {path}: {answer.text[:300]}"
        if method == "GET" and "{" not in path and path not in SHARED and answer.status_code != 403:
            assert OF_ACME.search(answer.text), f"{path} tells nothing of acme to anybody: {answer.text[:300]}"


async def _filtered(api: Api, ids: dict[str, str]) -> None:
    """A list that is asked for acme's by name has what it has for a name that never was; a new filter is asked too."""
    tried = 0
    for path, methods in documented().items():
        filters = [] if "{" in path else methods.get("get", {}).get("parameters", [])
        for name in (each["name"] for each in filters):
            assert name in NAMING or name in NARROWING, f"say whether {name} of {path} names a seller's things"
            for value in NAMING.get(name, ()):
                tried += 1
                theirs = await api.get(path, role="bolt operator", params={name: value})
                nothing = await api.get(path, role="bolt operator", params={name: gone(value, ids)})
                told = f"{path}?{name}={value}: {theirs.text[:300]}"
                assert theirs.status_code in (200, 403), told
                assert (theirs.status_code, plain(theirs.text, ids)) == (nothing.status_code, plain(nothing.text, ids))
                assert not OF_ACME.search(nothing.text), told
    assert tried > 10


async def test_no_stream_tells_what_is_anothers(api: Api) -> None:
    """While an order of acme comes in: whoever watches everything hears of it, bolt's people of nothing."""
    await strangers(api)
    came = asyncio.Event()
    watching = ("viewer", "operator", "admin")
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        theirs = [group.create_task(_listen(api, path, f"bolt {role}", came)) for path in STREAMS for role in watching]
        alls = [group.create_task(_listen(api, path, "operator", came)) for path in STREAMS]
        await asyncio.sleep(0)
        assert (await api.post("/v1/orders", order_body())).status_code == 202
        came.set()
    for heard in alls:
        assert '"arrived":1' in heard.result()
        assert OF_ACME.search(heard.result())
    for heard in theirs:
        assert heard.result().count("event: live") >= 3
        assert '"arrived":1' not in heard.result()
        assert not OF_ACME.search(heard.result())


async def _listen(api: Api, path: str, role: str, came: asyncio.Event) -> str:
    """What a stream tells until three events after the order came."""
    heard, more = "", 3
    headers = {"Authorization": f"Bearer {api.keys[role]}"}
    async with api.http.stream("GET", path, headers=headers) as stream:
        assert stream.status_code == 200
        async for line in stream.aiter_lines():
            heard += f"{line}\n"
            more -= came.is_set() and line.startswith("data: ")
            if more == 0:
                return heard
    raise AssertionError("the stream ended")
