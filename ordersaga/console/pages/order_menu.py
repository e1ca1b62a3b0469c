"""The menu of an order: what is possible in its state and to the person's role, by group, each with its form."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import httpx

from ordersaga.console.client import all_of
from ordersaga.console.pages.order_forms import ACTIONS, Action

_DELAYS: Final = frozenset({"delay_notice", "delay_consent_wanted"})
_WITH_RETURNS: Final = frozenset({"completed", "returning", "returned"})
ENDED: Final = _WITH_RETURNS | {"canceled", "rejected"}
"""Its saga is over: what is possible, our records tell."""
_ON_ITS_WAY: Final = frozenset({"left_warehouse", "in_transit"})
_UNSENT: Final = frozenset({"requested", "awaiting_goods", "needs_attention"})
_OVER: Final = frozenset({"refunded", "partly_refunded", "refused", "lost", "expired", "canceled"})
_MOST_SKUS: Final = 5
Told = Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """One line of the menu; `key`: of its fields. `about`: the return it is for."""

    action: Action
    key: str
    title: str
    about: Told | None = None


Menu = list[tuple[str, list[Entry]]]


def menu(role: str, order: Told, returns: Told, story: Iterable[Told]) -> Menu:
    """By group, in their order; none that has nothing to offer."""
    by_saga = _by_saga(order)
    offered = _by_records(order, returns, story) if by_saga is None else by_saga
    entries = [
        entry
        for action in ACTIONS
        if role in action.roles and action.name in offered
        for entry in _entries(action, returns["returns"])
    ]
    return [(name, list(each)) for name, each in groupby(entries, key=lambda entry: entry.action.group)]


def _by_saga(order: Told) -> set[str] | None:
    """What it says may be asked of it, and whether anything is on its way; None: nobody asked it, or it has ended."""
    live = order["live"]
    if live is None or live["possible"] is None or order["status"] in ENDED:
        return None
    arriving = any(parcel["status"] in _ON_ITS_WAY for parcel in live["parcels"])
    return {*live["possible"], *(["arrival"] if arriving else [])}


def _by_records(order: Told, returns: Told, story: Iterable[Told]) -> set[str]:
    """By its status; no delay was told of, no parcel has two units, nothing is left to come or to be given back."""
    ended = order["status"] in ENDED
    facts = {
        "delay": any(entry["kind"] in _DELAYS for entry in story),
        "split": any(sum(line["quantity"] for line in parcel["lines"]) > 1 for parcel in order["parcels"]),
        "return": bool(returns["returnable"]),
        "refund": bool(returns["refundable"]) or not ended,
    }
    return {action.name for action in ACTIONS if order["status"] in action.when and facts.get(action.name, True)}


def _entries(action: Action, returns: Iterable[Told]) -> list[Entry]:
    """One, or one for each return that it is possible for."""
    if action.name not in ("receive", "keep"):
        return [Entry(action, action.name, action.title)]
    return [
        Entry(action, f"{action.name}-{each['number']}", f"{action.title}: {each['return_id']}", each)
        for each in returns
        if each["status"] not in _OVER and _fits(action, each)
    ]


def _fits(action: Action, each: Told) -> bool:
    if each["inspection"] is not None:
        return False
    goods = each["amount"] is None
    return goods if action.name == "receive" else each["status"] in _UNSENT


async def returns_of(api: httpx.AsyncClient, path: str, order: Told) -> Told:
    """Its returns, and what else may come back; an order that has not ended has none."""
    if order["status"] not in _WITH_RETURNS:
        return {"returns": [], "returnable": [], "refundable": 0}
    returns: Told = (await api.get(f"{path}/returns")).json()
    return returns


async def places_for(api: httpx.AsyncClient, order: Told, shown: Menu) -> dict[str, str]:
    """Where a parcel may be moved to: locations that have some of its goods, with how many."""
    if all(entry.key != "move" for _, entries in shown for entry in entries):
        return {}
    skus = sorted({line["sku"] for line in order["lines"]})[:_MOST_SKUS]
    asked = [{"sku": sku, "seller": order["seller"]} for sku in skus]
    found = await all_of(api.get("/v1/stock", params=each) for each in asked)
    places: dict[str, list[str]] = {}
    for row in (row for answer in found for row in answer.json()["levels"]):
        if row["available"]:
            places.setdefault(row["location"], []).append(f"{row['available']} {row['sku']}")
    return {location: ", ".join(units) for location, units in sorted(places.items())}
