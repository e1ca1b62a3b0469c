"""`ordersaga whatif`: the saga's own workflow code in virtual time. Nothing runs, nothing is asked of anybody outside.

Exit codes: 0 answered; 1 the simulation failed; 2 wrong usage.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing import get_context
from os import cpu_count
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from ordersaga.charts import ChartsMissingError, line_chart
from ordersaga.commands.errors import FAILED, USAGE, CommandError
from ordersaga.commands.remote import AsJson, show_json, show_table
from ordersaga.domain.amounts import format_amount
from ordersaga.whatif.compared import compared
from ordersaga.whatif.errors import PlayFailedError
from ordersaga.whatif.measures import spoken
from ordersaga.whatif.report import Answer, Answers, answered, answers
from ordersaga.whatif.scenario import Question, Scenario, ScenarioError, checked, provider_plan, read_scenario
from ordersaga.whatif.sparks import sparks

TITLE: Final = "What if"
LONG: Final = 1_000


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("whatif")(whatif)


def whatif(
    scenario: Annotated[Path | None, typer.Option(metavar="FILE", help="A scenario, see docs/whatif.md.")] = None,
    orders: Annotated[int | None, typer.Option(min=1, help="How many arrive; 20000 if left out.")] = None,
    within: Annotated[str | None, typer.Option(metavar="TIME", help="In how long: 10m, 2h.")] = None,
    provider: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=CALLS[,PARCELS]", help="Repeatable: shipbob=150/min, or shipbob=150/min,6000/day."),
    ] = None,
    ship_within: Annotated[str | None, typer.Option(metavar="TIME", help="The promise: 24h, 2d.")] = None,
    units: Annotated[
        int | None, typer.Option(min=1, help="In stock of what everybody wants; enough if left out.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same answer.")] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="How many orders are played for all; 2000.")] = None,
    whole: Annotated[bool, typer.Option("--whole", help="Play every order.")] = False,
    compare: Annotated[bool, typer.Option("--compare", help="And what would help.")] = False,
    as_json: AsJson = False,
    chart: Annotated[Path | None, typer.Option(metavar="FILE.svg", help="Draw who waits over time.")] = None,
) -> None:
    """Play a surge in virtual time with the real workflow code: how many miss ship-by, and what would change that."""
    given = {
        "orders": orders,
        "within": within,
        "providers": _providers(provider),
        "ship_within": ship_within,
        "units": units,
        "seed": seed,
        "sample": 10**6 if whole else sample,
    }
    if chart is not None and not chart.parent.is_dir():
        raise CommandError(f"--chart: there is no folder {chart.parent}; name one that exists", USAGE)
    question = _question(scenario, {name: value for name, value in given.items() if value is not None}, compare)
    told = _played(question)
    if chart is not None:
        _draw(chart, told)
    if as_json:
        show_json(told)
    else:
        _show(told)


def _providers(words: list[str] | None) -> dict[str, Any] | None:
    """What each `--provider` says. Raises CommandError."""
    plans: dict[str, Any] = {}
    for word in words or []:
        name, _, plan = word.partition("=")
        try:
            plans[name] = provider_plan(plan)
        except ValueError as error:
            raise CommandError(f"--provider {word!r}: {error}; such as shipbob=150/min,6000/day", USAGE) from None
    return plans or None


def _question(file: Path | None, given: dict[str, Any], compare: bool) -> Question:
    """Raises CommandError."""
    try:
        if file is not None:
            question = read_scenario(file, given)
        else:
            question = Question(title=TITLE, variants={"as asked": checked(given, "options: ")})
    except ScenarioError as error:
        raise CommandError(str(error), USAGE) from error
    return compared(question) if compare else question


def _played(question: Question) -> Answers:
    """Raises CommandError."""
    try:
        with _told(question):
            return answers(question, _at_once if _is_long(question) else _here)
    except PlayFailedError as error:
        raise CommandError(f"the simulation failed: {error}", FAILED) from error


def _is_long(question: Question) -> bool:
    """Several variants, and enough to play to make up for the start of a process."""
    return len(question.variants) > 1 and sum(each.simulated for each in question.variants.values()) > LONG


@contextmanager
def _told(question: Question) -> Iterator[None]:
    played = sum(each.simulated for each in question.variants.values())
    words = f"playing {played:,} orders in {len(question.variants)} variant(s)"
    with Console(stderr=True).status(words):
        yield


def _here(variants: list[tuple[str, Scenario]]) -> Iterable[Answer]:
    return [answered(name, scenario) for name, scenario in variants]


def _at_once(variants: list[tuple[str, Scenario]]) -> Iterable[Answer]:
    """Variants share nothing, so each has a process of its own, as many at once as there are cores."""
    workers = min(len(variants), cpu_count() or 1)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return list(pool.map(answered, *zip(*variants, strict=True)))


def _show(told: Answers) -> None:
    show_table(told.title, ("", *(each.name for each in told.variants)), _rows(told.variants))
    for title, curve in (
        ("orders whose parcel its provider does not have yet", _hand_offs),
        ("orders not yet scanned by a carrier", _scans),
    ):
        typer.echo(f"\n{title}:")
        for line in sparks({each.name: curve(each) for each in told.variants}):
            typer.echo(f"  {line}")
    some = told.variants[0]
    if some.simulated < some.orders:
        typer.echo(f"\n{some.simulated:,} of {some.orders:,} orders were played; --whole plays all")


def _hand_offs(answer: Answer) -> tuple[tuple[float, int], ...]:
    return answer.waiting_for_hand_off


def _scans(answer: Answer) -> tuple[tuple[float, int], ...]:
    return answer.waiting_for_scan


def _rows(variants: tuple[Answer, ...]) -> list[list[str]]:
    measures: dict[str, Callable[[Answer], str]] = {
        "confirmed": lambda each: f"{each.confirmed:,}",
        "declined": lambda each: f"{each.declined:,}",
        "sold out": lambda each: f"{each.sold_out:,}",
        "shipped on time": lambda each: f"{each.on_time:,}",
        "missed ship-by": _missed,
        "hand-off wait p50": lambda each: _spoken(each.wait_p50),
        "hand-off wait p95": lambda each: _spoken(each.wait_p95),
        "hand-off wait p99": lambda each: _spoken(each.wait_p99),
        "last first scan": lambda each: _spoken(each.last_scan),
        "lanes: most waiting, drained": _lanes,
        "people were asked": _asked,
        "money captured": lambda each: format_amount(each.captured, each.currency),
        "worst seller": _worst,
    }
    return [[name, *(measure(each) for each in variants)] for name, measure in measures.items()]


def _spoken(seconds: int) -> str:
    return spoken(timedelta(seconds=seconds))


def _missed(answer: Answer) -> str:
    part = f" ({answer.missed / answer.confirmed:.1%})" if answer.confirmed else ""
    canceled = f", {answer.canceled:,} canceled" if answer.canceled else ""
    return f"{answer.missed:,}{part}{canceled}"


def _lanes(answer: Answer) -> str:
    lanes = answer.lanes.items()
    told = ((name.removeprefix("provider-"), lane) for name, lane in lanes)
    return "\n".join(f"{name}: {lane.most_waiting:,}, {_spoken(lane.drained_at)}" for name, lane in told)


def _asked(answer: Answer) -> str:
    return "\n".join(f"{kind}: {count:,}" for kind, count in answer.asked.items()) or "nothing"


def _worst(answer: Answer) -> str:
    worst = answer.worst_seller
    return f"{worst.seller}: {worst.missed:,} of {worst.confirmed:,} late" if worst else "none is late"


def _draw(path: Path, told: Answers) -> None:
    """Without the extra that draws it is told how to get it, and the rest is shown. Raises CommandError."""
    series = {each.name: each.waiting_for_scan for each in told.variants}
    try:
        line_chart(path, told.title, "hours after the first order", "orders not yet scanned by a carrier", series)
    except ChartsMissingError as error:
        typer.secho(f"no chart was drawn: {error}", fg="yellow", err=True)
    except OSError as error:
        raise CommandError(
            f"--chart: cannot write {path}: {error.strerror}; name a place that exists", USAGE
        ) from error
