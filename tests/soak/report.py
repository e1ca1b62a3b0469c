"""A run as a person reads it: on the terminal, as JSON, as a page with a chart."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from ordersaga.charts import line_chart
from tests.soak.run import Judged, Outcome
from tests.soak.series import OURS, series_of
from tests.soak.trend import Verdict

BEGIN, END = "<!-- measured: written by make soak -->", "<!-- measured: end -->"
CHART: Final = "soak.svg"
_COLORS: Final = {Verdict.FLAT: "green", Verdict.GROWS: "red", Verdict.UNCLEAR: "yellow"}


def show(console: Console, outcome: Outcome) -> None:
    """The table, and what is wrong."""
    table = Table("series", "mean", "an hour", "limit", "verdict", title=headline(outcome))
    for each in outcome.judged:
        color = _COLORS[each.verdict] if each.verdict else "dim"
        table.add_row(*_cells(each)[:4], f"[{color}]{_told(each)}[/]")
    console.print(table)
    for line in outcome.wrong:
        console.print(f"[red]wrong[/]  {line}", highlight=False, soft_wrap=True)


def headline(outcome: Outcome) -> str:
    """The run in a line."""
    count = sum(outcome.answers.values())
    options = outcome.options
    said = "nothing grows" if not outcome.grows else f"{len(outcome.grows)} series grow"
    said = "a trial, too short to tell what grows" if options.trial else said
    unclear = sum(each.verdict is Verdict.UNCLEAR for each in outcome.judged)
    doubt = f", {unclear} unclear" if unclear else ""
    return f"{count:,} checkouts in {options.minutes:g} minutes: {said}{doubt}"


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Everything but single samples."""
    return {
        "command": outcome.options.command,
        "good": outcome.good,
        "answers": dict(outcome.answers),
        "series": {
            each.name: {
                "mean": each.trend.mean,
                "last": each.trend.last,
                "highest": each.trend.highest,
                "slope_per_hour": each.trend.slope,
                "margin": each.trend.margin,
                "limit_per_hour": each.limit,
                "verdict": each.verdict and each.verdict.value,
            }
            for each in outcome.judged
        },
        "wrong": list(outcome.wrong),
    }


def write_page(page: Path, outcome: Outcome, machine: Mapping[str, str], day: str) -> None:
    """Put the run between the marks of the page, and the chart beside it. A page that is not there is begun."""
    page.parent.mkdir(parents=True, exist_ok=True)
    text = page.read_text(encoding="utf-8") if page.exists() else f"# Soak\n\n{BEGIN}\n{END}\n"
    marks = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    told = "\n".join(_page(outcome, machine, day))
    page.write_text(marks.sub(lambda _: f"{BEGIN}\n\n{told}\n\n{END}", text), encoding="utf-8")
    _draw(page.with_name(CHART), outcome)


def _page(outcome: Outcome, machine: Mapping[str, str], day: str) -> list[str]:
    answers = ", ".join(f"{answer} {count:,} times" for answer, count in sorted(outcome.answers.items()))
    return [
        f"Measured {day} with `{outcome.options.command}`, {machine['cores']} cores of {machine['processor']}, "
        f"load before {machine['load before']}.",
        "",
        f"**{headline(outcome)}.** Answers: {answers}. "
        + (f"Wrong: {'; '.join(outcome.wrong)}." if outcome.wrong else "Every order came to its end; no finding."),
        "",
        f"![Memory of each process over the run]({CHART})",
        "",
        "| series | mean | an hour, with 95 % confidence | may grow an hour | verdict |",
        "|---|---|---|---|---|",
        *(f"| {' | '.join(_cells(each))} |" for each in outcome.judged),
        "",
        "The largest tables when it ended:",
        "",
        "| table | rows | dead rows | MB with indexes |",
        "|---|---|---|---|",
        *(f"| {each.name} | {each.live:,} | {each.dead:,} | {each.bytes / 1e6:,.1f} |" for each in outcome.tables),
    ]


def _cells(each: Judged) -> Sequence[str]:
    series, line = series_of(each.name), each.trend
    unit = f" {series.unit}" if series.unit else ""
    limit = "told only" if each.limit is None else f"{each.limit:,.1f}{unit}"
    slope = f"{line.slope:+,.2f} ± {line.margin:,.2f}{unit}"
    return series.title, f"{line.mean:,.1f}{unit}", slope, limit, _told(each)


def _told(each: Judged) -> str:
    if each.verdict is Verdict.GROWS:
        return f"grows {each.trend.slope:,.1f} {series_of(each.name).unit}".rstrip() + " an hour"
    return "told" if each.verdict is None else each.verdict.value


def _draw(file: Path, outcome: Outcome) -> None:
    """Megabytes of our processes, over minutes."""
    lines = {
        name.removeprefix("memory "): [(seconds / 60, value) for seconds, value in points]
        for name, points in sorted(outcome.series.items())
        if name.startswith("memory ") and name.removeprefix("memory ").partition("-")[0] in (*OURS, "temporal")
    }
    line_chart(file, "Memory under steady load", "minutes", "MB", lines)
