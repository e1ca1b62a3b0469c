"""The audit over every company: a difference planted at any of them is found, exactly."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ordersaga.demo.audit import Evidence, audit
from ordersaga.demo.outside import Label, Outside, Page, ProviderParcel, Sale
from ordersaga.domain.books import Account
from ordersaga.domain.identifiers import ParcelReference
from ordersaga.domain.ledgers import Ledgers, Shelf
from ordersaga.domain.statuses import OrderStatus
from tests.demo.worlds import AMOUNT, effect, label, left, money, order, payment, with_theirs

NEWEGG, AMAZON, HOME = (
    ("edison", "newegg", "EGG"),
    ("kentucky", "amazon_mcf", "ZON"),
    ("shop-1", "seller_warehouse", "F"),
)
PLACES = {"egg": NEWEGG, "egg_off": NEWEGG, "zon": AMAZON, "zon_back": AMAZON, "ups": HOME, "van": HOME, "page": AMAZON}
GONE, BACK, OFF = ("egg", "zon", "ups"), ("zon_back", "van"), ("egg_off", "page")
"""Kept by the shopper; left, and not kept; never left."""

Plant = Callable[[Evidence], Evidence]


def at(provider: str, order_id: str, *, live: bool = True, units: int = 2, **more: bool) -> ProviderParcel:
    """An order at a provider whose units left, unless told otherwise."""
    sku = {"newegg": "EGG", "amazon_mcf": "ZON"}.get(provider, "SOCK")
    return ProviderParcel(ParcelReference(order_id, 1, 1), live, {sku: units} if units else {}, provider, **more)


SALES = (
    Sale("tt_kept", AMOUNT, told={"EGG": 2}),
    Sale("tt_part", AMOUNT, refunded=150, told={"EGG": 2}),
    Sale("tt_off", AMOUNT, refunded=AMOUNT, canceled=True),
)


def with_sales(clean: Evidence) -> Evidence:
    """And what a marketplace sold: shipped by Newegg, shipped and refunded in part, canceled in its hour."""
    names = [sale.order_id for sale in SALES]
    shipped = names[:2]
    ours = replace(
        clean.ours,
        orders=(
            *clean.ours.orders,
            *(order(name, OrderStatus.COMPLETED, NEWEGG) for name in shipped),
            order("tt_off", OrderStatus.CANCELED, NEWEGG),
        ),
        money=(
            *clean.ours.money,
            money("tt_kept", Account.PLATFORM),
            money("tt_part", Account.PLATFORM, AMOUNT - 150),
            money("tt_part", Account.ALLOWANCE, 150),
        ),
        effects=(*clean.ours.effects, *(effect(name, "hand_off") for name in shipped)),
        shipped=(*clean.ours.shipped, *(left(name, NEWEGG) for name in shipped)),
        shelves=(Shelf("edison", "EGG", 4, 0), *clean.ours.shelves[1:]),
    )
    theirs = replace(
        clean.theirs,
        provider_parcels=(*clean.theirs.provider_parcels, *(at("newegg", name) for name in shipped)),
        sales=SALES,
    )
    return replace(clean, placed=[*clean.placed, *names], ours=ours, theirs=theirs)


def network() -> Evidence:
    """Shipped by Newegg and Amazon, by UPS and a courier; canceled, brought back, lost, and a link nobody used."""
    ended = {**dict.fromkeys(GONE, OrderStatus.COMPLETED), **dict.fromkeys((*BACK, *OFF), OrderStatus.CANCELED)}
    ours = Ledgers(
        orders=tuple(order(name, ended[name], place) for name, place in PLACES.items()),
        money=tuple(money(name, Account.CASH) for name in GONE),
        effects=(
            *(effect(name, "authorize") for name in PLACES if name != "page"),
            replace(effect("page", "authorize"), external_id="cs_page"),
            *(effect(name, "hand_off") for name in ("egg", "egg_off", "zon", "zon_back")),
        ),
        shipped=tuple(left(name, PLACES[name]) for name in (*GONE, *BACK)),
        shelves=(Shelf("edison", "EGG", 8, 0), Shelf("kentucky", "ZON", 6, 0), Shelf("shop-1", "F", 6, 0)),
    )
    given_back = [payment(name, "succeeded", captured=AMOUNT, refunds=((f"{name}/r", AMOUNT),)) for name in BACK]
    theirs = Outside(
        payments=(
            *(payment(name, "succeeded", captured=AMOUNT) for name in GONE),
            *given_back,
            payment("egg_off", "canceled"),
        ),
        provider_parcels=(
            at("newegg", "egg"),
            at("newegg", "egg_off", live=False, units=0),
            at("amazon_mcf", "zon"),
            at("amazon_mcf", "zon_back", kept=False),
        ),
        labels=(label("ups", account="ups"), label("van", account="courier", kept=False)),
        pages=(Page("cs_page", "page", is_open=False),),
    )
    received = {("edison", "EGG"): 10, ("kentucky", "ZON"): 10, ("shop-1", "F"): 10}
    return with_sales(Evidence(list(PLACES), received, ours, theirs))


def _parcels(*changed: ProviderParcel) -> Plant:
    """The providers' orders, but for those that are changed or added."""
    changes = {(each.provider, each.reference): each for each in changed}

    def plant(clean: Evidence) -> Evidence:
        standing = {(each.provider, each.reference): each for each in clean.theirs.provider_parcels}
        return with_theirs(clean, provider_parcels=tuple({**standing, **changes}.values()))

    return plant


def _labels(*more: Label) -> Plant:
    return lambda clean: with_theirs(clean, labels=(*clean.theirs.labels, *more))


def _sales(**changed: Any) -> Plant:
    """The marketplace's order of that name has it otherwise; None: it has no such order."""

    def plant(clean: Evidence) -> Evidence:
        names = {f"tt_{name}": changes for name, changes in changed.items()}
        kept = [sale for sale in clean.theirs.sales if names.get(sale.order_id, {}) is not None]
        return with_theirs(clean, sales=tuple(replace(sale, **(names.get(sale.order_id) or {})) for sale in kept))

    return plant


PLANTED: dict[str, tuple[Plant, list[str]]] = {
    "the marketplace gave money back that our books keep": (
        _sales(kept={"refunded": 150}),
        [
            "tt_kept: I1 money with the platform: ours 1500, theirs 1350",
            "tt_kept: I5 payment for what is kept: ours 1500, theirs 1350",
        ],
    ),
    "the marketplace refunded goodwill twice": (
        _sales(part={"refunded": 300}),
        [
            "tt_part: I1 money with the platform: ours 1350, theirs 1200",
            "tt_part: I5 payment for what is kept: ours 1350, theirs 1200",
        ],
    ),
    "the marketplace was never told what left": (
        _sales(kept={"told": {}}),
        ["tt_kept: I3 units told to have left: ours {'EGG': 2}, theirs {}"],
    ),
    "the marketplace was told of a unit less": (
        _sales(part={"told": {"EGG": 1}}),
        ["tt_part: I3 units told to have left: ours {'EGG': 2}, theirs {'EGG': 1}"],
    ),
    "what we canceled goes on at the marketplace, paid": (
        _sales(off={"canceled": False, "refunded": 0}),
        [
            "tt_off: I1 money with the platform: ours 0, theirs 1500",
            "tt_off: I3 sale: ours canceled, theirs open",
            "tt_off: I5 payment for what is kept: ours 0, theirs 1500",
        ],
    ),
    "the marketplace canceled what we shipped": (
        _sales(kept={"canceled": True}),
        ["tt_kept: I3 sale: ours open, theirs canceled"],
    ),
    "the marketplace does not have an order of ours": (
        _sales(kept=None),
        [
            "tt_kept: I5 payment for parcel 1: ours 1500, theirs 0",
            "tt_kept: I6 sale: ours known, theirs never sold there",
        ],
    ),
    "the marketplace sold an order that never came to us": (
        lambda clean: with_theirs(clean, sales=(*clean.theirs.sales, Sale("tt_missed", 1500))),
        ["tt_missed: I6 order: ours unknown, theirs sold there for 1500"],
    ),
    "Newegg ships what it said it had voided": (
        _parcels(at("newegg", "egg_off")),
        [
            "edison/EGG: I2 units on hand: ours 4, theirs 2",
            "egg_off: I2 parcel 1 shipped: ours False, theirs True",
            "egg_off: I3 live provider orders of parcel 1: ours 0, theirs 1",
            "egg_off: I5 payment for parcel 1: ours 1500, theirs 0",
        ],
    ),
    "Newegg has an order nobody placed": (
        _parcels(at("newegg", "stranger", units=0)),
        ["stranger: I3 live provider orders of parcel 1: ours 0, theirs 1"],
    ),
    "Amazon has the parcel that Newegg shipped": (
        _parcels(at("amazon_mcf", "egg", units=0)),
        ["egg: I3 live provider orders of parcel 1: ours 1, theirs 2"],
    ),
    "another provider shipped it than we know": (
        lambda clean: with_theirs(
            clean,
            provider_parcels=(replace(at("newegg", "egg"), provider="shipbob"), *clean.theirs.provider_parcels[1:]),
        ),
        ["egg: I3 provider of parcel 1: ours newegg, theirs shipbob"],
    ),
    "Amazon brought it back and nobody was refunded": (
        _parcels(at("amazon_mcf", "zon", kept=False)),
        ["zon: I5 payment for parcel 1: ours 0, theirs 1500"],
    ),
    "Amazon forgot an order": (
        lambda clean: with_theirs(
            clean,
            provider_parcels=tuple(
                each for each in clean.theirs.provider_parcels if each.reference.order_id != "zon_back"
            ),
        ),
        [
            "kentucky/ZON: I2 units on hand: ours 6, theirs 8",
            "zon_back: I2 parcel 1 shipped: ours True, theirs False",
            "zon_back: I3 effect zon_back/hand_off/1/1: ours sb_zon_back, theirs no such provider order",
            "zon_back: I3 live provider orders of parcel 1: ours 1, theirs 0",
        ],
    ),
    "a second label, at UPS": (
        _labels(label("van", account="ups", scanned=False)),
        ["van: I4 labels of parcel 1: ours 1, theirs 2"],
    ),
    "a label at the courier for a parcel Amazon ships": (
        _labels(label("zon", account="courier")),
        ["zon: I4 labels of parcel 1: ours 0, theirs 1"],
    ),
    "UPS took a label back whose parcel we call shipped": (
        lambda clean: with_theirs(
            clean, labels=(label("ups", account="ups", voided=True, scanned=False), *clean.theirs.labels[1:])
        ),
        [
            "shop-1/F: I2 units on hand: ours 6, theirs 8",
            "ups: I2 parcel 1 shipped: ours True, theirs False",
            "ups: I4 labels of parcel 1: ours 1, theirs 0",
            "ups: I5 payment for parcel 1: ours 0, theirs 1500",
        ],
    ),
    "the courier lost a parcel that stays paid": (
        lambda clean: with_theirs(
            clean, labels=(label("ups", account="courier", kept=False), *clean.theirs.labels[1:])
        ),
        ["ups: I5 payment for parcel 1: ours 0, theirs 1500"],
    ),
    "a page on which a dead order can still be paid": (
        lambda clean: with_theirs(clean, pages=(Page("cs_page", "page", is_open=True),)),
        ["page: I1 page cs_page: ours closed, theirs open"],
    ),
    "a page of our ledger that Stripe does not have": (
        lambda clean: with_theirs(clean, pages=()),
        ["page: I7 effect page/authorize/1/1: ours cs_page, theirs no such payment"],
    ),
}


def test_all_companies_agree() -> None:
    """What is planted below is the only difference there."""
    assert audit(network()) == []


@pytest.mark.parametrize("name", PLANTED)
def test_a_difference_at_a_company_is_found_exactly(name: str) -> None:
    """One thing is made wrong there; the audit says that, and nothing else."""
    plant, expected = PLANTED[name]
    assert [str(difference) for difference in audit(plant(network()))] == expected
