"""The report: a page with tables, the same as JSON, and charts; written from the rows' files."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure, Picture, Row
from benchmarks.rows.registry import MODULES
from ordersaga.charts import bar_chart, line_chart

_INTRODUCTION: Final = """\
# Benchmarks

What `make bench` measured: the product, and beside it what others would build, on the same machine, the same servers
and in the same run, taking turns. Machines differ, so read the ratios. A figure without a peer is judged alone.

Both sides use one Temporal development server, tuned (`ordersaga/embedded/temporal.py`): untuned, every remote step
waits up to 50 ms for the next poll, and the peers would mostly measure that. The peers are in `benchmarks/peers`:
competent code, before the same companies and ledgers."""
_AGAIN: Final = """\
## How to run it

```
make bench                                       # every row; what was measured before is kept
make bench BENCH_ARGS="--only B3"                # one row anew
make bench BENCH_ARGS="--only B1,B5 --quick"     # to see that it works; not to quote
make bench BENCH_ARGS="--fresh"                  # forget everything before
```

A row that does not reach its mark is no failure: it says `not reached`, and the exit code is 0. A measurement that
means nothing (an order that did not complete, a count that is wrong) is refused, and the exit code is 1. Let nothing
else run on the machine. Rows are kept in `build/bench`; this page, `benchmarks.json` and the charts are written from
them."""


def write_report(docs: Path, rows: Sequence[Row]) -> Path:
    """Write `benchmarks.md`, `benchmarks.json` and `benchmarks-*.svg` into a folder; returns the page."""
    docs.mkdir(parents=True, exist_ok=True)
    for old in docs.glob("benchmarks-*.svg"):
        old.unlink()
    for row in rows:
        for picture in row.pictures:
            _draw(docs / _file(row, picture), picture)
    plain = {"rows": [row.model_dump(mode="json") for row in rows]}
    (docs / "benchmarks.json").write_text(json.dumps(plain, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    page = docs / "benchmarks.md"
    page.write_text("\n\n".join(_page(rows)) + "\n", encoding="utf-8")
    return page


def _page(rows: Sequence[Row]) -> Iterable[str]:
    yield _INTRODUCTION
    yield _machine(rows)
    yield "## All rows"
    yield _summary(rows)
    if missing := sorted(MODULES.keys() - {row.row for row in rows}):
        yield f"Not measured yet: {', '.join(missing)}."
    for row in rows:
        yield from _section(row)
    yield _AGAIN


def _machine(rows: Sequence[Row]) -> str:
    """The machine and versions that every row shares; what differs stands with the rows."""
    shared = _shared(rows)
    days = sorted({row.measured_at for row in rows})
    minutes = sum(row.seconds for row in rows) / 60
    told = [f"| {name} | {value} |" for name, value in shared.items()]
    days_told = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    head = ["## The machine", "", "| | |", "|---|---|", f"| measured | {days_told} |"]
    return "\n".join([*head, *told, f"| wall time of all rows | {minutes:.1f} min |"])


def _shared(rows: Sequence[Row]) -> dict[str, str]:
    first = rows[0].machine
    return {name: value for name, value in first.items() if all(row.machine.get(name) == value for row in rows)}


def _summary(rows: Sequence[Row]) -> str:
    lines = ["| row | what | figure | ordersaga | peer | ratio | mark | |", "|---|---|---|---|---|---|---|---|"]
    for row in rows:
        for figure in row.figures:
            if figure.reached is not None:
                what = f"[{row.title}](#{_anchor(row)})"
                lines.append(f"| {row.row} | {what} | {_cells(figure)} | {_verdict(figure)} |")
    return "\n".join(lines)


def _section(row: Row) -> Iterable[str]:
    yield f"## {row.row} {row.title}"
    quick = "**A quick run: it shows that the row works, its figures are not to be quoted.**\n\n" if row.quick else ""
    yield f"{quick}{row.load[0].upper()}{row.load[1:]}."
    busy = row.machine.get("load before", "unknown")
    yield f"Beside it: {row.beside}. It took {row.seconds:.0f} s; the machine's load before was {busy}."
    table = ["| figure | ordersaga | peer | ratio | mark | |", "|---|---|---|---|---|---|"]
    yield "\n".join([*table, *(f"| {_cells(figure)} | {_verdict(figure)} |" for figure in row.figures)])
    for picture in row.pictures:
        yield f"![{picture.title}]({_file(row, picture)})"
    yield "\n".join(["Exact, or the row would be invalid:", "", *(f"- {check}" for check in row.checks)])
    if row.notes:
        yield "\n\n".join(row.notes)


def _cells(figure: Figure) -> str:
    unit = f" {figure.unit}" if figure.unit else ""
    peer = "" if figure.peer is None else f"{_number(figure.peer)}{unit}"
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}x"
    return f"{figure.name} | {_number(figure.product)}{unit} | {peer} | {ratio} | {figure.reach}"


def _number(value: float) -> str:
    """Three figures that count."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _verdict(figure: Figure) -> str:
    if figure.reached is None:
        return ""
    return "reached" if figure.reached else "not reached"


def _anchor(row: Row) -> str:
    return f"{row.row} {row.title}".lower().replace(" ", "-")


def _file(row: Row, picture: Picture) -> str:
    return f"benchmarks-{row.row.lower()}-{picture.name}.svg"


def _draw(file: Path, picture: Picture) -> None:
    if picture.kind == "bars":
        bar_chart(file, picture.title, picture.y, picture.groups, log_y=picture.log)
    else:
        line_chart(file, picture.title, picture.x, picture.y, picture.lines, log_y=picture.log)
