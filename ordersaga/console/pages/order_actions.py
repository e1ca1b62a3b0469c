"""What a person does to an order: first the preview of the API, then, from the preview, the thing itself.

A form is sent to `preview`, whose answer carries the form once more with a button that does it, under a key of its own:
sent twice, it is done once.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ordersaga.console.client import ApiProblemError, console_api
from ordersaga.console.filters import minor_units
from ordersaga.console.rendering import is_partial, render

ACTING: Final = frozenset({"support", "operator", "admin"})
ANSWERING: Final = frozenset({"operator", "admin"})
_OVER: Final = frozenset({"completed", "canceled", "rejected", "returned"})
_ADDRESS: Final = ("name", "line1", "line2", "city", "region", "postal_code", "country", "phone", "email")
_OURS: Final = frozenset({"csrf", "key", "digest"})
Form = Mapping[str, str]
Body = dict[str, Any]


@dataclass(frozen=True)
class Action:
    """One action. `body` of the API's request; `preview` and `does`: methods and paths behind the order's own.

    `danger`: it takes something away. `after_end`: also of an order that has ended.
    """

    name: str
    title: str
    body: Callable[[Form], Body]
    preview: str
    does: tuple[str, str]
    danger: bool = False
    after_end: bool = False


def _cancel(form: Form) -> Body:
    lines = [
        {"sku": name.removeprefix("units:"), "quantity": _whole(name, number)}
        for name, number in form.items()
        if name.startswith("units:") and number.strip() not in ("", "0")
    ]
    return {"reason": form["reason"], **({"lines": lines} if lines else {})}


def _hold(form: Form) -> Body:
    return {"kind": form["kind"], "reason": form["reason"]}


def _address(form: Form) -> Body:
    return {"reason": form["reason"], "ship_to": {name: form[name] for name in _ADDRESS if form.get(name)}}


def _refund(form: Form) -> Body:
    amount = minor_units(form.get("amount", ""), form.get("currency", ""))
    if amount is None:
        raise _wrong(
            "amount", f"{form.get('amount', '')!r} is no amount", "write it like 12.34, in the order's currency"
        )
    parcel = _whole("parcel", form.get("parcel", "") or "0")
    return {"amount": amount, "parcel": parcel, "reason": form["reason"]}


ACTIONS: Final = (
    Action("cancel", "Cancel", _cancel, "cancel-preview", ("POST", "cancel"), danger=True, after_end=True),
    Action("hold", "Hold", _hold, "hold-preview", ("POST", "holds")),
    Action("address", "Change the address", _address, "address-preview", ("POST", "address")),
    Action("refund", "Give money back", _refund, "refund-preview", ("POST", "refunds"), danger=True, after_end=True),
)
RELEASE: Final = Action("release", "Release the hold", _hold, "release-preview", ("DELETE", "holds"))
_BY_NAME: Final = {action.name: action for action in (*ACTIONS, RELEASE)}


def offered(role: str, order: Mapping[str, Any]) -> tuple[Action, ...]:
    """The actions that are shown to this role, of this order."""
    if role not in ACTING:
        return ()
    return tuple(action for action in ACTIONS if action.after_end or order["status"] not in _OVER)


async def preview(request: Request) -> Response:
    """What the action would come to; nothing is done."""
    action, form = _action(request), await _form(request)
    answer = await console_api(request).post(f"{_order(request)}/{action.preview}", json=action.body(form))
    return _previewed(request, action.name, action.title, form, answer.json(), danger=action.danger)


async def do(request: Request) -> Response:
    """The action itself, once for each preview."""
    action, form = _action(request), await _form(request)
    body = action.body(form)
    if form.get("digest"):
        body["digest"] = form["digest"]
    method, path = action.does
    api, target = console_api(request), f"{_order(request)}/{path}"
    key = {"Idempotency-Key": form["key"]} if form.get("key") else {}
    if method == "DELETE":
        answer = await api.delete(target, params=body)
    else:
        answer = await api.post(target, json=body, headers=key)
    return _done(request, action.title, answer.json())


async def preview_answer(request: Request) -> Response:
    """What an answer to a question would come to."""
    form, order_id = await _form(request), request.path_params["order_id"]
    wanted = {"order_ids": [order_id], "item_ids": [form["item"]]}
    body = {"filter": wanted, "choice": form["choice"], "reason": form["reason"], "dry_run": True}
    answer = (await console_api(request).post("/v1/attention/resolve-many", json=body)).json()
    if not answer["items"]:
        raise _wrong("item", "nobody asks this any more", "load the page again")
    return _previewed(request, "answer", f"Answer: {form['choice']}", form, answer["items"][0], danger=False)


async def answer(request: Request) -> Response:
    """An answer to a question."""
    form, order_id = await _form(request), request.path_params["order_id"]
    body = {"choice": form["choice"], "reason": form["reason"], "order_id": order_id}
    path = f"/v1/attention/{quote(form['item'], safe='')}/resolve"
    return _done(request, "Answer", (await console_api(request).post(path, json=body)).json())


def _action(request: Request) -> Action:
    action = _BY_NAME.get(request.path_params["action"])
    if action is None:
        raise ApiProblemError(404, {"detail": "there is no such action"})
    return action


async def _form(request: Request) -> dict[str, str]:
    """The form's texts, without what is around them."""
    sent = {name: value.strip() for name, value in (await request.form()).items() if isinstance(value, str)}
    return {"kind": "", "item": "", "choice": "", **sent, "reason": sent.get("reason") or "not given"}


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


def _order(request: Request) -> str:
    return f"/v1/orders/{quote(request.path_params['order_id'], safe='')}"


def _whole(field: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise _wrong(field, f"{text!r} is no whole number", "write digits only")
    return int(text)


def _wrong(field: str, message: str, remedy: str) -> ApiProblemError:
    """As the API itself would answer what cannot be sent to it."""
    error = {"field": field, "message": message, "remedy": remedy}
    return ApiProblemError(422, {"title": "Not understood", "detail": message, "errors": [error]})


routes: Final = [
    Route("/orders/{order_id}/answer/preview", preview_answer, methods=["POST"]),
    Route("/orders/{order_id}/answer", answer, methods=["POST"]),
    Route("/orders/{order_id}/{action}/preview", preview, methods=["POST"]),
    Route("/orders/{order_id}/{action}", do, methods=["POST"]),
]
