"""Catalog files beside what is sellers' own: nobody writes into another seller's goods, places or profile.

problems = strange_rows(file, goods, open_accounts, seller="acme")   # at acme's own door; None: at everybody's
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ordersaga.catalog_csv import CatalogFile, CsvRow, RowProblem
from ordersaga.domain.catalog import Product, Receipt, Standing
from ordersaga.domain.sellers import Goods
from ordersaga.domain.values import Value

_SAID: Final = ("seller", "location", "sku")
_IN_FILE: Final = "change the seller's file: ordersaga seller apply FILE --apply"


def names_of(file: CatalogFile) -> dict[str, set[str]]:
    """Every seller, location and SKU that could be read in a file, as `PostgresSellers.goods` asks for them."""
    found: dict[str, set[str]] = {name: set() for name in _SAID}
    for _, item in file.items:
        for name in _SAID:
            if (told := getattr(item, name, None)) is not None:
                found[name].add(told)
    return {"sellers": found["seller"], "locations": found["location"], "skus": found["sku"]}


def strange_rows(
    file: CatalogFile, goods: Goods, standing: Standing, opened: Mapping[str, str], seller: str | None = None
) -> list[RowProblem]:
    """Every row that is not for this door to write.

    Args:
        file: as it was read.
        goods: whose its names are.
        standing: which of its receipts were counted before.
        opened: whose a seller's own account is, of those this process has opened.
        seller: at whose own door it was handed in; None: at the door of the whole deployment.
    """
    door = _Door(file, goods, standing, opened, seller)
    return [problem for row, item in file.items for problem in door.problems(row, item)]


@dataclass
class _Door:
    file: CatalogFile
    goods: Goods
    standing: Standing
    opened: Mapping[str, str]
    seller: str | None
    brought: Counter[str] = field(default_factory=Counter)
    owners: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        told = {item.sku: item.seller for _, item in self.file.items if isinstance(item, Product)}
        self.owners = {**told, **self.goods.skus}

    def problems(self, row: CsvRow, item: Value) -> Iterator[RowProblem]:
        kind = row.cells["kind"]
        if isinstance(item, Product):
            yield from self._product(row, item)
        elif isinstance(item, Receipt):
            yield from self._stock(row, item)
        elif self.seller is not None:
            yield _wrong(row, "kind", f"a {kind} row is not for a seller's own door", _IN_FILE)
        elif self._is_told_elsewhere(row):
            yield _wrong(row, kind, "it was onboarded: its own file says what it is", _IN_FILE)

    def _is_told_elsewhere(self, row: CsvRow) -> bool:
        place = self.goods.locations.get(row.cells.get("location", ""))
        if row.cells["kind"] == "location":
            return place is not None and place.seller is not None
        return row.cells.get("seller") in self.goods.onboarded

    def _product(self, row: CsvRow, item: Product) -> Iterator[RowProblem]:
        if self.seller is None:
            return
        if item.seller != self.seller:
            yield _wrong(row, "seller", f"it is not {self.seller}", f"write {self.seller}")
        elif self.goods.skus.get(item.sku, self.seller) != self.seller:
            yield _wrong(row, "sku", f"{item.sku} is taken", "choose another SKU")

    def _stock(self, row: CsvRow, item: Receipt) -> Iterator[RowProblem]:
        owner, place = self.owners.get(item.sku), self.goods.locations.get(item.location)
        if self.seller is not None and owner is not None and owner != self.seller:
            yield _wrong(row, "sku", f"{self.seller} has no SKU {item.sku}", "add a product row, or correct it")
        elif place is not None and place.seller is not None and place.seller != (owner or place.seller):
            told = f"there is no location {item.location} for it" if self.seller else f"it is {place.seller}'s alone"
            yield _wrong(row, "location", told, "use a location of the seller's or everybody's")
        elif place is not None and place.removed:
            yield _wrong(row, "location", f"{item.location} was removed", "add it to the seller's file again")
        elif place is not None and place.seller is not None:
            yield from self._room(row, item, place.provider, place.seller, place.units)

    def _room(self, row: CsvRow, item: Receipt, account: str, owner: str, units: int) -> Iterator[RowProblem]:
        """Whether a seller's own place can ship, and has room for what arrives."""
        if account in self.goods.accounts and self.opened.get(account) != owner:
            advice = "put its secrets where its seller's file says, which opens it within seconds; then load the file"
            yield _wrong(row, "location", f"its account {account} is not open here yet", advice)
        if (owner, item.receipt_id) not in self.standing.receipts:
            self.brought[item.location] += item.quantity
        room = self.goods.capacities.get(item.location)
        if room is not None and units + self.brought[item.location] > room:
            told = f"{item.location} has room for {room} units, {units} lie there"
            yield _wrong(row, "quantity", told, "bring fewer, or raise its capacity in the seller's file")


def _wrong(row: CsvRow, column: str, message: str, remedy: str) -> RowProblem:
    return RowProblem(line=row.line, column=column, message=message, remedy=remedy)


def all_of(*problems: Sequence[RowProblem]) -> tuple[RowProblem, ...]:
    """Problems of several looks at a file, each cell's told once."""
    told: dict[tuple[int, str], RowProblem] = {}
    for problem in (each for some in problems for each in some):
        told.setdefault((problem.line, problem.column), problem)
    return tuple(told.values())
