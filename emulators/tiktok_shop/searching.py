"""Lists: filtered by the body, sorted and paged by the query. A page token is the number of the next item."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from emulators.tiktok_shop import envelope
from emulators.tiktok_shop.books import Record
from emulators.tiktok_shop.envelope import RefusedError

LARGEST: Final = 100
_SORTS: Final = ("create_time", "update_time")
View = Callable[[Record], Record]


def within(record: Record, body: Mapping[str, Any]) -> bool:
    """Whether it was created and changed when the body says."""
    return all(
        body.get(f"{name}_ge", 0) <= record.get(name, record["create_time"]) < body.get(f"{name}_lt", float("inf"))
        for name in _SORTS
    )


def among(record: Record, name: str, wanted: object) -> bool:
    """Whether a field is one of those named; nothing named means any."""
    return not isinstance(wanted, list) or not wanted or record[name] in wanted


def page(found: Iterable[Record], query: Mapping[str, str], name: str, view: View) -> Record:
    """One page. Raises RefusedError for a page size that is none."""
    size = query.get("page_size", "10")
    if not size.isdecimal() or not 1 <= int(size) <= LARGEST:
        raise RefusedError(envelope.INVALID, "invalid param: page_size")
    by = query.get("sort_field", "create_time")
    by = by if by in _SORTS else "create_time"
    down = query.get("sort_order", "DESC") == "DESC"
    ordered = sorted(found, key=lambda each: (each.get(by, each["create_time"]), _identity(each)), reverse=down)
    token = query.get("page_token", "0")
    start = int(token) if token.isdecimal() else 0
    end = start + int(size)
    following = str(end) if end < len(ordered) else ""
    shown = [view(each) for each in ordered[start:end]]
    return {name: shown, "total_count": len(ordered), "next_page_token": following}


def _identity(record: Record) -> str:
    return str(record.get("id") or record.get("cancel_id") or record.get("return_id"))
