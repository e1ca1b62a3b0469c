"""Orders, offers and amounts of every shape, for properties that hold for all of them."""

from datetime import date

from hypothesis import strategies as st

from ordersaga.domain.dispatch import Dispatch, Weekday
from ordersaga.domain.orders import Order, OrderLine, RouteRule, SellerTerms
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
    ranks = st.lists(st.sampled_from(RouteRule), max_size=5, unique=True)
    terms = SellerTerms(route_by=tuple(draw(ranks)))
    return order(lines=lines, shipping=draw(amounts), tax=draw(amounts), terms=terms)


def dispatches() -> st.SearchStrategy[Dispatch]:
    """How locations ship: some with tables, fees and hours of their own, some not to the order's address."""
    small = st.integers(0, 900)
    own = st.builds(
        Dispatch,
        zones=st.sampled_from(["", "US:1", "US-NY:2 US:3", "US/100:1 *:4", "US-NY:0"]),
        shipping_by_zone=st.lists(small, min_size=4, max_size=5).map(tuple),
        parcel_fee=small,
        unit_fee=small,
        cut_off=st.none() | st.times().map(lambda moment: moment.replace(microsecond=0)),
        time_zone=st.sampled_from(["UTC", "America/New_York", "Asia/Tokyo"]),
        working_days=st.lists(st.sampled_from(Weekday), min_size=1, unique=True).map(tuple),
    )
    closed = st.lists(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=3).map(tuple)
    holidays = st.tuples(own.filter(lambda each: each.cut_off is not None), closed)
    with_holidays = holidays.map(lambda both: both[0].model_copy(update={"closed_on": both[1]}))
    return st.just(Dispatch()) | own | with_holidays


@st.composite
def offers(draw: st.DrawFn) -> list[StockOffer]:
    """Up to five locations with some of the SKUs, some of them with none left."""
    found = []
    for number in range(draw(st.integers(0, 5))):
        country, region = draw(st.sampled_from(PLACES))
        available = draw(st.dictionaries(st.sampled_from(SKUS), st.integers(0, 15)))
        home = {"region": region, "country": country, "postal_code": draw(st.sampled_from(["10115", "94601"]))}
        found.append(
            StockOffer(
                location=f"loc-{number}",
                provider=draw(st.sampled_from(["shipbob", "newegg"])),
                dispatch=draw(dispatches()),
                available=available,
                **home,
            )
        )
    return found
