"""Lists, search and expansion (https://docs.stripe.com/api/pagination, /search, /expanding_objects)."""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from emulators.stripe import errors
from emulators.stripe.account import Account
from emulators.stripe.objects import Object
from emulators.stripe.params import Page, Search

_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
}
_OPERATORS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
_CLAUSE = re.compile(
    r"""\s*(?:metadata\[(?P<q>["'])(?P<key>[^"']*)(?P=q)\]|(?P<field>\w+))"""
    r"""\s*(?P<op>:|>=|<=|>|<)\s*(?:(?P<r>["'])(?P<text>[^"']*)(?P=r)|(?P<number>\d+))\s*"""
)
_SEARCHABLE_FIELDS = {"amount", "created", "currency", "customer", "status"}
_REFERENCES = {
    "latest_charge": "charge",
    "charge": "charge",
    "customer": "customer",
    "payment_intent": "payment_intent",
}


class Listing:
    """Reads many objects."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def page(self, url: str, kind: str, params: Page, **wanted: Any) -> Object:
        """Objects of a kind, newest first, whose fields equal what is wanted (None: any)."""
        if params.starting_after is not None and self._account.store.get(kind, params.starting_after) is None:
            raise errors.missing(kind, params.starting_after, param="starting_after", status=400)
        wanted = {name: value for name, value in wanted.items() if value is not None}
        matching = (thing for thing in self._candidates(kind, params, wanted) if _fits(thing, wanted, params.created))
        found = list(itertools.islice(matching, params.limit + 1))
        return {"object": "list", "url": url, "has_more": len(found) > params.limit, "data": found[: params.limit]}

    def _candidates(self, kind: str, params: Page, wanted: dict[str, Any]) -> Iterable[Object]:
        """Newest first, by lookup key where there is one."""
        key = next(
            (f"{name}={wanted[name]}" for name in ("payment_intent", "charge", "customer") if name in wanted), None
        )
        if key is None:
            return self._account.store.newest(kind, after=params.starting_after)
        found: Iterator[Object] = reversed(self._account.store.find(kind, key))
        if params.starting_after is None:
            return found
        return itertools.islice(itertools.dropwhile(lambda thing: thing["id"] != params.starting_after, found), 1, None)

    def events(self, types: list[str], params: Page) -> Object:
        """Events of the last 30 days, optionally of some types."""
        oldest = self._account.now() - 30 * 86_400
        recent = (event for event in self._account.store.newest("event", after=params.starting_after))
        matching = (event for event in recent if event["created"] >= oldest and _fits(event, {}, params.created))
        chosen = (event for event in matching if not types or any(_is_type(event["type"], type_) for type_ in types))
        found = list(itertools.islice(chosen, params.limit + 1))
        data = found[: params.limit]
        return {"object": "list", "url": "/v1/events", "has_more": len(found) > params.limit, "data": data}

    def search(self, params: Search) -> Object:
        """GET /v1/payment_intents/search: an intent is found only some time after it was made."""
        clauses = _parse_query(params.query)
        metadata = [clause for clause in clauses if clause[0].startswith("metadata:")]
        if metadata:
            candidates: Iterable[Object] = reversed(
                self._account.store.find("payment_intent", f"{metadata[0][0]}={metadata[0][2]}")
            )
        else:
            candidates = self._account.store.newest("payment_intent")
        matching = (thing for thing in candidates if _matches(thing, clauses) and self._is_visible(thing["id"]))
        found = list(itertools.islice(itertools.islice(matching, int(params.page or 0), None), params.limit + 1))
        more = len(found) > params.limit
        return {
            "object": "search_result",
            "url": "/v1/payment_intents/search",
            "has_more": more,
            "next_page": str(int(params.page or 0) + params.limit) if more else None,
            "data": found[: params.limit],
        }

    def _is_visible(self, id_: str) -> bool:
        entry = self._account.store.get("_searchable", id_)
        return entry is not None and float(entry["at"]) <= self._account.clock.now()

    def expand(self, thing: Object, paths: list[str]) -> Object:
        """Replace ids by the objects they name, along each dotted path."""
        for path in paths:
            self._expand(thing, path.split("."), path)
        return thing

    def _expand(self, thing: Any, parts: list[str], path: str) -> None:
        if not parts or thing is None:
            return
        if isinstance(thing, list):
            for item in thing:
                self._expand(item, parts, path)
            return
        name, rest = parts[0], parts[1:]
        if name not in thing or (name not in _REFERENCES and name != "data"):
            raise errors.invalid(f"This property cannot be expanded ({path}).", param="expand")
        if isinstance(thing[name], str):
            thing[name] = self._account.load(_REFERENCES[name], thing[name])
        self._expand(thing[name], rest, path)


def _fits(thing: Object, wanted: dict[str, Any], created: Any) -> bool:
    if any(thing.get(name) != value for name, value in wanted.items()):
        return False
    if isinstance(created, int):
        return bool(thing["created"] == created)
    return all(_COMPARE[name](thing["created"], bound) for name, bound in (created or {}).items())


def _is_type(type_: str, pattern: str) -> bool:
    """`payment_intent.*` stands for a whole group."""
    return type_.startswith(pattern[:-1]) if pattern.endswith("*") else type_ == pattern


_Clause = tuple[str, str, str]


def _parse_query(query: str) -> list[_Clause]:
    """Clauses joined by AND, each a field, an operator and a value; anything else is refused."""
    return [_parse_clause(text, query) for text in re.split(r"\s+AND\s+", query, flags=re.IGNORECASE)]


def _parse_clause(text: str, query: str) -> _Clause:
    found = _CLAUSE.fullmatch(text)
    if found is None or (found["field"] is not None and found["field"] not in _SEARCHABLE_FIELDS):
        raise errors.invalid(f"We were unable to parse your search query: {query}", param="query")
    name = found["field"] or f"metadata:{found['key']}"
    return name, found["op"], found["text"] if found["number"] is None else found["number"]


def _matches(thing: Object, clauses: list[_Clause]) -> bool:
    return all(_matches_clause(thing, *clause) for clause in clauses)


def _matches_clause(thing: Object, name: str, operator: str, value: str) -> bool:
    actual = thing["metadata"].get(name[9:]) if name.startswith("metadata:") else thing[name]
    if operator == ":":
        return actual is not None and str(actual) == value
    return _COMPARE[_OPERATORS[operator]](int(actual), int(value))
