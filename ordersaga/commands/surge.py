"""`ordersaga surge`: how checkouts, starts and lanes stand now, from the API's own gauges; or seller by seller.

Exit codes: 0 done; 1 the API refused; 2 wrong usage, or no valid key; 3 no API; 130 interrupted.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from math import isfinite
from typing import Annotated

import typer
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console, Group
from rich.live import Live

from ordersaga.api.live_shapes import LiveView
from ordersaga.commands.errors import FAILED, USAGE, CommandError
from ordersaga.commands.remote import (
    URL_NAMES,
    ApiKey,
    ApiUrl,
    AsJson,
    call,
    show_json,
    show_pairs,
    show_table,
    table_of,
)
from ordersaga.domain.live import SellerNow
from ordersaga.domain.values import Message

Tables = Iterator[tuple[str, Sequence[str], Sequence[Sequence[object]]]]
"""Each with its title, its columns and its rows."""


class Surge(Message):
    """How a surge stands. Counts of `placed` and `refused` are of the API process that answered, since it began."""

    orders: dict[str, int]
    placed: dict[str, int]
    refused: dict[str, int]
    starts_waiting: int
    sagas_under_way: int
    start_window: int
    oldest_start_seconds: float
    lanes: dict[str, int]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(surge)


def surge(
    by_seller: Annotated[
        bool, typer.Option("--by-seller", help="The last seconds of each seller, and the time left to ship.")
    ] = False,
    watch: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Look again and again; on a terminal.")] = 0,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Show orders by status, checkouts taken and refused, starts that wait, and calls that wait in each lane."""
    if not isfinite(watch):
        raise CommandError(f"--watch {watch}: give a number of seconds, such as 2", USAGE)
    look = partial(_lately if by_seller else _gauges, api_url, api_key)
    if watch and (as_json or not Console().is_terminal):
        raise CommandError("--watch is for a terminal; without one, ask once and again", USAGE)
    now = look()
    if as_json:
        show_json(now)
    elif watch:
        _watch(now, look, watch)
    elif isinstance(now, Surge):
        show_pairs(_facts(now))
    else:
        for title, columns, rows in _tables(now):
            show_table(title, columns, rows)


def _gauges(api_url: str, api_key: str) -> Surge | LiveView:
    text = call(api_url, api_key, lambda api: api.metrics())
    try:
        return read_gauges(text)
    except ValueError:
        raise CommandError(f"the answer has no metrics of ordersaga's API; correct {URL_NAMES}", FAILED) from None


def _lately(api_url: str, api_key: str) -> Surge | LiveView:
    return call(api_url, api_key, lambda api: api.call("GET", "/v1/live", LiveView))


def read_gauges(text: str) -> Surge:
    """What the gauges say; one that is not there counts as 0."""
    families = {family.name: family.samples for family in text_string_to_metric_families(text)}

    def by(name: str, label: str) -> dict[str, int]:
        return {one.labels[label]: int(one.value) for one in families.get(name, ()) if label in one.labels}

    def one(name: str) -> float:
        return next((float(sample.value) for sample in families.get(name, ())), 0.0)

    return Surge(
        orders=by("ordersaga_orders", "status"),
        placed=by("ordersaga_checkouts_placed", "how"),
        refused=by("ordersaga_checkouts_refused", "reason"),
        starts_waiting=int(one("ordersaga_starts_waiting")),
        sagas_under_way=int(one("ordersaga_sagas_under_way")),
        start_window=int(one("ordersaga_start_window")),
        oldest_start_seconds=one("ordersaga_start_oldest_age_seconds"),
        lanes=by("ordersaga_lane_backlog", "lane"),
    )


def _watch(now: Surge | LiveView, look: Callable[[], Surge | LiveView], seconds: float) -> None:
    with Live(_drawn(now), auto_refresh=False) as live:
        while True:
            time.sleep(seconds)
            live.update(_drawn(look()), refresh=True)


def _drawn(now: Surge | LiveView) -> Group:
    if isinstance(now, Surge):
        return Group(table_of("Surge", ("", "now"), _facts(now)))
    return Group(*(table_of(title, columns, rows) for title, columns, rows in _tables(now)))


def _facts(now: Surge) -> Iterator[tuple[str, object]]:
    yield "orders", _counts(now.orders)
    yield "taken", _counts(now.placed)
    yield "refused", _counts(now.refused)
    yield "waiting", f"{now.starts_waiting} starts, the oldest for {now.oldest_start_seconds:.0f} s"
    yield "under way", f"{now.sagas_under_way} sagas, room for {now.start_window}"
    yield "lanes", _counts(now.lanes)


def _tables(now: LiveView) -> Tables:
    sellers = (now.all, *now.sellers)
    lately = ("seller", "arrived", "accepted", "sold out", "in line", "turned down", "refused", "waiting", "oldest")
    yield f"The last {now.seconds} seconds, and what waits", lately, list(map(_lately_row, sellers))
    left = ("seller", "overdue", "under 1 h", "1 to 4 h", "4 to 24 h", "later")
    yield "Not shipped, by the time left until the promise", left, list(map(_slack_row, sellers))
    if now.lanes is not None:
        lanes = [(each.lane, each.state, "?" if each.backlog is None else each.backlog) for each in now.lanes]
        yield "Lanes", ("lane", "state", "waiting"), lanes


def _lately_row(row: SellerNow) -> tuple[object, ...]:
    counted = (row.arrived, row.accepted, row.sold_out, row.in_line, row.turned_down)
    oldest = f"{row.oldest_seconds:.0f} s" if row.waiting else ""
    return row.seller or "all", *counted, _counts(row.refused), row.waiting, oldest


def _slack_row(row: SellerNow) -> tuple[object, ...]:
    left = row.slack
    return row.seller or "all", left.overdue, left.within_1h, left.within_4h, left.within_1d, left.later


def _counts(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counted.items()) if count) or "none"
