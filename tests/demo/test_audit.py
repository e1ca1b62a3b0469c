"""The audit finds nothing where all agrees, and finds each planted difference, exactly."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ordersaga.demo.audit import CHECKS, Difference, Evidence, audit
from ordersaga.demo.outside import Payment, Sale
from ordersaga.domain.books import Account
from ordersaga.domain.ledgers import OpenQuestion, OrderLedger, RestockedUnits, Shelf
from ordersaga.domain.statuses import OrderStatus
from tests.demo.worlds import (
    AMOUNT,
    SHIPBOB,
    effect,
    handed,
    label,
    left,
    money,
    payment,
    with_ours,
    with_theirs,
    world,
)

Plant = Callable[[Evidence], Evidence]


def test_a_world_in_which_all_agrees_has_no_differences() -> None:
    """Shipped, packed at home, canceled, written off and returned: each balances in its own way."""
    assert audit(world()) == []


def test_goodwill_in_both_books_is_no_difference() -> None:
    """Part of the price went back as a gift: Stripe, our cash and the allowance say the same."""
    given = _swap_payment("shipped", "succeeded", AMOUNT, (("shipped/refund_part/1/1", 200),))(world())
    gift = (money("shipped", Account.CASH, AMOUNT - 200), money("shipped", Account.ALLOWANCE, 200))

    assert audit(with_ours(given, money=(*gift, *given.ours.money[1:]))) == []


def test_goods_that_are_on_a_shelf_again_are_no_difference() -> None:
    """A parcel came back and its units were restocked, at another place than they had left."""
    clean = world()
    back = (RestockedUnits("back", 1, "shop-1", "FERN", 1), RestockedUnits("back", 1, "reno-1", "FERN", 1))
    shelves = (clean.ours.shelves[0], Shelf("shop-1", "FERN", 7, 0), Shelf("reno-1", "FERN", 1, 0))

    assert audit(with_ours(clean, restocked=back, shelves=shelves)) == []


def _status(order_id: str, status: OrderStatus) -> Plant:
    def plant(clean: Evidence) -> Evidence:
        return with_ours(
            clean,
            orders=tuple(replace(o, status=status) if o.order_id == order_id else o for o in clean.ours.orders),
        )

    return plant


def _swap_payment(order_id: str, status: str, captured: int = 0, refunds: tuple[tuple[str, int], ...] = ()) -> Plant:
    def plant(clean: Evidence) -> Evidence:
        others = tuple(each for each in clean.theirs.payments if each.order_id != order_id)
        changed = payment(order_id, status, captured=captured, refunds=refunds)
        return with_theirs(clean, payments=(*others, changed))

    return plant


PLANTED: dict[str, tuple[Plant, list[str]]] = {
    "a marketplace sold what never came to us": (
        lambda clean: with_theirs(clean, sales=(Sale("missed", AMOUNT),)),
        ["missed: I6 order: ours unknown, theirs sold there for 1500"],
    ),
    "an order vanished": (
        lambda clean: replace(clean, placed=[*clean.placed, "lost"]),
        ["lost: I6 order: ours unknown, theirs placed"],
    ),
    "an order nobody placed": (
        lambda clean: replace(clean, placed=clean.placed[1:]),
        ["shipped: I6 order: ours known, theirs never placed"],
    ),
    "an order that never ended": (
        _status("home", OrderStatus.SHIPPED),
        ["home: I6 status: ours shipped, theirs a final status"],
    ),
    "a question left open": (
        lambda clean: with_ours(clean, questions=(OpenQuestion("home-a1", "home", "books_differ"),)),
        ["home: I6 question home-a1: ours open (books_differ), theirs answered"],
    ),
    "money in our books that Stripe never took": (
        lambda clean: with_ours(clean, money=(*clean.ours.money, money("undone", Account.CASH, 700))),
        ["undone: I1 cash of parcel 1: ours 700, theirs 0"],
    ),
    "money Stripe took that our books lack": (
        lambda clean: with_ours(clean, money=clean.ours.money[1:]),
        ["shipped: I1 cash of parcel 1: ours 0, theirs 1500"],
    ),
    "a refund our books lack": (
        _swap_payment("shipped", "succeeded", AMOUNT, (("shipped/refund/1/1", 200),)),
        [
            "shipped: I1 cash of parcel 1: ours 1500, theirs 1300",
            "shipped: I5 payment for parcel 1: ours 1500, theirs 1300",
        ],
    ),
    "goodwill our books lack the gift of": (
        lambda clean: with_ours(
            _swap_payment("shipped", "succeeded", AMOUNT, (("shipped/refund_part/1/1", 200),))(clean),
            money=(money("shipped", Account.CASH, AMOUNT - 200), *clean.ours.money[1:]),
        ),
        ["shipped: I5 payment for parcel 1: ours 1500, theirs 1300"],
    ),
    "an authorization left open": (
        _swap_payment("undone", "requires_capture"),
        ["undone: I1 authorization of parcel 1: ours ended, theirs pi_undone requires_capture"],
    ),
    "a challenge left open": (
        _swap_payment("undone", "requires_action"),
        ["undone: I1 authorization of parcel 1: ours ended, theirs pi_undone requires_action"],
    ),
    "an authorization open in our books only": (
        lambda clean: with_ours(clean, money=(*clean.ours.money, money("undone", Account.AUTHORIZATION))),
        ["undone: I1 authorization of parcel 1: ours 1500, theirs 0"],
    ),
    "a receivable left open": (
        lambda clean: with_ours(clean, money=(*clean.ours.money, money("home", Account.RECEIVABLE, -1))),
        ["home: I1 receivable of parcel 1: ours -1, theirs 0"],
    ),
    "units missing from a shelf": (
        lambda clean: with_ours(clean, shelves=(Shelf("reno-1", "SOCK", 5, 0), clean.ours.shelves[1])),
        ["reno-1/SOCK: I2 units on hand: ours 5, theirs 6"],
    ),
    "units still held": (
        lambda clean: with_ours(clean, shelves=(Shelf("reno-1", "SOCK", 6, 2), clean.ours.shelves[1])),
        ["reno-1/SOCK: I2 units held: ours 2, theirs 0"],
    ),
    "units on a shelf again that nobody returned": (
        lambda clean: with_ours(clean, restocked=(RestockedUnits("back", 1, "shop-1", "FERN", 1),)),
        ["shop-1/FERN: I2 units on hand: ours 6, theirs 7"],
    ),
    "a shelf that is not ours": (
        lambda clean: with_ours(clean, shelves=clean.ours.shelves[:1]),
        ["shop-1/FERN: I2 units on hand: ours 0, theirs 6"],
    ),
    "the provider sent more than was ordered": (
        lambda clean: with_theirs(
            clean, provider_parcels=(handed("shipped", units={"SOCK": 3}), *clean.theirs.provider_parcels[1:])
        ),
        ["reno-1/SOCK: I2 units on hand: ours 6, theirs 5"],
    ),
    "shipped in our books, never left": (
        lambda clean: with_ours(clean, shipped=(*clean.ours.shipped, left("undone", SHIPBOB))),
        [
            "undone: I2 parcel 1 shipped: ours True, theirs False",
            "undone: I3 live provider orders of parcel 1: ours 1, theirs 0",
        ],
    ),
    "a canceled order still lives at the provider": (
        lambda clean: with_theirs(
            clean, provider_parcels=(*clean.theirs.provider_parcels[:2], handed("undone", units={}))
        ),
        ["undone: I3 live provider orders of parcel 1: ours 0, theirs 1"],
    ),
    "a canceled parcel shipped anyway": (
        lambda clean: with_theirs(clean, provider_parcels=(*clean.theirs.provider_parcels[:2], handed("undone"))),
        [
            "reno-1/SOCK: I2 units on hand: ours 6, theirs 4",
            "undone: I2 parcel 1 shipped: ours False, theirs True",
            "undone: I3 live provider orders of parcel 1: ours 0, theirs 1",
            "undone: I5 payment for parcel 1: ours 1500, theirs 0",
        ],
    ),
    "the provider canceled what shipped": (
        lambda clean: with_theirs(
            clean, provider_parcels=(handed("shipped", live=False), *clean.theirs.provider_parcels[1:])
        ),
        ["shipped: I3 live provider orders of parcel 1: ours 1, theirs 0"],
    ),
    "an order at the provider that nobody placed": (
        lambda clean: with_theirs(
            clean, provider_parcels=(*clean.theirs.provider_parcels, handed("stranger", units={}))
        ),
        ["stranger: I3 live provider orders of parcel 1: ours 0, theirs 1"],
    ),
    "handed over, and unknown at the provider": (
        lambda clean: with_theirs(clean, provider_parcels=clean.theirs.provider_parcels[:2]),
        ["undone: I3 effect undone/hand_off/1/1: ours sb_undone, theirs no such provider order"],
    ),
    "a reference taken twice": (
        lambda clean: with_theirs(
            clean, provider_parcels=(*clean.theirs.provider_parcels, handed("shipped", live=False, units={}))
        ),
        ["shipped: I7 provider orders under shipped-1-1: ours 1, theirs 2"],
    ),
    "two labels for one parcel": (
        lambda clean: with_theirs(clean, labels=(*clean.theirs.labels, label("home"))),
        ["home: I4 labels of parcel 1: ours 1, theirs 2"],
    ),
    "a label for a parcel the provider labels itself": (
        lambda clean: with_theirs(clean, labels=(*clean.theirs.labels, label("shipped"))),
        ["shipped: I4 labels of parcel 1: ours 0, theirs 1"],
    ),
    "a label left on a canceled parcel": (
        lambda clean: with_theirs(clean, labels=(*clean.theirs.labels, label("undone", scanned=False))),
        ["undone: I4 labels of parcel 1: ours 0, theirs 1"],
    ),
    "the label of a shipped parcel was voided": (
        lambda clean: with_theirs(clean, labels=(label("home", voided=True), clean.theirs.labels[1])),
        [
            "home: I2 parcel 1 shipped: ours True, theirs False",
            "home: I4 labels of parcel 1: ours 1, theirs 0",
            "home: I5 payment for parcel 1: ours 0, theirs 1500",
            "shop-1/FERN: I2 units on hand: ours 6, theirs 8",
        ],
    ),
    "goods kept and never paid": (
        lambda clean: with_ours(_swap_payment("shipped", "canceled")(clean), money=clean.ours.money[1:]),
        ["shipped: I5 payment for parcel 1: ours 1500, theirs 0"],
    ),
    "goods returned and not refunded": (
        lambda clean: with_ours(
            _swap_payment("back", "succeeded", AMOUNT)(clean), money=(*clean.ours.money, money("back", Account.CASH))
        ),
        ["back: I5 payment for parcel 1: ours 0, theirs 1500"],
    ),
    "captured for a parcel that never left": (
        lambda clean: with_ours(
            _swap_payment("undone", "succeeded", AMOUNT)(clean),
            money=(*clean.ours.money, money("undone", Account.CASH)),
        ),
        ["undone: I5 payment for parcel 1: ours 0, theirs 1500"],
    ),
    "written off and paid": (
        lambda clean: with_ours(
            _swap_payment("forgiven", "succeeded", AMOUNT)(clean),
            money=(*clean.ours.money, money("forgiven", Account.CASH)),
        ),
        ["forgiven: I5 payment for parcel 1: ours 0, theirs 1500"],
    ),
    "an effect without an outcome": (
        lambda clean: with_ours(clean, effects=(*clean.ours.effects, effect("home", "void", "unknown"))),
        ["home: I7 effect home/void/1/1: ours unknown, theirs done or refused"],
    ),
    "a payment we know nothing of": (
        lambda clean: with_theirs(
            clean, payments=(*clean.theirs.payments, replace(payment("home", "canceled"), payment_id="pi_x", key=""))
        ),
        ["home: I7 payment pi_x: ours unknown, theirs no key"],
    ),
    "two payments under one key": (
        lambda clean: with_theirs(
            clean, payments=(*clean.theirs.payments, replace(payment("undone", "canceled"), payment_id="pi_x"))
        ),
        ["undone: I7 payments under undone/authorize/1/1: ours 1, theirs 2"],
    ),
    "captured twice under two keys": (
        lambda clean: with_ours(
            with_theirs(clean, payments=(*clean.theirs.payments, _second("home", "succeeded", AMOUNT))),
            effects=(*clean.ours.effects, replace(effect("home", "authorize"), key="home/authorize/1/2")),
        ),
        [
            "home: I1 cash of parcel 1: ours 1500, theirs 3000",
            "home: I5 payment for parcel 1: ours 1500, theirs 3000",
            "home: I7 captures of parcel 1: ours 1, theirs 2",
        ],
    ),
    "authorized again while the first one stands": (
        lambda clean: with_ours(
            with_theirs(clean, payments=(*clean.theirs.payments, _second("home", "requires_capture"))),
            effects=(*clean.ours.effects, replace(effect("home", "authorize"), key="home/authorize/1/2")),
        ),
        [
            "home: I1 authorization of parcel 1: ours ended, theirs pi_home2 requires_capture",
            "home: I7 authorizations in force of parcel 1: ours 1, theirs 2",
        ],
    ),
    "refunded twice under one key": (
        _swap_payment("back", "succeeded", 2 * AMOUNT, (("back/refund/1/1", AMOUNT), ("back/refund/1/1", AMOUNT))),
        ["back: I7 refunds under back/refund/1/1: ours 1, theirs 2"],
    ),
    "authorized in our ledger, unknown at Stripe": (
        lambda clean: with_theirs(clean, payments=tuple(p for p in clean.theirs.payments if p.order_id != "undone")),
        ["undone: I7 effect undone/authorize/1/1: ours pi_undone, theirs no such payment"],
    ),
    "a label that is gone": (
        lambda clean: with_theirs(clean, labels=clean.theirs.labels[:1]),
        [
            "back: I2 parcel 1 shipped: ours True, theirs False",
            "back: I4 labels of parcel 1: ours 1, theirs 0",
            "shop-1/FERN: I2 units on hand: ours 6, theirs 8",
        ],
    ),
}


def _second(order_id: str, status: str, captured: int = 0) -> Payment:
    return replace(
        payment(order_id, status, captured=captured), payment_id=f"pi_{order_id}2", key=f"{order_id}/authorize/1/2"
    )


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_difference_is_found_exactly(name: str) -> None:
    """One thing is made wrong; the audit says that, with both sides, and nothing else."""
    plant, expected = PLANTED[name]
    assert [str(difference) for difference in audit(plant(world()))] == expected


def test_every_check_finds_something_planted() -> None:
    """A check that no planted difference can trip is worth nothing."""
    tripped = {check.__name__ for check in CHECKS for plant, _ in PLANTED.values() if list(check(plant(world())))}
    assert tripped == {check.__name__ for check in CHECKS}


def test_a_difference_names_order_invariant_and_both_sides() -> None:
    """The line an operator reads."""
    told = str(Difference("live_1", "I1", "cash of parcel 2", 0, 1500))
    assert told == "live_1: I1 cash of parcel 2: ours 0, theirs 1500"


def test_a_place_in_line_is_an_open_promise() -> None:
    """An order that waits is no difference: its own time ends it."""
    clean = world()
    waits = OrderLedger("waits", OrderStatus.WAITLISTED, None, "waits for SOCK")
    more = replace(with_ours(clean, orders=(*clean.ours.orders, waits)), placed=[*clean.placed, "waits"])

    assert audit(more) == []
