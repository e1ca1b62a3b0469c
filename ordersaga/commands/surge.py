"""`ordersaga surge`: how checkouts, starts and lanes stand now, from the API's own gauges.

Exit codes: 0 done; 1 the API refused; 2 wrong usage, or no valid key; 3 no API; 130 interrupted.
"""

import time
from collections.abc import Callable, Iterator
from math import isfinite
from typing import Annotated

import typer
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.live import Live
from rich.table import Table

from ordersaga.commands.errors import FAILED, USAGE, CommandError
from ordersaga.commands.remote import URL_NAMES, ApiKey, ApiUrl, AsJson, call, show_json, show_pairs
from ordersaga.domain.values import Message


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
    watch: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Look again and again; on a terminal.")] = 0,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Show orders by status, checkouts taken and refused, starts that wait, and calls that wait in each lane."""

    def look() -> Surge:
        text = call(api_url, api_key, lambda api: api.metrics())
        try:
            return read_gauges(text)
        except ValueError:
            raise CommandError(f"the answer has no metrics of ordersaga's API; correct {URL_NAMES}", FAILED) from None

    if not isfinite(watch):
        raise CommandError(f"--watch {watch}: give a number of seconds, such as 2", USAGE)
    if watch and (as_json or not Console().is_terminal):
        raise CommandError("--watch is for a terminal; without one, ask once and again", USAGE)
    if as_json:
        show_json(look())
    elif watch:
        _watch(look(), look, watch)
    else:
        show_pairs(_facts(look()))


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


def _watch(now: Surge, look: Callable[[], Surge], seconds: float) -> None:
    with Live(_table(now), auto_refresh=False) as live:
        while True:
            time.sleep(seconds)
            live.update(_table(look()), refresh=True)


def _table(now: Surge) -> Table:
    table = Table(title="Surge", title_justify="left", show_header=False)
    for name, value in _facts(now):
        table.add_row(name, str(value))
    return table


def _facts(now: Surge) -> Iterator[tuple[str, object]]:
    yield "orders", _counts(now.orders)
    yield "taken", _counts(now.placed)
    yield "refused", _counts(now.refused)
    yield "waiting", f"{now.starts_waiting} starts, the oldest for {now.oldest_start_seconds:.0f} s"
    yield "under way", f"{now.sagas_under_way} sagas, room for {now.start_window}"
    yield "lanes", _counts(now.lanes)


def _counts(counted: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counted.items()) if count) or "none"
