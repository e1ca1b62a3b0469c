"""Money is split without losing or inventing a cent."""

from hypothesis import given
from hypothesis import strategies as st

from ordersaga.domain.money import apportion
from ordersaga.domain.orders import Order, OrderLine, price_parcels
from tests.domain.strategies import amounts, orders, weights


@given(amounts, weights)
def test_parts_add_up_to_the_total(total: int, shares: list[int]) -> None:
    """The parts sum to the total, one for each weight, none negative."""
    parts = apportion(total, shares)

    assert sum(parts) == total
    assert len(parts) == len(shares)
    assert min(parts) >= 0


@given(amounts, weights)
def test_each_part_is_its_share_rounded_up_or_down(total: int, shares: list[int]) -> None:
    """No part is a whole unit away from its exact share, and a weight of zero gets nothing."""
    whole = sum(shares)
    for index, (part, share) in enumerate(zip(apportion(total, shares), shares, strict=True)):
        exact_times_whole = total * share if whole else (total if index == 0 else 0)
        assert abs(part * (whole or 1) - exact_times_whole) < (whole or 1)
        assert share or not whole or part == 0


@given(orders(), st.data())
def test_parcels_are_priced_to_the_total(bought: Order, data: st.DataObject) -> None:
    """However an order is cut into parcels, their amounts sum to what the shopper pays."""
    parcels = data.draw(st.lists(st.integers(0, 2), min_size=len(bought.lines), max_size=len(bought.lines)))
    shares: dict[int, list[OrderLine]] = {}
    for line, parcel in zip(bought.lines, parcels, strict=True):
        shares.setdefault(parcel, []).append(line)

    prices = price_parcels(bought, [tuple(lines) for lines in shares.values()])

    assert sum(prices) == bought.total
    for price, lines in zip(prices, shares.values(), strict=True):
        assert price >= sum(line.value for line in lines)
