"""Read an orders file (CSV): one row for each line of an order. The format is told in docs/csv.md."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from ordersaga.api.shapes import NewOrder
from ordersaga.catalog_csv import CsvFileError, CsvRow, RowProblem, built, read_rows, whole
from ordersaga.domain.values import Value

_ADDRESS: Final = ("name", "line1", "line2", "city", "region", "postal_code", "country", "phone", "email")
_PAYMENT: Final = {
    "payment_method": "payment_method",
    "customer": "customer",
    "payment_type": "type",
    "pay_link": "pay_link",
    "return_url": "return_url",
    "collected_by": "collected_by",
}
"""Columns of the way to pay, and what the API calls them."""
_ORDER: Final = ("order_id", "seller", "channel", "currency", "shipping", "tax", "buyer", "waitlist", "wait_until")
_LINE: Final = ("sku", "quantity", "unit_price")
_NOTES: Final = ("scenario", "expected", "expected_reason")
_NUMBERS: Final = frozenset({"quantity", "unit_price", "shipping", "tax"})
_KNOWN: Final = {*_ORDER, *_LINE, *_ADDRESS, *_PAYMENT, *_NOTES}


def parse_orders(content: bytes) -> list[NewOrder]:
    """Read an orders file: rows that follow each other with one `order_id` are the lines of one order.

    Everything but `sku`, `quantity` and `unit_price` may be left empty on an order's further rows.

    Raises:
        CsvFileError: with every problem found; nothing of such a file may be used.
    """
    return [order for _, order in parse_order_rows(content)]


def parse_order_rows(content: bytes) -> list[tuple[list[CsvRow], NewOrder]]:
    """The same, each order with its rows, whose notes (`scenario`, `expected`, `expected_reason`) the demo reads.

    Raises:
        CsvFileError: with every problem found; nothing of such a file may be used.
    """
    problems: list[RowProblem] = []
    orders: list[tuple[list[CsvRow], Value]] = []
    seen: dict[str, int] = {}
    rows = read_rows(content, _KNOWN, ("order_id", *_LINE), problems)
    for order_id, group in groupby(rows, key=lambda row: row.cells.get("order_id", "")):
        lines = list(group)
        problems.extend(_order_problems(order_id, lines, seen))
        order = built(lines, lambda rows: NewOrder.model_validate(_body(rows)), problems)
        orders.extend([(lines, order)] if order else [])
    if problems:
        raise CsvFileError(sorted(problems, key=lambda problem: problem.line))
    return [(lines, order) for lines, order in orders if isinstance(order, NewOrder)]


def _order_problems(order_id: str, rows: list[CsvRow], seen: dict[str, int]) -> Iterator[RowProblem]:
    first = rows[0]
    if not order_id:
        yield _problem(first, "order_id", "the cell is empty", "give every row the id of its order")
    elif seen.setdefault(order_id, first.line) != first.line:
        text = f"order {order_id} already stands in line {seen[order_id]}"
        yield _problem(first, "order_id", text, "put an order's rows under each other")
    for row in rows[1:]:
        for column, cell in row.cells.items():
            if column not in _LINE and cell != first.cells.get(column):
                advice = f"leave it empty, or repeat what stands in line {first.line}"
                yield _problem(row, column, "differs from the order's first row", advice)


def _problem(row: CsvRow, column: str, text: str, advice: str) -> RowProblem:
    return RowProblem(line=row.line, column=column, message=text, remedy=advice)


def _body(rows: Sequence[CsvRow]) -> dict[str, Any]:
    first = rows[0].cells
    return {
        **{name: _value(name, first[name]) for name in _ORDER if name in first},
        "lines": [{name: _value(name, row.cells[name]) for name in _LINE if name in row.cells} for row in rows],
        "ship_to": {name: first[name] for name in _ADDRESS if name in first},
        "payment": {field: _value(name, first[name]) for name, field in _PAYMENT.items() if name in first},
    }


def _value(column: str, cell: str) -> object:
    if column == "pay_link":
        return {"true": True, "false": False}.get(cell.lower(), cell)
    return whole(cell) if column in _NUMBERS else cell
