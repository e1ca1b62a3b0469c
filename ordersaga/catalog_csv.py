"""Read a catalog file (CSV): sellers, locations, products and arrived stock. The format is told in docs/csv.md.

Nothing of a file with an error is used: every bad row is named by line, column and remedy, all at once.
"""

import csv
import hashlib
import io
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ordersaga.domain.catalog import Catalog, Location, Product, Receipt, Seller
from ordersaga.domain.errors import CustomerError
from ordersaga.domain.values import Value
from ordersaga.remedies import essential, message, remedy

MAX_BYTES: Final = 1_000_000
MAX_ROWS: Final = 10_000
MAX_PROBLEMS: Final = 100

_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")
_ADDRESS: Final = ("name", "line1", "line2", "city", "region", "postal_code", "country", "phone", "email")
_SEPARATORS: Final = {";": "semicolon", "\t": "tab", "|": "bar"}
"""What spreadsheets put between columns instead of a comma."""
_TERMS: Final = {"ship_within_hours": "ship_within", "deliver_within_hours": "deliver_within"}
_SHOWN: Final = {**{field: column for column, field in _TERMS.items()}, "type": "payment_type"}
"""Fields that have another name as a column."""
_SELLER_NUMBERS: Final = ("daily_orders", "promise_within")
_PRODUCT_NUMBERS: Final = ("weight_grams", "max_per_buyer", "daily_units")
_DISPATCH_LISTS: Final = ("shipping_by_zone", "working_days", "closed_on")
_DISPATCH_NUMBERS: Final = ("parcel_fee", "unit_fee", "shipping_by_zone")
_DISPATCH_DAYS: Final = ("cut_off", "time_zone", "working_days", "closed_on")
_DISPATCH: Final = ("zones", "shipping_by_zone", "parcel_fee", "unit_fee", *_DISPATCH_DAYS)
COLUMNS: Final = {
    "seller": ("seller", "name", "capture", "carriers", "route_by", *_TERMS, *_SELLER_NUMBERS),
    "location": ("location", "provider", *_ADDRESS, *_DISPATCH),
    "product": ("sku", "seller", "title", *_PRODUCT_NUMBERS, "waitlist"),
    "stock": ("location", "sku", "quantity", "receipt_id"),
}
_KNOWN: Final = {"kind", *(column for columns in COLUMNS.values() for column in columns)}


class RowProblem(Value):
    """One thing wrong with a file. `line` counts from 1, the header included; `column` is its name in the header."""

    line: int
    column: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}; {self.remedy}"


class CsvFileError(CustomerError):
    """A file that cannot be used, with everything that is wrong with it (at most the first 100 problems)."""

    def __init__(self, problems: list[RowProblem]) -> None:
        super().__init__("invalid_csv", f"{len(problems)} problem(s) in the file, nothing was applied: {problems[0]}")
        self.problems = tuple(problems[:MAX_PROBLEMS])


@dataclass(frozen=True)
class CsvRow:
    """A row that is not empty: where it stands, and its cells that are not empty, by column."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True)
class CatalogFile:
    """A file as read: its rows, what could be made of them, and what is wrong with them."""

    rows: Sequence[CsvRow]
    items: Sequence[tuple[CsvRow, Value]]
    problems: Sequence[RowProblem]

    def catalog(self, more: Sequence[RowProblem] = ()) -> Catalog:
        """What the file says. Raises CsvFileError with every problem found, `more` among them."""
        problems = [*self.problems, *more]
        if problems:
            raise CsvFileError(sorted(problems, key=lambda problem: (problem.line, problem.column)))
        return _catalog([item for _, item in self.items])


def parse_catalog(content: bytes) -> Catalog:
    """Read a catalog file without asking what else is known here: providers, and names defined by other files.

    Raises:
        CsvFileError: with every problem found; nothing of such a file may be used.
    """
    return read_catalog(content).catalog()


def read_catalog(
    content: bytes, providers: Collection[str] | None = None, carriers: Collection[str] | None = None
) -> CatalogFile:
    """Read a catalog file, keeping what is wrong with its rows beside them.

    Args:
        content: CSV (RFC 4180) in UTF-8, with a header; at most 1 MB and 10,000 rows.
        providers: those that can ship from a location; None: not known here, any will do.
        carriers: the accounts where labels can be bought; None: likewise.

    Raises:
        CsvFileError: the file as a whole is unusable.
    """
    problems: list[RowProblem] = []
    items: list[tuple[CsvRow, Value]] = []
    rows = read_rows(content, _KNOWN, ("kind",), problems)
    fingerprint = _fingerprint(content)
    for row in rows:
        item = _read(row, fingerprint, problems)
        if item is not None:
            items.append((row, item))
    problems.extend(_repeated(items))
    if providers is not None:
        problems.extend(_strange_providers(rows, problems, sorted(providers)))
    if carriers is not None:
        problems.extend(_strange_carriers(items, sorted(carriers)))
    return CatalogFile(rows, items, problems)


def _fingerprint(content: bytes) -> str:
    """What the file is known by: an editor that saves it again with other line ends, or a mark, makes no other one."""
    text = _decode(content).replace("\r\n", "\n")
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _strange_providers(
    rows: Sequence[CsvRow], problems: Sequence[RowProblem], providers: list[str]
) -> list[RowProblem]:
    """Orders for such a location would be confirmed, and nobody could ship them."""
    told = {problem.line for problem in problems if problem.column == "provider"}
    advice = f"use one of {', '.join(providers)}"
    return [
        RowProblem(line=row.line, column="provider", message=f"{row.cells['provider']!r} is not known", remedy=advice)
        for row in rows
        if row.cells.get("kind") == "location"
        and row.line not in told
        and "provider" in row.cells
        and row.cells["provider"] not in providers
    ]


def _strange_carriers(items: Sequence[tuple[CsvRow, Value]], carriers: list[str]) -> Iterator[RowProblem]:
    """Parcels of such a seller could be given to nobody."""
    for row, item in items:
        strange = sorted(set(item.terms.carriers) - set(carriers)) if isinstance(item, Seller) else []
        if strange:
            advice = f"use some of {', '.join(carriers)}"
            yield RowProblem(line=row.line, column="carriers", message=f"{strange[0]!r} is not known", remedy=advice)


def read_rows(content: bytes, known: set[str], required: tuple[str, ...], problems: list[RowProblem]) -> list[CsvRow]:
    """The rows of a CSV file whose header has only `known` columns, among them the `required` ones.

    Rows with too many cells are left out, and told in `problems`.

    Raises:
        CsvFileError: the file as a whole is unusable: size, encoding or header.
    """
    if len(content) > MAX_BYTES:
        raise _unusable(f"the file has {len(content)} bytes", f"split it into files of at most {MAX_BYTES} bytes")
    reader = csv.reader(io.StringIO(_decode(content), newline=""), strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        _check_header(header, known, required)
        rows = [row for row in _numbered(reader, header, problems) if row.cells]
    except csv.Error as error:
        raise _unusable(str(error), "close every quoted cell", line=reader.line_num) from error
    if len(rows) > MAX_ROWS:
        raise _unusable(f"the file has {len(rows)} rows", f"split it into files of at most {MAX_ROWS} rows")
    if not (rows or problems):
        raise _unusable("the file has no rows", "add at least one row under the header", line=2)
    return rows


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _unusable("the file is not UTF-8", "save it as CSV UTF-8", line=line) from error


def _check_header(header: list[str], known: set[str], required: tuple[str, ...]) -> None:
    for separator, name in _SEPARATORS.items():
        if len(header) == 1 and known.intersection(header[0].split(separator)) and separator in header[0]:
            raise _unusable(f"its columns are separated by {name}s", "save it with commas between the columns")
    problems = [
        RowProblem(line=1, column=name or "(empty)", message="unknown column", remedy=_expected(known))
        for name in header
        if name not in known
    ]
    problems += [
        RowProblem(line=1, column=name, message="the column stands twice", remedy="keep one of them")
        for name in sorted({name for name in header if name in known and header.count(name) > 1})
    ]
    problems += [
        RowProblem(line=1, column=name, message="the column is missing", remedy="add it to the header (line 1)")
        for name in required
        if name not in header
    ]
    if problems:
        raise CsvFileError(problems)


def _expected(known: set[str]) -> str:
    return f"use only {', '.join(sorted(known))}"


def _numbered(reader: Any, header: list[str], problems: list[RowProblem]) -> Iterator[CsvRow]:
    start = reader.line_num + 1
    for cells in reader:
        if len(cells) > len(header):
            text, advice = f"{len(cells)} cells under {len(header)} columns", "quote cells that contain a comma"
            problems.append(RowProblem(line=start, column="(row)", message=text, remedy=advice))
        else:
            named = zip(header, (cell.strip() for cell in cells), strict=False)
            yield CsvRow(start, {name: cell for name, cell in named if cell})
        start = reader.line_num + 1


def _unusable(text: str, advice: str, line: int = 1) -> CsvFileError:
    return CsvFileError([RowProblem(line=line, column="(file)", message=text, remedy=advice)])


def _read(row: CsvRow, fingerprint: str, problems: list[RowProblem]) -> Value | None:
    kind = row.cells.get("kind", "")
    build = _BUILDERS.get(kind)
    if build is None:
        advice = f"use one of {', '.join(COLUMNS)}"
        text = f"{kind!r} is no kind of row" if kind else "the cell is empty"
        problems.append(RowProblem(line=row.line, column="kind", message=text, remedy=advice))
        return None
    stray = [name for name in row.cells if name not in COLUMNS[kind] and name != "kind"]
    advice = f"leave it empty: a {kind} row uses {', '.join(COLUMNS[kind])}"
    problems.extend(
        RowProblem(line=row.line, column=name, message=f"does not belong to a {kind} row", remedy=advice)
        for name in stray
    )
    return built([row], lambda rows: build(rows[0], fingerprint), problems)


def whole(cell: str) -> object:
    """A cell that must be a whole number: `10.00` is refused, not read as 10 minor units."""
    return int(cell) if _WHOLE.fullmatch(cell) else (cell,)


def built(
    rows: Sequence[CsvRow], build: Callable[[Sequence[CsvRow]], Value], problems: list[RowProblem]
) -> Value | None:
    """What `build` makes of rows; None when it may not be made, with the reasons appended to `problems`.

    A reason located in `lines[n]` belongs to the n-th of the rows, any other to the first.
    """
    try:
        return build(rows)
    except ValidationError as error:
        problems.extend(_row_problem(rows, details) for details in essential(error.errors(include_url=False)))
        return None


def _row_problem(rows: Sequence[CsvRow], details: ErrorDetails) -> RowProblem:
    location = details["loc"]
    number = location[1] if len(location) > 1 and location[0] == "lines" else 0
    row = rows[number] if isinstance(number, int) else rows[0]
    column = next((str(part) for part in reversed(location) if isinstance(part, str)), "(row)")
    text = message(details)
    if column in ("payment", "dispatch", "(row)"):  # a rule over several columns names the one to look at
        named, _, rest = text.partition(": ")
        column, text = (named, rest) if rest else (column, text)
    if column in _TERMS.values():  # the columns of hours
        return RowProblem(line=row.line, column=_SHOWN[column], message=text, remedy="give a whole number of hours")
    return RowProblem(line=row.line, column=_SHOWN.get(column, column), message=text, remedy=remedy(details))


def _seller(row: CsvRow, fingerprint: str) -> Value:
    terms: dict[str, object] = {
        field: _hours(row.cells[column]) for column, field in _TERMS.items() if column in row.cells
    }
    if "capture" in row.cells:
        terms["capture"] = row.cells["capture"]
    terms |= {name: row.cells[name].split() for name in ("carriers", "route_by") if name in row.cells}
    cells = _numbers(_only(row, "seller", "name", *_SELLER_NUMBERS), *_SELLER_NUMBERS)
    return Seller.model_validate({**cells, "terms": terms})


def _hours(cell: str) -> object:
    """Hours as pydantic reads a duration; what is no whole number is left for pydantic to refuse."""
    return f"PT{cell}H" if cell.isdecimal() and int(cell) > 0 else cell + " hours"


def _location(row: CsvRow, fingerprint: str) -> Value:
    address = _only(row, *_ADDRESS)
    dispatch = {name: _dispatch(name, cell) for name, cell in _only(row, *_DISPATCH).items()}
    return Location.model_validate({**_only(row, "location", "provider"), "address": address, "dispatch": dispatch})


def _dispatch(name: str, cell: str) -> object:
    cells = cell.split() if name in _DISPATCH_LISTS else [cell]
    read = [whole(each) if name in _DISPATCH_NUMBERS else each for each in cells]
    return read if name in _DISPATCH_LISTS else read[0]


def _product(row: CsvRow, fingerprint: str) -> Value:
    return Product.model_validate(_numbers(_only(row, *COLUMNS["product"]), *_PRODUCT_NUMBERS))


def _stock(row: CsvRow, fingerprint: str) -> Value:
    cells = _numbers(_only(row, *COLUMNS["stock"]), "quantity")
    return Receipt.model_validate({"receipt_id": f"csv:{fingerprint}:{row.line}", **cells})


_BUILDERS: Final[dict[str, Callable[[CsvRow, str], Value]]] = {
    "seller": _seller,
    "location": _location,
    "product": _product,
    "stock": _stock,
}
_KEYS: Final[dict[type[Value], tuple[str, str]]] = {
    Seller: ("seller", "seller"),
    Location: ("location", "location"),
    Product: ("sku", "sku"),
    Receipt: ("receipt_id", "receipt_id"),
}


def _only(row: CsvRow, *columns: str) -> dict[str, str]:
    return {name: row.cells[name] for name in columns if name in row.cells}


def _numbers(cells: dict[str, str], *columns: str) -> dict[str, object]:
    return {name: whole(cell) if name in columns else cell for name, cell in cells.items()}


def _repeated(items: list[tuple[CsvRow, Value]]) -> Iterator[RowProblem]:
    first: dict[tuple[type[Value], str], int] = {}
    for row, item in items:
        field, column = _KEYS[type(item)]
        line = first.setdefault((type(item), getattr(item, field)), row.line)
        if line != row.line:
            text = f"{getattr(item, field)} already stands in line {line}"
            yield RowProblem(line=row.line, column=column, message=text, remedy="keep one of the two rows")


def _catalog(items: list[Value]) -> Catalog:
    return Catalog(
        sellers=tuple(item for item in items if isinstance(item, Seller)),
        locations=tuple(item for item in items if isinstance(item, Location)),
        products=tuple(item for item in items if isinstance(item, Product)),
        receipts=tuple(item for item in items if isinstance(item, Receipt)),
    )
