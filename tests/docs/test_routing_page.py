"""The example of the page about routing, worked out by the rules themselves."""

import re
from datetime import UTC, datetime
from itertools import zip_longest

from ordersaga.catalog_csv import parse_catalog
from ordersaga.domain.orders import RouteRule, SellerTerms
from ordersaga.domain.routing import NAME, REGION, SPLIT, STOP, Moment, StockOffer, choose
from ordersaga.domain.routing_words import Why, kept, told
from tests.docs.pages import ROOT
from tests.fakes.samples import address, order

PAGE = (ROOT / "docs" / "routing.md").read_text(encoding="utf-8")
MONDAY = datetime(2026, 3, 2, 21, tzinfo=UTC)
"""13:00 in California."""


def explained(*ranks: RouteRule) -> str:
    """What is told of the page's order."""
    (example,) = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)
    places = parse_catalog(example.encode()).locations
    offers = [StockOffer.at(place, {"MUG": 1 if place.location == "dallas-1" else 9}) for place in places]
    there = address(city="Oakland", region="CA", postal_code="94607")
    terms = SellerTerms(route_by=ranks)
    choice = choose(order("o1", ("MUG", 2), ship_to=there, terms=terms, placed_at=MONDAY), offers, Moment(MONDAY))
    assert choice is not None
    return " ".join(told(choice.parcels, Why.model_validate(kept(choice)), "USD"))


def test_the_example_is_what_the_rules_say() -> None:
    """With the usual ranks, and with the seller's own."""
    stories = re.findall(r"```\n(Parcel 1 ships.*?)\n```", PAGE, re.DOTALL)
    for story, expected in zip_longest(stories, [explained(), explained(RouteRule.COST)]):
        assert story == expected


def test_the_chain_is_told_in_its_order() -> None:
    """Every rule of the table, and no other."""
    named = re.findall(r"^\| `(\w+)` \| (?:verdict|rank)? ?\|", PAGE, re.MULTILINE)
    assert named == [STOP, REGION, SPLIT, *RouteRule, NAME]
