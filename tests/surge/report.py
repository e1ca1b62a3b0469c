"""A run as a person reads it, and as a document."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.surge.plan import CALM, SETTLE
from tests.surge.records import Record, Spread, spread
from tests.surge.run import GOAL, Outcome
from tests.surge.verdict import wrongs

MOST_RATIO: Final = 1.5
TOGETHER: Final = "together"
MOST_LATE: Final = 50.0
"""Milliseconds; a generator that sends later than that measures itself."""


@dataclass(frozen=True)
class Calm:
    """A seller's answers before and during the surge."""

    who: str
    kind: str
    quiet: Spread
    surge: Spread

    @property
    def ratio(self) -> float | None:
        """By how much the 99th of a hundred waits longer."""
        return self.surge.p99 / self.quiet.p99 if self.quiet.count and self.surge.count else None


def calm_rows(outcome: Outcome) -> list[Calm]:
    """Every other seller by kind of answer, then all of them together."""
    found = []
    for kind in ("now", "wait"):
        for seller in CALM:
            found.append(_calm(outcome, seller, kind, outcome.facts.by_stream.get(f"{_name(seller)}_{kind}", [])))
        together = [each for seller in CALM for each in outcome.facts.by_stream.get(f"{_name(seller)}_{kind}", [])]
        found.append(_calm(outcome, TOGETHER, kind, together))
    return [each for each in found if each.quiet.count or each.surge.count]


def _calm(outcome: Outcome, who: str, kind: str, records: Sequence[Record]) -> Calm:
    begin = outcome.measured.quiet_until
    quiet = [each.latency for each in records if SETTLE <= each.due < begin]
    return Calm(who, kind, spread(quiet), spread([each.latency for each in records if each.due >= begin]))


def _name(seller: str) -> str:
    return seller.replace("-", "_")


def viral(outcome: Outcome) -> list[Record]:
    """The surge itself."""
    return outcome.facts.by_stream.get(outcome.facts.offers[0].stream, [])


def latencies(outcome: Outcome) -> dict[str, Spread]:
    """The surge's answers by kind, from when a request was due."""
    records = viral(outcome)
    return {
        "final answer": spread([each.latency for each in records]),
        "first answer": spread([each.first_latency for each in records]),
        "accepted": spread([each.latency for each in records if each.answer == "accepted"]),
        "refused": spread([each.latency for each in records if each.answer == "refused"]),
    }


def answers_per_second(outcome: Outcome) -> float:
    """Final answers over the time from the first request's due moment to the last answer."""
    records = [each for each in viral(outcome) if each.latency is not None]
    if not records:
        return 0.0
    took = max(each.tries[-1].ended for each in records) - min(each.due for each in records)
    return round(len(records) / took, 1)


def warnings(outcome: Outcome) -> Iterator[str]:
    """Times beyond what is aimed at: no proof of anything wrong, unless asked to be strict."""
    final = latencies(outcome)["final answer"]
    if final.p99 > GOAL:
        yield f"99 of 100 have their answer within {final.p99:.0f} ms, not {GOAL:.0f}"
    for row in calm_rows(outcome):
        if row.who == TOGETHER and row.ratio is not None and row.ratio > MOST_RATIO:
            yield f"other sellers ({row.kind}): p99 is {row.ratio:.2f} times that of the quiet period, not {MOST_RATIO}"
    late = spread([each.late for each in outcome.facts.records])
    if late.p99 > MOST_LATE:
        yield f"the generator itself was late (p99 {late.p99:.0f} ms): times measure it as well as the API"


def as_json(outcome: Outcome) -> dict[str, Any]:
    """The report as a document."""
    facts, measured, records = outcome.facts, outcome.measured, viral(outcome)
    found = wrongs(facts)
    return {
        "command": outcome.options.command,
        "good": not found,
        "wrong": found,
        "warnings": list(warnings(outcome)),
        "rate": measured.rate,
        "orders": facts.offers[0].asked,
        "units": facts.offers[0].units,
        "answers": dict(facts.answers(facts.offers[0].stream)),
        "answers_per_second": answers_per_second(outcome),
        "latency_ms": {name: asdict(each) for name, each in latencies(outcome).items()},
        "overloaded": {
            "answers_503": sum(each.answers(503) for each in records),
            "requests_that_met_one": sum(bool(each.answers(503)) for each in records),
            "tries_without_answer": sum(each.resets for each in records),
            "tries": sum(len(each.tries) for each in records),
        },
        "other_sellers": [
            {
                "who": row.who,
                "kind": row.kind,
                "quiet": asdict(row.quiet),
                "surge": asdict(row.surge),
                "ratio": row.ratio,
            }
            for row in calm_rows(outcome)
        ],
        "all_final_after_seconds": round(measured.final_after, 1),
        "starts": asdict(measured.starts),
        "cpu_seconds": {"surge": measured.cpu_surge, "until_rest": measured.cpu_rest},
        "generator": {
            "late_ms": asdict(spread([each.late for each in facts.records])),
            "cpu_seconds_per_10000": _per(measured.load_cpu, measured.load_requests),
        },
        "steps": [{"rate": rate, "p99_ms": p99, "late_p99_ms": late} for rate, p99, late in measured.steps],
        "killed": list(facts.killed),
        "restarts": dict(facts.restarts),
        "repeats": len(facts.repeats),
        "differences": list(facts.differences),
        "findings": list(facts.findings),
    }


def _per(cpu: float, requests: int) -> float:
    return round(cpu / requests * 10_000, 2) if requests else 0.0


def show(console: Console, outcome: Outcome) -> None:
    """Tables, the last lines, then whatever is wrong, one line each."""
    told = as_json(outcome)
    console.print(_surge_table(outcome))
    console.print(_calm_table(outcome))
    console.print(_cpu_table(told["cpu_seconds"]))
    for line in summary(told):
        console.print(escape(line), highlight=False, soft_wrap=True)
    for line in told["warnings"]:
        console.print(f"[yellow]![/] {escape(line)}", highlight=False, soft_wrap=True)
    for line in told["wrong"]:
        console.print(f"[red]✗[/] {escape(line)}", highlight=False, soft_wrap=True)


def summary(told: Mapping[str, Any]) -> list[str]:
    """The last lines, from the document."""
    over, starts, answers = told["overloaded"], told["starts"], told["answers"]
    lines = [
        f"{told['orders']} checkouts for {told['units']} units at {told['rate']:g}/s: "
        f"{answers.get('accepted', 0)} accepted, {answers.get('refused', 0)} refused, "
        f"{answers.get('unanswered', 0)} unanswered, {answers.get('other', 0)} other; "
        f"{told['answers_per_second']:g} answers/s",
        f"503: {over['answers_503']} (to {over['requests_that_met_one']} requests); tries without an answer: "
        f"{over['tries_without_answer']}; {over['tries']} tries in all",
        f"sagas: {starts['inline']} started by the API, {starts['starter']} by the starter; "
        f"all final {told['all_final_after_seconds']:g} s after the surge began",
        f"generator: {told['generator']['cpu_seconds_per_10000']:g} CPU s per 10,000 requests, "
        f"late by {told['generator']['late_ms']['p99']:.0f} ms (p99)",
        f"killed: {', '.join(told['killed']) or 'nothing'}; {told['repeats']} asked again; "
        f"{len(told['differences'])} differences, {len(told['findings'])} findings",
    ]
    return [*lines, "every count is exact" if told["good"] else f"again: {told['command']}"]


def _surge_table(outcome: Outcome) -> Table:
    table = _table("The surge: from when a request was due", ("answer", "requests", "p50 ms", "p99 ms", "longest ms"))
    for name, found in latencies(outcome).items():
        table.add_row(name, str(found.count), *_milliseconds(found))
    return table


def _calm_table(outcome: Outcome) -> Table:
    columns = ("other sellers", "answer", "quiet p50", "quiet p99", "surge p50", "surge p99", "ratio of p99")
    table = _table("Sellers who trade as ever", columns)
    for row in calm_rows(outcome):
        kind = {"now": "taken", "wait": "outcome"}[row.kind]
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        table.add_row(row.who, kind, *_milliseconds(row.quiet)[:2], *_milliseconds(row.surge)[:2], ratio)
    return table


def _cpu_table(cpu: Mapping[str, Mapping[str, float]]) -> Table:
    table = _table("CPU seconds until", ("process", "the last answer", "the last saga"))
    for kind in sorted({kind for spent in cpu.values() for kind in spent}):
        table.add_row(
            kind, *(f"{cpu[until][kind]:.1f}" if kind in cpu[until] else "" for until in ("surge", "until_rest"))
        )
    return table


def _table(title: str, columns: Iterable[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left")
    return table


def _milliseconds(found: Spread) -> tuple[str, str, str]:
    return (f"{found.p50:.0f}", f"{found.p99:.0f}", f"{found.most:.0f}") if found.count else ("", "", "")
