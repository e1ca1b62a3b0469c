"""Units: a provider's count of its shelves beside ours."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from ordersaga.domain.evidence import ShelfEvidence
from ordersaga.domain.matching import finding
from ordersaga.domain.reconciliation import Finding, FindingKind, StockLevel, stock_source


def match_stock(provider: str, levels: Sequence[StockLevel], shelves: Sequence[ShelfEvidence]) -> Iterator[Finding]:
    """SKUs the provider counts otherwise than we. Compared is what both of us have a shelf for.

    A provider counts a SKU over all its centers, so our locations there are added up. Goods handed over may have left
    before we hear of it, returned ones may lie there already, and what was booked just now may not have been counted
    yet: the provider's count must lie between.
    """
    ours: defaultdict[str, list[ShelfEvidence]] = defaultdict(list)
    for shelf in shelves:
        ours[shelf.sku].append(shelf)
    for level in sorted(levels, key=lambda each: each.sku):
        found = ours.get(level.sku, [])
        units = drift(level, found) if found else 0
        if units:
            yield _drift(provider, level, found, units)


def drift(level: StockLevel, shelves: Sequence[ShelfEvidence]) -> int:
    """How many units our count must change by, at least, to agree with the provider's; 0: they agree."""
    ours = sum(shelf.on_hand for shelf in shelves)
    least = ours - sum(shelf.under_way + shelf.came for shelf in shelves)
    most = ours + sum(shelf.went + shelf.coming for shelf in shelves)
    return min(level.on_hand - least, 0) + max(level.on_hand - most, 0)


def spread(units: int, shelves: Sequence[ShelfEvidence]) -> Mapping[tuple[str, str], int]:
    """Which shelf changes by how many units: more go where most lie, fewer are taken where most are free.

    What is not free is taken from the fullest shelf all the same: whoever writes it refuses that, and says why.
    """
    fullest = sorted(shelves, key=lambda shelf: (shelf.held - shelf.on_hand, shelf.location))
    changes: dict[tuple[str, str], int] = {}
    left = units
    for shelf in fullest if units < 0 else fullest[:1]:
        part = left if units > 0 else -min(-left, shelf.on_hand - shelf.held)
        changes[shelf.location, shelf.sku] = part
        left -= part
    if left:
        changes[fullest[0].location, fullest[0].sku] += left
    return {place: change for place, change in changes.items() if change}


def _drift(provider: str, level: StockLevel, shelves: Sequence[ShelfEvidence], units: int) -> Finding:
    ours = sum(shelf.on_hand for shelf in shelves)
    places = sorted({shelf.location for shelf in shelves})
    name = places[0] if len(places) == 1 else provider
    return finding(
        FindingKind.STOCK_DRIFT,
        f"{name}/{level.sku}",
        stock_source(provider),
        None,
        seller=shelves[0].seller,
        what=f"{provider} counts {abs(units)} {'more' if units > 0 else 'fewer'} of {level.sku} than it should",
        ours=f"{ours} on hand",
        theirs=f"{level.on_hand} on hand",
        facts={"provider": provider, "sku": level.sku, "units": str(units)},
    )
