"""The demo's orders: an orders file (docs/csv.md) whose rows also tell the scenario and the end it must come to."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from ordersaga.api.shapes import NewOrder
from ordersaga.catalog_csv import CsvFileError, CsvRow, RowProblem
from ordersaga.domain.catalog import Catalog
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus
from ordersaga.orders_csv import parse_order_rows

_ENDS: Final = tuple(sorted(status.value for status in FINAL_STATUSES))


@dataclass(frozen=True)
class DemoOrder:
    """An order to place, what shall happen to it, and how it must end. `reason` None: any."""

    order_id: str
    scenario: str
    expected: OrderStatus
    reason: str | None
    body: Mapping[str, Any]

    @property
    def payment_method(self) -> str:
        """The card it is paid with."""
        return str(self.body["payment"]["payment_method"])


def read_orders(content: bytes, catalog: Catalog, scenarios: Collection[str]) -> list[DemoOrder]:
    """Read the file and check every row against the catalog and the known scenarios.

    Raises:
        CsvFileError: with every problem found; no order of such a file may be placed.
    """
    orders: list[DemoOrder] = []
    problems: list[RowProblem] = []
    for rows, order in parse_order_rows(content):
        found = [*_note_problems(rows[0], scenarios), *_catalog_problems(rows, order, catalog)]
        problems.extend(found)
        if not found:
            orders.append(_demo_order(rows[0], order))
    if problems:
        raise CsvFileError(problems)
    return orders


def _demo_order(row: CsvRow, order: NewOrder) -> DemoOrder:
    return DemoOrder(
        order_id=str(order.order_id),
        scenario=row.cells["scenario"],
        expected=OrderStatus(row.cells["expected"]),
        reason=row.cells.get("expected_reason"),
        body=order.model_dump(mode="json", exclude_none=True),
    )


def _note_problems(row: CsvRow, scenarios: Collection[str]) -> Iterator[RowProblem]:
    for column, known in (("scenario", sorted(scenarios)), ("expected", _ENDS)):
        cell = row.cells.get(column, "")
        if cell not in known:
            text = f"{cell!r} is not known" if cell else "the cell is empty"
            yield RowProblem(line=row.line, column=column, message=text, remedy=f"use one of {', '.join(known)}")


def _catalog_problems(rows: Sequence[CsvRow], order: NewOrder, catalog: Catalog) -> Iterator[RowProblem]:
    """The seller and its SKUs must be in the catalog, or the API would refuse what others had placed already."""
    sellers = {seller.seller for seller in catalog.sellers}
    if order.seller not in sellers:
        advice = f"use one of {', '.join(sorted(sellers))}, or add it to the catalog"
        yield RowProblem(line=rows[0].line, column="seller", message=f"no seller is {order.seller}", remedy=advice)
        return
    sold = {product.sku for product in catalog.products if product.seller == order.seller}
    for row, line in zip(rows, order.lines, strict=True):
        if line.sku not in sold:
            advice = f"use one of {', '.join(sorted(sold))}, or add it to the catalog"
            text = f"{order.seller} sells no {line.sku}"
            yield RowProblem(line=row.line, column="sku", message=text, remedy=advice)


def sample(orders: Sequence[DemoOrder]) -> list[DemoOrder]:
    """The first order of each scenario, in the order of the file."""
    first: dict[str, DemoOrder] = {}
    for order in orders:
        first.setdefault(order.scenario, order)
    return list(first.values())


def in_waves(orders: Sequence[DemoOrder], wave: Callable[[DemoOrder], int], seed: int) -> list[list[DemoOrder]]:
    """Orders by wave, shuffled within each: a wave begins when the one before it has its answers."""
    shuffled = Random(seed).sample(list(orders), len(orders))  # noqa: S311 - a show, not a secret
    return [
        [order for order in shuffled if wave(order) == number] for number in sorted({wave(order) for order in orders})
    ]
