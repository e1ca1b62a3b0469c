"""Feeds: taken at once, worked through later, and what became of them told in a processing report."""

from collections.abc import Iterator
from typing import Any, Final

from emulators.common import Timers
from emulators.newegg import times, validation
from emulators.newegg.books import Books, matches
from emulators.newegg.orders import Orders
from emulators.newegg.pace import Pace
from emulators.newegg.scripts import Scripts
from emulators.newegg.stages import Record

TIMER: Final = "feed"
TYPE: Final = "MULTICHANNEL_ORDER_DATA"
SUBMITTED, IN_PROGRESS, FINISHED, CANCELLED = "SUBMITTED", "IN_PROGRESS", "FINISHED", "CANCELLED"
UNDER_WAY: Final = (SUBMITTED, IN_PROGRESS)
_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FIRST: Final = 36**12 * 2 + 11


class Feeds:
    """Takes feeds and works through them. Every method that changes one runs inside a store transaction."""

    def __init__(self, books: Books, timers: Timers, scripts: Scripts, orders: Orders, pace: Pace) -> None:
        self._books, self._timers, self._scripts = books, timers, scripts
        self._orders, self._pace = orders, pace

    def submit(self, envelope: Record) -> Record:
        """Take a feed; with no time to wait it is worked through at once, and told of as submitted all the same."""
        feed = {
            "id": _request_id(self._books.store.next_number("feed", _FIRST)),
            "type": TYPE,
            "status": SUBMITTED,
            "submitted_at": self._books.epoch(),
            "references": [str(order.get("SellerOrderID")) for order in orders_in(envelope)],
            "envelope": envelope,
            "report": None,
        }
        self._books.save_feed(feed)
        if self._pace.feed_seconds:
            self._timers.after(self._pace.feed_seconds / 3, TIMER, {"id": feed["id"], "to": IN_PROGRESS})
        else:
            self._begin(feed)
        return {**feed, "status": SUBMITTED}

    def on_timer(self, request_id: str, to: str) -> None:
        """A feed is taken up, or worked through."""
        feed = self._books.feed(request_id)
        if feed is not None and feed["status"] in UNDER_WAY:
            self._begin(feed) if to == IN_PROGRESS else self.finish(feed)

    def _begin(self, feed: Record) -> None:
        feed["status"] = IN_PROGRESS
        self._books.save_feed(feed)
        plan = self._scripts.of(feed["envelope"])["feed"]
        if plan == "stuck":
            return
        if plan == "cancel":
            self._books.save_feed({**feed, "status": CANCELLED})
        elif self._pace.feed_seconds:
            self._timers.after(self._pace.feed_seconds * 2 / 3, TIMER, {"id": feed["id"], "to": FINISHED})
        else:
            self.finish(feed)

    def finish(self, feed: Record) -> None:
        """Make the orders, and write the report."""
        entries = orders_in(feed["envelope"])
        outcomes = [(order, self._orders.place(order, feed["id"])) for order in entries]
        feed["status"], feed["report"] = FINISHED, report(outcomes)
        self._books.save_feed(feed)

    def release(self, match: str) -> list[str]:
        """Work through the feeds that hang."""
        held = [
            feed for feed in self._books.feeds() if feed["status"] in UNDER_WAY and matches(match, feed["envelope"])
        ]
        for feed in held:
            self.finish(feed)
        return [feed["id"] for feed in held]

    def listed(self, criteria: Record) -> Iterator[Record]:
        """Those that a "Get Feed Status" asks for, newest first. Raises ValueError."""
        named = _ids(criteria.get("RequestIDList"))
        if named:
            yield from (feed for name in named if (feed := self._books.feed(name)))
            return
        wanted, kind = str(criteria.get("RequestStatus") or "ALL"), str(criteria.get("RequestType") or TYPE)
        start, end = _moment(criteria.get("RequestDateFrom")), _moment(criteria.get("RequestDateTo"))
        for feed in self._books.feeds():
            within = (start is None or feed["submitted_at"] >= start) and (end is None or feed["submitted_at"] <= end)
            if within and kind == feed["type"] and wanted in ("ALL", feed["status"]):
                yield feed


def orders_in(envelope: Record) -> list[Record]:
    """The orders in an envelope, whether one or a list of them was sent."""
    message: Any = envelope
    for name in ("NeweggEnvelope", "Message", "MultiChannelOrder"):
        message = message.get(name) if isinstance(message, dict) else None
    return validation.listed(message.get("Order")) if isinstance(message, dict) else []


def report(outcomes: list[tuple[Record, list[str]]]) -> Record:
    """The processing report. Only what failed has an entry; one alone is no list, as in XML made into JSON."""
    failed = [_entry(order, errors) for order, errors in outcomes if errors]
    told: Record = {
        "OriginalMessageName": "APIAutoFile.xml",
        "OriginalMessageType": "MultiChannelOrderCreation",
        "StatusCode": "ProcessReport",
        "ProcessingSummary": {
            "ProcessedCount": str(len(outcomes)),
            "SuccessCount": str(len(outcomes) - len(failed)),
            "WithErrorCount": str(len(failed)),
        },
    }
    return {**told, "Result": failed[0] if len(failed) == 1 else failed} if failed else told


def _entry(order: Record, errors: list[str]) -> Record:
    return {
        "AdditionalInfo": {"SellerOrderID": str(order.get("SellerOrderID"))},
        "ErrorList": {"ErrorDescription": errors[0] if len(errors) == 1 else errors},
    }


def _ids(found: object) -> list[str]:
    """Request ids as the clients of this API send them: in an object, one or several, or in a list of objects."""
    if isinstance(found, list):
        return [name for each in found for name in _ids(each)]
    if isinstance(found, dict):
        found = found.get("RequestID")
        return [str(each) for each in found] if isinstance(found, list) else _ids(found)
    return [str(found)] if found else []


def _moment(text: str | None) -> float | None:
    return times.read(text) if text else None


def _request_id(number: int) -> str:
    letters = ""
    while number:
        number, digit = divmod(number, 36)
        letters = _LETTERS[digit] + letters
    return letters
