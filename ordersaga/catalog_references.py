"""What a catalog file takes for known: sellers, locations and SKUs of its rows, and receipts that were counted before.

uses = Uses.of(file)
catalog = file.catalog(tuple(contradictions(uses, await services.catalog.standing(**uses.names()))))
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ordersaga.catalog_csv import CatalogFile, CsvRow, RowProblem
from ordersaga.domain.catalog import Product, Receipt, Standing

_USED: Final = {"product": ("seller",), "stock": ("location", "sku")}
_DEFINED: Final = {"seller": "seller", "location": "location", "product": "sku"}
_ROW_KIND: Final = {column: kind for kind, column in _DEFINED.items()}


@dataclass(frozen=True)
class Uses:
    """Cells that name something no row of the file defines, the file's receipts, and the sellers of its products."""

    cells: tuple[tuple[CsvRow, str], ...]
    receipts: tuple[tuple[CsvRow, Receipt], ...]
    owners: Mapping[str, str]

    @classmethod
    def of(cls, file: CatalogFile) -> "Uses":
        """Cells that were refused already are left out, so nobody hears of one twice.

        A row defines its name even when something else in it was refused: that is told there.
        """
        owners = {item.sku: item.seller for _, item in file.items if isinstance(item, Product)}
        refused = {(problem.line, problem.column) for problem in file.problems}
        defined = {(column, row.cells.get(column)) for row in file.rows for column in _defines(row)}
        cells = tuple(
            (row, column)
            for row in file.rows
            for column in _USED.get(row.cells.get("kind", ""), ())
            if column in row.cells and (row.line, column) not in refused and (column, row.cells[column]) not in defined
        )
        return cls(cells, tuple((row, item) for row, item in file.items if isinstance(item, Receipt)), owners)

    def names(self) -> dict[str, set[str]]:
        """The names to look up, by what they are."""
        by_column = {column: {row.cells[column] for row, name in self.cells if name == column} for column in _ROW_KIND}
        return {
            "sellers": by_column["seller"],
            "locations": by_column["location"],
            "skus": by_column["sku"],
            "receipts": {receipt.receipt_id for _, receipt in self.receipts},
        }


def contradictions(uses: Uses, standing: Standing, seller: str | None = None) -> Iterator[RowProblem]:
    """Every cell that names what nobody defined, and every receipt that its seller used for other units.

    `seller`: who hands the file in, and hears of no other's receipts; None: whoever may know of all.
    """
    known = {"seller": standing.sellers, "location": standing.locations, "sku": standing.skus}
    for row, column in uses.cells:
        if row.cells[column] not in known[column]:
            text = f"neither the file nor the catalog has {row.cells[column]}"
            advice = f"add a {_ROW_KIND[column]} row, or correct it"
            yield RowProblem(line=row.line, column=column, message=text, remedy=advice)
    for row, receipt in uses.receipts:
        units = (receipt.location, receipt.sku, receipt.quantity)
        owner = standing.skus.get(receipt.sku) or uses.owners.get(receipt.sku, "")
        before = standing.receipts.get((owner, receipt.receipt_id), units)
        if before != units and owner == (seller or owner):
            text = f"{receipt.receipt_id} was already used for {before[2]} {before[1]} at {before[0]}"
            advice = "give these units a receipt id of their own, or repeat that row"
            yield RowProblem(line=row.line, column="receipt_id", message=text, remedy=advice)


def _defines(row: CsvRow) -> tuple[str, ...]:
    column = _DEFINED.get(row.cells.get("kind", ""))
    return (column,) if column else ()
