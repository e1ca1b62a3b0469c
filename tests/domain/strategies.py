"""Orders, offers and amounts of every shape, for properties that hold for all of them."""

from hypothesis import strategies as st

from ordersaga.domain.orders import Order, OrderLine
from ordersaga.domain.routing import StockOffer
from tests.fakes.samples import order

SKUS = ("MUG", "TEE", "CAP", "PEN")
PLACES = [("US", "NY"), ("US", "CA"), ("CA", "ON")]

amounts = st.integers(min_value=0, max_value=10**9)
weights = st.lists(st.integers(min_value=0, max_value=10**9), min_size=1, max_size=20)
order_ids = st.from_regex(r"[A-Za-z0-9_]{1,64}", fullmatch=True)
numbers = st.integers(min_value=0, max_value=10**6)


def _line(sku: str) -> st.SearchStrategy[OrderLine]:
    quantity, price = st.integers(1, 12), st.integers(1, 10**6)
    return st.builds(OrderLine, sku=st.just(sku), quantity=quantity, unit_price=price)


@st.composite
def orders(draw: st.DrawFn) -> Order:
    """An order of one to four different SKUs, with shipping and tax."""
    skus = draw(st.lists(st.sampled_from(SKUS), min_size=1, max_size=4, unique=True))
    lines = tuple(draw(_line(sku)) for sku in skus)
    return order(lines=lines, shipping=draw(amounts), tax=draw(amounts))


@st.composite
def offers(draw: st.DrawFn) -> list[StockOffer]:
    """Up to five locations with some of the SKUs, some of them with none left."""
    found = []
    for number in range(draw(st.integers(0, 5))):
        country, region = draw(st.sampled_from(PLACES))
        available = draw(st.dictionaries(st.sampled_from(SKUS), st.integers(0, 15)))
        found.append(
            StockOffer(
                location=f"loc-{number}", provider="shipbob", region=region, country=country, available=available
            )
        )
    return found
