"""What can be done to an order and its returns: who may, when it is offered, what a filled-in form asks of the API."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ordersaga.console.client import ApiProblemError
from ordersaga.console.filters import minor_units

ACTING: Final = frozenset({"support", "operator", "admin"})
ANSWERING: Final = frozenset({"operator", "admin"})
Form = Mapping[str, str]
Body = dict[str, Any]

_UNDECIDED: Final = frozenset({"pending", "action_required"})
_HERE: Final = frozenset({"confirmed", "fulfilling", "on_hold", "needs_attention", "partially_shipped"})
"""Something of it may still be with us."""
_LEFT: Final = frozenset({"needs_attention", "partially_shipped", "shipped", "delivered"})
"""Something of it may be with the shopper."""
_KEPT: Final = frozenset({"completed", "returning"})
_ENDED: Final = frozenset({"completed", "canceled", "rejected", "returned"})
_ADDRESS: Final = ("name", "line1", "line2", "city", "region", "postal_code", "country", "phone", "email")
_FOUND: Final = ("sellable", "damaged", "missing", "refused")
_WISHED: Final = re.compile(r"(?P<sku>[A-Za-z0-9_.\-]{1,64})=(?P<quantity>[0-9]{1,5})(?:@(?P<price>[0-9.]{1,14}))?")
ORDER: Final = "/v1/orders/{order}"
RETURN: Final = "/v1/returns/{order}-r{number}"


@dataclass(frozen=True)
class Action:
    """One action. `body` of the API's request; `preview`, `does`: paths of the API.

    `when`: the statuses in which it is offered. `danger`: it takes something away. `why`: a reason is asked for.
    `foresees`: what its preview says besides. `told`: what the API answers, as other actions' answers are.
    """

    name: str
    title: str
    group: str
    body: Callable[[Form], Body]
    preview: str
    does: tuple[str, str]
    when: frozenset[str]
    danger: bool = False
    roles: frozenset[str] = ACTING
    why: bool = True
    foresees: Mapping[str, Any] = field(default_factory=dict)
    told: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict


# ---- what a form asks ----------------------------------------------------------------------------------------


def _cancel(form: Form) -> Body:
    lines = _units(form)
    return {"reason": form["reason"], **({"lines": lines} if lines else {})}


def _hold(form: Form) -> Body:
    return {"kind": form["kind"], "reason": form["reason"]}


def _address(form: Form) -> Body:
    return {"reason": form["reason"], "ship_to": {name: form[name] for name in _ADDRESS if form.get(name)}}


def _delay(form: Form) -> Body:
    if form.get("consent") not in ("yes", "no"):
        raise wrong("consent", "nobody said what the shopper answered", "choose whether the shopper waits")
    return {"consent": form["consent"] == "yes", "reason": form["reason"]}


def _expedite(form: Form) -> Body:
    return {"parcel": _parcel(form), "reason": form["reason"]}


def _arrival(form: Form) -> Body:
    return {"parcel": _parcel(form), "reason": form["reason"]}


def _move(form: Form) -> Body:
    return {"parcel": _parcel(form), "location": form.get("location", ""), "reason": form["reason"]}


def _carrier(form: Form) -> Body:
    return {"parcel": _parcel(form), "carrier": form.get("carrier", ""), "reason": form["reason"]}


def _split(form: Form) -> Body:
    return {"parcel": _parcel(form), "lines": _units(form), "reason": form["reason"]}


def _refund(form: Form) -> Body:
    amount = _amount("amount", form.get("amount", ""), form.get("currency", ""))
    return {"amount": amount, "parcel": _parcel(form), "reason": form["reason"]}


def _payment(form: Form) -> Body:
    paid = {"payment_method": form.get("payment_method", "")}
    customer = {"customer": form["customer"]} if form.get("customer") else {}
    return {"payment": {**paid, **customer}, "reason": form["reason"]}


def _return(form: Form) -> Body:
    wish, instead = form.get("wish", "refund"), form.get("instead", "")
    wished = [_wished(one, form.get("currency", "")) for one in instead.replace(",", " ").split()]
    return {
        "lines": _units(form),
        "reason": form.get("because", ""),
        "wish": wish,
        "parcel": _parcel(form),
        "note": form["reason"],
        **({"exchange_for": wished} if wished else {}),
    }


def _receive(form: Form) -> Body:
    lines: dict[str, Body] = {}
    for name, number in form.items():
        how, colon, sku = name.partition(":")
        if colon and how in _FOUND and number:
            lines.setdefault(sku, {"sku": sku})[how] = _whole(name, number)
    return {"lines": list(lines.values()), "reason": form.get("refused_because") or None}


def _keep(form: Form) -> Body:
    return {"reason": form["reason"]}


def _erase(form: Form) -> Body:
    return {"order_id": form["order_id"], "reference": form.get("reference", "")}


# ---- what the API answers ------------------------------------------------------------------------------------


def _returned(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """A return, as what became of it."""
    if "return_id" not in told:
        return told
    status = str(told["status"]).replace("_", " ")
    return {"outcome": "done", "message": f"return {told['return_id']} is {status}", "next_step": told["instructions"]}


def _erased(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """What became of the order's personal data, or would."""
    (order,) = told["orders"]
    left = [f"Not erased: {each['where']}, until {each['until'] or 'it is deleted'}." for each in order["remains"]]
    effects = [f"{order['why']}.", *left]
    refused = order["verdict"] in ("waits", "not_encrypted", "erased_before")
    done = {"message": " ".join(effects)} if not told["dry_run"] else {"effects": effects}
    return {"outcome": "refused" if refused else order["verdict"], **done}


ACTIONS: Final = (
    Action(
        "cancel",
        "Cancel",
        "Change",
        _cancel,
        f"{ORDER}/cancel-preview",
        ("POST", f"{ORDER}/cancel"),
        _HERE | _UNDECIDED | {"waitlisted", "canceling", "shipped"},
        danger=True,
    ),
    Action("hold", "Hold", "Change", _hold, f"{ORDER}/hold-preview", ("POST", f"{ORDER}/holds"), _HERE | _UNDECIDED),
    Action(
        "address",
        "Change the address",
        "Change",
        _address,
        f"{ORDER}/address-preview",
        ("POST", f"{ORDER}/address"),
        _HERE,
    ),
    Action(
        "delay", "Answer a delay notice", "Change", _delay, f"{ORDER}/delay-preview", ("POST", f"{ORDER}/delay"), _HERE
    ),
    Action(
        "expedite", "Ship faster", "Ship", _expedite, f"{ORDER}/expedite-preview", ("POST", f"{ORDER}/expedite"), _HERE
    ),
    Action("move", "Move a parcel", "Ship", _move, f"{ORDER}/move-preview", ("POST", f"{ORDER}/move"), _HERE),
    Action(
        "carrier",
        "Change the carrier",
        "Ship",
        _carrier,
        f"{ORDER}/carrier-preview",
        ("POST", f"{ORDER}/carrier"),
        _HERE,
    ),
    Action("split", "Split a parcel", "Ship", _split, f"{ORDER}/split-preview", ("POST", f"{ORDER}/split"), _HERE),
    Action(
        "arrival",
        "Say it arrived",
        "Ship",
        _arrival,
        f"{ORDER}/arrival-preview",
        ("POST", f"{ORDER}/arrivals"),
        frozenset({"fulfilling", "needs_attention", "partially_shipped", "shipped"}),
    ),
    Action(
        "refund",
        "Give money back",
        "Money",
        _refund,
        f"{ORDER}/refund-preview",
        ("POST", f"{ORDER}/refunds"),
        _LEFT | _KEPT | {"returned"},
        danger=True,
    ),
    Action(
        "payment",
        "Change the payment method",
        "Money",
        _payment,
        f"{ORDER}/payment-preview",
        ("POST", f"{ORDER}/payment"),
        _HERE | _LEFT,
    ),
    Action(
        "return",
        "Open a return",
        "Return",
        _return,
        f"{ORDER}/return-preview",
        ("POST", f"{ORDER}/returns"),
        _KEPT,
        told=_returned,
    ),
    Action(
        "receive",
        "Say what came back",
        "Return",
        _receive,
        f"{RETURN}/receipt-preview",
        ("POST", f"{RETURN}/receipt"),
        _KEPT,
        why=False,
        told=_returned,
    ),
    Action(
        "keep",
        "Cancel a return",
        "Return",
        _keep,
        f"{RETURN}/cancel-preview",
        ("POST", f"{RETURN}/cancel"),
        _KEPT,
        danger=True,
        told=_returned,
    ),
    Action(
        "erase",
        "Erase personal data",
        "Privacy",
        _erase,
        "/v1/erasures",
        ("POST", "/v1/erasures"),
        _ENDED,
        danger=True,
        roles=ANSWERING,
        why=False,
        foresees={"dry_run": True},
        told=_erased,
    ),
)
RELEASE: Final = Action(
    "release", "Release the hold", "", _hold, f"{ORDER}/release-preview", ("DELETE", f"{ORDER}/holds"), frozenset()
)
BY_NAME: Final = {action.name: action for action in (*ACTIONS, RELEASE)}


# ---- how it is read ------------------------------------------------------------------------------------------


def _units(form: Form) -> list[Body]:
    return [
        {"sku": name.removeprefix("units:"), "quantity": _whole(name, number)}
        for name, number in form.items()
        if name.startswith("units:") and number not in ("", "0")
    ]


def _parcel(form: Form) -> int:
    return _whole("parcel", form.get("parcel") or "0")


def _wished(text: str, currency: str) -> Body:
    found = _WISHED.fullmatch(text)
    if found is None:
        raise wrong("instead", f"{text!r} names no units", "write SKU=2, or with a price for each SKU=2@12.34")
    price = {"unit_price": _amount("instead", found["price"], currency)} if found["price"] else {}
    return {"sku": found["sku"], "quantity": int(found["quantity"]), **price}


def _amount(name: str, text: str, currency: str) -> int:
    amount = minor_units(text, currency)
    if amount is None:
        raise wrong(name, f"{text!r} is no amount", "write it like 12.34, in the order's currency")
    return amount


def _whole(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise wrong(name, f"{text!r} is no whole number", "write digits only")
    return int(text)


def wrong(name: str, message: str, remedy: str) -> ApiProblemError:
    """As the API itself would answer what cannot be sent to it."""
    error = {"field": name, "message": message, "remedy": remedy}
    return ApiProblemError(422, {"title": "Not understood", "detail": message, "errors": [error]})
