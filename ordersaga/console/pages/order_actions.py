"""What a person does to an order: first the preview of the API, then, from the preview, the thing itself.

A form is sent to `preview`, whose answer carries the form once more with a button that does it, under a key of its own:
sent twice, it is done once.
"""

import uuid
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ordersaga.console.client import ApiProblemError, console_api
from ordersaga.console.pages.order_forms import BY_NAME, Action, Form, wrong
from ordersaga.console.rendering import is_partial, render

_OURS: Final = frozenset({"csrf", "key", "digest", "order_id"})


async def preview(request: Request) -> Response:
    """What the action would come to; nothing is done."""
    action, form = _action(request), await _form(request)
    body = {**action.body(form), **action.foresees}
    answer = await console_api(request).post(_path(action.preview, form), json=body)
    return _previewed(request, action.name, action.title, form, action.told(answer.json()), danger=action.danger)


async def do(request: Request) -> Response:
    """The action itself, once for each preview."""
    action, form = _action(request), await _form(request)
    body = action.body(form)
    if form.get("digest"):
        body["digest"] = form["digest"]
    method, path = action.does
    api, target = console_api(request), _path(path, form)
    key = {"Idempotency-Key": form["key"]} if form.get("key") else {}
    if method == "DELETE":
        answer = await api.delete(target, params=body)
    else:
        answer = await api.post(target, json=body, headers=key)
    return _done(request, action.title, action.told(answer.json()))


async def preview_answer(request: Request) -> Response:
    """What an answer to a question would come to."""
    form, order_id = await _form(request), request.path_params["order_id"]
    wanted = {"order_ids": [order_id], "item_ids": [form["item"]]}
    body = {"filter": wanted, "choice": form["choice"], "reason": form["reason"], "dry_run": True}
    answer = (await console_api(request).post("/v1/attention/resolve-many", json=body)).json()
    if not answer["items"]:
        raise wrong("item", "nobody asks this any more", "load the page again")
    return _previewed(request, "answer", f"Answer: {form['choice']}", form, answer["items"][0], danger=False)


async def answer(request: Request) -> Response:
    """An answer to a question."""
    form, order_id = await _form(request), request.path_params["order_id"]
    body = {"choice": form["choice"], "reason": form["reason"], "order_id": order_id}
    path = f"/v1/attention/{quote(form['item'], safe='')}/resolve"
    return _done(request, "Answer", (await console_api(request).post(path, json=body)).json())


def _action(request: Request) -> Action:
    action = BY_NAME.get(request.path_params["action"])
    if action is None:
        raise ApiProblemError(404, {"detail": "there is no such action"})
    return action


async def _form(request: Request) -> dict[str, str]:
    """The form's texts, without what is around them."""
    sent = {name: value.strip() for name, value in (await request.form()).items() if isinstance(value, str)}
    mine = {"reason": sent.get("reason") or "not given", "order_id": request.path_params["order_id"]}
    return {"kind": "", "item": "", "choice": "", **sent, **mine}


def _previewed(
    request: Request, name: str, title: str, form: Form, told: Mapping[str, Any], *, danger: bool
) -> Response:
    kept = {name: value for name, value in form.items() if name not in _OURS}
    template = "order/_preview.html" if is_partial(request) else "order/preview.html"
    return render(
        request,
        template,
        order_id=request.path_params["order_id"],
        name=name,
        title=title,
        kept=kept,
        told=told,
        refused=told.get("outcome") in ("refused", "too_late") or told.get("result") in ("failed", "not_offered"),
        danger=danger,
        key=str(uuid.uuid4()),
        digest=told.get("digest") or "",
    )


def _done(request: Request, title: str, told: Mapping[str, Any]) -> Response:
    template = "order/_done.html" if is_partial(request) else "order/done.html"
    done = render(request, template, order_id=request.path_params["order_id"], title=title, told=told)
    done.headers["HX-Trigger"] = "order-changed"
    return done


def _path(path: str, form: Form) -> str:
    """The API's path, of this order and of the return that is meant."""
    return path.format(order=quote(form["order_id"], safe=""), number=quote(form.get("number", ""), safe=""))


routes: Final = [
    Route("/orders/{order_id}/answer/preview", preview_answer, methods=["POST"]),
    Route("/orders/{order_id}/answer", answer, methods=["POST"]),
    Route("/orders/{order_id}/{action}/preview", preview, methods=["POST"]),
    Route("/orders/{order_id}/{action}", do, methods=["POST"]),
]
