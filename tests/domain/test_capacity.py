"""Room to ship by day: the first day that has it, and what is promised then."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersaga.domain.capacity import Rooms, promised, promised_anew, seller_line, sku_line
from ordersaga.domain.orders import SellerTerms
from tests.fakes.samples import order

TODAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MUG, ACME = sku_line("MUG"), seller_line("acme")


@pytest.mark.parametrize(
    ("hours", "days", "ship_by"),
    [
        (48, 0, datetime(2026, 3, 3, 12, tzinfo=UTC)),
        (48, 1, datetime(2026, 3, 3, 12, tzinfo=UTC)),
        (48, 2, datetime(2026, 3, 4, tzinfo=UTC)),
        (6, 0, datetime(2026, 3, 1, 18, tzinfo=UTC)),
        (6, 1, datetime(2026, 3, 3, tzinfo=UTC)),
        (36, 1, datetime(2026, 3, 3, tzinfo=UTC)),
    ],
)
def test_a_day_over_before_ship_by_changes_nothing(hours: int, days: int, ship_by: datetime) -> None:
    """Today is as soon as can be; a later day that is not over by then promises its own end, and says so."""
    placed = order(placed_at=NOON, terms=SellerTerms(ship_within=timedelta(hours=hours)))

    found = promised(placed, TODAY + timedelta(days=days), TODAY)

    assert found.ship_by == ship_by
    assert found.terms.promised_later == (found != placed)
    assert found.ship_by >= placed.ship_by


def test_whoever_waited_is_promised_anew() -> None:
    """Its seller has the usual time, from the moment the order can be shipped."""
    placed = order(placed_at=NOON)
    now = NOON + timedelta(days=5)

    assert promised_anew(placed, now).ship_by == now + placed.terms.ship_within


@given(st.lists(st.integers(1, 5), max_size=40), st.integers(1, 5), st.integers(1, 5), st.integers(0, 6))
def test_no_day_is_ever_overbooked(quantities: list[int], units: int, orders: int, within: int) -> None:
    """Whatever is asked for, each day stays within both limits, and a refusal means that no day had room for it."""
    rooms = Rooms({MUG: units, ACME: orders}, {}, TODAY)
    days = [TODAY + timedelta(days=n) for n in range(within + 1)]
    used = {(line, day): 0 for line in (MUG, ACME) for day in days}
    for quantity in quantities:
        wanted = rooms.wanted(order("o1", ("MUG", quantity)))
        fits = [day for day in days if used[MUG, day] + quantity <= units and used[ACME, day] < orders]
        assert rooms.first_day(wanted, within) == (fits[0] if fits else None)
        assert rooms.never(wanted) == (quantity > units)
        if fits:
            rooms.take(wanted, fits[0])
            used[MUG, fits[0]] += quantity
            used[ACME, fits[0]] += 1


def test_only_what_is_short_is_waited_for() -> None:
    """A SKU whose days are full does not let its seller's other goods wait; days that do not meet are the SKU's."""
    full = Rooms({MUG: 1, ACME: 9}, {(MUG, TODAY): 1}, TODAY)
    assert full.short(full.wanted(order()), 0) == {MUG}
    tomorrow = TODAY + timedelta(days=1)
    crossed = Rooms({MUG: 1, ACME: 1}, {(MUG, TODAY): 1, (ACME, tomorrow): 1}, TODAY)
    assert crossed.first_day(crossed.wanted(order()), 1) is None
    assert crossed.short(crossed.wanted(order()), 1) == {MUG}
